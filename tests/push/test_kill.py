"""A push that is killed at any point is carried on by the next one: nothing twice, nothing lost.

Real processes, a real SIGKILL: the sandbox holds the request at which the process dies.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from seatsync_pipeline.errors import InputRefused
from seatsync_pipeline.push import operate
from seatsync_pipeline.push.records import OperationRecord, load_operations
from tests.push.faulty import (
    Fate,
    Point,
    Program,
    addition_point,
    environment,
    kill_at,
    list_point,
    started,
    stopped_at,
    write_point,
)
from tests.push.one_of_each import (
    DONE,
    ENDED,
    NEW_ID,
    PATCHED,
    POSTED,
    QUANTITY,
    addition,
    assert_all_done,
    assert_one_created,
    cancel,
    one_of_each,
    update,
)
from tests.push.place import QUICK, Place, counts, outcomes
from tests.push.processes import taken

ROOT = Path(__file__).parents[2]
SIGKILLED = -9


def driver(place: Place, selection: Path, *, deadline: float = 60.0) -> Program:
    env = environment(place.stock.sandbox, place.settings.home, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "tests.push.driver", str(selection), str(deadline)]
    return Program(command, env, place.folder)


def operation(place: Place) -> OperationRecord:
    with place.warehouse.read() as connection:
        (record,) = load_operations(connection)
    return record


@dataclass(frozen=True)
class Deaths:
    """Where a push dies while it updates, then its successor while it creates, then the third while it cancels."""

    at: tuple[Point, Point, Point]
    fate: Fate
    writes: int  # that ConnectWise was asked for in the end
    intended: bool = True


DEATHS = {
    "at the last look before the intent": Deaths(
        (addition_point(1001, 5001), list_point(1016, nth=2), addition_point(1034, 5023)),
        Fate.CARRIED_OUT,
        3,
        intended=False,
    ),
    "before ConnectWise acts, and it never does": Deaths((PATCHED, POSTED, ENDED), Fate.DROPPED, 6),
    "after ConnectWise acted": Deaths(
        (replace(PATCHED, after=True), replace(POSTED, after=True), replace(ENDED, after=True)),
        Fate.CARRIED_OUT,
        3,
    ),
    "at the read-back": Deaths(
        (addition_point(1001, 5001, nth=2), addition_point(1016, NEW_ID), addition_point(1034, 5023, nth=2)),
        Fate.CARRIED_OUT,
        3,
    ),
}


@pytest.mark.parametrize("deaths", DEATHS.values(), ids=DEATHS)
def test_a_push_that_is_killed_over_and_over_ends_as_approved(place: Place, deaths: Deaths) -> None:
    selection = one_of_each(place)
    program = driver(place, selection)
    for done, point in enumerate(deaths.at):
        killed = kill_at(place.stock.sandbox, point, program, fate=deaths.fate)
        assert killed.ended.code == SIGKILLED, killed.ended
        record = operation(place)
        assert (len(record.outcomes), len(record.intents)) == (done, done + deaths.intended)
        assert operate.state_of(record, running=operate.is_running(place.settings.home)) == "interrupted"
    report = place.push(selection)
    assert (report["state"], counts(report)) == ("finished", DONE)
    assert_all_done(place)
    assert len(place.writes()) == deaths.writes


def test_a_create_that_arrives_while_the_next_run_looks_for_it_is_found(place: Place) -> None:
    selection = place.approve(addition(place))
    killed = kill_at(place.stock.sandbox, POSTED, driver(place, selection), fate=Fate.LATE)
    assert not place.changes().created
    arrival = threading.Timer(0.2, killed.let_go, [place.stock.sandbox])
    arrival.start()
    report = place.push(selection, replace(QUICK, repost_after=60.0))
    arrival.join()
    assert counts(report) == {"created": 1}
    assert_one_created(place)
    assert len(place.writes()) == 1


def test_what_this_operation_has_ended_itself_is_no_drift_for_its_next_run(place: Place) -> None:
    """Two additions of one line end; the second is no current one any more when the first is checked again."""
    both = [row for row in place.approvable("avanan") if row["company_name"] == "Sunhaven Pediatrics"]
    assert [row["action"] for row in both] == ["cancel", "cancel"]
    selection = place.approve(*both)
    last = both[1]["addition_id"]
    kill_at(place.stock.sandbox, addition_point(1040, last), driver(place, selection))
    assert counts(place.push(selection)) == {"cancelled": 2}
    assert len(place.writes()) == 2


def test_what_somebody_edits_after_the_kill_is_not_overwritten(place: Place) -> None:
    selection = place.approve(update(place))
    kill_at(place.stock.sandbox, PATCHED, driver(place, selection), fate=Fate.DROPPED)
    place.additions[5001].update(quantity=40.0, _info=place.connectwise.state.stamp("somebody"))
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("finished_with_failures", ["unresolved"])
    assert "it was 38, should be 42, and is 40" in report["items"][0]["reason"]
    assert place.additions[5001]["quantity"] == 40.0
    assert len(place.writes()) == 1


def test_a_second_push_is_refused_while_one_runs(place: Place) -> None:
    selection = place.approve(update(place))
    with stopped_at(place.stock.sandbox, PATCHED, driver(place, selection)) as (first, fault):
        for other in (selection, place.approve(cancel(place))):
            with place.opened() as push, pytest.raises(InputRefused, match="another push is running"):
                push.run(other)
        fault.release()
        ended = first.finish()
    assert (ended.code, ended.out.strip()) == (0, "finished")
    assert place.changes().changed == QUANTITY
    assert len(place.writes()) == 1
    place.verify_audit()


def test_of_two_pushes_started_together_one_is_refused(place: Place) -> None:
    selection = one_of_each(place)
    program = driver(place, selection)
    with started(program) as one, started(program) as other:
        ended = [one.finish(), other.finish()]
    assert sorted(one.code for one in ended) == [0, 2], ended
    assert_all_done(place)
    assert len(place.writes()) == 3
    place.verify_audit()


@pytest.mark.parametrize(
    ("point", "asked"),
    [
        pytest.param(addition_point(1001, 5001), 0, id="before the intent"),
        pytest.param(write_point(1001, 5001, after=True), 1, id="before the outcome"),
    ],
)
def test_a_database_that_stays_taken_interrupts_and_says_so(place: Place, point: Point, asked: int) -> None:
    selection = place.approve(update(place))
    program = driver(place, selection, deadline=0.2)
    with (
        stopped_at(place.stock.sandbox, point, program) as (running, fault),
        taken(place.settings.database),
    ):
        fault.release()
        ended = running.finish()
    assert ended.code == 1
    assert "it was interrupted: it was held for more than 0.2 s" in ended.out
    assert "run the same selection again" in ended.out
    assert "nothing was changed" not in ended.out.lower()
    assert len(place.writes()) == asked
    assert counts(place.push(selection)) == {"updated": 1}
    assert place.changes().changed == QUANTITY
    assert len(place.writes()) == 1
