"""What one line becomes, by what is used and what is billed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from seatsync_pipeline.reconcile.book import Timing, end_of_month, timing
from seatsync_pipeline.reconcile.rows import Action, Flag, Guard, Status
from seatsync_pipeline.sources.base import State
from tests.reconcile.worlds import MAIL, TODAY, addition, agreement, draft, linked, only_row, seen, world

TOMORROW = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, Timing.CURRENT),
        (TODAY, None, Timing.CURRENT),
        (date(2026, 11, 21), None, Timing.COMING),
        (date(2026, 1, 1), TODAY, Timing.ENDING),  # the last billed day is today
        (date(2026, 1, 1), date(2026, 11, 19), Timing.PAST),
        (date(2026, 11, 1), date(2026, 11, 30), Timing.ONE_TIME),
        (date(2025, 11, 1), date(2026, 11, 30), Timing.ENDING),  # the same month of another year
        (date(2026, 12, 10), date(2026, 11, 25), Timing.PAST),  # never bills
    ],
)
def test_timing(start: date | None, end: date | None, expected: Timing) -> None:
    assert timing(addition(effective_date=start, cancelled_date=end), TODAY) is expected


@pytest.mark.parametrize(
    ("day", "last"), [(date(2026, 12, 31), 31), (date(2028, 2, 1), 29), (date(2026, 4, 30), 30)]
)
def test_end_of_month(day: date, last: int) -> None:
    assert end_of_month(day) == day.replace(day=last)


@pytest.mark.parametrize(
    ("seats", "quantities", "status", "action"),
    [
        (12, [10], Status.READY, Action.UPDATE),
        (10, [10], Status.NO_CHANGE, Action.NONE),
        (10, [10.5], Status.READY, Action.UPDATE),  # exact decimals
        (12, [], Status.NO_ADDITION, Action.CREATE),
        (0, [], Status.NO_CHANGE, Action.NONE),
        (0, [10], Status.READY, Action.UPDATE),
        (10, [4, 6], Status.MULTIPLE_ADDITIONS, Action.NONE),
        (0, [4, 6], Status.MULTIPLE_ADDITIONS, Action.NONE),
    ],
)
def test_the_table_of_statuses(seats: int, quantities: list[float], status: Status, action: Action) -> None:
    additions = [addition(q, addition_id=1000 + i) for i, q in enumerate(quantities)]
    row = only_row(world([seen(seats)], additions))
    assert (row.status, row.action) == (status, action)
    assert row.blocked is (status is Status.MULTIPLE_ADDITIONS)
    assert len(row.billing.additions) == len(quantities)
    assert row.selected_by_default is (status is Status.READY and seats > 0)


def test_two_accounts_of_one_company_are_summed_and_listed() -> None:
    observations = [seen(7, "A1"), seen(5, "A2")]
    row = only_row(world(observations, [addition(10)], links=linked("A1") | linked("A2")))
    assert row.status is Status.READY
    assert [row.new_quantity, row.delta] == [12, 2]
    assert {s.account_key: s.seats for s in row.accounts} == {"A1": Decimal(7), "A2": Decimal(5)}


def test_two_tiers_mapped_to_one_product_make_one_row() -> None:
    observations = [seen(7, license_name="Duo MFA"), seen(5, license_name="Plus")]
    row = only_row(world(observations, [addition(12)], mappings={"Duo MFA": 10, "Plus": 10}))
    assert row.status is Status.NO_CHANGE
    assert row.new_quantity == 12


def test_one_failed_contribution_makes_the_whole_line_a_source_error() -> None:
    observations = [seen(7, "A1"), seen(None, "A2", State.FAILED)]
    row = only_row(world(observations, [addition(10)], links=linked("A1") | linked("A2")))
    assert (row.status, row.blocked, row.action) == (Status.SOURCE_ERROR, True, Action.NONE)
    assert row.new_quantity is None
    assert [s.seats for s in row.accounts] == [7, None]
    assert [a.addition_id for a in row.billing.additions] == [1000]


def test_the_children_of_a_parent_agreement_are_lines_of_their_own_agreement() -> None:
    agreements = [agreement(100), agreement(101, parent_agreement_id=100)]
    row = only_row(world([seen(12)], [addition(10, agreement_id=101)], agreements=agreements))
    assert (row.status, row.billing.agreement_id) == (Status.READY, 101)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Decimal("7.0")),
        ({"less_included": Decimal(5)}, Decimal("7.0")),
        ({"less_included": Decimal(11)}, Decimal("3.5")),  # only what exceeds the included bills
        ({"less_included": Decimal(20)}, Decimal(0)),
        ({"bill_customer": "NoCharge"}, Decimal(0)),
        ({"bill_customer": "DoNotBill"}, Decimal(0)),
        ({"unit_price": None}, None),
    ],
)
def test_money_follows_what_is_billed(changes: dict[str, Any], expected: Decimal | None) -> None:
    row = only_row(world([seen(12)], [addition(10, **changes)]))
    assert row.amount_delta == expected
    assert (Flag.NOT_BILLABLE in row.flags) is ("bill_customer" in changes)


def test_an_ending_addition_is_ready_but_not_selected() -> None:
    row = only_row(world([seen(12)], [addition(10, cancelled_date=date(2026, 12, 31))]))
    assert (row.status, row.selected_by_default, row.needs_reason) == (Status.READY, False, False)
    assert row.flags == (Flag.ENDING,)


def test_a_coming_addition_counts_only_where_no_current_one_exists() -> None:
    coming = addition(12, addition_id=1001, effective_date=date(2026, 12, 1))
    alone = only_row(world([seen(12)], [coming]))
    assert (alone.status, alone.flags) == (Status.NO_CHANGE, (Flag.COMING,))
    beside = only_row(world([seen(12)], [addition(12), coming]))
    assert [a.addition_id for a in beside.billing.additions] == [1000]


@pytest.mark.parametrize(
    "changes",
    [
        {"start_date": date(2026, 11, 21)},
        {"end_date": date(2026, 11, 19)},
        {"cancelled": True},
        {"status": "Expired"},
        {"type_name": "Projects"},
        {"company_id": 2},
    ],
)
def test_what_is_not_in_scope_is_not_billed(changes: dict[str, Any]) -> None:
    agreements = [agreement(**changes)]
    inputs = world([seen(10)], [addition(10)], agreements=agreements, types=frozenset({"Managed Services"}))
    row = draft(inputs).rows[0]
    assert (row.status, row.blocked) == (Status.NO_ADDITION, True)
    assert row.billing.agreements == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"cancelled_date": date(2026, 11, 19)},
        {"effective_date": date(2026, 11, 1), "cancelled_date": date(2026, 11, 19)},  # a one-time charge
    ],
)
def test_what_is_past_or_billed_once_counts_in_no_agreement(changes: dict[str, Any]) -> None:
    agreements = [agreement(), agreement(101, type_name="Projects")]
    additions = [addition(10, **changes), addition(10, 1001, 101, **changes)]
    inputs = world([seen(10)], additions, agreements=agreements, types=frozenset({"Managed Services"}))
    row = only_row(inputs)
    assert (row.status, row.flags, row.billing.additions) == (Status.NO_ADDITION, (), ())
    assert draft(world([], additions, agreements=agreements)).rows == ()


@pytest.mark.parametrize("agreement_id", [100, 101])
def test_a_one_time_charge_that_has_not_ended_is_told_where_a_new_addition_would_bill_beside_it(
    agreement_id: int,
) -> None:
    agreements = [agreement(), agreement(101, type_name="Projects")]
    once = addition(
        8, 1001, agreement_id, effective_date=date(2026, 11, 3), cancelled_date=date(2026, 11, 30)
    )
    row = only_row(world([seen(10)], [once], agreements=agreements, types=frozenset({"Managed Services"})))
    assert (row.status, row.flags, row.needs_reason) == (Status.NO_ADDITION, (Flag.ONE_TIME_CHARGE,), False)
    assert "but addition 1001 bills 8 until 2026-11-30" in row.reason
    ended = [agreement(), agreement(101, status="Expired")]
    gone = only_row(world([seen(10)], [replace(once, agreement_id=101)], agreements=ended))
    assert gone.flags == ()


def test_the_additions_of_a_trial_with_two_accounts_are_carried_once() -> None:
    trials = [seen(5, key, State.POC) for key in ("A1", "A2")]
    rows = draft(world(trials, [addition(10)], links=linked("A1") | linked("A2"))).rows
    assert [len(row.billing.additions) for row in rows] == [1, 0]
    assert [Flag.BILLED_WHILE_POC in row.flags for row in rows] == [True, False]


def test_a_link_that_a_person_took_away_stays_away() -> None:
    observed = [seen(10, name="Acme Dental")]
    assert only_row(world(observed, links={})).status is Status.NO_ADDITION
    assert only_row(world(observed, links={}, unlinked={"A1": 1})).status is Status.AMBIGUOUS


def test_today_is_inside_the_first_and_the_last_day_of_an_agreement() -> None:
    day = agreement(start_date=TODAY, end_date=TODAY)
    assert only_row(world([seen(10)], [addition(10)], agreements=[day])).status is Status.NO_CHANGE


class TestNoAddition:
    def test_the_only_agreement_is_chosen(self) -> None:
        row = only_row(world([seen(12)]))
        assert (row.billing.agreement_id, row.billing.agreements) == (100, ())
        assert (row.billing.unit_price, row.amount_delta) == (Decimal("3.5"), Decimal("42.0"))
        assert (row.selected_by_default, row.needs_reason, row.planned_date) == (False, False, TODAY)

    def test_of_several_agreements_the_operator_names_one(self) -> None:
        row = only_row(world([seen(12)], agreements=[agreement(100), agreement(101)]))
        assert row.billing.agreement_id is None
        assert [choice.agreement_id for choice in row.billing.agreements] == [100, 101]
        assert not row.blocked

    @pytest.mark.parametrize(
        "other",
        [
            {},
            {"start_date": TOMORROW},
            {"start_date": TOMORROW, "status": "Inactive"},  # as ConnectWise calls those that are to start
            {
                "start_date": TOMORROW,
                "status": "Inactive",
                "end_date": TOMORROW,
                "type_name": "Managed Services",
            },
            {"status": "On Hold"},
        ],
    )
    def test_billed_elsewhere_needs_a_reason(self, other: dict[str, Any]) -> None:
        other_agreement = agreement(101, **({"type_name": "Projects"} | other))
        inputs = world(
            [seen(12)],
            [addition(5, agreement_id=101)],
            agreements=[agreement(100), other_agreement],
            types=frozenset({"Managed Services"}),
        )
        row = only_row(inputs)
        assert (row.status, row.flags, row.needs_reason) == (
            Status.NO_ADDITION,
            (Flag.BILLED_ELSEWHERE,),
            True,
        )

    @pytest.mark.parametrize(
        "over",
        [
            {"status": "Inactive"},
            {"status": "Expired"},
            {"status": "Cancelled", "start_date": TOMORROW},
            {"cancelled": True, "start_date": TOMORROW},
            {"end_date": date(2026, 11, 19)},
            {"status": "Inactive", "start_date": None},
        ],
    )
    def test_what_stands_on_an_agreement_that_has_ended_bills_nothing(self, over: dict[str, Any]) -> None:
        agreements = [agreement(100), agreement(101, **over)]
        row = only_row(world([seen(12)], [addition(5, agreement_id=101)], agreements=agreements))
        assert (row.status, row.flags, row.needs_reason) == (Status.NO_ADDITION, (), False)

    @pytest.mark.parametrize(
        ("cycle", "product_cycle", "odd"),
        [
            ("Monthly", "Monthly", False),
            ("monthly", None, False),
            ("Annual", "Annual", True),
            (None, None, True),
            ("Monthly", "Annual", True),
        ],
    )
    def test_another_billing_cycle_needs_a_reason(
        self, cycle: str | None, product_cycle: str | None, *, odd: bool
    ) -> None:

        inputs = world([seen(12)], agreements=[agreement(billing_cycle=cycle)])
        product = replace(inputs.scan.products[0], billing_cycle=product_cycle)
        row = only_row(replace(inputs, scan=replace(inputs.scan, products=(product, MAIL))))
        assert row.needs_reason is odd
        assert (Flag.BILLING_CYCLE in row.flags) is odd


class TestGuards:
    @pytest.mark.parametrize(
        ("old", "new", "guard"),
        [
            (10, 5, None),  # exactly 50 % passes
            (10, 4, Guard.LARGE_DECREASE),
            (100, 75, None),  # exactly 25 seats pass
            (100, 74, Guard.LARGE_DECREASE),
            (1, 0, Guard.DECREASE_TO_ZERO),
            (20, 30, None),  # exactly 50 % and 10
            (20, 31, Guard.LARGE_INCREASE),
            (100, 149, None),  # more than 10, not more than 50 %
            (4, 14, None),  # more than 50 %, not more than 10
            (4, 15, Guard.LARGE_INCREASE),
            (-5, 3, Guard.LARGE_INCREASE),  # a credit or a slip, however small the change
        ],
    )
    def test_limits(self, old: int, new: int, guard: Guard | None) -> None:
        row = only_row(world([seen(new)], [addition(old)]))
        assert [result.guard for result in row.guards] == ([guard] if guard else [])
        assert row.selected_by_default is (guard is None)
        assert row.needs_reason is (guard is not None)

    def test_a_decrease_on_an_unaccepted_snapshot(self) -> None:
        row = only_row(world([seen(9)], [addition(10)], not_accepted="incomplete"))
        assert [result.guard for result in row.guards] == [Guard.UNACCEPTED_DECREASE]
        risen = only_row(world([seen(11)], [addition(10)], not_accepted="incomplete"))
        assert risen.selected_by_default

    def test_a_decrease_while_an_unresolved_account_could_be_the_clients(self) -> None:
        observations = [seen(9), seen(4, "A2", name="Acme Dentall 2")]
        rows = draft(world(observations, [addition(10)])).rows
        ready = next(row for row in rows if row.status is Status.READY)
        assert [result.guard for result in ready.guards] == [Guard.POSSIBLE_MISSING_ACCOUNT]


def test_what_bills_a_client_outside_the_scope_is_told_also_where_nothing_is_in_scope() -> None:
    """Most likely the filter is too narrow: a row that says only that nothing bills it would hide that."""
    other = [agreement(type_name="Projects")]
    row = only_row(world([seen(9)], [addition(9)], agreements=other, types=frozenset({"Managed Services"})))
    assert (row.status, row.blocked, row.needs_reason) == (Status.NO_ADDITION, True, False)
    assert Flag.BILLED_ELSEWHERE in row.flags
    assert "no agreement in scope; but Agreement 100, outside the scope, bills it" in row.reason
