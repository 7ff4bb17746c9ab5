"""Dagster's own daemon loops and code server on the real code location: what they make of the sensors and the schedule.

Only the daemon's clock is set by hand. Runs stay queued: what they do is told elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external import RemoteSchedule, RemoteSensor
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time, load_remote_repo
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from seatsync_pipeline.orchestration.instance import WORKSPACE, open_instance
from tests.orchestration.place import EXPORT, Place
from tests.sensors.driver import Desk

SENSORS = ("avanan_export_drop", "selection_drop")
LOG = logging.getLogger("tests.daemon")


@contextmanager
def daemon(place: Place) -> Iterator[WorkspaceProcessContext]:
    with (
        open_instance(place.settings) as instance,
        create_test_daemon_workspace_context(WorkspaceFileTarget([str(WORKSPACE)]), instance) as context,
    ):
        yield context


def ticks_of(context: WorkspaceProcessContext, name: str) -> list[str]:
    """What the ticks of a sensor or schedule came to, the oldest first."""
    repository = load_remote_repo(context, "__repository__")
    starter: RemoteSensor | RemoteSchedule
    starter = repository.get_sensor(name) if name in SENSORS else repository.get_schedule(name)
    ticks = context.instance.get_ticks(starter.get_remote_origin_id(), starter.selector_id)
    return [f"{tick.status.value} {tick.skip_reason or tick.error or ''}" for tick in reversed(ticks)]


def runs_of(context: WorkspaceProcessContext, job: str) -> list[dg.DagsterRun]:
    """The newest first."""
    return list(context.instance.get_runs(dg.RunsFilter(job_name=job)))


def config_of(run: dg.DagsterRun) -> Any:
    return run.run_config


def look(context: WorkspaceProcessContext, moment: datetime) -> None:
    """One iteration of the sensor daemon."""
    with freeze_time(moment):
        list(execute_sensor_iteration(context, LOG, None, None))


def test_the_daemon_starts_one_run_for_a_dropped_file_also_after_a_restart(scanned: Place) -> None:
    desk = Desk("avanan_export_drop", scanned.settings.avanan_inbox, scanned.settings)
    desk.drop("=tenants\n ü.csv", EXPORT)
    now = datetime.now(UTC)
    with daemon(scanned) as context:
        look(context, now)
        look(context, now + timedelta(seconds=5))  # too early: no tick
        assert [tick.split()[0] for tick in ticks_of(context, desk.sensor)] == ["SKIPPED"]
        look(context, now + timedelta(seconds=31))
        (run,) = runs_of(context, "avanan_import")
        assert run.tags["dagster/sensor_name"] == desk.sensor
        assert config_of(run)["ops"]["avanan__tenant_export"]["config"]["file"] == str(
            desk.inbox / "=tenants\n ü.csv"
        )
        assert ticks_of(context, "selection_drop") == []
    with daemon(scanned) as context:
        for minute in range(1, 4):
            look(context, now + timedelta(minutes=minute))
        assert [one.run_id for one in runs_of(context, "avanan_import")] == [run.run_id]
        assert f"run {run.run_id} works on it" in ticks_of(context, desk.sensor)[-1]
        (desk.inbox / "=tenants\n ü.csv").unlink()
        desk.inbox.rmdir()
        desk.inbox.symlink_to("avanan")
        look(context, now + timedelta(minutes=5))
        failed = ticks_of(context, desk.sensor)[-1]
        assert failed.startswith("FAILURE")
        assert "inbox/avanan" in failed


def schedule_ticks(context: WorkspaceProcessContext, moment: datetime) -> list[dg.DagsterRun]:
    """One iteration of the scheduler daemon that comes up at that moment; the rounds so far, the newest first."""
    with freeze_time(moment):
        list(launch_scheduled_runs(context, LOG, moment, {}))
    return runs_of(context, "seat_sync")


def test_a_round_that_was_missed_follows_once_and_one_before_it_was_switched_on_never(
    scanned: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATSYNC_SCHEDULE_DAY", "-3")
    monkeypatch.setenv("SEATSYNC_TIMEZONE", "UTC")
    with daemon(scanned) as context:
        schedule = load_remote_repo(context, "__repository__").get_schedule("monthly_seat_sync")
        assert schedule_ticks(context, datetime(2031, 1, 29, 6, tzinfo=UTC)) == []  # it ships stopped
        with freeze_time(datetime(2031, 1, 30, 12, tzinfo=UTC)):
            context.instance.start_schedule(schedule)
        assert schedule_ticks(context, datetime(2031, 1, 31, 6, tzinfo=UTC)) == []
        assert "Wednesday, 2031-02-26, at 5:00 UTC" in ticks_of(context, schedule.name)[-1]

        # Down over the due day, and up again two days later.
        (late,) = schedule_ticks(context, datetime(2031, 2, 28, 9, tzinfo=UTC))
        assert (late.tags["seatsync/due"], late.tags["seatsync/late"]) == ("2031-02-26", "true")
        assert len(schedule_ticks(context, datetime(2031, 3, 1, 6, tzinfo=UTC))) == 1
        assert len(schedule_ticks(context, datetime(2031, 3, 28, 6, tzinfo=UTC))) == 1
        assert len(schedule_ticks(context, datetime(2031, 3, 29, 6, tzinfo=UTC))) == 2
        assert len(schedule_ticks(context, datetime(2031, 3, 29, 7, tzinfo=UTC))) == 2
        newest = runs_of(context, "seat_sync")[0]
        assert (newest.tags["seatsync/due"], newest.tags["seatsync/late"]) == ("2031-03-29", "false")
