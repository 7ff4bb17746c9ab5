"""Billed and not used: what may be cancelled, and on what evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from seatsync_pipeline.reconcile.inputs import History
from seatsync_pipeline.reconcile.rows import Action, Flag, Row, Status
from seatsync_pipeline.sources.base import Observation, State
from tests.reconcile.worlds import (
    ACME,
    MAIL,
    TODAY,
    addition,
    agreement,
    draft,
    linked,
    only_row,
    seen,
    world,
)


def orphan(additions: Any = None, **changes: Any) -> Row:
    return only_row(world([], additions or [addition(10)], **changes))


def test_an_unused_line_is_orphaned_and_opt_in() -> None:
    row = orphan()
    assert (row.status, row.action, row.selected_by_default) == (
        Status.ORPHANED,
        Action.CANCEL,
        False,
    )
    assert [row.new_quantity, row.delta, row.amount_delta] == [0, -10, -35]


@pytest.mark.parametrize(
    ("next_invoice", "effective", "planned", "flagged"),
    [
        (date(2026, 12, 1), None, date(2026, 11, 30), False),
        (date(2026, 11, 21), None, TODAY, False),  # the day before is today
        (TODAY, None, date(2026, 11, 30), True),  # the day before is past
        (None, None, date(2026, 11, 30), True),
        (date(2027, 3, 15), None, date(2027, 3, 14), False),
        (date(2026, 11, 21), date(2026, 11, 20), TODAY, False),
    ],
)
def test_the_last_billed_day(
    next_invoice: date | None, effective: date | None, planned: date, *, flagged: bool
) -> None:
    row = orphan(
        [addition(10, effective_date=effective)], agreements=[agreement(next_invoice_date=next_invoice)]
    )
    assert row.planned_date == planned
    assert (Flag.NOT_INVOICED in row.flags) is flagged


def test_every_addition_of_an_unused_line_is_a_row() -> None:
    rows = draft(world([], [addition(10), addition(2, addition_id=1001)])).rows
    assert {(row.billing.addition_id, row.status) for row in rows} == {
        (1000, Status.ORPHANED),
        (1001, Status.ORPHANED),
    }


def test_never_on_a_snapshot_that_is_not_accepted() -> None:
    made = draft(world([], [addition(10)], not_accepted="the snapshot is incomplete"))
    assert made.rows == ()
    assert made.orphan_detection_why == "the snapshot is incomplete"
    assert made.totals.additions.as_dict() == {"in": 1, "rows": 0, "not_checked": 1}


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"cancelled_date": date(2027, 1, 31)}, Flag.ENDING),
        ({"effective_date": date(2026, 12, 1)}, Flag.COMING),
    ],
)
def test_what_ends_or_has_not_begun_is_left_alone(changes: dict[str, Any], flag: Flag) -> None:
    row = orphan([addition(10, **changes)])
    assert (row.status, row.flags) == (Status.NO_CHANGE, (flag,))
    assert row.delta == 0


def test_only_products_that_are_or_were_the_sources() -> None:
    foreign = addition(10, product_id=MAIL.product_id)
    assert draft(world([], [foreign])).rows == ()
    formerly = {"Duo MFA": frozenset({10, 11})}
    assert only_row(world([], [foreign], formerly=formerly)).status is Status.ORPHANED


class TestEvidence:
    def test_never_seen_needs_a_reason(self) -> None:
        row = orphan()
        assert (row.evidence, row.needs_reason) == ("never seen", True)

    def test_expired_in_source(self) -> None:
        row = only_row(world([seen(10, state=State.EXPIRED)], [addition(10)]))
        assert (row.evidence, row.needs_reason) == ("expired in source", False)

    @pytest.mark.parametrize(
        ("days", "evidence"),
        [
            ([1], "absent once"),
            ([1, 8], "absent on 2 days"),
            ([1, 8, 15], "absent on 3 days"),
            ([1, TODAY.day], "absent once"),  # pulled again today: still one day of absence
        ],
    )
    def test_days_not_pulls_are_counted(self, days: list[int], evidence: str) -> None:
        history = History(
            days=tuple(date(2026, 11, day) for day in days),
            last_seen={("A1", "Duo MFA"): date(2026, 11, 1)},
        )
        assert orphan(history=history).evidence == evidence

    @pytest.mark.parametrize(
        ("cycle", "upcoming", "since", "told"),
        [
            ("Monthly", date(2026, 12, 1), date(2026, 9, 10), "billed on 2 invoices since: 70 at"),
            ("Monthly", date(2026, 12, 1), date(2026, 10, 1), "billed on 2 invoices since: 70 at"),
            ("Monthly", date(2026, 12, 1), date(2026, 10, 2), "billed on 1 invoice since: 35 at"),
            ("Monthly", date(2026, 12, 1), date(2026, 11, 2), None),
            ("Quarterly", date(2026, 12, 31), date(2026, 3, 30), "billed on 3 invoices since: 105 at"),
            ("Quarterly", date(2026, 12, 31), date(2026, 4, 1), "billed on 2 invoices since: 70 at"),
            ("Annual", date(2027, 1, 1), date(2026, 2, 1), None),
            ("Fortnightly", date(2026, 12, 1), date(2026, 2, 1), None),
            ("Monthly", None, date(2026, 2, 1), None),
        ],
    )
    def test_since_when_and_what_was_billed_since(
        self, cycle: str, upcoming: date | None, since: date, told: str | None
    ) -> None:
        history = History(days=(date(2026, 1, 1), since), last_seen={("A1", "Duo MFA"): date(2026, 1, 1)})
        billed = agreement(billing_cycle=cycle, next_invoice_date=upcoming)
        row = orphan(history=history, agreements=[billed])
        assert f"; absent since {since}" in row.reason
        assert ("invoice" in row.reason) is (told is not None)
        assert (told or "") in row.reason

    def test_nobody_knows_since_when_of_what_was_never_seen(self) -> None:
        assert "absent since" not in orphan().reason

    @pytest.mark.parametrize("product_id", [11, None])
    def test_a_license_that_was_mapped_otherwise_is_no_absence(self, product_id: int | None) -> None:
        history = History(days=(date(2026, 11, 1),), last_seen={("A1", "Duo MFA"): date(2026, 11, 1)})
        inputs = world(
            [seen(10)],
            [addition(10)],
            mappings={"Duo MFA": product_id},
            formerly={"Duo MFA": frozenset({10, 11})},
            history=history,
        )
        row = next(row for row in draft(inputs).rows if row.status is Status.ORPHANED)
        assert "A1 used them until the license was mapped otherwise" in row.reason
        assert "absent since" not in row.reason


@pytest.mark.parametrize(
    ("other", "blocked"),
    [
        (seen(5, "A2", name="Acme Dentall 2"), True),  # ambiguous, with the company among its candidates
        (seen(None, "A2", State.FAILED, name="Acme Dentall 2"), True),
        (seen(5, "A2", license_name="New tier", name="Acme Dental"), True),  # its license is unmapped
        (seen(5, "A2", State.POC, license_name="New tier", name="Acme Dental"), True),
        (seen(5, "A2", name="Zenith Bakery"), False),
        (seen(5, "A2", State.EXPIRED, name="Acme Dentall 2"), False),
    ],
)
def test_blocked_while_an_unresolved_account_could_be_the_client(other: Any, *, blocked: bool) -> None:
    rows = draft(world([other], [addition(10)], links={})).rows
    row = next(row for row in rows if row.status is Status.ORPHANED)
    assert row.blocked is blocked
    assert (Flag.POSSIBLE_RENAME in row.flags) is blocked
    assert (other.account_name in row.reason) is blocked


def test_blocked_while_the_account_of_a_company_that_is_gone_is_not_linked_anew() -> None:
    merged = replace(ACME, deleted=True)
    links = linked(name="Acme")
    rows = draft(world([seen(10, name="Bolt")], [addition(10)], companies=[merged], links=links)).rows
    by_status = {row.status: row for row in rows}
    assert by_status[Status.UNMATCHED].flags == (Flag.ACCOUNT_RENAMED, Flag.COMPANY_GONE)
    assert by_status[Status.ORPHANED].blocked


class TestProofOfConcept:
    def test_its_line_is_never_orphaned_but_flagged(self) -> None:
        row = only_row(world([seen(10, state=State.POC)], [addition(10)]))
        assert (row.status, row.flags, row.blocked) == (
            Status.SKIPPED,
            (Flag.BILLED_WHILE_POC,),
            True,
        )
        assert [a.addition_id for a in row.billing.additions] == [1000]

    def test_not_flagged_where_nothing_is_billed(self) -> None:
        assert only_row(world([seen(10, state=State.POC)])).flags == ()

    def test_beside_a_paid_account_the_line_keeps_its_additions(self) -> None:
        observations = [seen(8), seen(3, "A2", State.POC)]
        rows = draft(world(observations, [addition(10)], links=linked("A1") | linked("A2"))).rows
        by_status = {row.status: row for row in rows}
        assert [a.addition_id for a in by_status[Status.READY].billing.additions] == [1000]
        assert by_status[Status.SKIPPED].billing.additions == ()

    def test_it_may_lack_its_number(self) -> None:
        unread = Observation("A1", "A1", "Duo MFA", None, State.POC, "Users cannot be read")
        row = only_row(world([unread], [addition(10)]))
        assert (row.status, row.flags) == (Status.SKIPPED, (Flag.BILLED_WHILE_POC,))

    def test_skipped_goes_before_everything_else_that_is_wrong(self) -> None:
        poc = seen(3, "A2", State.POC, license_name="New tier", name="Zenith Bakery")
        assert only_row(world([poc])).status is Status.SKIPPED


@pytest.mark.parametrize(
    ("observation", "status"),
    [
        (seen(None, "A2", State.FAILED, license_name="New tier"), Status.SOURCE_ERROR),
        (seen(3, "A2", license_name="New tier", name="Zenith"), Status.LICENSE_UNMAPPED),
        (seen(3, "A2", name="Zenith"), Status.UNMATCHED),
    ],
)
def test_precedence_of_what_cannot_be_summed(observation: Any, status: Status) -> None:
    row = only_row(world([observation]))
    assert (row.status, row.blocked, row.action) == (status, True, Action.NONE)


@pytest.mark.parametrize(
    ("inputs", "bucket"),
    [
        (world([seen(7, license_name="Free")], mappings={"Free": None}), "no_charge"),
        (world([seen(7)], links=linked(company_id=None)), "not_billed"),
        (world([seen(7, state=State.EXPIRED)]), "expired"),
        (world([seen(7, state=State.POC, license_name="Free")], mappings={"Free": None}), "no_charge"),
    ],
)
def test_what_makes_no_row_is_in_the_control_totals(inputs: Any, bucket: str) -> None:
    made = draft(inputs)
    assert made.rows == ()
    assert made.totals.observations.as_dict()[bucket] == 1
    assert made.totals.seats.as_dict()[bucket] == 7


def test_a_client_that_moved_to_another_product_is_a_pair() -> None:
    observations = [seen(10, license_name="Mail")]
    mappings: dict[str, int | None] = {"Duo MFA": 10, "Mail": 11}
    rows = draft(world(observations, [addition(10)], mappings=mappings)).rows
    orphaned = next(row for row in rows if row.status is Status.ORPHANED)
    created = next(row for row in rows if row.status is Status.NO_ADDITION)
    assert (orphaned.paired_row_id, created.paired_row_id) == (created.row_id, orphaned.row_id)
    assert Flag.PAIRED in orphaned.flags
    assert Flag.PAIRED in created.flags


def test_the_fingerprint_changes_with_whatever_an_approval_is_bound_to() -> None:
    base = orphan()
    assert base.fingerprint == orphan().fingerprint
    changed = [
        orphan([addition(11)]),
        orphan([addition(10, unit_price=None)]),
        orphan([addition(10, effective_date=date(2025, 2, 1))]),
        orphan(agreements=[agreement(next_invoice_date=date(2026, 12, 2))]),
        orphan([addition(10, addition_id=1001)]),
    ]
    assert len({base.fingerprint, *(row.fingerprint for row in changed)}) == 6
