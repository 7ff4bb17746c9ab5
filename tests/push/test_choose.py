"""Choosing rows of a preview: what is taken, what is left out and said, and what is refused by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from seatsync_pipeline.errors import FileRefused, InputRefused
from seatsync_pipeline.push.approve import Choice, choose, require_approver
from seatsync_pipeline.reconcile.store import Preview
from tests.push.test_gate import (
    CREATE,
    FAILED,
    NOW,
    ORPHAN,
    PREVIEW,
    TO_ZERO,
    UPDATE,
    preview_of,
    with_companies,
)
from tests.reconcile.test_guards import many
from tests.reconcile.worlds import addition, seen, world

REASON = "checked with the client"
ID = {"update": UPDATE, "to zero": TO_ZERO, "create": CREATE, "orphan": ORPHAN, "failed": FAILED}
MOVED = preview_of(
    with_companies(
        world([seen(10, license_name="Mail")], [addition(10)], mappings={"Duo MFA": 10, "Mail": 11})
    )
)
PAIR = {row["action"]: row["row_id"] for row in MOVED.rows}


def ids(*names: str) -> tuple[str, ...]:
    return tuple(ID[name]["row_id"] for name in names)


def chosen(preview: Preview = PREVIEW, **choice: Any) -> tuple[list[str], list[str]]:
    """The rows taken, in order, and those left out."""
    result = choose(preview, Choice(**choice), now=NOW)
    return [a.row["row_id"] for a in result.approvals], [row_id for row_id, _ in result.left_out]


def refused(preview: Preview = PREVIEW, **choice: Any) -> str:
    with pytest.raises(InputRefused) as caught:
        choose(preview, Choice(**choice), now=NOW)
    faults = caught.value.faults if isinstance(caught.value, FileRefused) else ()
    return " ".join(
        [str(caught.value), *(f"{fault.value}: {fault.rule}. {fault.remedy}" for fault in faults)]
    )


def test_the_defaults_are_what_the_preview_selects_by_itself() -> None:
    assert chosen(defaults=True) == ([*ids("update")], [])


def test_rows_of_a_status_are_taken_where_nothing_speaks_against_it() -> None:
    assert chosen(statuses=["Ready"]) == ([*ids("update")], [*ids("to zero")])
    taken, left = chosen(statuses=["Ready", "Source error", "Orphaned"], reason=REASON)
    assert sorted(taken) == sorted(ids("update", "to zero"))
    assert sorted(left) == sorted(ids("failed", "orphan"))
    result = choose(PREVIEW, Choice(statuses=["Ready", "Orphaned"]), now=NOW)
    assert dict(result.left_out) == {
        ID["to zero"]["row_id"]: "it needs a reason",
        ID["orphan"]["row_id"]: "it was never seen in the source: approve it one by one",
    }


def test_rows_by_name_carry_reason_and_agreement_and_stand_in_the_previews_order() -> None:
    agreements = {CREATE["row_id"]: 113}
    choice = Choice(
        rows=ids("orphan", "create", "update"), agreements=agreements, reason=f"  {REASON}\n now "
    )
    approvals = choose(PREVIEW, choice, now=NOW).approvals
    order = [row["row_id"] for row in PREVIEW.rows]
    assert [order.index(a.row["row_id"]) for a in approvals] == sorted(order.index(i) for i in choice.rows)
    by_id = {a.row["row_id"]: a for a in approvals}
    assert {a.reason for a in approvals} == {f"{REASON} now"}
    assert by_id[CREATE["row_id"]].agreement_id == 113
    assert by_id[UPDATE["row_id"]].agreement_id == 101
    assert by_id[UPDATE["row_id"]].overrides == ()


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({}, "no row was chosen. Choose with --defaults, --status or --row."),
        ({"statuses": ["No such status"]}, "no row was chosen."),
        ({"statuses": ["Source error"]}, "no row was chosen (it is blocked. "),
        ({"rows": ["row_x"]}, "it has no row row_x. `seatsync preview duo` lists"),
        ({"defaults": True, "agreements": {"row_x": 1}}, "it has no row row_x"),
        (
            {"defaults": True, "overrides": ["everything"]},
            "no guard is named everything. The guards are: decrease",
        ),
        ({"defaults": True, "overrides": ["orphan share"]}, "no chosen row has tripped orphan share"),
        ({"rows": ids("failed"), "reason": REASON}, "it is blocked. "),
        ({"rows": ids("to zero")}, "it needs a reason"),
        ({"rows": ids("to zero"), "reason": "  "}, "it needs a reason"),
        ({"rows": ids("orphan")}, "it needs a reason"),
        ({"rows": ids("create")}, "it needs one of the agreements 103 (Agreement 103), 113 (Agreement 113)"),
        ({"rows": ids("create"), "agreements": {CREATE["row_id"]: 104}}, "it needs one of the agreements"),
        ({"rows": ids("update"), "agreements": {UPDATE["row_id"]: 102}}, "its agreement is 101"),
        ({"rows": ids("update"), "agreements": {CREATE["row_id"]: 103}}, "and that row is not chosen"),
    ],
)
def test_what_cannot_be_approved_is_refused_by_name(choice: dict[str, Any], says: str) -> None:
    assert says in refused(**choice)


def test_the_agreement_a_row_has_may_be_named_again() -> None:
    assert chosen(rows=ids("update"), agreements={UPDATE["row_id"]: 101}) == ([*ids("update")], [])


def test_all_rows_that_cannot_be_approved_are_listed_and_nothing_is() -> None:
    said = refused(rows=ids("failed", "to zero", "update"))
    assert f"{FAILED['row_id']}: {FAILED['company_name']}: it is blocked. {FAILED['reason']}. Resolve" in said
    assert (
        f"{TO_ZERO['row_id']}: {TO_ZERO['company_name']}: it needs a reason. Give one with --reason." in said
    )
    assert UPDATE["row_id"] not in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"totals": {"adds_up": False}}, "its control totals do not add up"),
        ({"stale": True}, "its scan was more than a day old when it was made"),
        (
            {"overtaken": True},
            "since ConnectWise was scanned for it. Run `seatsync scan`, then `seatsync reconcile duo`",
        ),
    ],
)
def test_a_preview_that_the_gate_would_refuse_is_refused_at_once(changes: dict[str, Any], says: str) -> None:
    assert says in refused(replace(PREVIEW, **changes), defaults=True)


def test_the_cancel_of_a_pair_is_taken_with_its_create_alone() -> None:
    cancel, create = PAIR["cancel"], PAIR["create"]
    assert f"it is paired with row {create}, which is not approved. Approve its create too" in refused(
        MOVED, rows=[cancel], reason=REASON
    )
    assert set(chosen(MOVED, rows=[cancel, create], reason=REASON)[0]) == {cancel, create}
    assert chosen(MOVED, rows=[create], reason=REASON)[0] == [create]
    assert chosen(MOVED, rows=[create], statuses=["Orphaned"], reason=REASON) == ([create], [cancel])


def test_a_row_with_nothing_to_do_is_no_matter_of_approval() -> None:
    same = preview_of(with_companies(world([seen(10)], [addition(10)])))
    assert "there is nothing to do. Leave it out." in refused(same, rows=[same.rows[0]["row_id"]])


def test_an_override_is_written_to_the_rows_that_tripped_it() -> None:
    crowd = preview_of(many(3, 5))
    cancels = [row["row_id"] for row in crowd.rows if row["action"] == "cancel"]
    assert 'If that is right: --override "orphan share" --reason TEXT.' in refused(
        crowd, rows=cancels, reason=REASON
    )
    share = ("orphan share",)
    assert "it needs a reason" in refused(crowd, rows=cancels, overrides=share)
    approvals = choose(crowd, Choice(rows=cancels, overrides=share, reason=REASON), now=NOW).approvals
    assert [a.overrides for a in approvals] == [share] * 3


@pytest.mark.parametrize(
    ("approvers", "name", "says"),
    [
        ((), "Ann", None),
        (("Bo", "Ann"), " Ann ", None),
        ((), "  ", "nobody is named as the approver"),
        (
            ("Bo",),
            "Ann",
            "Ann is not on the list of approvers. Have a person of SEATSYNC_APPROVERS approve it.",
        ),
        (("Ann",), "ann", "ann is not on the list of approvers"),
    ],
)
def test_who_may_approve(approvers: tuple[str, ...], name: str, says: str | None) -> None:
    if says is None:
        require_approver(approvers, name)
        return
    with pytest.raises(InputRefused, match=says):
        require_approver(approvers, name)


def test_a_preview_that_the_push_would_refuse_for_its_age_is_not_approved() -> None:
    old = replace(PREVIEW, created_at=NOW - timedelta(days=7, seconds=1))
    assert "it was made more than 7 days ago" in refused(old, defaults=True)
    assert chosen(replace(PREVIEW, created_at=NOW - timedelta(days=7)), defaults=True)[0]
