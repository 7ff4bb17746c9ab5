"""One writer for many threads: everything in its order, nothing behind a gap, and no defect in silence."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.push import group_commit
from seatsync_pipeline.push.group_commit import GroupCommit, Work
from seatsync_pipeline.warehouse import Connection, Warehouse
from seatsync_pipeline.warehouse.turns import last_drawn
from tests.warehouse.conftest import run_python

PATIENCE = 30


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path / "seatsync.duckdb")
    with made.write() as connection:
        connection.execute("create table noted (number integer primary key)")
    return made


def note(number: int) -> Work:
    return lambda connection: connection.execute("insert into noted values (?)", [number])


def noted(warehouse: Warehouse) -> list[int]:
    with warehouse.read() as connection:
        return [
            number for (number,) in connection.execute("select number from noted order by rowid").fetchall()
        ]


def test_what_comes_while_one_commits_forms_one_transaction_in_its_order(warehouse: Warehouse) -> None:
    begun, go_on, transactions = threading.Event(), threading.Event(), set()

    def wait(_: Connection) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    def of(number: int) -> Work:
        def work(connection: Connection) -> None:
            transactions.add(connection.execute("select txid_current()").fetchone())
            note(number)(connection)

        return work

    with GroupCommit(warehouse) as group:
        group.submit(wait)
        assert begun.wait(PATIENCE)
        last = [group.submit(of(number)) for number in (3, 1, 2)][-1]
        assert not last.done()
        go_on.set()
        group.wait()
        assert last.done()
    assert (noted(warehouse), len(transactions)) == ([3, 1, 2], 1)


def test_nothing_is_written_behind_a_gap(warehouse: Warehouse) -> None:
    with GroupCommit(warehouse) as group:
        group.submit(note(1)).result(PATIENCE)
        for number in (1, 2):  # the first is there already, and the second would be no trouble
            with pytest.raises(WarehouseError):
                group.submit(note(number)).result(PATIENCE)
        assert isinstance(group.broken, WarehouseError)
    assert noted(warehouse) == [1]


def test_a_defect_reaches_whoever_waits_and_whoever_leaves(warehouse: Warehouse) -> None:
    def defect(_: Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), GroupCommit(warehouse) as group:  # noqa: PT012  # raised by leaving
        group.submit(defect)
        with pytest.raises(ZeroDivisionError):
            group.submit(note(1)).result(PATIENCE)
        group.wait()
    assert noted(warehouse) == []


def test_the_database_is_opened_once_for_what_comes_soon_and_each_group_is_committed_for_itself(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "OPEN_FOR", 1000)
    opened, transactions = last_drawn(warehouse.path), set()

    def work(connection: Connection) -> None:
        transactions.add(connection.execute("select txid_current()").fetchone())

    with GroupCommit(warehouse) as group:
        for number in range(20):
            group.submit(note(number))
            group.submit(work).result(PATIENCE)
    assert last_drawn(warehouse.path) - opened == 1
    assert len(transactions) == 20
    assert noted(warehouse) == list(range(20))


KILLED = """
import os, sys
from pathlib import Path
from seatsync_pipeline.push import group_commit
from seatsync_pipeline.push.group_commit import GroupCommit
from seatsync_pipeline.warehouse import Warehouse
group_commit.OPEN_FOR = 1000
with GroupCommit(Warehouse(Path(sys.argv[1]))) as group:
    for number in (1, 2):
        group.submit(lambda c, n=number: c.execute("insert into noted values (?)", [n])).result()
    os.kill(os.getpid(), 9)
"""


def test_what_is_committed_outlives_a_kill_while_the_database_is_open(warehouse: Warehouse) -> None:
    assert run_python(KILLED, warehouse.path).returncode == -9
    assert warehouse.path.with_name("seatsync.duckdb.wal").exists()  # it was open still
    assert noted(warehouse) == [1, 2]


READ = """
import sys
from pathlib import Path
from seatsync_pipeline.warehouse import Warehouse
with Warehouse(Path(sys.argv[1]), deadline=10).read() as connection:
    print(connection.execute("select max(number) from noted").fetchall())
"""


def test_who_waits_for_the_database_gets_it_between_two_groups(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread, and another process; also when work comes without end."""
    monkeypatch.setattr(group_commit, "OPEN_FOR", 1000)
    impatient = Warehouse(warehouse.path, deadline=10)
    with GroupCommit(warehouse) as group:
        group.submit(note(1)).result(PATIENCE)
        assert noted(impatient) == [1]
        group.submit(note(2)).result(PATIENCE)
        assert run_python(READ, warehouse.path).stdout == "[(2,)]\n"
        read = threading.Event()
        busy = threading.Thread(target=_keep_busy, args=(group, read))
        busy.start()
        try:
            assert run_python(READ, warehouse.path).stdout.startswith("[(")
        finally:
            read.set()
            busy.join(PATIENCE)


def _keep_busy(group: GroupCommit, until: threading.Event) -> None:
    number = 10
    while not until.is_set():
        group.submit(note(number)).result(PATIENCE)
        number += 1


TAKE = """
import duckdb, sys
try:
    duckdb.connect(sys.argv[1]).close()
except duckdb.Error:
    sys.exit(7)
"""


def test_a_program_that_does_not_queue_finds_the_database_free_soon_after_the_last_work(
    warehouse: Warehouse,
) -> None:
    with GroupCommit(warehouse) as group:
        group.submit(note(1)).result(PATIENCE)
        until = time.monotonic() + PATIENCE
        while run_python(TAKE, warehouse.path).returncode:
            assert time.monotonic() < until
