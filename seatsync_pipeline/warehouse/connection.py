"""Connections to the warehouse file: short, always closed, patient with each other.

DuckDB lets one process at a time hold a file for writing. SeatSync lives with that by a rule: nothing slow
(no network, no pandas) happens while a connection is open, so that every use of the file lasts
milliseconds, and a process that finds it taken tries again, with jitter, until a deadline. A `session` alone lasts
longer, and gives way to whoever waits.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
    private_files,
    quoted,
)
from seatsync_pipeline.warehouse.ids import keep_ahead
from seatsync_pipeline.warehouse.schema import Connection, migrate
from seatsync_pipeline.warehouse.turns import AT_MOST, Turn, last_drawn


class _Process:
    """What all warehouses of one process share.

    One process opens a file in one mode and never twice at the same moment: threads that open and close the
    same file side by side fail with "Unique file handle conflict", and read-only beside read-write raises too.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.open = 0
        self.served = 0
        self.waiting: set[int] = set()  # threads
        self.forked_while_open = False

    def wait(self, deadline: float, *, tried: str) -> None:
        """Get the lock. Raises WarehouseBusy when no thread lets go of it for that many seconds."""
        served = self.served
        self.waiting.add(threading.get_ident())
        try:
            for _ in range(AT_MOST):
                if self.lock.acquire(timeout=deadline):
                    self.served += 1
                    return
                if self.served == served:
                    break
                served = self.served
        finally:
            self.waiting.discard(threading.get_ident())
        raise busy(tried, "another thread of this process", waited=deadline)

    def after_fork(self) -> None:
        """In the child: nobody will ever release what another thread of the parent held.

        A database that was open at that moment is here too, but without the parent's lock on the file: two
        processes would write to it.
        """
        self.forked_while_open = self.forked_while_open or self.open > 0
        self.lock = threading.RLock()
        self.waiting = set()


_process = _Process()
if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_process.after_fork)


class Session:
    """The database, held open by one thread for several write transactions in a row.

    `write` is like `Warehouse.write`, without opening and closing.
    """

    def __init__(
        self, path: Path, number: int, write: Callable[[], AbstractContextManager[Connection]]
    ) -> None:
        self._path = path
        self._number = number  # in the queue
        self.write = write

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for the database: a thread of this process, or another process behind this one."""
        return bool(_process.waiting) or last_drawn(self._path) > self._number


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
        with self._transaction("reading from the database", writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection inside one transaction: committed when the body ends, rolled back when it raises."""
        with self._transaction("writing to the database", writes=True) as connection:
            yield connection

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The database open for one small transaction after another: opening and closing cost ten times as much.

        Nobody else can use it meanwhile. Keep it for a moment only, and give it back when it is `wanted`.
        """
        tried = "writing to the database"
        with self._alone(tried):
            number = last_drawn(self.path) + 1
            with self._held(tried, writes=True) as connection:
                # Sharing a few rows among threads costs more than the rows do.
                connection.execute("set threads = 1")
                yield Session(self.path, number, lambda: self._committed(connection, tried))

    @contextmanager
    def frozen(self, tried: str) -> Iterator[Connection]:
        """A connection that cannot write, while nobody else can open the file: it may be replaced meanwhile.

        Nothing that DuckDB does at its end touches what stands at the path by then.
        """
        log = self.path.with_name(f"{self.path.name}.wal")
        while True:
            with self.read():
                pass  # today's schema, and a killed writer's log taken up
            with self._alone(tried), private_files(), self._opened(tried, self._frozen) as connection:
                if log.exists():
                    continue  # somebody was killed in between
                try:
                    yield connection
                except duckdb.Error as error:
                    raise self._typed(error, tried) from error
                return

    def _frozen(self) -> Connection:
        connection = duckdb.connect(":memory:")
        try:
            connection.execute(f"attach {quoted(self.path)} as frozen (read_only)")
            connection.execute("use frozen")
        except duckdb.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def _alone(self, tried: str) -> Iterator[None]:
        """Keep every other thread of this process away from databases.

        Raises WarehouseBusy when one of them does not let go, WarehouseError after a fork that cannot work.
        """
        _process.wait(self.deadline, tried=f"{tried} {self.path}")
        try:
            if _process.forked_while_open:
                raise WarehouseError(
                    f"{tried} {self.path}",
                    "this process was forked while its parent had the database open",
                    "Start processes anew (spawn) instead of forking; nothing was changed.",
                )
            yield
        finally:
            _process.lock.release()

    @contextmanager
    def _transaction(self, tried: str, *, writes: bool) -> Iterator[Connection]:
        with (
            self._alone(tried),
            self._held(tried, writes=writes) as connection,
            self._committed(connection, tried),
        ):
            yield connection

    @contextmanager
    def _held(self, tried: str, *, writes: bool) -> Iterator[Connection]:
        """The database, open and with today's schema; for whoever writes with ids that go on behind what is stored."""
        with (
            private_files(),
            self._opened(tried, lambda: duckdb.connect(str(self.path))) as connection,
        ):
            try:
                self._migrate(connection)
                if writes:
                    keep_ahead(connection)  # once for a whole session: nobody else writes meanwhile
            except duckdb.Error as error:
                raise self._typed(error, tried) from error
            yield connection

    @contextmanager
    def _committed(self, connection: Connection, tried: str) -> Iterator[Connection]:
        try:
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
    def _opened(self, tried: str, connect: Callable[[], Connection]) -> Iterator[Connection]:
        """The database, opened by `connect` as soon as nobody else has it, and closed."""
        held, connection = self._in_turn(tried, connect)
        _process.open += 1
        try:
            yield connection
        finally:
            connection.close()
            held.release()
            _process.open -= 1

    def _in_turn(self, tried: str, connect: Callable[[], Connection]) -> tuple[Held, Connection]:
        """Wait until all who came before have had the file, open it, and let the next one come.

        The place in the queue is kept until it is open: DuckDB first looks into the file and closes it again, which
        gives the lock up for a moment, and whoever tries then would take it.
        """
        try:
            be_born(self.path)
            if _process.open:
                return Held(None), connect()  # a transaction inside another: the lock is ours
            with Turn(self.path, self.deadline) as turn:
                while True:
                    last = turn.over  # who stands before us may be asleep: then without waiting for them
                    held = hold(self.path) if last or turn.mine else None
                    try:
                        if held is not None or last:
                            return held or Held(None), connect()
                    except duckdb.Error as error:
                        if held is not None:
                            held.release()
                        if last or not is_busy(error):
                            raise
                    turn.pause()
        except OSError as error:
            raise WarehouseFull(
                f"creating the database {self.path}",
                error.strerror or str(error),
                "Point SEATSYNC_HOME at a folder that you may write to.",
            ) from error
        except duckdb.Error as error:
            raise self._typed(error, tried) from error

    def _typed(self, error: duckdb.Error, tried: str) -> WarehouseError:
        return typed(error, f"{tried} {self.path}", waited=self.deadline)


def _roll_back(connection: Connection) -> None:
    try:
        connection.rollback()
    except duckdb.Error:
        # The transaction is already dead (a full disk aborts it); the error that killed it is on its way up.
        return
