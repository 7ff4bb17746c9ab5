"""Guards at the gate: judged once more on what is approved together, by the limits of the day."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from seatsync_pipeline.push.gate import judge
from seatsync_pipeline.push.plan import Plan
from seatsync_pipeline.push.selection import Selection, SelectionRow
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.guards import Limits
from seatsync_pipeline.reconcile.rows import Flag
from tests.push.test_gate import known, line, preview_of
from tests.reconcile.test_guards import many
from tests.reconcile.worlds import TODAY

SHARE = ("orphan share",)


def judged(orphans: int, used: int, approved: int, limits: Limits | None = None, **cells: Any) -> Any:
    """What the gate says to so many of the orphans, approved with those cells."""
    inputs = many(orphans, used)
    preview = preview_of(inputs, orphan_detection={"ran": True, "lines_in_scope": orphans + used})
    rows = [row for row in preview.rows if row["action"] == "cancel"][:approved]
    reason = {"approval_reason": "they were sold"}
    lines = tuple(replace(line(row, number), **(reason | cells)) for number, row in enumerate(rows, 2))
    return judge(
        Selection(lines),
        known(
            preview=preview,
            latest=preview,
            book=Book(inputs.scan, (), TODAY),
            limits=limits or Limits(),
        ),
    )


def rules(result: Any) -> list[str]:
    assert isinstance(result, tuple), result
    return [fault.rule for fault in result]


@pytest.mark.parametrize("approved", [1, 3])
def test_blocked_by_the_share_however_few_are_approved(approved: int) -> None:
    found = rules(judged(3, 5, approved))
    assert len(found) == approved
    assert all("blocked by the guard orphan share" in rule for rule in found)


def test_an_override_with_a_reason_lets_them_pass() -> None:
    plan = judged(3, 5, 3, overrides=SHARE)
    assert isinstance(plan, Plan)
    assert [change.overrides for change in plan.changes] == [SHARE] * 3


def test_an_override_without_a_reason_does_not() -> None:
    assert all(
        "it needs a reason (orphan share" in rule
        for rule in rules(judged(3, 5, 3, overrides=SHARE, approval_reason=""))
    )


def test_an_override_of_another_guard_does_not() -> None:
    assert all(
        "blocked by the guard orphan share" in rule
        for rule in rules(judged(3, 5, 3, overrides=("large decrease",)))
    )


@pytest.mark.parametrize(
    ("approved", "orphans_allowed", "refused"), [(3, 2, True), (3, 3, False), (2, 2, False)]
)
def test_the_share_of_what_is_approved_by_the_limits_of_today(
    approved: int, orphans_allowed: int, *, refused: bool
) -> None:
    """The preview let three of fifteen pass; since then the limits were lowered."""
    limits = Limits(orphans_percent=Decimal(10), orphans=orphans_allowed)
    result = judged(3, 12, approved, limits)
    if refused:
        (rule,) = rules(result)
        assert "cancel 3 of 15 lines in scope (guard orphan share, limit 10 % and 2)" in rule
        assert isinstance(judged(3, 12, approved, limits, overrides=SHARE), Plan)
    else:
        assert isinstance(result, Plan)


def test_a_preview_that_does_not_say_how_many_lines_there_are_is_judged_as_having_none() -> None:
    inputs = many(3, 12)
    preview = preview_of(inputs)
    rows = [row for row in preview.rows if row["action"] == "cancel"]
    lines = tuple(line(row, number, approval_reason="sold") for number, row in enumerate(rows, 2))
    circumstances = known(preview=preview, latest=preview, book=Book(inputs.scan, (), TODAY))
    assert "cancel 3 of 0 lines" in rules(judge(Selection(lines), circumstances))[0]


def test_an_override_frees_no_row_that_is_blocked_for_something_else() -> None:
    inputs = many(3, 5, renamed=True)
    preview = preview_of(inputs, orphan_detection={"ran": True, "lines_in_scope": 8})
    renamed = next(row for row in preview.rows if Flag.POSSIBLE_RENAME in row["flags"])
    approved: SelectionRow = line(renamed, overrides=SHARE, approval_reason="sold")
    circumstances = known(preview=preview, latest=preview, book=Book(inputs.scan, (), TODAY))
    (rule,) = rules(judge(Selection((approved,)), circumstances))
    assert "the row is blocked." in rule
