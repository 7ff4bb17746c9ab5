"""One writer for many: what several threads have to commit goes into as few transactions as possible.

A commit costs a few milliseconds, opening and closing the database ten times as much, and only one may do it at a
time. So one thread writes; what comes in meanwhile forms the next transaction, in the order in which it came. The
database stays open from one transaction to the next for a moment, unless somebody else waits for it.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Self

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.warehouse import Connection, Session, Warehouse

OPEN_FOR = 1.0
"""So many seconds the database is kept open at most, for programs that do not queue up for it."""
_GLANCE = 0.02  # seconds between two looks whether somebody waits for the database
Work = Callable[[Connection], object]
_Job = tuple[Work, "Future[None]"]


class GroupCommit:
    """Commits pieces of work in their order, grouped. Use it as a context manager; leaving waits for all of it.

    Once a transaction has failed, everything in it and after it fails with the same error: the order is what makes
    a journal, so nothing may be written behind a gap. Leaving raises an error that is no WarehouseError: it is a
    defect, and nobody may take the operation for recorded.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._leaving = False
        self._broken: BaseException | None = None
        self._thread = Thread(target=self._run, name="journal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.put(None)
        self._thread.join()
        if self._broken is not None and not isinstance(self._broken, WarehouseError):
            raise self._broken

    @property
    def broken(self) -> BaseException | None:
        """Why nothing is committed any more; None while all is well."""
        return self._broken

    def submit(self, work: Work) -> Future[None]:
        """Have `work` committed; the future is done once it is, or holds the error that kept it from being."""
        done: Future[None] = Future()
        self._jobs.put((work, done))
        return done

    def wait(self) -> None:
        """Return when all that was submitted is committed, or cannot be: `broken` tells."""
        self._jobs.join()

    def _run(self) -> None:
        while not self._leaving:
            self._commit(self._take(None))

    def _take(self, patience: float | None) -> list[_Job]:
        """Whatever waits, at least one; none when none comes in so many seconds, or ever."""
        group: list[_Job] = []
        try:
            job = self._jobs.get(timeout=patience)
            while job is not None:
                group.append(job)
                job = self._jobs.get_nowait()
        except queue.Empty:
            return group
        self._leaving = True
        return group

    def _commit(self, group: list[_Job]) -> None:
        """Commit a group, and those that follow while the database is open: each in a transaction of its own."""
        try:
            if group and self._broken is None:
                with self._warehouse.session() as session:
                    until = time.monotonic() + OPEN_FOR
                    while group:
                        with session.write() as connection:
                            for work, _ in group:
                                work(connection)
                        self._tell(group)
                        group = []  # told, whatever comes now
                        group = self._next(session, until)
        except BaseException as error:  # noqa: BLE001  # told to everyone who waits, and raised when leaving
            self._broken = error
        self._tell(group)

    def _next(self, session: Session, until: float) -> list[_Job]:
        """The next group, if one comes before the database is wanted or was open long enough."""
        while not (self._leaving or session.wanted) and (left := until - time.monotonic()) > 0:
            if group := self._take(min(left, _GLANCE)):
                return group
        return []

    def _tell(self, group: list[_Job]) -> None:
        """Tell everyone who waits for this group what became of it."""
        for _, done in group:
            if self._broken is None:
                done.set_result(None)
            else:
                done.set_exception(self._broken)
            self._jobs.task_done()
