"""The gate row by row: each fault says where and what stands there, and each change holds all that was approved."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from seatsync_pipeline.errors import Fault
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.selection import SelectionRow
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.rows import Action, Guard
from tests.push.test_gate import (
    CREATE,
    FAILED,
    ORPHAN,
    PREVIEW,
    TO_ZERO,
    UPDATE,
    faults,
    line,
    plan,
    preview_of,
    with_companies,
)
from tests.reconcile.worlds import LONG_AGO, TODAY, addition, agreement, seen, world

ANEW = "Make a new preview and approve that."
A, B, C, D, E = (f"Client {letter * 9}" for letter in "ABCDE")


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


WHOLE = Change(
    row_id="",
    action=Action.UPDATE,
    company_id=1,
    company_name=A,
    agreement_id=101,
    addition_id=1000,
    product_id=10,
    product_identifier="MFA-SEAT",
    before=Decimal(10),
    after=Decimal(12),
    unit_price=Decimal("3.5"),
    amount_delta=Decimal(7),
    planned_date=None,
    effective_date=LONG_AGO,
    cancelled_date=None,
    line_additions=(1000,),
    elsewhere=(),
    after_row_id=None,
    reason=None,
    overrides=(),
    less_included=Decimal(0),
    bill_customer="Billable",
)


def test_an_update_holds_all_that_was_approved() -> None:
    assert plan(line(UPDATE)).changes == (replace(WHOLE, row_id=UPDATE["row_id"]),)


def test_a_create_holds_the_agreement_that_was_named_and_no_addition() -> None:
    assert plan(line(CREATE, agreement_id="113", approval_reason="new")).changes == (
        replace(
            WHOLE,
            row_id=CREATE["row_id"],
            action=Action.CREATE,
            company_id=3,
            company_name=C,
            agreement_id=113,
            addition_id=None,
            before=None,
            after=Decimal(5),
            amount_delta=Decimal("17.5"),
            planned_date=TODAY,
            effective_date=None,
            line_additions=(),
            reason="new",
            less_included=None,
            bill_customer=None,
        ),
    )


def test_a_cancel_holds_its_day_and_what_was_overridden() -> None:
    (change,) = plan(line(ORPHAN, overrides=("orphan share",))).changes
    assert change == replace(
        WHOLE,
        row_id=ORPHAN["row_id"],
        action=Action.CANCEL,
        company_id=4,
        company_name=D,
        agreement_id=104,
        addition_id=1002,
        before=Decimal(9),
        after=Decimal(0),
        amount_delta=Decimal("-31.5"),
        planned_date=date(2026, 11, 30),
        line_additions=(1002,),
        reason="checked with the client",
        overrides=("orphan share",),
    )


def test_what_decides_the_amount_comes_from_the_addition_and_the_rest_of_the_line_from_the_scan() -> None:
    inputs = with_companies(
        world(
            [seen(12)],
            [
                addition(
                    10, less_included=Decimal(2), bill_customer="NoCharge", cancelled_date=date(2027, 1, 31)
                ),
                addition(1, 1001, 101, effective_date=None),
            ],
            agreements=[agreement(), agreement(101, type_name="Projects")],
            types=frozenset({"Managed Services"}),
        )
    )
    preview = preview_of(inputs)
    book = Book(inputs.scan, inputs.setup.agreement_types, TODAY)
    (change,) = plan(line(preview.rows[0]), preview=preview, latest=preview, book=book).changes
    assert (change.less_included, change.bill_customer) == (Decimal(2), "NoCharge")
    assert (change.effective_date, change.cancelled_date) == (LONG_AGO, date(2027, 1, 31))
    assert (change.line_additions, change.elsewhere) == ((1000,), (1001,))


def test_the_plan_says_whose_it_is_and_of_what() -> None:
    made = plan(line(UPDATE), agreement_types=frozenset({"Managed Services"}))
    assert (made.source, made.preview_id, made.snapshot_id, made.approved_by) == (
        "duo",
        "prev_1",
        "snap_0",
        "Ann",
    )
    assert made.agreement_types == {"Managed Services"}
    assert made.operation_id.startswith("op_")
    assert len(made.digest) == 64


def test_only_a_cancel_waits_for_its_pair() -> None:
    inputs = with_companies(
        world([seen(10, license_name="Mail")], [addition(10)], mappings={"Duo MFA": 10, "Mail": 11})
    )
    pair = preview_of(inputs)
    create = next(row for row in pair.rows if row["action"] == "create")
    circumstances = {"preview": pair, "latest": pair, "book": Book(inputs.scan, (), TODAY)}
    (change,) = plan(line(create), **circumstances).changes
    assert change.after_row_id is None
