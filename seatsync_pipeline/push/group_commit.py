"""One writer for many: what several threads have to commit goes into as few transactions as possible.

Opening, writing and closing the database costs tens of milliseconds, and only one may do it at a time. So one thread
writes; what comes in meanwhile forms the next transaction, in the order in which it came.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Self

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.warehouse import Connection, Warehouse

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
        open_for_more = True
        while open_for_more:
            group, open_for_more = self._group()
            self._commit(group)
            for _ in group:
                self._jobs.task_done()

    def _group(self) -> tuple[list[_Job], bool]:
        """Whatever waits, at least one; and whether more may come."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Job]) -> None:
        if group and self._broken is None:
            try:
                with self._warehouse.write() as connection:
                    for work, _ in group:
                        work(connection)
            except BaseException as error:  # noqa: BLE001  # told to everyone who waits, and raised when leaving
                self._broken = error
        for _, done in group:
            if self._broken is None:
                done.set_result(None)
            else:
                done.set_exception(self._broken)
