"""The trend of a source: the last accepted snapshot of each calendar month of the MSP, through the warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from seatsync_pipeline.reconcile.review import Month, trend
from seatsync_pipeline.sources import acceptance
from seatsync_pipeline.sources.base import Account, Finding, Observation, Source, SourceSnapshot, State
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

NEW_YORK = ZoneInfo("America/New_York")
BAD = (Finding("failed accounts", "9 of 10", "20 %", "too many failed"),)
TODAY = date(2026, 11, 20)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "seatsync.duckdb")


def read(
    warehouse: Warehouse,
    when: datetime,
    *observations: Observation,
    source: Source = "duo",
    findings: tuple[Finding, ...] = (),
) -> str:
    accounts = tuple({o.account_key: Account(o.account_key, o.account_name) for o in observations}.values())
    snapshot = SourceSnapshot(source, when, accounts, observations, f"{when}", findings)
    return save_snapshot(warehouse, snapshot, run_id=None)


def seats(
    number: int | None, key: str = "A1", state: State = State.COUNTED, license_name: str = "L"
) -> Observation:
    return Observation(key, key, license_name, None if number is None else Decimal(number), state)


def at(month: int, day: int, hour: int = 12, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def shown(warehouse: Warehouse, **options: int) -> list[tuple[str, int | None]]:
    with warehouse.read() as connection:
        return [
            (f"{m.month:%Y-%m}", None if m.seats is None else int(m.seats))
            for m in trend(connection, "duo", today=TODAY, zone=NEW_YORK, **options)
        ]


def test_before_anything_was_read_there_is_none(warehouse: Warehouse) -> None:
    read(warehouse, at(11, 3), seats(9), source="avanan")
    read(warehouse, at(11, 3), seats(9), findings=BAD)
    assert shown(warehouse) == []


def test_each_month_is_its_last_accepted_snapshot_and_a_gap_is_unknown(warehouse: Warehouse) -> None:
    read(warehouse, at(8, 2), seats(5))
    read(warehouse, at(8, 30), seats(7))
    read(warehouse, at(10, 2), seats(9))
    read(warehouse, at(10, 3), seats(1), findings=BAD)  # not accepted: no drop to 1
    assert shown(warehouse) == [("2026-08", 7), ("2026-09", None), ("2026-10", 9), ("2026-11", None)]


def test_an_accepted_snapshot_counts(warehouse: Warehouse) -> None:
    read(warehouse, at(11, 2), seats(9))
    released = read(warehouse, at(11, 3), seats(1), findings=BAD)
    assert shown(warehouse) == [("2026-11", 9)]
    decision = acceptance.Acceptance(released, "duo", "ann", at(11, 3), "book of business sold")
    with warehouse.write() as connection:
        acceptance.record(connection, decision, run_id=None)
    assert shown(warehouse) == [("2026-11", 1)]


def test_what_counts_is_what_is_billable(warehouse: Warehouse) -> None:
    taken = at(11, 2)
    snapshot_id = read(
        warehouse,
        taken,
        seats(5, "A1"),
        seats(6, "A1", license_name="M"),
        seats(0, "A2"),
        seats(50, "A3", State.POC),
        seats(50, "A4", State.EXPIRED),
        seats(None, "A5", State.FAILED),
    )
    with warehouse.read() as connection:
        assert trend(connection, "duo", today=TODAY) == (
            Month(date(2026, 11, 1), snapshot_id, taken, Decimal(11), accounts=2, failed_accounts=1),
        )


def test_the_month_is_the_msps(warehouse: Warehouse) -> None:
    read(warehouse, at(10, 31), seats(4))
    read(warehouse, at(11, 1, hour=3), seats(5))  # 31 October, 11 pm in New York
    assert shown(warehouse) == [("2026-10", 5), ("2026-11", None)]


def test_thirteen_months_reach_the_same_one_a_year_ago(warehouse: Warehouse) -> None:
    for year, month in [(2025, 10), (2025, 11), (2025, 12), (2026, 1)]:
        read(warehouse, at(month, 15, year=year), seats(month))
    found = shown(warehouse)
    assert (found[0], found[1], found[-1], len(found)) == (
        ("2025-11", 11),
        ("2025-12", 12),
        ("2026-11", None),
        13,
    )
    assert shown(warehouse, months=11) == [("2026-01", 1), *((f"2026-{n:02}", None) for n in range(2, 12))]
