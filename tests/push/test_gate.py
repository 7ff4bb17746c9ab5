"""The gate: a selection passes whole, or is refused with everything that is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from seatsync_pipeline.errors import Fault
from seatsync_pipeline.exact_json import loads
from seatsync_pipeline.push.gate import Known, Server, judge
from seatsync_pipeline.push.plan import Change, Plan, summarise
from seatsync_pipeline.push.selection import Selection, SelectionRow
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.columns import COLUMNS, LIST_COLUMNS, as_columns
from seatsync_pipeline.reconcile.guards import Limits
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.preview import draft_preview
from seatsync_pipeline.reconcile.rows import Action, Row
from seatsync_pipeline.reconcile.store import Preview
from seatsync_pipeline.sources.base import State
from tests.reconcile.worlds import MFA, TODAY, addition, agreement, linked, seen, world

NOW = datetime(2026, 11, 20, 12, 0)  # noqa: DTZ001  # stored times are naive UTC
SERVER = Server("https://cw.example.com", "msp")


def preview_of(inputs: Inputs, preview_id: str = "prev_1", **changes: Any) -> Preview:
    """A preview as the warehouse would give it back."""
    columns = as_columns(preview_id, draft_preview(inputs).rows)
    for name in LIST_COLUMNS:
        columns[name] = [loads(text) for text in columns[name]]
    rows = [
        dict(zip(COLUMNS, values, strict=True))
        for values in zip(*(columns[name] for name in COLUMNS), strict=True)
    ]
    made = Preview(
        preview_id=preview_id,
        source="duo",
        created_at=NOW - timedelta(hours=1),
        today=TODAY,
        stale=False,
        snapshot={"id": "snap_0"},
        scan={"id": "snap_1", "taken_at": NOW - timedelta(hours=2)},
        orphan_detection={},
        totals={"adds_up": True},
        rows=tuple(rows),
    )
    return replace(made, **changes)


# One of each: a plain update, one that needs a reason, a create with a choice, an orphan, a blocked row.
INPUTS = world(
    [
        seen(12, "A1"),
        seen(0, "A2"),
        seen(5, "A3"),
        seen(7, "A5", State.FAILED),
    ],
    [
        addition(10, addition_id=1000, agreement_id=101),
        addition(4, addition_id=1001, agreement_id=102),
        addition(9, addition_id=1002, agreement_id=104),
        addition(6, addition_id=1003, agreement_id=105),
    ],
    agreements=[
        agreement(101, 1),
        agreement(102, 2),
        agreement(103, 3),
        agreement(113, 3),
        agreement(104, 4),
        agreement(105, 5),
    ],
    companies=[],
    links={key: linked(key, company)[key] for key, company in (("A1", 1), ("A2", 2), ("A3", 3), ("A5", 5))},
)


def with_companies(inputs: Inputs) -> Inputs:
    from seatsync_pipeline.connectwise.records import Company

    companies = tuple(Company(i, f"c{i}", f"Client {'ABCDE'[i - 1] * 9}") for i in range(1, 6))
    return replace(inputs, scan=replace(inputs.scan, companies=companies))


PREVIEW = preview_of(with_companies(INPUTS))
BY_COMPANY = {row["company_id"]: row for row in PREVIEW.rows}
UPDATE, TO_ZERO, CREATE, ORPHAN, FAILED = (BY_COMPANY[i] for i in range(1, 6))


def line(row: dict[str, Any], number: int = 2, **changes: Any) -> SelectionRow:
    agreement_id = row["agreement_id"] or (row["agreements"] or [{"agreement_id": ""}])[0]["agreement_id"]
    made = SelectionRow(
        line=number,
        preview_id="prev_1",
        row_id=row["row_id"],
        fingerprint=row["fingerprint"],
        approve="yes",
        agreement_id=str(agreement_id),
        approval_reason="checked with the client" if row["needs_reason"] else "",
        overrides=(),
        approved_by="Ann",
    )
    return replace(made, **changes)


def known(**changes: Any) -> Known:
    made = Known(
        now=NOW,
        today=TODAY,
        timezone_set=True,
        approvers=(),
        configured=SERVER,
        preview=PREVIEW,
        latest=PREVIEW,
        book=Book(with_companies(INPUTS).scan, (), TODAY),
        scanned=SERVER,
        agreement_types=frozenset(),
        snapshot_id=PREVIEW.snapshot["id"],
    )
    return replace(made, **changes)


def plan(*lines: SelectionRow, **changes: Any) -> Plan:
    result = judge(Selection(lines), known(**changes))
    assert isinstance(result, Plan), result
    return result


def faults(*lines: SelectionRow, **changes: Any) -> tuple[Fault, ...]:
    result = judge(Selection(lines), known(**changes))
    assert not isinstance(result, Plan)
    return result


def test_what_is_approved_becomes_a_plan_in_the_order_of_work() -> None:
    made = plan(line(ORPHAN), line(CREATE), line(TO_ZERO), line(UPDATE))
    assert [c.action for c in made.changes] == [
        Action.UPDATE,
        Action.UPDATE,
        Action.CREATE,
        Action.CANCEL,
    ]
    update = next(c for c in made.changes if c.addition_id == 1000)
    assert (update.before, update.after) == (Decimal(10), Decimal(12))
    assert update.line_additions == (1000,)
    create = made.changes[2]
    assert (create.agreement_id, create.addition_id, create.before) == (103, None, None)
    assert summarise(made.changes).as_dict() == {
        "updates": 2,
        "creates": 1,
        "cancels": 1,
        "decreases": 2,
        "seats_up": 7,
        "seats_down": 13,
        "amount_up": 7 * MFA.price if MFA.price else 0,
        "amount_down": 13 * MFA.price if MFA.price else 0,
        "unpriced": 0,
    }


def test_a_change_survives_being_stored() -> None:
    for change in plan(line(UPDATE), line(CREATE), line(ORPHAN)).changes:
        assert Change.from_json(change.to_json()) == change


def test_the_operation_is_the_content_not_the_file() -> None:
    again = Selection((line(CREATE, 9, agreement_id="103.0"), line(UPDATE, 3, approve="YES")))
    first = Selection((line(UPDATE), line(CREATE)))
    assert again.operation_id == first.operation_id
    other = Selection((line(UPDATE), line(CREATE, agreement_id="113")))
    assert other.operation_id != first.operation_id


@pytest.mark.parametrize(
    ("lines", "changes", "rule"),
    [
        ([line(UPDATE)], {"preview": None, "latest": None, "book": None}, "there is no preview prev_1"),
        ([line(UPDATE)], {"preview": replace(PREVIEW, stale=True)}, "more than a day old"),
        ([line(UPDATE)], {"last_operation": NOW - timedelta(hours=1)}, "since its scan of ConnectWise"),
        (
            [line(UPDATE)],
            {"preview": replace(PREVIEW, created_at=NOW - timedelta(days=7, seconds=1))},
            "more than 7 days ago",
        ),
        ([line(UPDATE)], {"preview": replace(PREVIEW, totals={"adds_up": False})}, "do not add up"),
        ([line(UPDATE)], {"latest": preview_of(with_companies(world([seen(1)])), "prev_2")}, "overtaken"),
        ([line(UPDATE, fingerprint="fp_x")], {}, "fingerprint is not the one"),
        ([line(UPDATE, row_id="row_x")], {}, "no such row"),
        ([line(UPDATE)], {"configured": Server("https://other.example.com", "msp")}, "other.example.com"),
        ([line(UPDATE)], {"configured": Server(SERVER.url, "another")}, "another"),
        ([line(FAILED)], {}, "blocked"),
        ([line(TO_ZERO, approval_reason="")], {}, "needs a reason"),
        ([line(ORPHAN, approval_reason="")], {}, "needs a reason"),
        ([line(CREATE, agreement_id="")], {}, "one of the agreements"),
        ([line(CREATE, agreement_id="104")], {}, "one of the agreements"),
        ([line(CREATE, agreement_id="the first")], {}, "no agreement id"),
        ([line(UPDATE, agreement_id="102")], {}, "the agreement is 101"),
        ([line(UPDATE), line(UPDATE, 3)], {}, "approved twice"),
        ([line(UPDATE, approve="maybe")], {}, "neither yes nor blank"),
        ([line(UPDATE, approve="true")], {}, "neither yes nor blank"),
        ([line(UPDATE, approved_by="")], {}, "nobody is named"),
        ([line(UPDATE), line(CREATE, 3, approved_by="Bo")], {}, "differs between rows"),
        ([line(UPDATE)], {"approvers": ("Bo", "Cy")}, "not on the list"),
        ([line(UPDATE)], {"finished": "op_1"}, "operation op_1"),
        ([line(UPDATE)], {"unfinished": "op_2"}, "operation op_2 is unfinished"),
        ([line(UPDATE)], {"timezone_set": False}, "SEATSYNC_TIMEZONE"),
        ([line(UPDATE, overrides=("everything",))], {}, "no guard is named everything"),
        ([line(UPDATE, overrides=("large decrease",))], {}, "it needs a reason (it overrides a guard)"),
        (
            [line(UPDATE)],
            {"limits": Limits(increase_percent=Decimal(0), increase_seats=0)},
            "it needs a reason (large increase)",
        ),
        ([line(UPDATE), line(CREATE, 3, preview_id="prev_2")], {}, "several previews"),
        ([], {}, "no row is approved"),
    ],
)
def test_what_is_refused(lines: list[SelectionRow], changes: dict[str, Any], rule: str) -> None:
    found = faults(*lines, **changes)
    assert any(rule in fault.rule for fault in found), found
    assert all(fault.remedy for fault in found)


@pytest.mark.parametrize(
    ("lines", "changes"),
    [
        ([line(UPDATE, agreement_id="")], {}),  # the preview has it
        ([line(UPDATE)], {"preview": replace(PREVIEW, created_at=NOW - timedelta(days=7))}),
        ([line(UPDATE)], {"last_operation": NOW - timedelta(hours=2)}),  # not since the scan
        ([line(UPDATE)], {"approvers": ("Ann",)}),
        ([line(UPDATE, overrides=("large decrease",), approval_reason="asked them")], {}),
        ([line(UPDATE, approve="Yes")], {}),
    ],
)
def test_what_passes(lines: list[SelectionRow], changes: dict[str, Any]) -> None:
    plan(*lines, **changes)


def test_all_faults_are_listed_at_once() -> None:
    found = faults(
        line(FAILED, 2, approved_by=""),
        line(TO_ZERO, 3, approval_reason=""),
        line(CREATE, 4, agreement_id=""),
        line(UPDATE, 5, fingerprint="fp_x"),
        line(UPDATE, 6, approve="ok"),
        line(ORPHAN, 7, row_id="row_x"),
        preview=replace(PREVIEW, stale=True, created_at=NOW - timedelta(days=30)),
        configured=Server("https://other.example.com", "msp"),
        timezone_set=False,
    )
    assert len(found) == 11, found
    assert {fault.line for fault in found} == {None, 2, 3, 4, 5, 6, 7}


def test_a_no_change_row_has_nothing_to_approve() -> None:
    same = preview_of(with_companies(world([seen(10)], [addition(10)])))
    row = same.rows[0]
    found = faults(line(row), preview=same, latest=same)
    assert [fault.rule for fault in found] == [f"{row['company_name']}, No change: there is nothing to do"]


def test_the_cancel_of_a_pair_needs_its_create() -> None:
    moved = with_companies(
        world(
            [seen(10, license_name="Mail")],
            [addition(10)],
            mappings={"Duo MFA": 10, "Mail": 11},
        )
    )
    pair = preview_of(moved)
    by_action = {row["action"]: row for row in pair.rows}
    cancel, create = by_action["cancel"], by_action["create"]
    book = Book(moved.scan, (), TODAY)
    found = faults(line(cancel), preview=pair, latest=pair, book=book)
    assert any("paired" in fault.rule for fault in found)
    both = plan(line(cancel), line(create), preview=pair, latest=pair, book=book)
    assert both.changes[1].after_row_id == both.changes[0].row_id == create["row_id"]


def test_an_approval_of_another_month_still_holds_the_planned_day() -> None:
    row: Row = next(r for r in draft_preview(with_companies(INPUTS)).rows if r.action is Action.CREATE)
    assert replace(row, planned_date=date(2026, 11, 30)).fingerprint == row.fingerprint
    assert replace(row, planned_date=date(2026, 12, 1)).fingerprint != row.fingerprint


@pytest.mark.parametrize("held_back", ["blocked", "needs_reason"])
def test_what_a_newer_preview_holds_back_is_not_approved_by_an_older_one(held_back: str) -> None:
    """The numbers are the same, and so is the fingerprint; what is known about the row is not."""
    newer = replace(
        PREVIEW, preview_id="prev_2", rows=tuple({**row, held_back: True} for row in PREVIEW.rows)
    )
    (found,) = faults(line(UPDATE), latest=newer)
    assert "overtaken" in found.rule
    released = replace(PREVIEW, rows=tuple({**row, held_back: False} for row in PREVIEW.rows))
    assert plan(line(UPDATE), latest=released)


def test_a_cancel_that_a_newer_preview_ties_to_a_create_does_not_go_alone() -> None:
    """The client has moved to another product, as is known now: the old line stays until the new one bills."""
    alone = replace(PREVIEW, rows=tuple({**row, "paired_row_id": None} for row in PREVIEW.rows))
    tied = replace(PREVIEW, rows=tuple({**row, "paired_row_id": "row_new"} for row in PREVIEW.rows))
    (found,) = faults(line(ORPHAN, approval_reason="gone"), preview=alone, latest=tied)
    assert "overtaken" in found.rule
    assert plan(line(ORPHAN, approval_reason="gone"), preview=alone, latest=alone)
    assert plan(line(UPDATE), preview=alone, latest=tied)
