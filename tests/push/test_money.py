"""What a push does to invoices: the next one changes by exactly what was approved, an issued one never.

The sandbox makes the invoices, by rules that it shares with nobody (seatsync_pipeline/sandbox/invoices.py).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from seatsync_pipeline.sandbox.invoices import Invoice, preview_invoice
from seatsync_pipeline.sources.base import SOURCES, Source
from tests.push.one_of_each import update
from tests.push.place import Place, PushedAll, agreement_of, counts, outcomes

NOTHING = Decimal("0.00")
DECEMBER = (date(2026, 12, 1), date(2026, 12, 31))
JANUARY = (date(2027, 1, 1), date(2027, 1, 31))

# Agreements whose next invoice does not change by the approved amount, and why.
NEXT_INVOICE: dict[Source, dict[int, tuple[Decimal, str]]] = {
    "duo": {
        1031: (NOTHING, "Foxglove's addition ends before the next period begins"),
        1037: (NOTHING, "Ashgrove's November was not invoiced yet, and is billed to its end"),
        1017: (NOTHING, "Kestrel Bay takes nothing new before its anniversary"),
    },
    "avanan": {
        1010: (Decimal("2.62"), "Harborlight: half a seat more, from 65.625 to 68.25, each in whole cents"),
        1012: (NOTHING, "Fernbank's agreement ends today"),
        1017: (NOTHING, "Kestrel Bay takes nothing new before its anniversary"),
        1040: (
            Decimal("-10.13"),
            "Sunhaven's period began today: 11 of 30 days of 16.00, and all of what begins and ends in a month",
        ),
    },
}


def approved(pushed: PushedAll) -> dict[int, Decimal]:
    """The approved change of each agreement, per billing cycle."""
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for row in pushed.rows:
        sums[agreement_of(row)] += row["amount_delta"]
    return dict(sums)


def change(pushed: PushedAll, agreement: int) -> Decimal:
    return pushed.after[agreement].total - pushed.before[agreement].total


@pytest.mark.parametrize("source", SOURCES)
def test_each_next_invoice_changes_by_what_was_approved(
    pushed_all: dict[Source, PushedAll], source: Source
) -> None:
    pushed = pushed_all[source]
    found = {key: change(pushed, key) for key in approved(pushed)}
    expected = {
        key: NEXT_INVOICE[source][key][0] if key in NEXT_INVOICE[source] else amount
        for key, amount in approved(pushed).items()
    }
    assert found == expected
    assert sum(1 for amount in found.values() if amount) > 8  # so that equal is not both zero


@pytest.mark.parametrize("source", SOURCES)
def test_no_line_of_another_product_changes(pushed_all: dict[Source, PushedAll], source: Source) -> None:
    pushed = pushed_all[source]
    for key in pushed.before:
        touched = {item["addition_id"] for item in pushed.report["items"] if item["agreement_id"] == key}
        before, after = (
            [line for line in invoice.lines if line.addition_id not in touched]
            for invoice in (pushed.before[key], pushed.after[key])
        )
        assert before == after


def test_what_is_included_is_not_billed(pushed_all: dict[Source, PushedAll]) -> None:
    """Halcyon's 50 became 55, and ten are included; 8 of ten included are none."""
    (line,) = [one for one in pushed_all["duo"].after[1027].lines if one.addition_id == 5019]
    assert (str(line.quantity), str(line.billed_quantity), str(line.amount)) == ("55.0", "45.0", "112.50")
    (line,) = [one for one in pushed_all["avanan"].after[1026].lines if one.addition_id == 5048]
    assert (str(line.quantity), str(line.billed_quantity), str(line.amount)) == ("8.0", "0", "0.00")


def test_a_pair_bills_the_new_line_and_not_the_old_one(pushed_all: dict[Source, PushedAll]) -> None:
    """Tidewater: 52 x 2.50 until November, 55 x 4.00 from December on; never both, never neither."""
    before, after = pushed_all["avanan"].before[1032], pushed_all["avanan"].after[1032]
    assert _lines(before, "AV-") == {"AV-PROTECT": Decimal("130.00")}
    assert _lines(after, "AV-") == {"AV-ADVANCED": Decimal("220.00")}


def _lines(invoice: Invoice, prefix: str) -> dict[str, Decimal]:
    return {
        one.product_identifier: one.amount
        for one in invoice.lines
        if one.product_identifier.startswith(prefix)
    }


def month(place: Place, agreement: int, period: tuple[date, date]) -> Decimal:
    total: Decimal = preview_invoice(place.connectwise.state, agreement, *period).total
    return total


def test_a_line_whose_month_was_not_invoiced_is_billed_to_its_end_and_no_longer(place: Place) -> None:
    november = (date(2026, 11, 1), date(2026, 11, 30))
    selection = place.approve(place.row("cancel", "Ashgrove Optometry"))
    before = [month(place, 1037, period) for period in (november, DECEMBER)]
    place.push(selection)
    after = [month(place, 1037, period) for period in (november, DECEMBER)]
    assert [was - now for was, now in zip(before, after, strict=True)] == [NOTHING, Decimal("22.75")]


def test_after_the_month_has_turned_the_issued_invoice_stays_and_the_next_one_changes(place: Place) -> None:
    """December was invoiced, the push comes on 1 December: the update counts from January, the rest is skipped."""
    rows = [
        update(place),
        *(place.row("create", "Juniper Hollow School"), place.row("cancel", "Ashgrove Optometry")),
    ]
    selection = place.approve(*rows)
    agreements = [row["agreement_id"] for row in rows]
    issued = [place.connectwise.run_invoice(key) for key in agreements]
    was = [month(place, key, JANUARY) for key in agreements]
    kept = dict(place.connectwise.state.invoices)
    report = place.push(selection, today=date(2026, 12, 1))
    assert outcomes(report) == ["updated", "skipped", "skipped"]
    assert [month(place, key, JANUARY) - then for key, then in zip(agreements, was, strict=True)] == [
        Decimal("12.00"),
        NOTHING,
        NOTHING,
    ]
    assert place.connectwise.state.invoices == kept
    assert issued[0].first_day == DECEMBER[0]


def test_a_cancel_whose_next_month_was_invoiced_meanwhile_is_left_to_a_new_preview(place: Place) -> None:
    """To end it on 30 November would be a credit for a December that the client has the invoice of."""
    selection = place.approve(place.row("cancel", "Windmere Property Partners", source="avanan"))
    place.connectwise.run_invoice(1025)
    then = month(place, 1025, JANUARY)
    (item,) = place.push(selection)["items"]
    assert item["outcome"] == "skipped"
    assert "was 2026-11-30 and would be 2026-12-31 now" in item["reason"]
    assert month(place, 1025, JANUARY) == then


@pytest.mark.parametrize(
    ("agreement", "effective", "posts", "december"),
    [
        pytest.param(1019, date(2026, 11, 20), 1, Decimal("93.00"), id="prorated: from today"),
        pytest.param(1018, date(2026, 12, 1), 2, Decimal("93.00"), id="invoiced in advance: from next month"),
    ],
)
def test_a_new_addition_is_billed_from_the_first_day_that_connectwise_takes(
    place: Place, agreement: int, effective: date, posts: int, december: Decimal
) -> None:
    row = place.row("create", "Marigold Senior Living")
    selection = place.approve(row, agreements={row["company_id"]: agreement})
    before = month(place, agreement, DECEMBER)
    assert counts(place.push(selection)) == {"created": 1}
    (made,) = place.changes().created.values()
    assert made["effectiveDate"] == f"{effective}T00:00:00Z"
    assert month(place, agreement, DECEMBER) - before == december
    assert len(place.writes()) == posts


def test_an_addition_that_no_day_suits_fails_and_says_which_day_would(place: Place) -> None:
    report = place.push(place.approve(place.row("create", "Kestrel Bay Marina")))
    (item,) = report["items"]
    assert (report["state"], item["outcome"]) == ("finished_with_failures", "failed")
    assert "tried 2026-11-20, 2026-12-01; 2027-05-17 would work" in item["reason"]
    assert place.changes().none


def test_a_next_invoice_within_a_month_is_tried_too(place: Place) -> None:
    agreement = place.agreements[1017]
    agreement["nextInvoiceDate"] = "2026-12-20T00:00:00Z"
    selection = place.approve(place.row("create", "Kestrel Bay Marina"))
    assert counts(place.push(selection)) == {"created": 1}
    made = max(place.additions.values(), key=lambda record: record["id"])
    assert made["effectiveDate"] == "2026-12-20T00:00:00Z"
    invoice = place.connectwise.next_invoice(1017)
    assert invoice.first_day == date(2026, 12, 20)
    assert invoice.last_day == date(2027, 12, 20) - timedelta(days=1)
    assert _lines(invoice, "DUO-") == {"DUO-MFA": Decimal("69.00")}
