"""A run that is killed while it works a drop off: nothing is lost, and nothing is done twice.

Real processes and a real SIGKILL. Dagster's run monitoring is what notes the death of a run; here the test does.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from seatsync_pipeline.orchestration.instance import open_instance
from sensors.drops import EXPORTS
from tests.orchestration.place import EXPORT
from tests.orchestration.place import Place as Home
from tests.push.faulty import Fate, kill_at
from tests.push.one_of_each import PATCHED, assert_all_done, one_of_each
from tests.push.place import Place, Stock, place_in
from tests.push.processes import Program, environment, started
from tests.sensors.driver import Desk

ROOT = Path(__file__).parents[2]
AT_ONCE = replace(EXPORTS, rules=replace(EXPORTS.rules, delays=(0.0, 0.0)))


def program(request: dg.RunRequest, env: dict[str, str], folder: Path) -> Program:
    asked = {"job": request.job_name, "config": dict(request.run_config), "tags": dict(request.tags)}
    return Program([sys.executable, "-m", "tests.sensors.requested", json.dumps(asked)], env, folder)


def note_the_dead(desk: Desk) -> None:
    with open_instance(desk.settings) as instance:
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            instance.report_run_failed(run)


SNAPSHOTS = "select count(*) from snapshot where source = 'avanan'"
PREVIEWS = "select count(*) from preview_header where source = 'avanan'"


@pytest.mark.parametrize("until", [SNAPSHOTS, PREVIEWS], ids=["snapshot", "preview"])
def test_an_import_that_is_killed_is_repeated_and_stored_once(
    scanned: Home, tmp_path: Path, until: str
) -> None:
    desk = Desk("avanan_export_drop", scanned.settings.avanan_inbox, scanned.settings, drops=AT_ONCE)
    desk.drop("tenants.csv", EXPORT)
    desk.tick()
    (request,) = desk.tick().requests
    env = environment(scanned.sandbox, scanned.settings.home, PYTHONPATH=str(ROOT))
    deadline = time.monotonic() + 120
    with started(program(request, env, tmp_path)) as running:
        while scanned.query(until) == [(0,)] and running.process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # between two looks
        running.kill()

    assert desk.waiting() or desk.archived()
    note_the_dead(desk)
    repeated = desk.until_idle()
    assert [result.success for result in repeated] in ([True], [])
    assert desk.waiting() == []
    assert len(desk.archived()) == 1
    assert scanned.query(SNAPSHOTS) == [(1,)]
    assert scanned.query(PREVIEWS) in ([(1,)], [(2,)])


@pytest.fixture
def place(stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return place_in(stock, tmp_path, monkeypatch)


def test_a_push_that_is_killed_waits_for_a_person_and_is_carried_on_by_re_execute(place: Place) -> None:
    desk = Desk("selection_drop", place.settings.selections_inbox, place.settings)
    desk.drop("a.csv", one_of_each(place))
    desk.tick()
    (request,) = desk.tick().requests
    env = environment(place.stock.sandbox, place.settings.home, PYTHONPATH=str(ROOT))
    kill_at(place.stock.sandbox, PATCHED, program(request, env, place.folder), fate=Fate.CARRIED_OUT)

    assert desk.tick().requests == []
    note_the_dead(desk)
    assert desk.until_idle() == []
    assert "press Re-execute" in desk.tick().said
    assert desk.waiting() == ["a.csv"]
    by_hand = dg.RunRequest(
        run_key="by hand", job_name=request.job_name, run_config=request.run_config, tags=dict(request.tags)
    )
    assert desk.start(by_hand).success
    assert_all_done(place)
    assert desk.waiting() == []
    assert len(desk.archived()) == 1
