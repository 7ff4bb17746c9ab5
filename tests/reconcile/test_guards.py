"""Guards that need more than one row: who contributes, and how many orphans there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.inputs import History, Inputs
from seatsync_pipeline.reconcile.rows import Flag, Guard, Row, Status
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
        assert (f"blocked, because {orphans} of {orphans + used} lines" in row.reason) is blocked


def test_lines_are_counted_not_additions() -> None:
    """Two additions of one line are one orphan more, not two."""
    inputs = many(2, 5)
    doubled = replace(inputs.scan, additions=(*inputs.scan.additions, addition(1, 2000, 101)))
    rows = draft(replace(inputs, scan=doubled)).rows
    assert not any(row.blocked for row in rows)


def test_the_share_hides_no_other_block() -> None:
    rows = {row.company_id: row for row in draft(many(3, 5, renamed=True)).rows if row.addition_id}
    assert Flag.POSSIBLE_RENAME in rows[1].flags
    assert rows[1].blocked
    assert guards(rows[1]) == {Guard.ORPHAN_SHARE: "3 of 8 lines"}
