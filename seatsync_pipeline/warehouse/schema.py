"""The schema: numbered SQL files, applied in order, each once.

What belongs here: bringing a database up to this version, and refusing one that is newer. What does not: opening
the file, and what a table means.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TypeAlias

import duckdb

from seatsync_pipeline.errors import WarehouseIncompatible

Connection: TypeAlias = duckdb.DuckDBPyConnection


def migrate(connection: Connection, path: Path) -> None:
    """Apply what is missing, one numbered file at a time, each in its own transaction.

    Raises WarehouseIncompatible for a database that a newer SeatSync wrote.
    """
    connection.execute(
        "create table if not exists schema_migration ("
        " version integer primary key, name varchar not null, applied_at timestamp not null)"
    )
    applied = {
        version for (version,) in connection.execute("select version from schema_migration").fetchall()
    }
    available = _migrations()
    unknown = sorted(applied - available.keys())
    if unknown:
        raise WarehouseIncompatible(
            f"opening the database {path}",
            f"it has migration {unknown[-1]}, and this SeatSync knows {max(available)} at most",
            "Use the newer SeatSync that wrote it.",
        )
    for version, (name, sql) in available.items():
        if version in applied:
            continue
        connection.begin()
        connection.execute(sql)
        connection.execute(
            "insert into schema_migration values (?, ?, now() at time zone 'UTC')", [version, name]
        )
        connection.commit()


def _migrations() -> dict[int, tuple[str, str]]:
    folder = resources.files(__package__) / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)
    return {int(file.name[:4]): (file.name, file.read_text("utf-8")) for file in files}
