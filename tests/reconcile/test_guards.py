"""Guards that need more than one row: who contributes, and how many orphans there are."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.guards import Limits, orphan_share, quantity_guards
from seatsync_pipeline.reconcile.inputs import History, Inputs
from seatsync_pipeline.reconcile.rows import Flag, Guard, GuardResult, Row, Status
from seatsync_pipeline.settings.guards import GuardSettings
from tests.reconcile.worlds import addition, agreement, draft, linked, only_row, seen, world


def guards(row: Row) -> dict[Guard, str]:
    return {result.guard: result.observed for result in row.guards}


def two_accounts(*baselines: set[tuple[str, str]], companies: int = 1) -> Inputs:
    return world(
        [seen(6, "A1", name="East"), seen(6, "A2", name="West")],
        [addition(10)],
        links={**linked("A1"), **linked("A2"), **linked("A3", name="North")},
        history=History(baselines=tuple(frozenset(pairs) for pairs in baselines)),
    )


BOTH = {("A1", "Duo MFA"), ("A2", "Duo MFA")}


@pytest.mark.parametrize(
    ("baselines", "observed"),
    [
        ([], None),
        ([BOTH], None),
        ([BOTH, BOTH], None),
        ([{("A1", "Duo MFA")}], "new: West"),
        ([BOTH | {("A3", "Duo MFA")}], "gone: North"),
        ([{("A1", "Duo MFA"), ("A3", "Duo MFA")}], "new: West; gone: North"),
        ([set()], "new: East; new: West"),
        # Pulling twice makes the last accepted snapshot equal; the one behind the last push still differs.
        ([BOTH, {("A1", "Duo MFA")}], "new: West"),
        # Another license of the account was never part of this line.
        ([{("A1", "Duo MFA"), ("A2", "Other")}], "new: West"),
    ],
)
def test_accounts_that_came_or_went(baselines: list[set[tuple[str, str]]], observed: str | None) -> None:
    row = only_row(two_accounts(*baselines))
    assert row.status is Status.READY
    assert guards(row) == ({Guard.ACCOUNTS_CHANGED: observed} if observed else {})
    assert row.needs_reason is (observed is not None)
    assert row.selected_by_default is (observed is None)


def test_an_account_that_was_linked_since_is_no_change() -> None:
    """The baseline is read by today's links: a person linked the account, and knows of it."""
    assert guards(only_row(two_accounts(BOTH))) == {}


def many(orphans: int, used: int, *, renamed: bool = False) -> Inputs:
    """`orphans` companies whose line nobody uses and `used` ones whose line is used, one line each."""
    ids = range(1, orphans + used + 1)
    observations = [seen(5, f"A{i}") for i in ids if i > orphans]
    if renamed:
        observations.append(seen(5, "X", name="Client 1x"))
    return replace(
        world(
            observations,
            [addition(10, 1000 + i, 100 + i) for i in ids],
            agreements=[agreement(100 + i, i) for i in ids],
            companies=[Company(i, f"c{i}", f"Client {i}") for i in ids],
            links={key: link for i in ids for key, link in linked(f"A{i}", i).items()},
        )
    )


@pytest.mark.parametrize(
    ("orphans", "used", "blocked"),
    [
        (2, 0, False),  # all of them, but two are always allowed
        (3, 12, False),  # exactly 20 %
        (3, 11, True),
        (4, 16, False),
        (5, 16, True),
    ],
)
def test_too_many_orphans_are_blocked_together(orphans: int, used: int, *, blocked: bool) -> None:
    rows = [row for row in draft(many(orphans, used)).rows if row.status is Status.ORPHANED]
    assert len(rows) == orphans
    for row in rows:
        assert row.blocked is blocked
        observed = {Guard.ORPHAN_SHARE: f"{orphans} of {orphans + used} lines"} if blocked else {}
        assert guards(row) == observed
        assert (f"); blocked, because {orphans} of {orphans + used} lines" in row.reason) is blocked


def test_the_lines_in_scope_are_told() -> None:
    assert draft(many(2, 5)).lines_in_scope == 7


def test_lines_are_counted_not_additions() -> None:
    """Two additions of one line are one orphan more, not two."""
    inputs = many(2, 5)
    doubled = replace(inputs.scan, additions=(*inputs.scan.additions, addition(1, 2000, 101)))
    rows = draft(replace(inputs, scan=doubled)).rows
    assert not any(row.blocked for row in rows)


def test_the_share_hides_no_other_block() -> None:
    rows = {row.company_id: row for row in draft(many(3, 5, renamed=True)).rows if row.billing.addition_id}
    assert Flag.POSSIBLE_RENAME in rows[1].flags
    assert rows[1].blocked
    assert guards(rows[1]) == {Guard.ORPHAN_SHARE: "3 of 8 lines"}


@pytest.mark.parametrize(
    ("old", "new", "tripped"),
    [
        (10, 10, None),
        (10, 0, ("decrease to zero", "10 to 0", "above 0")),
        (0, 0, None),
        (10, 5, None),  # exactly half
        (10, 4, ("large decrease", "10 to 4", "50 % and 25 seats")),
        (100, 75, None),  # exactly 25 seats
        (100, 74, ("large decrease", "100 to 74", "50 % and 25 seats")),
        (20, 30, None),  # exactly half, exactly ten seats
        (20, 31, ("large increase", "20 to 31", "50 % or 10 seats")),
        (4, 14, None),  # more than half, and not more than ten seats
        (100, 150, None),  # more than ten seats, and not more than half
        (0, 10, None),
        (0, 11, ("large increase", "0 to 11", "50 % or 10 seats")),
        (-1, 1, ("large increase", "-1 to 1", "a quantity of 0 or more before it")),
        (-1, 0, ("large increase", "-1 to 0", "a quantity of 0 or more before it")),
    ],
)
def test_quantities_at_their_limits(old: int, new: int, tripped: tuple[str, str, str] | None) -> None:
    found = quantity_guards(Decimal(old), Decimal(new), Limits())
    assert [(result.guard.value, result.observed, result.limit) for result in found] == (
        [tripped] if tripped else []
    )


@pytest.mark.parametrize(
    ("orphaned", "in_scope", "tripped"),
    [(0, 0, False), (2, 2, False), (3, 15, False), (3, 14, True), (3, 0, True)],
)
def test_the_share_of_orphans_at_its_limits(orphaned: int, in_scope: int, *, tripped: bool) -> None:
    found = orphan_share(orphaned, in_scope, Limits())
    expected = GuardResult(Guard.ORPHAN_SHARE, f"{orphaned} of {in_scope} lines", "20 % and 2")
    assert found == (expected if tripped else None)


def test_limits_are_those_of_the_settings() -> None:
    settings = GuardSettings.model_construct(
        max_decrease_percent=Decimal(1),
        max_decrease_seats=2,
        max_increase_percent=Decimal(3),
        max_increase_seats=4,
        max_orphans_percent=Decimal(5),
        max_orphans=6,
        unusual_price_percent=Decimal(7),
    )
    assert Limits.of(settings) == Limits(Decimal(1), 2, Decimal(3), 4, Decimal(5), 6, Decimal(7))


def test_guards_that_are_no_matter_of_quantity_say_what_they_saw() -> None:
    inputs = world(
        [seen(4), seen(3, "A2", name="Acme Dental 2"), seen(2, "A3", name="Acme Dental 2 b")],
        [addition(5)],
        not_accepted="the snapshot is incomplete: 3 of 9",
    )
    row = next(row for row in draft(inputs).rows if row.status is Status.READY)
    assert [(result.guard, result.observed, result.limit) for result in row.guards] == [
        (Guard.UNACCEPTED_DECREASE, "the snapshot is incomplete: 3 of 9", "an accepted snapshot"),
        (Guard.POSSIBLE_MISSING_ACCOUNT, "Acme Dental 2, Acme Dental 2 b", "no unresolved account"),
    ]
    assert [(step.rule, step.found) for step in row.trace[-2:]] == [
        (
            "guard: decrease on unaccepted snapshot",
            "the snapshot is incomplete: 3 of 9 (limit: an accepted snapshot)",
        ),
        ("guard: possible missing account", "Acme Dental 2, Acme Dental 2 b (limit: no unresolved account)"),
    ]
    raised = next(
        row
        for row in draft(replace(inputs, observations=(seen(6), *inputs.observations[1:]))).rows
        if row.billing.addition_id
    )
    assert raised.guards == ()


def test_what_an_account_was_taken_away_from_is_not_decreased_without_a_word() -> None:
    """It still counts somewhere, and its name is like nothing: the seats are missing for a reason nobody has given."""
    both = [seen(10, "A1"), seen(5, "A2", name="HLH Main Office")]
    (whole,) = draft(world(both, [addition(15)], links=linked("A1") | linked("A2"))).rows
    assert whole.status is Status.NO_CHANGE
    inputs = world(both, [addition(15)], links=linked("A1"), unlinked={"A2": 1})
    ready = next(row for row in draft(inputs).rows if row.status is Status.READY)
    assert [result.guard for result in ready.guards] == [Guard.POSSIBLE_MISSING_ACCOUNT]
    assert not ready.selected_by_default


def test_what_the_only_account_was_taken_away_from_is_not_cancelled_before_it_is_settled() -> None:
    inputs = world([seen(5, "A2", name="HLH Main Office")], [addition(5)], links={}, unlinked={"A2": 1})
    orphan = next(row for row in draft(inputs).rows if row.status is Status.ORPHANED)
    assert orphan.blocked
    assert Flag.POSSIBLE_RENAME in orphan.flags
    assert "HLH Main Office" in orphan.reason
