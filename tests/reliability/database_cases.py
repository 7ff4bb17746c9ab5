"""Faults of the database and the disk: what a command makes of each."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tests.reliability.cases import Case, Place, Stores

_HOLD = """
import duckdb, sys
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def refused(
    fault: str, injected: str, arrange: Callable[[Place], None], command: tuple[str, ...], *says: str
) -> Case:
    return Case("Database and disk", fault, injected, arrange, command, 2, says, Stores.NOTHING)


@contextmanager
def _held(database: Path) -> Iterator[None]:
    """Another program that has the database open until the end."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "held\n"
        try:
            yield
        finally:
            program.communicate("")


@contextmanager
def _replaced(database: Path, content: bytes) -> Iterator[None]:
    """Other bytes in the database's place until the end."""
    aside = database.with_suffix(".aside")
    database.rename(aside)
    database.write_bytes(content)
    try:
        yield
    finally:
        assert database.read_bytes() == content, "a file that is no database was written to"
        database.unlink()
        aside.rename(database)


@contextmanager
def _newer(database: Path) -> Iterator[None]:
    """The schema of a SeatSync that is yet to be written, until the end."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("insert into schema_migration values (9999, 'later', now())")
    try:
        yield
    finally:
        with duckdb.connect(str(database)) as connection:
            connection.execute("delete from schema_migration where version = 9999")


@contextmanager
def _full() -> Iterator[None]:
    """No file may grow beyond a few pages, the database as little as what Dagster keeps beside it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _hold(place: Place) -> None:
    place.until_the_end(_held(place.database))


def _garbage(place: Place) -> None:
    place.until_the_end(_replaced(place.database, b"this is no database at all\n" * 400))


CASES: tuple[Case, ...] = (
    refused(
        "another program holds the database",
        "another process has it open; a scan",
        _hold,
        ("scan",),
        "held for more than",
        "Close that program",
    ),
    refused(
        "another program holds the database while one looks",
        "the same; a preview is asked for",
        _hold,
        ("preview", "duo"),
        "held for more than",
        "Close that program",
    ),
    refused(
        "the disk is full",
        "no file may grow beyond a limit; a scan",
        lambda place: place.until_the_end(_full()),
        ("scan",),
        "Free space",
    ),
    refused(
        "the file is no database",
        "other bytes under its name",
        _garbage,
        ("scan",),
        "not a valid DuckDB database file",
    ),
    refused(
        "a newer SeatSync wrote it",
        "its schema has a version from the future",
        lambda place: place.until_the_end(_newer(place.database)),
        ("scan",),
        "newer",
    ),
)
