"""Backups: the database at one moment, the files beside it, and what the audit log said then.

What belongs here: making one, and what it says about itself. What does not: the file's form
(`warehouse/archive.py`), and bringing it back (`restore.py`).
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import duckdb

from seatsync_pipeline.errors import InputRefused, WarehouseError
from seatsync_pipeline.push import audit
from seatsync_pipeline.push.records import load_operations, noted_heads
from seatsync_pipeline.warehouse import Connection, Warehouse
from seatsync_pipeline.warehouse.archive import DATABASE, pack
from seatsync_pipeline.warehouse.copy import copy_database, opened_copy, verify_copy


@dataclass(frozen=True)
class Backup:
    """A backup that was written and read back. `made_at` is UTC, `size` in bytes, `tables` table -> rows."""

    file: Path
    made_at: datetime
    size: int
    files: int
    facts: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The document of `seatsync backup --json`."""
        return {"file": str(self.file), "bytes": self.size, "files": self.files, **self.facts}


def back_up(warehouse: Warehouse, target: Path) -> Backup:
    """Write a backup to a file that does not exist yet, or into a folder under a name with the time.

    Runs go on meanwhile; who writes waits for the moment that the database is copied. Raises InputRefused when the
    file exists or cannot be written, WarehouseError when the database cannot be read or its copy is not the same.
    """
    made_at = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    file = _file(target, made_at)
    tried = f"writing the backup {file}"
    folder = file.parent / f".{file.name}.{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700, parents=True)
        copy = folder / DATABASE
        with warehouse.read() as connection:
            facts = {"made_at": made_at, **_about(connection), "tables": copy_database(connection, copy)}
        _verify(copy, facts, tried)
        members = pack(file, copy, warehouse.path.parent, facts, tried)
        size = file.stat().st_size
    except OSError as error:
        raise InputRefused(
            tried, error.strerror or str(error), "Free space, or name a place that you may write to."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Backup(file, made_at, size, len(members), facts)


def chain(connection: Connection) -> dict[str, Any]:
    """What the audit log of a database says about itself. A broken one is backed up as it is: it is evidence."""
    found = audit.verify(audit.load(connection), noted_heads(connection))
    return {"entries": found.entries, "head": found.head, "sound": found.sound, "found": found.found}


def unfinished(connection: Connection) -> list[str]:
    """The operations that have not ended."""
    return [record.operation_id for record in load_operations(connection) if not record.ended]


def _about(connection: Connection) -> dict[str, Any]:
    row = connection.execute("select max(version) from schema_migration").fetchone()
    return {
        "seatsync": metadata.version("seatsync"),
        "duckdb": duckdb.__version__,
        "schema": None if row is None else row[0],
        "audit": chain(connection),
        "unfinished": unfinished(connection),
    }


def _verify(copy: Path, facts: dict[str, Any], tried: str) -> None:
    verify_copy(copy, facts["tables"], tried)
    with opened_copy(copy, tried) as connection:
        found = chain(connection)
    if found != facts["audit"]:
        raise WarehouseError(
            tried,
            "the copy's audit log is not the original's",
            "Nothing was kept. Check the disk and try again.",
        )


def _file(target: Path, made_at: datetime) -> Path:
    if target.is_dir():
        return target.absolute() / f"seatsync-{made_at:%Y%m%dT%H%M%SZ}.backup.zip"
    if target.exists():
        raise InputRefused(
            f"writing the backup {target}",
            "the file exists",
            "Name another one, or a folder to keep several in.",
        )
    return target.absolute()
