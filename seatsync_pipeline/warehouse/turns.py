"""Waiting for the database in the order of coming: nobody starves, and whoever dies in the queue leaves it.

What belongs here: the queue beside the database file. What does not: the database's own lock (`files.py`).

Whoever comes draws a number and locks the byte of that number in a small file; it is its turn when no byte before its
own is locked any more. Locks of dead processes are gone, so nothing is ever left to clear up. Without a queue, one
busy process takes the database again and again: it is running when it lets go, and the others are asleep.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform != "win32":
    import fcntl

# The number drawn last, and how many were served: each has its own writers, so they are written apart.
_NUMBER = struct.Struct("<Q")
_DRAWN, _SERVED = 0, _NUMBER.size
_DRAWING = 0  # the byte that is locked while a number is drawn; numbers begin at 1
AT_MOST = 10
"""So many times the deadline is waited in all, while others are served."""


class Turn:
    """One place in the queue: `with` it, until `mine` or `over`, and the file is open. Then the next one comes.

    `deadline` (seconds) is how long nobody may be served: while the queue moves, waiting is worth it. Used by one
    thread of a process at a time.
    """

    def __init__(self, database: Path, deadline: float) -> None:
        self._file = _queue(database)
        self._deadline = deadline
        self._began = self._moved = time.monotonic()
        self._handle: int | None = None
        self._number = 0
        self._served = 0

    def __enter__(self) -> Self:
        if sys.platform != "win32":
            try:
                self._handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._draw(self._handle)
            except OSError:
                self._leave()  # a folder that cannot be written to, or locked in: the database will say so
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None and error is None:
            _write(self._handle, _SERVED, _read(self._handle, _SERVED) + 1)  # the queue moves
        self._leave()

    @property
    def mine(self) -> bool:
        """Whether everybody who came before has been served, or is gone."""
        if sys.platform == "win32" or self._handle is None or self._number == 1:
            return True
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB, self._number - 1, 1)
            fcntl.lockf(self._handle, fcntl.LOCK_UN, self._number - 1, 1)
        except OSError:
            return False
        return True

    @property
    def over(self) -> bool:
        """Whether nobody was served for as long as the deadline, or all this has taken many times as long."""
        now = time.monotonic()
        if self._handle is not None:
            served = _read(self._handle, _SERVED)
            if served != self._served:
                self._served, self._moved = served, now
        return now - self._moved >= self._deadline or now - self._began >= self._deadline * AT_MOST

    def pause(self) -> None:
        """A moment, never the same for two."""
        time.sleep(random.uniform(0.001, 0.01))  # noqa: S311  # jitter, not a secret

    def _draw(self, handle: int) -> None:
        if sys.platform != "win32":
            while True:
                try:
                    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _DRAWING)
                    break
                except (BlockingIOError, PermissionError):
                    if time.monotonic() - self._began >= self._deadline:
                        raise
                    self.pause()
            self._served = _read(handle, _SERVED)
            self._number = _read(handle, _DRAWN) + 1
            _write(handle, _DRAWN, self._number)
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._number)
            fcntl.lockf(handle, fcntl.LOCK_UN, 1, _DRAWING)

    def _leave(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def last_drawn(database: Path) -> int:
    """The number that was drawn last: it grows as soon as somebody comes. 0 where nobody can draw any.

    Only for the thread that may use databases in its process: closing the file here gives up every place in the
    queue that the process has.
    """
    try:
        handle = os.open(_queue(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return _read(handle, _DRAWN)
    finally:
        os.close(handle)


def _queue(database: Path) -> Path:
    return database.with_name(f".{database.name}.queue")


def _read(handle: int, place: int) -> int:
    found = os.pread(handle, _NUMBER.size, place)
    return int(_NUMBER.unpack(found)[0]) if len(found) == _NUMBER.size else 0


def _write(handle: int, place: int, number: int) -> None:
    os.pwrite(handle, _NUMBER.pack(number), place)
