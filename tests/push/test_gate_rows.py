"""The gate row by row: each fault says where it is, what stands there, and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatsync_pipeline.errors import Fault
from seatsync_pipeline.push.selection import SelectionRow
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.rows import Guard
from tests.push.test_gate import (
    CREATE,
    FAILED,
    ORPHAN,
    PREVIEW,
    TO_ZERO,
    UPDATE,
    faults,
    line,
    preview_of,
    with_companies,
)
from tests.reconcile.test_guards import many
from tests.reconcile.worlds import TODAY, addition, seen, world

ANEW = "Make a new preview and approve that."
A, B, C, D, E = (f"Client {letter * 9}" for letter in "ABCDE")

MOVED = with_companies(
    world([seen(10, license_name="Mail")], [addition(10)], mappings={"Duo MFA": 10, "Mail": 11})
)
PAIR = preview_of(MOVED)
OF_PAIR: dict[str, Any] = {"preview": PAIR, "latest": PAIR, "book": Book(MOVED.scan, (), TODAY)}


def fault(column: str | None, value: str | None, rule: str, remedy: str, number: int | None = 2) -> Fault:
    return Fault(number, column, value, rule, remedy)


GUARDS = ", ".join(Guard)
CASES: dict[str, tuple[SelectionRow, dict[str, Any], Fault]] = {
    "no such row": (
        line(UPDATE, row_id="row_x"),
        {},
        fault("row_id", "row_x", "the preview has no such row", ANEW),
    ),
    "fingerprint": (
        line(UPDATE, fingerprint="fp_x"),
        {},
        fault(
            "fingerprint",
            "fp_x",
            f"{A}, Ready: the fingerprint is not the one of this row",
            "Do not edit the first columns; take the row from the preview again.",
        ),
    ),
    "overtaken": (
        line(UPDATE),
        {"latest": replace(PREVIEW, rows=tuple(row for row in PREVIEW.rows if row is not UPDATE))},
        fault(
            "fingerprint",
            UPDATE["fingerprint"],
            f"{A}, Ready: a newer preview has overtaken it (another pull, mapping, link or filter)",
            "Approve the row of the latest preview.",
        ),
    ),
    "blocked": (
        line(FAILED),
        {},
        fault(
            "row_id",
            FAILED["row_id"],
            f"{E}, Source error: the row is blocked. {FAILED['reason']}",
            "Resolve that first.",
        ),
    ),
    "reason for a guard": (
        line(TO_ZERO, approval_reason=""),
        {},
        fault(
            "approval_reason",
            "",
            f"{B}, Ready: it needs a reason (decrease to zero, decrease to zero)",
            "Say in approval_reason why this is right.",
        ),
    ),
    "reason for evidence": (
        line(ORPHAN, approval_reason=""),
        {},
        fault(
            "approval_reason",
            "",
            f"{D}, Orphaned: it needs a reason (never seen)",
            "Say in approval_reason why this is right.",
        ),
    ),
    "unknown guard": (
        line(UPDATE, overrides=("everything", "orphan share"), approval_reason="sure"),
        {},
        fault(
            "overrides",
            "everything; orphan share",
            f"{A}, Ready: no guard is named everything",
            f"The guards are: {GUARDS}.",
        ),
    ),
    "no agreement id": (
        line(CREATE, agreement_id="the first"),
        {},
        fault(
            "agreement_id", "the first", f"{C}, No addition: that is no agreement id", "Give the id alone."
        ),
    ),
    "another agreement": (
        line(UPDATE, agreement_id="102"),
        {},
        fault(
            "agreement_id",
            "102",
            f"{A}, Ready: the agreement is 101, not 102",
            "Leave the agreement as the preview has it.",
        ),
    ),
    "agreement to be named": (
        line(CREATE, agreement_id=""),
        {},
        fault(
            "agreement_id",
            "",
            f"{C}, No addition: it needs one of the agreements in scope",
            "Name one: 103 (Agreement 103), 113 (Agreement 113).",
        ),
    ),
    "approve": (
        line(UPDATE, approve="maybe"),
        {},
        fault("approve", "maybe", "approve is neither yes nor blank", "Write yes, or clear the cell."),
    ),
    "nobody": (
        line(UPDATE, approved_by=""),
        {},
        fault("approved_by", "", "nobody is named as the approver", "Write your name."),
    ),
    "unknown preview": (
        line(UPDATE),
        {"preview": None, "latest": None, "book": None},
        fault("preview_id", "prev_1", "there is no preview prev_1", ANEW),
    ),
    "blank preview": (
        line(UPDATE, preview_id=""),
        {"preview": None, "latest": None, "book": None},
        fault("preview_id", "", "there is no preview (blank)", ANEW),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_says_where_it_is_and_what_stands_there(name: str) -> None:
    approved, circumstances, expected = CASES[name]
    assert expected in faults(approved, **circumstances)


def test_a_row_with_nothing_to_do_is_named() -> None:
    same = preview_of(with_companies(world([seen(10)], [addition(10)])))
    row = same.rows[0]
    expected = fault("approve", "yes", f"{A}, No change: there is nothing to do", "Clear its approve cell.")
    assert faults(line(row), preview=same, latest=same) == (expected,)


def test_the_cancel_of_a_pair_is_named_with_its_create() -> None:
    cancel, create = (
        next(row for row in PAIR.rows if row["action"] == action) for action in ("cancel", "create")
    )
    expected = fault(
        "row_id",
        cancel["row_id"],
        f"{A}, Orphaned: it is paired with row {create['row_id']}, which is not approved",
        "Approve the pair's No addition row too, or bill that line in ConnectWise and make a new preview.",
    )
    assert faults(line(cancel), **OF_PAIR) == (expected,)


def test_too_many_cancels_say_which_guard_to_override_and_where() -> None:
    crowd = preview_of(many(3, 5), orphan_detection={"ran": True, "lines_in_scope": 8})
    row = next(row for row in crowd.rows if row["action"] == "cancel")
    circumstances = {"preview": crowd, "latest": crowd, "book": Book(many(3, 5).scan, (), TODAY)}
    (blocked,) = faults(line(row, approval_reason="sold"), **circumstances)
    assert (blocked.line, blocked.column, blocked.value) == (2, "overrides", "")
    assert (
        blocked.remedy == "If that is right, write orphan share into overrides, and why into approval_reason."
    )
    open_rows = tuple(dict(row) | {"blocked": False, "guards": []} for row in crowd.rows)
    freed = replace(crowd, rows=open_rows)
    cancels = [
        line(row, number, approval_reason="sold")
        for number, row in enumerate(open_rows, 2)
        if row["action"] == "cancel"
    ]
    assert faults(*cancels, **(circumstances | {"preview": freed, "latest": freed})) == (
        fault(
            None,
            None,
            "the approved rows cancel 3 of 8 lines in scope (guard orphan share, limit 20 % and 2)",
            "If that is right, write orphan share into overrides of each, and why into approval_reason.",
            None,
        ),
    )


def test_a_row_that_is_approved_twice_is_named_with_the_line_of_the_first() -> None:
    expected = fault("row_id", UPDATE["row_id"], "the row is approved twice, first on line 2", "Keep one.", 7)
    assert faults(line(UPDATE), line(UPDATE, 7)) == (expected,)


@pytest.mark.parametrize(
    ("lines", "changes", "rule", "remedy"),
    [
        ([], {}, "no row is approved", "Write yes into the approve column of a row."),
        (
            [line(UPDATE), line(CREATE, 3, preview_id="prev_0")],
            {},
            "rows of several previews (prev_0, prev_1)",
            "Approve rows of one preview in one file.",
        ),
        (
            [line(UPDATE), line(CREATE, 3, approved_by="Bo")],
            {},
            "the approver differs between rows: Ann, Bo",
            "One selection, one approver.",
        ),
        (
            [line(UPDATE)],
            {"approvers": ("Bo",)},
            "Ann is not on the list of approvers",
            "Have an approver of SEATSYNC_APPROVERS approve it.",
        ),
    ],
)
def test_what_is_wrong_with_the_file_as_a_whole_stands_nowhere(
    lines: list[SelectionRow], changes: dict[str, Any], rule: str, remedy: str
) -> None:
    assert fault(None, None, rule, remedy, None) in faults(*lines, **changes)
