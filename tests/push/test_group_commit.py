"""One writer for many threads: everything in its order, nothing behind a gap, and no defect in silence."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.push.group_commit import GroupCommit, Work
from seatsync_pipeline.warehouse import Connection, Warehouse

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
