"""The days a new addition may begin on; a plan's order, its summary and its stored form."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from seatsync_pipeline.push.dates import effective_dates, first_accepted_day, refuses_the_date
from seatsync_pipeline.push.plan import Change, in_order, sentence, summarise, summarise_rows
from tests.push.test_recheck import CANCEL, CREATE, UPDATE
from tests.reconcile.worlds import agreement

NOV_20, DEC_1 = date(2026, 11, 20), date(2026, 12, 1)


@pytest.mark.parametrize(
    ("today", "next_invoice", "then"),
    [
        (NOV_20, None, []),
        (NOV_20, DEC_1, []),  # tried already
        (NOV_20, date(2026, 12, 15), [date(2026, 12, 15)]),
        (NOV_20, date(2026, 12, 21), [date(2026, 12, 21)]),  # 31 days ahead
        (NOV_20, date(2026, 12, 22), []),
        (NOV_20, date(2026, 11, 21), [date(2026, 11, 21)]),
        (NOV_20, NOV_20, []),
        (NOV_20, date(2026, 11, 1), []),
    ],
)
def test_the_days_to_try_in_their_order(today: date, next_invoice: date | None, then: list[date]) -> None:
    assert list(effective_dates(today, next_invoice)) == [today, DEC_1, *then]


@pytest.mark.parametrize(
    ("billed_from", "next_invoice", "prorate", "advised"),
    [
        (None, date(2027, 5, 17), False, date(2027, 5, 17)),
        (
            None,
            date(2027, 5, 17),
            True,
            None,
        ),  # a part of a month is billed, so that no invoice is in the way
        (date(2027, 3, 1), None, False, date(2027, 3, 1)),
        (date(2027, 3, 1), date(2027, 1, 15), False, date(2027, 3, 1)),
        (date(2027, 3, 1), date(2026, 10, 1), True, date(2027, 3, 1)),
        (date(2026, 1, 1), date(2026, 10, 1), False, None),  # past: nobody knows why today was refused
        (NOV_20, NOV_20, False, None),
        (None, None, False, None),
    ],
)
def test_the_day_that_would_work(
    billed_from: date | None, next_invoice: date | None, prorate: bool, advised: date | None
) -> None:
    made = agreement(100, bill_start_date=billed_from, next_invoice_date=next_invoice, prorate=prorate)
    assert first_accepted_day(made, NOV_20) == advised


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        ("InvalidObject: EffectiveDate cannot be less than the agreement billing start date.", True),
        ("You may not, SINCE THIS PERIOD HAS ALREADY BEEN INVOICED", True),
        ("effectiveDate is required", False),
        ("", False),
    ],
)
def test_a_refused_date_is_told_from_other_refusals(message: str, *, refused: bool) -> None:
    assert refuses_the_date(message) is refused


UP = replace(UPDATE, row_id="row_u")
DOWN = replace(UPDATE, row_id="row_d", after=Decimal(4), amount_delta=Decimal(-21))
NEW = replace(CREATE, row_id="row_n", amount_delta=Decimal(42))
GONE = replace(CANCEL, row_id="row_g", amount_delta=Decimal(-35))
FREE = replace(CREATE, row_id="row_f", amount_delta=None)


def test_updates_come_first_and_cancels_last_each_as_the_preview_has_them() -> None:
    changes = {change.row_id: change for change in (GONE, NEW, UP, FREE, DOWN)}
    positions = {"row_g": 0, "row_n": 4, "row_f": 2, "row_u": 3, "row_d": 1}
    assert [c.row_id for c in in_order(changes, positions)] == ["row_d", "row_u", "row_f", "row_n", "row_g"]
    level = dict.fromkeys(positions, 7)
    assert [c.row_id for c in in_order(changes, level)] == ["row_d", "row_u", "row_f", "row_n", "row_g"]


def test_a_summary_counts_rows_seats_and_money_up_and_down_apart() -> None:
    summary = summarise([UP, DOWN, NEW, GONE, FREE])
    assert summary.as_dict() == {
        "updates": 2,
        "creates": 2,
        "cancels": 1,
        "decreases": 2,
        "seats_up": 2 + 12 + 12,
        "seats_down": 6 + 10,
        "amount_up": 7 + 42,
        "amount_down": 21 + 35,
        "unpriced": 1,
    }
    assert summary.sentence() == (
        "2 updates, 2 creates, 1 cancel; 2 of them decreases. Seats +26 -16; per billing cycle +49.00 -56.00, "
        "and 1 row whose price nobody knows."
    )
    assert sentence(
        {name: str(value) for name, value in summary.as_dict().items()} | {"updates": 1, "unpriced": 0}
    ) == (
        "1 update, 2 creates, 1 cancel; 2 of them decreases. Seats +26 -16; per billing cycle +49.00 -56.00."
    )


def test_rows_of_a_preview_are_summed_in_the_same_way() -> None:
    rows: list[dict[str, Any]] = [
        {"action": "update", "delta": Decimal(2), "amount_delta": Decimal(7)},
        {"action": "cancel", "delta": Decimal(-10), "amount_delta": Decimal(-35)},
        {"action": "update", "delta": Decimal("0.5"), "amount_delta": Decimal("0.5")},
        {"action": "update", "delta": Decimal("-0.5"), "amount_delta": Decimal("-0.5")},
    ]
    assert summarise_rows(rows).as_dict() == {
        "updates": 3,
        "creates": 0,
        "cancels": 1,
        "decreases": 2,
        "seats_up": Decimal("2.5"),
        "seats_down": Decimal("10.5"),
        "amount_up": Decimal("7.5"),
        "amount_down": Decimal("35.5"),
        "unpriced": 0,
    }


@pytest.mark.parametrize(
    "change",
    [
        UP,
        GONE,
        NEW,
        FREE,
        replace(UP, before=Decimal("0.5"), unit_price=None, less_included=None, cancelled_date=DEC_1),
        replace(GONE, overrides=("orphan share",), elsewhere=(3, 1), after_row_id="row_n", reason="gone"),
    ],
)
def test_a_change_reads_back_as_it_was_stored(change: Change) -> None:
    assert Change.from_json(change.to_json()) == change
