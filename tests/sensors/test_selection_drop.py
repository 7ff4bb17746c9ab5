"""`selection_drop` over several ticks on a real instance: what it pushes, refuses, and leaves alone."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import dagster as dg
import pytest

from tests.push.one_of_each import PATCHED, assert_all_done, one_of_each
from tests.push.place import Place, Stock, place_in
from tests.sensors.driver import DEFS, Desk, only, refusal


@pytest.fixture
def place(stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return place_in(stock, tmp_path, monkeypatch)


@pytest.fixture
def desk(place: Place) -> Desk:
    return Desk("selection_drop", place.settings.selections_inbox, place.settings)


def month(desk: Desk) -> str:
    return f"{desk.settings.today():%Y-%m}"


def faults(desk: Desk, name: str) -> list[dict[str, str]]:
    with (desk.settings.rejected / f"{name}.errors.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_off_until_an_operator_switches_it_on_and_says_what_it_does_with_money() -> None:
    sensor = DEFS.resolve_sensor_def("selection_drop")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert str(sensor.description).startswith("WRITES TO CONNECTWISE")
    assert "billed" in str(sensor.description)


def test_an_approved_selection_is_pushed_once_and_refused_when_it_comes_again(
    place: Place, desk: Desk
) -> None:
    selection = one_of_each(place).read_bytes()
    desk.drop("september.csv", selection[:300])
    assert desk.ticks(1) == []
    desk.drop("september.csv", selection)
    assert desk.ticks(1) == []
    assert place.writes() == []
    (request,) = desk.tick().requests
    config = request.run_config["ops"]["push_selection"]["config"]
    assert (request.job_name, config["confirm"]) == ("push_to_connectwise", True)
    assert str(request.run_key).startswith(config["sha256"])
    assert desk.start(request).success
    assert_all_done(place)
    assert desk.archived() == [f"{month(desk)}/september.csv"]
    writes = len(place.writes())

    desk.drop("september.csv", selection)
    again = only(desk.until_idle())
    assert not again.success
    assert "was pushed already" in refusal(again)["found"]
    assert desk.rejected() == ["september.csv", "september.csv.errors.csv"]
    assert "was pushed already" in faults(desk, "september.csv")[0]["rule"]
    assert len(place.writes()) == writes
    assert desk.waiting() == []


def test_a_selection_that_is_open_for_writing_is_not_pushed(place: Place, desk: Desk) -> None:
    selection = one_of_each(place).read_bytes()
    with desk.drop("a.csv", b"").open("wb") as copying:
        copying.write(selection)
        copying.flush()
        assert desk.ticks(3) == []
        assert "still open for writing in another program: a.csv" in desk.tick().said
    desk.tick()
    (request,) = desk.tick().requests
    with (desk.inbox / "a.csv").open("ab"):
        assert "still open for writing" in refusal(desk.start(request))["found"]
    assert place.writes() == []
    assert desk.start(_again(request)).success
    assert_all_done(place)
    assert desk.waiting() == []


def test_a_refused_selection_lies_beside_all_its_faults(place: Place, desk: Desk) -> None:
    rows = [place.row("update", "Alderpoint Dental"), place.row("cancel", "Wrenfield Nursery")]
    text = place.approve(*rows).read_text("utf-8-sig").replace("fp_", "fp_0")
    desk.drop("a.csv", text.encode())
    desk.drop("b.csv", b"this is no selection\n")
    os.utime(desk.inbox / "a.csv", (1, 1))
    first, second = desk.until_idle()
    assert (first.success, second.success) == (False, False)
    assert desk.rejected() == ["a.csv", "a.csv.errors.csv", "b.csv", "b.csv.errors.csv"]
    assert len(faults(desk, "a.csv")) == 2
    assert all(fault["line"] and fault["remedy"] for fault in faults(desk, "a.csv"))
    assert "the header lacks" in faults(desk, "b.csv")[0]["rule"]
    assert "b.csv.errors.csv" in refusal(second)["remedy"]
    assert place.connectwise.requests == []


def test_a_stopped_push_keeps_its_file_holds_the_others_up_and_is_carried_on(
    place: Place, desk: Desk
) -> None:
    desk.drop("a.csv", one_of_each(place))
    desk.drop("b.csv", place.approve(place.row("update", "Alderpoint Dental")))
    os.utime(desk.inbox / "a.csv", (1, 1))
    PATCHED.add(place.stock.sandbox, "error", status=403)
    desk.tick()
    (request,) = desk.tick().requests
    stopped = desk.start(request)
    assert not stopped.success
    writes = len(place.writes())
    said = [desk.tick() for _ in range(3)][-1]
    assert said.requests == []
    assert f"a.csv: run {stopped.run_id} failed" in said.said
    assert "Re-execute" in said.said
    assert desk.waiting() == ["a.csv", "b.csv"]
    assert len(place.writes()) == writes

    # "Re-execute" in the UI: the same config and tags.
    place.connectwise.faults.clear()
    carried_on = desk.start(_again(request))
    assert carried_on.success
    assert desk.archived() == [f"{month(desk)}/a.csv"]
    overtaken = only(desk.until_idle())
    assert not overtaken.success
    assert "b.csv" in desk.rejected()


def _again(request: dg.RunRequest) -> dg.RunRequest:
    return dg.RunRequest(
        run_key="by hand", job_name=request.job_name, run_config=request.run_config, tags=dict(request.tags)
    )


def test_a_selection_replaced_after_it_was_seen_is_not_pushed(place: Place, desk: Desk) -> None:
    selection = one_of_each(place).read_bytes()
    desk.drop("a.csv", selection)
    desk.tick()
    (request,) = desk.tick().requests
    desk.drop("a.csv", place.approve(place.row("update", "Alderpoint Dental")))
    result = desk.start(request)
    assert "replaced after the sensor had seen it" in refusal(result)["found"]
    assert place.writes() == []
    assert desk.waiting() == ["a.csv"]


def test_a_rehearsal_of_a_dropped_file_leaves_it_there(place: Place, desk: Desk) -> None:
    path = desk.drop("a.csv", one_of_each(place))
    job = DEFS.resolve_job_def("push_to_connectwise")
    config = {"ops": {"push_selection": {"config": {"selection_file": str(path)}}}}
    assert job.execute_in_process(run_config={**config, "loggers": {"progress": {}}}).success
    assert desk.waiting() == ["a.csv"]
    assert place.writes() == []
