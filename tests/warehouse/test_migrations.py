"""A database of an earlier version keeps what it has."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import duckdb
import pytest

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.warehouse import Warehouse

MIGRATIONS = resources.files("seatsync_pipeline.warehouse") / "migrations"
INSERT = "insert into observation values (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def at_version(path: Path, version: int) -> duckdb.DuckDBPyConnection:
    """A database with the first so many migrations."""
    connection = duckdb.connect(str(path))
    connection.execute(
        "create table schema_migration (version integer primary key, name varchar, applied_at timestamp)"
    )
    for file in sorted(MIGRATIONS.iterdir(), key=lambda file: file.name):
        number = int(file.name[:4]) if file.name.endswith(".sql") else version + 1
        if number <= version:
            connection.execute(file.read_text("utf-8"))
            connection.execute("insert into schema_migration values (?, ?, now())", [number, file.name])
    return connection


def test_observations_keep_every_value_and_gain_expired_ones_without_a_number(tmp_path: Path) -> None:
    path = tmp_path / "seatsync.duckdb"
    rows = [
        ("snap_1", 1, "a", "Acme", "EP", 5, "counted", None, '{"line":2}'),
        ("snap_1", 2, "b", "Bolt", "EP", None, "failed", "Users is blank", "{}"),
        ("snap_2", 1, "a", "Acme", "EP", 6, "expired", None, "{}"),
    ]
    with at_version(path, 6) as connection:
        connection.executemany(INSERT, rows)
    with Warehouse(path).write() as connection:
        assert connection.execute("select * from observation order by all").fetchall() == rows
        connection.execute(
            "insert into observation values ('snap_2', 2, 'c', 'Core', '', null, 'expired', 'no number', '{}')"
        )
    for refused in (
        ("snap_2", 3, "d", "Dots", "EP", None, "counted", None, "{}"),  # a number that is missing
        ("snap_2", 2, "d", "Dots", "EP", 5, "counted", None, "{}"),  # a place that is taken
    ):
        with pytest.raises(WarehouseError, match="Constraint Error"), Warehouse(path).write() as connection:
            connection.execute(INSERT, refused)
