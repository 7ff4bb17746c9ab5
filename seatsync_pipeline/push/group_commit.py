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

    Once a transaction has failed, everything in it and after it fails with the same WarehouseError: the order is
    what makes a journal, so nothing may be written behind a gap.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._broken: WarehouseError | None = None
        self._thread = Thread(target=self._run, name="journal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.put(None)
        self._thread.join()

    def submit(self, work: Work) -> Future[None]:
        """Have `work` committed; the future is done once it is, or holds the WarehouseError that kept it from being."""
        done: Future[None] = Future()
        self._jobs.put((work, done))
        return done

    def _run(self) -> None:
        open_for_more = True
        while open_for_more:
            group, open_for_more = self._group()
            self._commit(group)

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
        if not group:
            return
        if self._broken is None:
            try:
                with self._warehouse.write() as connection:
                    for work, _ in group:
                        work(connection)
            except WarehouseError as error:
                self._broken = error
            except BaseException as error:
                for _, done in group:
                    done.set_exception(error)
                raise
        for _, done in group:
            if self._broken is None:
                done.set_result(None)
            else:
                done.set_exception(self._broken)
