"""Ids: they sort by age in one process and from one to the next, whatever becomes of the machine's clock."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from seatsync_pipeline.connectwise.store import latest_scan_id, save_scan
from seatsync_pipeline.reconcile import setup
from seatsync_pipeline.reconcile.store import PreviewOrigin, latest_preview_id, save_preview
from seatsync_pipeline.sources.base import SourceSnapshot
from seatsync_pipeline.sources.store import latest_snapshot_id, save_snapshot
from seatsync_pipeline.warehouse import Warehouse, ids, new_id
from tests.reconcile.worlds import TODAY, draft, seen, world

INPUTS = world([seen(12)])
READING = SourceSnapshot("duo", INPUTS.scan.taken_at, INPUTS.accounts, INPUTS.observations, "digest")


@pytest.fixture
def another_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The next command, on a clock that is so many minutes off."""

    def begin(minutes: int) -> None:
        clock = ids._Clock(lambda: time.time_ns() // 1000 + minutes * 60_000_000)
        monkeypatch.setattr(ids, "_clock", clock)

    return begin


def test_a_decision_after_the_clock_was_set_back_is_the_one_that_counts(
    warehouse: Warehouse, another_process: Callable[[int], None]
) -> None:
    save_scan(warehouse, INPUTS.scan, run_id=None)
    save_snapshot(warehouse, READING, run_id=None)
    setup.map_license(warehouse, "duo", "Duo MFA", "MFA-SEAT", by="ann")
    setup.link_account(warehouse, "duo", "A1", 1, by="ann")
    setup.set_agreement_types(warehouse, "duo", ["Managed Services"], by="ann")
    another_process(-20)
    setup.map_license(warehouse, "duo", "Duo MFA", "MAIL-SEAT", by="bob")
    setup.mark_not_billed(warehouse, "duo", "A1", by="bob", reason="internal")
    setup.set_agreement_types(warehouse, "duo", ["Projects"], by="bob")
    for table in ("mapping", "link", "agreement_type_filter"):
        with warehouse.read() as connection:
            assert connection.table(table).project("changed_by").fetchall() == [("bob",)]


def test_a_reading_after_the_clock_was_set_back_is_the_latest(
    warehouse: Warehouse, another_process: Callable[[int], None]
) -> None:
    def read_all() -> tuple[str, str, str]:
        scan_id = save_scan(warehouse, INPUTS.scan, run_id=None)
        snapshot_id = save_snapshot(warehouse, READING, run_id=None)
        origin = PreviewOrigin("duo", TODAY, None, snapshot_id, scan_id)
        return scan_id, snapshot_id, save_preview(warehouse, draft(INPUTS), origin)

    def latest() -> tuple[str | None, str | None, str | None]:
        with warehouse.read() as connection:
            return (
                latest_scan_id(connection),
                latest_snapshot_id(connection, "duo"),
                latest_preview_id(connection, "duo"),
            )

    assert latest() == (None, None, None)
    for minutes in (0, -20, -40, 0):
        another_process(minutes)
        assert read_all() == latest()


def test_a_session_goes_on_behind_what_is_stored(
    warehouse: Warehouse, another_process: Callable[[int], None]
) -> None:
    save_scan(warehouse, INPUTS.scan, run_id=None)
    another_process(-20)
    with warehouse.read() as connection:
        before = latest_scan_id(connection)
    with warehouse.session() as session, session.write():
        assert before is not None
        assert new_id("snap") > before


@pytest.mark.parametrize("odd", ["snap_1", "snap_" + "v" * 24, "snap_06", "06bkq", ""])
def test_an_id_that_was_not_generated_tells_no_time(warehouse: Warehouse, odd: str) -> None:
    save_scan(warehouse, INPUTS.scan, run_id=None)
    with warehouse.write() as connection:
        connection.execute("update snapshot set snapshot_id = ?", [odd])
    made = save_scan(warehouse, INPUTS.scan, run_id=None)
    assert abs((int(made[5:], 32) >> 56) / 1e6 - time.time()) < 3600


def test_every_column_of_generated_ids_is_looked_at(warehouse: Warehouse) -> None:
    """By the schema's own words: a key that is one text. The others are ids of something else, or made from it."""
    others = {("operation", "operation_id"), ("acceptance", "snapshot_id"), ("pruning", "snapshot_id")}
    with warehouse.read() as connection:
        keys = connection.execute(
            """
            select k.table_name, k.constraint_column_names[1]
            from duckdb_constraints() k
            join duckdb_columns() c
              on c.table_name = k.table_name and c.column_name = k.constraint_column_names[1]
            where k.constraint_type = 'PRIMARY KEY' and len(k.constraint_column_names) = 1
              and c.data_type = 'VARCHAR'
            """
        ).fetchall()
    assert set(keys) - others == set(ids.TIME_ORDERED.items())
