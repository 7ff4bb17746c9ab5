"""Answers that are lost, refused or late, and lists that lag: no row is written twice, none is lost, none is guessed.

The sandbox breaks the answers; everything runs in this process, with a patience of milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.errors import ConfigurationError, FileRefused, InputRefused
from seatsync_pipeline.sandbox.additions import create, patch
from tests.push.faulty import Break, Point, addition_point, list_point, write_point
from tests.push.one_of_each import (
    CANCELLED,
    DONE,
    NEW_ID,
    PATCHED,
    POINTS,
    POSTED,
    QUANTITY,
    ROWS,
    addition,
    assert_all_done,
    assert_one_created,
    cancel,
    one_of_each,
    update,
)
from tests.push.place import QUICK, Place, Row, counts, outcomes

GIVES_UP_AFTER = 2  # attempts of one read, see place.FEW


def break_at(place: Place, point: Point, kind: str, **options: Any) -> None:
    point.add(place.stock.sandbox, kind, **options)


def let_go(place: Place, *, carried_out: bool) -> None:
    """Carry out what is still held, or drop it."""
    place.connectwise.faults.release(drop=not carried_out)
    assert place.connectwise.wait_until_idle()


CELLS = [
    pytest.param(how, after, id=f"{how}, {'the answer' if after else 'the request'} lost")
    for how in Break
    for after in (False, True)
    if how is not Break.RATE_LIMIT and how.can_occur(replace(PATCHED, after=after))
]


@pytest.mark.parametrize(("how", "after"), CELLS)
def test_every_write_is_made_once_whatever_becomes_of_its_answer(
    place: Place, how: Break, after: bool
) -> None:
    for point in POINTS.values():
        break_at(place, replace(point, after=after), **how.options())
    selection = one_of_each(place)
    hasty = replace(QUICK, answer=1.0) if how is Break.TIME_OUT else QUICK
    report = place.push(selection, hasty)
    if not after:
        # A lost create is nobody's to repeat before a later run has looked, too.
        assert (report["state"], counts(report)) == (
            "interrupted",
            {"updated": 1, "unresolved": 1, "not_attempted": 1},
        )
        assert outcomes(report) == ["updated", "outcome unknown", "not_attempted"]
        assert not place.changes().created
        report = place.push(selection, hasty)
    let_go(place, carried_out=False)
    assert (report["state"], counts(report)) == ("finished", DONE)
    assert_all_done(place)
    assert len(place.writes()) == (3 if after else 6)


@pytest.mark.parametrize("value", [{}, None, {"id": 5001}])
def test_an_answer_that_says_nothing_is_no_proof_and_no_failure(place: Place, value: object) -> None:
    for point in POINTS.values():
        break_at(place, point, "answer", value=value)
    report = place.push(one_of_each(place))
    assert (report["state"], counts(report)) == ("finished", DONE)
    assert [item["addition_id"] for item in report["items"]] == [5001, NEW_ID, 5023]
    assert_all_done(place)
    assert len(place.writes()) == 3


@pytest.mark.parametrize("seconds", [0, 1])
def test_too_many_requests_are_waited_out_within_the_run(place: Place, seconds: int) -> None:
    for point in [PATCHED] if seconds else POINTS.values():
        break_at(place, point, "rate_limit", retry_after=seconds)
    report = place.push(one_of_each(place))
    assert (report["state"], counts(report)) == ("finished", DONE)
    assert_all_done(place)


def test_a_write_that_arrives_late_changes_nothing_any_more(place: Place) -> None:
    break_at(place, PATCHED, "hold")
    report = place.push(place.approve(update(place)), replace(QUICK, answer=1.0))
    assert counts(report) == {"updated": 1}
    let_go(place, carried_out=True)
    assert place.changes().changed == QUANTITY
    assert [write.status for write in place.writes()] == [200, 200]


@pytest.mark.parametrize(
    ("action", "point", "kind", "options"),
    [
        ("update", addition_point(1001, 5001, nth=2), "reset", {}),
        ("update", addition_point(1001, 5001, nth=2), "answer", {"value": []}),
        ("create", addition_point(1016, NEW_ID), "error", {"status": 502}),
        ("cancel", addition_point(1034, 5023, nth=2), "garbage", {}),
    ],
)
def test_a_read_back_that_fails_leaves_the_row_open_and_a_later_run_reads_it(
    place: Place, action: str, point: Point, kind: str, options: dict[str, Any]
) -> None:
    break_at(place, point, kind, times=GIVES_UP_AFTER, **options)
    selection = place.approve(ROWS[action](place))
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("interrupted", ["outcome unknown"])
    place.connectwise.faults.clear()
    assert place.push(selection)["state"] == "finished"
    assert len(place.writes()) == 1
    found = place.changes()
    assert (len(found.changed), len(found.created)) == ((0, 1) if action == "create" else (1, 0))


def test_a_row_that_cannot_be_checked_fails_unwritten_and_the_others_go_on(place: Place) -> None:
    lost = {"times": GIVES_UP_AFTER}
    break_at(place, addition_point(1001, 5001), "reset", **lost)
    break_at(place, Point("GET", "*/procurement/catalog/701"), "error", status=500, **lost)
    break_at(place, list_point(1034), "garbage", **lost)
    others = [place.row("update", "Copperline Freight"), place.row("cancel", "Ashgrove Optometry")]
    selection = place.approve(*(row(place) for row in ROWS.values()), *others)
    report = place.push(selection)
    assert report["state"] == "finished_with_failures"
    assert counts(report) == {"failed": 3, "updated": 1, "cancelled": 1}
    found = place.changes()
    assert (len(found.created), sorted(found.changed)) == (0, [5003, 5024])
    assert len(place.writes()) == 2


def test_one_failed_read_is_read_again_within_the_run(place: Place) -> None:
    for point in (addition_point(1001, 5001), addition_point(1001, 5001, nth=2), list_point(1016)):
        break_at(place, point, "reset")
    assert counts(place.push(one_of_each(place))) == DONE
    assert_all_done(place)


def test_a_list_may_lag_behind_a_create_whose_answer_was_lost(place: Place) -> None:
    place.connectwise.list_lag.requests = QUICK.looks + 2
    break_at(place, replace(POSTED, after=True), "reset")
    selection = place.approve(addition(place))
    patient = replace(QUICK, repost_after=60.0)
    report = place.push(selection, patient)
    assert (report["state"], outcomes(report)) == ("interrupted", ["outcome unknown"])
    assert counts(place.push(selection, patient)) == {"created": 1}
    assert_one_created(place)
    assert len(place.writes()) == 1


def test_a_list_that_catches_up_within_the_patience_ends_the_search(place: Place) -> None:
    place.connectwise.list_lag.requests = QUICK.looks - 1
    break_at(place, replace(POSTED, after=True), "error", status=500)
    assert counts(place.push(place.approve(addition(place)))) == {"created": 1}
    assert len(place.writes()) == 1


def test_a_create_that_was_answered_is_read_by_its_id_and_no_list_is_waited_for(place: Place) -> None:
    place.connectwise.list_lag.requests = 1000
    assert counts(place.push(place.approve(addition(place)))) == {"created": 1}
    assert_one_created(place)


def test_a_create_is_sent_again_only_when_no_list_can_lag_any_more(place: Place) -> None:
    break_at(place, POSTED, "reset")
    selection = place.approve(addition(place))
    patient = replace(QUICK, repost_after=0.6)
    assert place.push(selection, patient)["state"] == "interrupted"
    assert place.push(selection, patient)["state"] == "finished"
    assert_one_created(place)
    with place.warehouse.read() as connection:
        first, second = connection.execute("select made_at from intent order by intent_id").fetchall()
    assert second[0] - first[0] >= timedelta(seconds=0.6)


@pytest.mark.parametrize("applied", [False, True])
def test_an_addition_that_was_there_before_is_never_taken_for_the_new_one(
    place: Place, applied: bool
) -> None:
    """A charge of this month alone, for the same product and seats: no current addition, so a create is right."""
    add_by_hand(place, 12, cancelledDate="2026-11-30T00:00:00Z")
    before = len(place.changes().created)
    selection = place.approve(addition(place))
    break_at(place, replace(POSTED, after=applied), "reset")
    expected = ["finished"] if applied else ["interrupted", "finished"]
    assert [place.push(selection)["state"] for _ in expected] == expected
    assert len(place.changes().created) == before + 1


def as_somebody(place: Place, addition_id: int, **values: Any) -> None:
    """Edit an addition as a person does in ConnectWise."""
    state = place.connectwise.state
    record = state.additions[addition_id]
    body = [{"op": "replace", "path": name, "value": value} for name, value in values.items()]
    patch(state, state.agreements[record["agreementId"]], record, json.dumps(body).encode())


def add_by_hand(place: Place, quantity: float, **fields: Any) -> None:
    state = place.connectwise.state
    body = {"product": {"id": 701}, "quantity": quantity, "billCustomer": "Billable"} | fields
    create(state, state.agreements[1016], json.dumps(body).encode())


def touch(place: Place, addition_id: int) -> None:
    """An edit that was taken back: nothing is different but the stamp."""
    place.additions[addition_id]["_info"] = place.connectwise.state.stamp("somebody")


def interrupted(place: Place, action: str, *, applied: bool) -> Path:
    """A push whose write lost its answer, and that could not see what became of it."""
    selection = place.approve(ROWS[action](place))
    break_at(place, replace(POINTS[action], after=applied), "reset")
    if action == "create":
        place.connectwise.list_lag.requests = 1000
    else:
        (addition_id,) = [int(POINTS[action].path.rpartition("/")[2])]
        path = f"*/additions/{addition_id}"
        break_at(place, Point("GET", path, nth=2), "error", status=500, times=GIVES_UP_AFTER)
    assert place.push(selection)["state"] == "interrupted"
    place.connectwise.faults.clear()
    place.connectwise.list_lag.requests = 0
    return selection


@dataclass(frozen=True)
class Edit:
    """A write whose answer was lost, what a person does before the next run, and what that run says."""

    action: str
    applied: bool
    act: Callable[[Place], None]
    words: tuple[str, ...]


EDITS = {
    "another quantity": Edit(
        "update", False, lambda p: as_somebody(p, 5001, quantity=40), ("it was 38, should be 42, and is 40",)
    ),
    "another quantity after ours": Edit(
        "update", True, lambda p: as_somebody(p, 5001, quantity=41), ("it was 38, should be 42, and is 41",)
    ),
    "another price": Edit(
        "update",
        False,
        lambda p: as_somebody(p, 5001, unitPrice=9),
        ("it was 38", "something else of it was changed"),
    ),
    "touched": Edit(
        "update", False, lambda p: touch(p, 5001), ("it was 38", "something else of it was changed")
    ),
    "another last day": Edit(
        "cancel",
        False,
        lambda p: as_somebody(p, 5023, cancelledDate="2026-12-31T00:00:00Z"),
        ("it was not cancelled, should be cancelled on 2026-12-14, and is cancelled on 2026-12-31",),
    ),
    "another quantity of the new one": Edit(
        "create",
        True,
        lambda p: as_somebody(p, NEW_ID, quantity=15),
        ("5102 (15 from 2026-11-20)", "sent was 12 from 2026-11-20"),
    ),
    "another price of the new one": Edit(
        "create", True, lambda p: as_somebody(p, NEW_ID, unitPrice=4), ("5102", "price should be 3, and is 4")
    ),
    "a second one like it": Edit(
        "create", True, lambda p: add_by_hand(p, 12), ("5102 (12 from", "5103 (12 from", "sent was 12 from")
    ),
    "one by hand instead": Edit(
        "create", False, lambda p: add_by_hand(p, 13), ("5102 (13 from", "sent was 12 from")
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_somebody_edits_between_two_runs_is_reported_and_never_overwritten(
    place: Place, edit: Edit
) -> None:
    selection = interrupted(place, edit.action, applied=edit.applied)
    edit.act(place)
    left, asked = place.changes(), len(place.writes())
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("finished_with_failures", ["unresolved"])
    (reason,) = [item["reason"] for item in report["items"]]
    assert [word for word in edit.words if word not in reason] == [], reason
    assert place.changes() == left
    assert len(place.writes()) == asked


def test_what_somebody_does_as_approved_between_two_runs_is_done(place: Place) -> None:
    selection = interrupted(place, "update", applied=False)
    as_somebody(place, 5001, quantity=42)
    assert counts(place.push(selection)) == {"updated": 1}
    assert len(place.writes()) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_stop_everything_until_the_selection_is_pushed_again(
    place: Place, status: int
) -> None:
    selection = one_of_each(place)
    break_at(place, POSTED, "error", status=status)
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("stopped", ["updated", "failed", "not_attempted"])
    assert counts(report) == {"updated": 1, "failed": 1, "not_attempted": 1}
    assert "Edit All" in report["note"]
    report = place.push(selection)
    assert report["state"] == "finished_with_failures"
    assert counts(report) == {"updated": 1, "failed": 1, "cancelled": 1}
    assert place.changes().changed == QUANTITY | CANCELLED


@pytest.fixture
def seven(place: Place) -> list[Row]:
    """Seven updates in the order in which a push takes them."""
    return [row for row in place.approvable("duo") if row["action"] == "update"][:7]


def refuse(place: Place, *rows: Row) -> None:
    for row in rows:
        break_at(place, write_point(row["agreement_id"], row["addition_id"]), "error", status=400)


def test_five_failures_in_a_row_stop_and_the_rest_is_pushed_by_another_run(
    place: Place, seven: list[Row]
) -> None:
    refuse(place, *seven[:5])
    selection = place.approve(*seven)
    report = place.push(selection)
    assert report["state"] == "stopped"
    assert outcomes(report) == ["failed"] * 5 + ["not_attempted"] * 2
    assert place.changes().none
    report = place.push(selection)
    assert report["state"] == "finished_with_failures"
    assert outcomes(report) == ["failed"] * 5 + ["updated"] * 2
    assert len(place.changes().changed) == 2


def test_failures_that_are_not_in_a_row_stop_nothing(place: Place, seven: list[Row]) -> None:
    refuse(place, *seven[:4], *seven[5:])
    report = place.push(place.approve(*seven))
    assert report["state"] == "finished_with_failures"
    assert outcomes(report) == ["failed"] * 4 + ["updated"] + ["failed"] * 2


def test_a_cancel_waits_for_the_create_it_is_paired_with(place: Place) -> None:
    pair = [row for row in place.approvable("avanan") if row["company_name"] == "Tidewater Charter School"]
    place.connectwise.faults.add("error", "*/agreements/1032/additions", "POST", status=400)
    report = place.push(place.approve(*pair))
    assert outcomes(report) == ["failed", "skipped"]
    assert "paired with was failed: the old line stays" in report["items"][1]["reason"]
    assert place.changes().none


def test_a_create_that_reads_back_at_another_price_is_unresolved_and_its_pair_stays(place: Place) -> None:
    pair = [row for row in place.approvable("avanan") if row["company_name"] == "Tidewater Charter School"]
    break_at(
        place, addition_point(1032, NEW_ID), "rewrite", change=lambda record: record | {"unitPrice": 4.5}
    )
    report = place.push(place.approve(*pair))
    assert outcomes(report) == ["unresolved", "skipped"]
    assert "price should be 4, and is 4.5" in report["items"][0]["reason"]
    assert place.changes().changed == {}


def refusal(place: Place, selection: Path) -> str:
    with place.opened() as push, pytest.raises(FileRefused) as error:
        push.run(selection)
    return "; ".join(fault.rule for fault in error.value.faults)


def test_an_unfinished_operation_blocks_every_other_selection(place: Place) -> None:
    selection = interrupted(place, "update", applied=True)
    asked = len(place.connectwise.requests)
    assert "is unfinished" in refusal(place, place.approve(cancel(place)))
    assert len(place.connectwise.requests) == asked
    with place.warehouse.write() as connection:
        connection.execute("update preview_header set created_at = created_at - interval 30 day")
    assert counts(place.push(selection)) == {"updated": 1}
    assert "pushed already" in refusal(place, selection)


def test_an_operation_is_resumed_on_the_connectwise_it_began_with(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection = interrupted(place, "update", applied=True)
    asked = len(place.connectwise.requests)
    other = place.settings.model_copy(update={"connectwise_company_id": "another_msp"})
    monkeypatch.setattr(place, "settings", other)
    with pytest.raises(ConfigurationError, match="another_msp"):
        place.push(selection)
    assert len(place.connectwise.requests) == asked


@pytest.mark.parametrize(
    ("action", "applied", "outcome"),
    [
        ("update", True, "updated"),
        ("update", False, "failed"),
        ("create", True, "created"),
        ("create", False, "failed"),
        ("cancel", True, "cancelled"),
    ],
)
def test_abandoning_settles_the_open_row_by_reading_alone(
    place: Place, action: str, applied: bool, outcome: str
) -> None:
    selection = interrupted(place, action, applied=applied)
    left, asked = place.changes(), len(place.writes())
    if action == "create" and applied:
        place.connectwise.list_lag.requests = QUICK.looks + 3  # it lags a little longer
    patience = replace(QUICK, repost_after=0.0 if not applied else 60.0)
    with place.opened(patience) as push:
        report = push.abandon(_operation(place), reason="the client left")
    assert (report["state"], outcomes(report)) == ("finished_with_failures", [outcome])
    assert "abandoned by ann: the client left" in report["note"]
    assert (place.changes(), len(place.writes())) == (left, asked)
    place.verify_audit()
    assert "unfinished" not in refusal(place, selection)


def test_an_operation_is_not_abandoned_while_nobody_can_tell(place: Place) -> None:
    selection = interrupted(place, "update", applied=True)
    place.connectwise.faults.add("error", "*/additions/5001", "GET", status=500, times=None)
    with place.opened() as push, pytest.raises(InputRefused, match="cannot be settled by reading"):
        push.abandon(_operation(place), reason="no patience")
    place.connectwise.faults.clear()
    assert counts(place.push(selection)) == {"updated": 1}


def _operation(place: Place) -> str:
    with place.warehouse.read() as connection:
        ((operation_id,),) = connection.execute("select operation_id from operation").fetchall()
    return str(operation_id)
