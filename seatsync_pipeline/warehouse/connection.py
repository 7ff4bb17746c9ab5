"""Connections to the warehouse file: short, always closed, patient with each other.

DuckDB lets one process at a time hold a file for writing. SeatSync lives with that by a rule: nothing slow
(no network, no pandas) happens while a connection is open, so that every use of the file lasts
milliseconds, and a process that finds it taken tries again, with jitter, until a deadline.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import duckdb

from seatsync_pipeline.errors import (
    WarehouseBusy,
    WarehouseError,
    WarehouseFull,
    WarehouseIncompatible,
)

Connection: TypeAlias = duckdb.DuckDBPyConnection

# One process opens a file in one mode and never twice at the same moment: threads that open and close the
# same file side by side fail with "Unique file handle conflict", and read-only beside read-write raises too.
_process_lock = threading.RLock()

_BUSY = re.compile(
    r"could not set lock|conflicting lock|being used by another process|unique file handle conflict"
    r"|different configuration",
    re.IGNORECASE,
)
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)(?: by user (?P<user>\S+))?")
_FULL = re.compile(
    r"no space left|disk full|file too large|quota exceeded|could not write|failed to write"
    r"|read-only file system|permission denied",
    re.IGNORECASE,
)


class Warehouse:
    """The DuckDB file of one MSP.

    `deadline` is how long, in seconds, an operation waits for a file that another process holds.
    """

    def __init__(self, path: Path, *, deadline: float = 60.0) -> None:
        self.path = path
        self._deadline = deadline
        self._migrated = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection inside one read transaction: everything read in it is of one moment."""
        with self._transaction("reading from the database") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection inside one transaction: committed when the body ends, rolled back when it raises."""
        with self._transaction("writing to the database") as connection:
            yield connection

    @contextmanager
    def _transaction(self, tried: str) -> Iterator[Connection]:
        with _process_lock:
            connection = self._open(tried)
            try:
                if not self._migrated:
                    _migrate(connection, self.path)
                    self._migrated = True
                connection.begin()
                try:
                    yield connection
                except BaseException:
                    _roll_back(connection)
                    raise
                connection.commit()
            except duckdb.Error as error:
                raise self._typed(error, tried) from error
            finally:
                connection.close()

    def _open(self, tried: str) -> Connection:
        self._make_private_file()
        give_up = time.monotonic() + self._deadline
        while True:
            try:
                return duckdb.connect(str(self.path))
            except duckdb.Error as error:
                if not _BUSY.search(str(error)) or time.monotonic() >= give_up:
                    raise self._typed(error, tried) from error
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311  # jitter, not a secret

    def _make_private_file(self) -> None:
        """Have the folder and, at its birth, the file readable by their owner alone."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                # DuckDB refuses an empty file, so it creates the file itself, under our mask.
                previous = os.umask(0o077)
                try:
                    duckdb.connect(str(self.path)).close()
                finally:
                    os.umask(previous)
        except OSError as error:
            raise WarehouseFull(
                f"creating the database {self.path}",
                error.strerror or str(error),
                "Point SEATSYNC_HOME at a folder that you may write to.",
            ) from error
        except duckdb.Error as error:
            if not _BUSY.search(str(error)):  # another process was first: it has created the file
                raise self._typed(error, "creating the database") from error

    def _typed(self, error: duckdb.Error, tried: str) -> WarehouseError:
        text = str(error)
        where = f"{tried} {self.path}"
        if _BUSY.search(text):
            holder = _holder(text)
            return WarehouseBusy(
                where,
                f"it was held for more than {self._deadline:g} s by {holder or 'another program'}",
                "Close that program (a DuckDB shell or a BI tool?) and try again; nothing was changed.",
                holder=holder,
            )
        first_line = text.splitlines()[0]
        if _FULL.search(text):
            return WarehouseFull(
                where,
                first_line,
                "Free space or correct the permissions and try again; the last good state is kept.",
            )
        if isinstance(error, duckdb.IOException | duckdb.SerializationException):
            return WarehouseIncompatible(
                where,
                first_line,
                "Use the SeatSync and DuckDB versions that wrote it, or restore a backup.",
            )
        return WarehouseError(where, first_line, "Nothing was changed. Please report this.")


def _roll_back(connection: Connection) -> None:
    try:
        connection.rollback()
    except duckdb.Error:
        # The transaction is already dead (a full disk aborts it); the error that killed it is on its way up.
        return


def _holder(text: str) -> str | None:
    match = _HOLDER.search(text)
    if match is None:
        return None
    user = f", user {match['user']}" if match["user"] else ""
    return f"{match['program']} (process {match['pid']}{user})"


def _migrate(connection: Connection, path: Path) -> None:
    """Bring the schema up to this version, one numbered file at a time, each in its own transaction."""
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


def insert_rows(connection: Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert rows by column name and return how many.

    Values are scalars, `Decimal`, `date`, naive UTC `datetime` or None. They travel as text and the table's
    own types parse them, so that no number passes through a float and no type depends on the data.
    """
    import pandas as pd  # slow to import, and commands that only read do not need it

    records = list(rows)
    if not records:
        return 0
    frame = pd.DataFrame(
        {name: pd.Series([_as_text(record[name]) for record in records], dtype=object) for name in records[0]}
    )
    connection.register("incoming_rows", frame)
    try:
        connection.execute(f'insert into "{table}" by name select * from incoming_rows')  # noqa: S608
    finally:
        connection.unregister("incoming_rows")
    return len(records)


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
