"""What earlier snapshots saw, on the MSP's own days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from seatsync_pipeline.reconcile.load import load_history
from seatsync_pipeline.sources.base import Account, Observation, SourceSnapshot, State
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse


def test_one_evening_in_new_york_is_one_day(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "seatsync.duckdb")
    for hour in (20, 23):
        read = SourceSnapshot(
            "duo",
            datetime(2026, 11, 20, hour, 30, tzinfo=ZoneInfo("America/New_York")),
            (Account("A1", "Acme"),),
            (Observation("A1", "Acme", "Duo MFA", Decimal(5), State.COUNTED),),
            digest="0",
        )
        save_snapshot(warehouse, read, run_id=None)
    with warehouse.read() as connection:
        here = load_history(connection, "duo", before="snap_z", zone=ZoneInfo("America/New_York"))
        there = load_history(connection, "duo", before="snap_z", zone=UTC)
    assert (here.days, here.last_seen) == ((date(2026, 11, 20),), {("A1", "Duo MFA"): date(2026, 11, 20)})
    assert there.days == (date(2026, 11, 21),)
