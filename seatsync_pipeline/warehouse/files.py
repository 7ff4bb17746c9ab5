"""The database as a file: born whole and private, and known again when another took its place.

What belongs here: folders, permissions, identity and replacement of the file. What does not: what is in it.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import duckdb

from seatsync_pipeline.warehouse.schema import migrate

if sys.platform != "win32":
    import fcntl

Identity: TypeAlias = tuple[int, int]


class Held:
    """The lock that DuckDB takes, taken first: asking DuckDB costs 40 ms of work each time, asking the system nothing.

    Locks of this kind belong to the process, so DuckDB gets it too; and closing any handle of the file gives it up,
    so nobody may use this while the process has the file open.
    """

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def hold(path: Path) -> Held | None:
    """Lock the file that stands at that path now; None while another process has it.

    Where the system cannot lock it, or may not, DuckDB has to find out by itself: nothing is held then.
    """
    if sys.platform == "win32":
        return Held(None)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return Held(None)  # not there, not ours, no file: DuckDB has the words for it
    if not _locked(handle):
        os.close(handle)
        return None
    found = os.fstat(handle)
    if (found.st_dev, found.st_ino) != identity(path):
        os.close(handle)  # another file took its place in between (a restore): that one has to be locked
        return None
    return Held(handle)


def _locked(handle: int) -> bool:
    """Try once. True also where the system cannot lock at all: then nobody can."""
    if sys.platform != "win32":
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return True
    return True


@contextmanager
def private_files() -> Iterator[None]:
    """Whatever is created meanwhile is readable by its owner alone: DuckDB asks for more, and the mask takes it.

    The mask is the whole process's: what other threads create in that moment is private as well.
    """
    previous = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(previous)


def identity(path: Path) -> Identity | None:
    """Which file stands at that path now; None for none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def be_born(path: Path) -> None:
    """Have the folder, and in it a database with today's schema unless something is there already.

    It is made under another name and appears at once and whole: a process killed here leaves nothing that the next
    one could not open. Raises OSError and duckdb.Error.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.path.lexists(path):
        return
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with duckdb.connect(str(made)) as connection:
            migrate(connection, path)
        try:
            os.link(made, path)  # unlike a rename, never over what another process made meanwhile
        except FileExistsError:
            return
        except OSError:
            # A file system without hard links: DuckDB creates the file in place then, as its lock allows.
            duckdb.connect(str(path)).close()
    finally:
        remove_database(made)


def quoted(path: Path) -> str:
    """A path as SQL text, where no parameter can be bound (`attach`)."""
    return "'" + str(path).replace("'", "''") + "'"


def remove_database(path: Path) -> None:
    """Remove a database file and what DuckDB keeps beside it."""
    for file in (path, path.with_name(f"{path.name}.wal")):
        file.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file, or a folder's entries, on the disk before anything that relies on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
