"""Connections to the warehouse file: short, always closed, patient with each other.

DuckDB lets one process at a time hold a file for writing. SeatSync lives with that by a rule: nothing slow
(no network, no pandas) happens while a connection is open, so that every use of the file lasts
milliseconds, and a process that finds it taken tries again, with jitter, until a deadline.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from seatsync_pipeline.errors import WarehouseError, WarehouseFull
from seatsync_pipeline.warehouse.faults import busy, is_busy, typed
from seatsync_pipeline.warehouse.files import (
    Held,
    Identity,
    be_born,
    hold,
    identity,
    in_turn,
    private_files,
    quoted,
)
from seatsync_pipeline.warehouse.schema import Connection, migrate


class _Process:
    """What all warehouses of one process share.

    One process opens a file in one mode and never twice at the same moment: threads that open and close the
    same file side by side fail with "Unique file handle conflict", and read-only beside read-write raises too.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.open = 0
        self.forked_while_open = False

    def after_fork(self) -> None:
        """In the child: nobody will ever release what another thread of the parent held.

        A database that was open at that moment is here too, but without the parent's lock on the file: two
        processes would write to it.
        """
        self.forked_while_open = self.forked_while_open or self.open > 0
        self.lock = threading.RLock()


_process = _Process()
if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_process.after_fork)


class Warehouse:
    """The DuckDB file of one MSP.

    `deadline` is how long, in seconds, an operation waits for a file that another process holds.
    """

    def __init__(self, path: Path, *, deadline: float = 60.0) -> None:
        self.path = path
        self.deadline = deadline
        self._migrated: Identity | None = None

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
    def frozen(self, tried: str) -> Iterator[Connection]:
        """A connection that cannot write, while nobody else can open the file: it may be replaced meanwhile.

        Nothing that DuckDB does at its end touches what stands at the path by then.
        """
        log = self.path.with_name(f"{self.path.name}.wal")
        while True:
            with self.read():
                pass  # today's schema, and a killed writer's log taken up
            with self.alone(tried) as give_up, private_files():
                held = self._hold(tried, give_up)
                try:
                    if not log.exists():
                        with self._frozen(tried) as connection:
                            yield connection
                        return
                finally:
                    held.release()

    @contextmanager
    def _frozen(self, tried: str) -> Iterator[Connection]:
        try:
            with duckdb.connect(":memory:") as connection:
                connection.execute(f"attach {quoted(self.path)} as frozen (read_only)")
                connection.execute("use frozen")
                _process.open += 1
                try:
                    yield connection
                finally:
                    _process.open -= 1
        except duckdb.Error as error:
            raise self._typed(error, tried) from error

    @contextmanager
    def alone(self, tried: str) -> Iterator[float]:
        """Keep every other thread of this process away from databases; yields the moment to give up at.

        Raises WarehouseBusy when one of them does not let go, WarehouseError after a fork that cannot work.
        """
        give_up = time.monotonic() + self.deadline
        if not _process.lock.acquire(timeout=self.deadline):
            raise busy(f"{tried} {self.path}", "another thread of this process", waited=self.deadline)
        try:
            if _process.forked_while_open:
                raise WarehouseError(
                    f"{tried} {self.path}",
                    "this process was forked while its parent had the database open",
                    "Start processes anew (spawn) instead of forking; nothing was changed.",
                )
            yield give_up
        finally:
            _process.lock.release()

    @contextmanager
    def _transaction(self, tried: str) -> Iterator[Connection]:
        with self.alone(tried) as give_up, private_files(), self._opened(tried, give_up) as connection:
            try:
                self._migrate(connection)
                connection.begin()
                try:
                    yield connection
                except BaseException:
                    _roll_back(connection)
                    raise
                connection.commit()
            except duckdb.Error as error:
                raise self._typed(error, tried) from error

    def _migrate(self, connection: Connection) -> None:
        current = identity(self.path)
        if self._migrated is None or self._migrated != current:
            migrate(connection, self.path)
            self._migrated = current

    @contextmanager
    def _opened(self, tried: str, give_up: float) -> Iterator[Connection]:
        held = self._hold(tried, give_up)
        try:
            connection = self._connect(tried, give_up)
            _process.open += 1
            try:
                yield connection
            finally:
                connection.close()
                _process.open -= 1
        finally:
            held.release()

    def _hold(self, tried: str, give_up: float) -> Held:
        """The file's lock, as soon as nobody else has it; at the latest at `give_up`, without."""
        try:
            be_born(self.path)
            if not _process.open:
                with in_turn(self.path, give_up):
                    while time.monotonic() < give_up:
                        if (held := hold(self.path)) is not None:
                            return held
                        time.sleep(random.uniform(0.001, 0.01))  # noqa: S311  # jitter, not a secret
        except OSError as error:
            raise WarehouseFull(
                f"creating the database {self.path}",
                error.strerror or str(error),
                "Point SEATSYNC_HOME at a folder that you may write to.",
            ) from error
        except duckdb.Error as error:
            raise self._typed(error, tried) from error
        return Held(None)  # DuckDB will be refused too, and knows by whom

    def _connect(self, tried: str, give_up: float) -> Connection:
        while True:
            try:
                return duckdb.connect(str(self.path))
            except duckdb.Error as error:
                if not is_busy(error) or time.monotonic() >= give_up:
                    raise self._typed(error, tried) from error
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311  # jitter, not a secret

    def _typed(self, error: duckdb.Error, tried: str) -> WarehouseError:
        return typed(error, f"{tried} {self.path}", waited=self.deadline)


def _roll_back(connection: Connection) -> None:
    try:
        connection.rollback()
    except duckdb.Error:
        # The transaction is already dead (a full disk aborts it); the error that killed it is on its way up.
        return
