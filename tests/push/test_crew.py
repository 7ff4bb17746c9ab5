"""Several companies at a time: what a push keeps of its guarantees while four rows are under way.

A push begins with one row and takes a further company with every three writes, so nine pass before four are held.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.push.records import OperationRecord
from seatsync_pipeline.sandbox.faults import Fault
from tests.push.faulty import PATIENCE, Program, started
from tests.push.place import QUICK, Place, Row, counts, outcomes
from tests.push.processes import taken
from tests.push.test_kill import SIGKILLED, driver, operation
from tests.push.test_property import reached, targets
from tests.push.test_stops import refuse

CAREFUL = 9  # writes after which four companies may be written to at once
AT_ONCE = 4
TWO_OF_ONE = 1040  # an agreement two of whose additions are ended, each by a row of its own


@pytest.fixture
def patches(place: Place) -> list[Row]:
    """Fifteen updates and cancels of twelve companies, none of a pair."""
    rows = [r for r in place.approvable("avanan") if r["action"] in {"update", "cancel"}]
    return [row for row in rows if row["paired_row_id"] is None]


class Told:
    """The progress of a push in another thread, to wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.rows: list[str] = []

    def __call__(self, _done: int, _of: int, _change: object, outcome: str) -> None:
        with self._changed:
            self.rows.append(outcome)
            self._changed.notify_all()

    def wait_for(self, rows: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.rows) >= rows, PATIENCE), self.rows


# An answer is held here for as long as the machine takes: one that is given up as lost would be asked for twice.
WAITS = replace(QUICK, answer=60.0)


@contextmanager
def pushing(place: Place, selection: Path) -> Iterator[tuple[Future[dict[str, Any]], Told]]:
    """A push in a thread of its own; whatever is still held when the body ends is let go."""
    told = Told()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(place.push, selection, WAITS, progress=told)
        try:
            yield running, told
        finally:
            place.connectwise.faults.release()


def hold(place: Place, method: str = "PATCH", path: str = "*", **options: Any) -> Fault:
    fault: Fault = place.connectwise.faults.add("hold", path, method, times=None, **options)
    return fault


def until_held(fault: Fault, requests: int) -> None:
    assert fault.wait_until_held(PATIENCE, requests), f"{fault.held} requests are held, not {requests}"


def under_way(place: Place) -> list[str]:
    """The paths of the writes that have no answer yet."""
    return [write.path for write in place.writes() if write.status is None]


def assert_as_approved(place: Place, rows: list[Row]) -> None:
    """ConnectWise is at exactly the targets, and took each write once."""
    assert reached(place.changes()) == targets(rows)
    taken = Counter(write.path for write in place.writes() if write.status in {200, 201})
    assert set(taken.values()) == {1}, taken
    assert len(taken) == len(rows)


def committed(place: Place, path: str) -> dict[str, Any] | None:
    """The request of the intent that is on record for the addition of this path."""
    record: OperationRecord = operation(place)
    addition_id = int(path.rpartition("/")[2])
    found = [c.row_id for c in record.changes if c.addition_id == addition_id]
    intent = record.intents.get(found[0])
    return None if intent is None else intent.request


@pytest.mark.parametrize(("written", "wide"), [(0, 1), (3, 2), (6, 3), (CAREFUL, AT_ONCE)])
def test_a_push_takes_more_companies_as_writes_succeed_and_never_more_than_four(
    place: Place, patches: list[Row], written: int, wide: int
) -> None:
    fault = hold(place, after=written)
    with pushing(place, place.approve(*patches)) as (running, told):
        told.wait_for(written)
        until_held(fault, wide)
        assert place.connectwise.wait_until_idle(PATIENCE, besides=wide)
        assert (fault.held, len(told.rows)) == (wide, written)
        for path in under_way(place):
            assert committed(place, path), f"{path} was sent before its intent was committed"
        fault.release()
        assert counts(running.result()) == {"updated": 11, "cancelled": 4}
    assert_as_approved(place, patches)


def test_no_post_is_sent_before_its_intent_is_committed(place: Place) -> None:
    selection = place.approve(place.row("create", "Juniper Hollow School"))
    fault = hold(place, "POST")
    with pushing(place, selection) as (running, _):
        until_held(fault, 1)
        (intent,) = operation(place).intents.values()
        assert intent.request["quantity"] == 12
        assert intent.known_ids
        fault.release()
        assert counts(running.result()) == {"created": 1}


def test_two_rows_of_one_company_are_never_under_way_at_once(place: Place, patches: list[Row]) -> None:
    """While the first of them is held, every row of another company is carried out, and the second is not begun."""
    fault = hold(place, path=f"*/agreements/{TWO_OF_ONE}/*")
    with pushing(place, place.approve(*patches)) as (running, told):
        told.wait_for(len(patches) - 2)
        until_held(fault, 1)
        (held,) = under_way(place)
        asked = {r.path for r in place.connectwise.requests if f"/{TWO_OF_ONE}/additions/" in r.path}
        assert asked == {held}
        fault.release()
        assert running.result()["state"] == "finished"
    assert_as_approved(place, patches)


def test_rows_of_one_company_are_carried_out_in_their_order(place: Place) -> None:
    rows = [r for r in place.approvable("avanan") if r["company_name"] != "Kestrel Bay Marina"]
    report = place.push(place.approve(*rows))
    assert report["state"] == "finished"
    order = {item["addition_id"]: n for n, item in enumerate(report["items"])}
    mine: dict[str, list[int]] = {}
    for write in (w for w in place.writes() if w.method == "PATCH"):
        company = next(r["company_name"] for r in rows if r["addition_id"] == int(write.path.split("/")[-1]))
        mine.setdefault(company, []).append(order[int(write.path.split("/")[-1])])
    assert sum(len(positions) > 1 for positions in mine.values()) == 3
    assert all(positions == sorted(positions) for positions in mine.values())


def test_exactly_five_failures_in_a_row_stop_four_that_run_at_once(place: Place, patches: list[Row]) -> None:
    refuse(place, *patches[CAREFUL:])
    report = place.push(place.approve(*patches))
    assert (report["state"], report["note"]) == ("stopped", "5 failures in a row")
    assert counts(report) == {"updated": 9, "failed": 5, "not_attempted": 1}
    assert outcomes(report)[-1] == "not_attempted"
    assert len(place.writes()) == CAREFUL + 5


def test_refused_credentials_let_the_others_finish_and_nothing_more_start(
    place: Place, patches: list[Row]
) -> None:
    held = place.connectwise.faults.add("hold", "*", "PATCH", after=CAREFUL, times=AT_ONCE - 1)
    place.connectwise.faults.add("error", "*", "PATCH", status=401, after=CAREFUL)
    selection = place.approve(*patches)
    with pushing(place, selection) as (running, told):
        until_held(held, AT_ONCE - 1)
        told.wait_for(CAREFUL + 1)
        assert told.rows[-1] == "failed"
        held.release()
        report = running.result()
    assert report["state"] == "stopped"
    assert "Edit All" in report["note"]
    assert (counts(report)["failed"], counts(report)["not_attempted"]) == (1, 2)
    assert len(place.changes().changed) == CAREFUL + AT_ONCE - 1
    again = place.push(selection)
    assert again["state"] == "finished_with_failures"
    assert len(place.changes().changed) == len(patches) - 1
    assert len(place.writes()) == len(patches)


def test_a_lost_create_interrupts_while_the_others_finish(place: Place, patches: list[Row]) -> None:
    lost, other = (
        place.row("create", name, source="avanan") for name in ("Ironbark Surveying", "Wrenfield Nursery")
    )
    rows = [*patches, lost, other]
    selection = place.approve(*rows)
    updates = sum(row["action"] == "update" for row in rows)
    place.connectwise.faults.add("reset", f"*/agreements/{lost['agreement_id']}/additions", "POST")
    post, patch = hold(place, "POST"), hold(place, after=updates)
    with pushing(place, selection) as (running, _):
        until_held(post, 1)
        until_held(patch, 2)
        assert place.connectwise.wait_until_idle(PATIENCE, besides=3)
        post.release()
        patch.release()
        report = running.result()
    assert report["state"] == "interrupted"
    assert "its outcome is unknown" in report["note"]
    assert "outcome unknown" in outcomes(report)
    assert (counts(report)["unresolved"], counts(report)["created"]) == (1, 1)
    assert not under_way(place)[1:]
    assert place.push(selection)["state"] == "finished"
    assert_as_approved(place, rows)


def test_a_database_taken_in_the_middle_interrupts_and_nothing_more_is_sent(
    place: Place, patches: list[Row]
) -> None:
    selection = place.approve(*patches)
    fault = hold(place, after=CAREFUL)
    with started(driver(place, selection, deadline=0.2)) as running:
        until_held(fault, AT_ONCE)
        with taken(place.settings.database):
            fault.release()
            ended = running.finish()
    assert ended.code == 1
    assert "it was interrupted: it was held for more than 0.2 s" in ended.out
    assert len(place.writes()) == CAREFUL + AT_ONCE
    assert len(operation(place).outcomes) == CAREFUL
    assert place.push(selection)["state"] == "finished"
    assert_as_approved(place, patches)
    assert len(place.writes()) == len(patches)


@pytest.mark.parametrize("seed", range(2))
def test_a_push_killed_with_several_rows_under_way_ends_as_approved(
    place: Place, patches: list[Row], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # not a secret
    rows = [*patches, place.row("create", "Ironbark Surveying", source="avanan")]
    selection = place.approve(*rows)
    program: Program = driver(place, selection)
    for _ in range(2):
        fault = hold(place, "*", after=chance.randrange(10, 40))
        with started(program) as running:
            running.until_held(fault)
            place.connectwise.faults.clear()
            assert running.kill().code == SIGKILLED
        fault.release(drop=chance.random() < 0.5)
        assert place.connectwise.wait_until_idle(PATIENCE)
    assert place.push(selection)["state"] == "finished"
    assert_as_approved(place, rows)
