"""`monthly_seat_sync`: the days it is due on, the hours it ticks at, and what a tick says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.errors import ConfigurationError
from sensors.month import due_day, latest_due, next_due
from sensors.schedule import monthly_seat_sync


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATSYNC_TIMEZONE", "America/New_York")


def evaluated(moment: datetime) -> dg.RunRequest | str:
    """What a tick at that moment does: the run it asks for, or why it asks for none."""
    data = monthly_seat_sync().evaluate_tick(dg.build_schedule_context(scheduled_execution_time=moment))
    return data.run_requests[0] if data.run_requests else str(data.skip_message)


def ticks(start: datetime) -> Iterator[datetime]:
    """The moments at which Dagster's own iterator lets the schedule tick."""
    schedule = build_defs().resolve_schedule_def("monthly_seat_sync")
    assert isinstance(schedule.cron_schedule, str)
    return schedule_execution_time_iterator(
        start.timestamp(), schedule.cron_schedule, schedule.execution_timezone
    )


@pytest.mark.parametrize(
    ("setting", "month", "expected"),
    [
        (1, (2026, 2), "2026-02-01"),
        (28, (2026, 2), "2026-02-28"),
        (29, (2026, 2), "2026-02-28"),
        (29, (2028, 2), "2028-02-29"),
        (31, (2026, 4), "2026-04-30"),
        (31, (2026, 12), "2026-12-31"),
        (-1, (2026, 12), "2026-12-31"),
        (-1, (2027, 2), "2027-02-28"),
        (-1, (2028, 2), "2028-02-29"),
        (-1, (2000, 2), "2000-02-29"),
        (-1, (2100, 2), "2100-02-28"),
        (-3, (2026, 1), "2026-01-29"),
        (-3, (2026, 2), "2026-02-26"),
        (-3, (2028, 2), "2028-02-27"),
        (-3, (2026, 4), "2026-04-28"),
        (-28, (2026, 2), "2026-02-01"),
    ],
)
def test_the_day_of_each_month(setting: int, month: tuple[int, int], expected: str) -> None:
    assert str(due_day(*month, setting)) == expected


@pytest.mark.parametrize("setting", [day for day in range(-28, 32) if day])
def test_every_month_has_one_due_day_whatever_the_setting(setting: int) -> None:
    days = [date(2027, 1, 1) + timedelta(days=number) for number in range(365 + 366)]
    due = [day for day in days if latest_due(day, setting) == day]
    assert [(day.year, day.month) for day in due] == [(y, m) for y in (2027, 2028) for m in range(1, 13)]
    for day in days[31:-31]:
        assert latest_due(day, setting) <= day < next_due(day, setting)
        assert next_due(latest_due(day, setting), setting) == next_due(day, setting)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("1", ["02-01", "03-01", "04-01"]),
        ("-1", ["01-31", "02-29", "03-31"]),
        ("-3", ["01-29", "02-27", "03-29"]),
        ("31", ["01-31", "02-29", "03-31"]),
    ],
)
def test_of_all_ticks_of_a_leap_year_one_a_month_asks_for_a_run(
    monkeypatch: pytest.MonkeyPatch, setting: str, expected: list[str]
) -> None:
    monkeypatch.setenv("SEATSYNC_SCHEDULE_DAY", setting)
    schedule = monthly_seat_sync()
    asked = []
    for moment in islice(ticks(datetime(2028, 1, 2, tzinfo=UTC)), 92):
        data = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=moment))
        if data.run_requests:
            (request,) = data.run_requests
            asked.append(f"{moment.astimezone(ZoneInfo('America/New_York')):%m-%d}")
            assert request.run_key == f"seat_sync-2028-{asked[-1]}"
        else:
            assert data.skip_message
    assert asked == expected


@pytest.mark.parametrize(
    ("zone", "hour", "around"),
    [
        ("America/New_York", 2, "2026-03-08"),  # 2:00 does not exist
        ("America/New_York", 1, "2026-11-01"),  # 1:00 comes twice
        ("Europe/Berlin", 2, "2026-03-29"),
        ("Europe/Berlin", 2, "2026-10-25"),
        ("America/Santiago", 0, "2026-09-06"),  # midnight does not exist
        ("Australia/Lord_Howe", 2, "2026-10-04"),  # half an hour
        ("Asia/Kathmandu", 5, "2026-06-01"),
        ("Pacific/Kiritimati", 23, "2026-06-01"),
    ],
)
def test_each_local_day_has_one_tick_whatever_the_clocks_do(
    monkeypatch: pytest.MonkeyPatch, zone: str, hour: int, around: str
) -> None:
    monkeypatch.setenv("SEATSYNC_TIMEZONE", zone)
    monkeypatch.setenv("SEATSYNC_SCHEDULE_HOUR", str(hour))
    middle = date.fromisoformat(around)
    monkeypatch.setenv("SEATSYNC_SCHEDULE_DAY", str(middle.day))
    start = datetime.combine(middle - timedelta(days=3), datetime.min.time(), ZoneInfo(zone))
    seen = list(islice(ticks(start), 7))
    local = [moment.astimezone(ZoneInfo(zone)) for moment in seen]
    days = [moment.date() for moment in local]
    assert all((after - before).days == 1 for before, after in pairwise(days))
    assert [moment.hour for moment in local if moment.date() != middle] == [hour] * (len(local) - 1)
    asked = [
        day for day, moment in zip(days, seen, strict=True) if isinstance(evaluated(moment), dg.RunRequest)
    ]
    assert asked == [middle]


def test_a_tick_that_is_not_due_names_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATSYNC_SCHEDULE_DAY", "-3")
    said = evaluated(datetime(2026, 11, 29, 10, tzinfo=UTC))
    assert said == "The next round is due on Tuesday, 2026-12-29, at 5:00 America/New_York."


def test_the_day_is_the_msps_and_not_that_of_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATSYNC_TIMEZONE", "Pacific/Auckland")
    schedule = build_defs().resolve_schedule_def("monthly_seat_sync")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * *", "Pacific/Auckland")
    moment = datetime(2026, 11, 30, 16, tzinfo=UTC)  # the 1st of December there
    assert isinstance(evaluated(moment), dg.RunRequest)
    assert isinstance(evaluated(moment + timedelta(days=1)), str)


def test_it_ships_stopped_and_runs_seat_sync_alone() -> None:
    schedule = build_defs().resolve_schedule_def("monthly_seat_sync")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "seat_sync"
    assert "never pushes" in str(schedule.description)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEATSYNC_SCHEDULE_DAY", "0"),
        ("SEATSYNC_SCHEDULE_DAY", "32"),
        ("SEATSYNC_SCHEDULE_DAY", "-29"),
        ("SEATSYNC_SCHEDULE_DAY", "first"),
        ("SEATSYNC_SCHEDULE_HOUR", "24"),
        ("SEATSYNC_TIMEZONE", "Mars/Olympus"),
    ],
)
def test_wrong_settings_load_and_each_tick_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    schedule = build_defs().resolve_schedule_def("monthly_seat_sync")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * *", "UTC")
    with pytest.raises(dg.DagsterError) as told:
        evaluated(datetime(2026, 11, 1, 10, tzinfo=UTC))
    assert isinstance(told.value.__cause__, ConfigurationError)
    assert name in str(told.value.__cause__)


def test_settings_changed_since_the_code_was_loaded_count_or_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SEATSYNC_TIMEZONE")
    schedule = monthly_seat_sync()
    monkeypatch.setenv("SEATSYNC_SCHEDULE_HOUR", "7")
    monkeypatch.setenv("SEATSYNC_SCHEDULE_DAY", "15")
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 14, 5, tzinfo=UTC))
    said = str(schedule.evaluate_tick(context).skip_message)
    assert "Sunday, 2026-11-15, at 5:00 UTC" in said
    assert "SEATSYNC_TIMEZONE is not set" in said
    assert "reload the code location" in said
