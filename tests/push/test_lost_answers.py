"""Answers that are lost, refused or late, and lists that lag: no row is written twice, none is lost, none is guessed.

The sandbox breaks the answers; everything runs in this process, with a patience of milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.sandbox.faults import Fault
from seatsync_pipeline.sandbox.messages import Request, Response
from tests.push.faulty import Break, Point, addition_point, list_point
from tests.push.one_of_each import (
    DONE,
    GIVES_UP_AFTER,
    NEW_ID,
    PATCHED,
    POINTS,
    POSTED,
    QUANTITY,
    ROWS,
    add_by_hand,
    addition,
    assert_all_done,
    assert_one_created,
    break_at,
    one_of_each,
    update,
)
from tests.push.place import QUICK, Place, counts, outcomes


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


@pytest.mark.parametrize(("seconds", "waits"), [(0, [1, 2, 4]), (None, [2, 4, 8]), (3, [3, 3, 4])])
def test_each_refusal_is_waited_out_for_longer(
    place: Place, monkeypatch: pytest.MonkeyPatch, seconds: int | None, waits: list[float]
) -> None:
    """Also where the answer asks to wait 0 s: four attempts in one moment would fail the row."""
    paused: list[float] = []
    monkeypatch.setattr(ConnectWiseReader, "pause", lambda _, wait: paused.append(wait))
    break_at(place, PATCHED, "rate_limit", retry_after=seconds, times=len(waits))
    assert outcomes(place.push(place.approve(update(place)))) == ["updated"]
    assert paused == waits


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


def test_credentials_that_nobody_knows_any_more_do_not_make_an_addition_disappear(place: Place) -> None:
    """ConnectWise answers 404 to them, also where the addition is: after a write that it has just taken."""
    selection = place.approve(update(place))
    unknown = place.connectwise.faults.add("error", "*", "GET", status=404, times=None, after=1_000)
    write = place.connectwise.faults.add("respond", PATCHED.path, "PATCH", respond=_then(unknown))
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("interrupted", ["outcome unknown"])
    assert place.changes().changed == QUANTITY
    assert write.hits == 1
    place.connectwise.faults.clear()
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("finished", ["updated"])
    assert len(place.writes()) == 1


def test_before_a_write_they_stop_the_push_by_their_name(place: Place) -> None:
    break_at(place, addition_point(1001, 5001), "error", status=404)
    break_at(place, Point("GET", "*/company/companies/count"), "error", status=404)
    report = place.push(place.approve(update(place)))
    assert (report["state"], outcomes(report)) == ("stopped", ["failed"])
    assert "CONNECTWISE_PUBLIC_KEY" in report["note"]
    assert not place.writes()


def test_an_addition_that_is_listed_is_not_gone(place: Place) -> None:
    break_at(place, addition_point(1001, 5001, nth=2), "error", status=404)
    selection = place.approve(update(place))
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("interrupted", ["outcome unknown"])
    assert "lists it under agreement 1001" in report["note"]
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("finished", ["updated"])
    assert len(place.writes()) == 1


def _then(fault: Fault) -> Callable[[Request, Response], Response]:
    """Answer as ever, and have the fault strike from the next request on."""

    def respond(_: Request, answer: Response) -> Response:
        fault.after = 0
        return answer

    return respond


@pytest.mark.parametrize("again", [False, True], ids=["nor later", "but later"])
def test_a_create_that_was_acknowledged_is_never_sent_again(place: Place, *, again: bool) -> None:
    """Its id is on record: that nothing shows it, by its id or in the list, is no proof that it was not made."""
    place.connectwise.list_lag.requests = 1000
    hidden = place.connectwise.faults.add(
        "error", f"*/agreements/1016/additions/{NEW_ID}", "GET", status=404, times=None
    )
    selection = place.approve(addition(place))
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("interrupted", ["outcome unknown"])
    assert hidden.hits
    if again:
        place.connectwise.faults.clear()
    report = place.push(selection)
    assert (report["items"][0]["addition_id"], len(place.writes())) == (NEW_ID, 1)
    if again:
        assert outcomes(report) == ["created"]
    else:
        assert (report["state"], outcomes(report)) == ("finished_with_failures", ["unresolved"])
        assert f"addition {NEW_ID}" in report["items"][0]["reason"]


@pytest.mark.parametrize(
    ("later", "says"),
    [
        (date(2027, 2, 20), "billing period moved: the last billed day 2026-12-14 is past"),
        (date(2026, 11, 21), None),
    ],
)
def test_a_cancel_that_was_not_taken_is_checked_once_more_before_it_is_sent_again(
    place: Place, later: date, says: str | None
) -> None:
    """Resumed weeks later, its day lies in periods that were invoiced."""
    break_at(place, POINTS["cancel"], "reset")
    read_back = addition_point(1034, 5023, nth=2)
    break_at(place, read_back, "error", status=503, times=GIVES_UP_AFTER)
    selection = place.approve(ROWS["cancel"](place))
    assert outcomes(place.push(selection)) == ["outcome unknown"]
    place.connectwise.faults.clear()
    (item,) = place.push(selection, today=later)["items"]
    assert (item["outcome"], item["reason"]) == (
        ("cancelled", "written and read back") if says is None else ("skipped", says)
    )
    assert bool(place.changes().changed) is (says is None)
