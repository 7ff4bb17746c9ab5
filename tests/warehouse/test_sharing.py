"""The warehouse file among threads, forks, masks, killed writers and files that take its place."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from seatsync_pipeline.errors import WarehouseBusy, WarehouseError
from seatsync_pipeline.warehouse import Warehouse, insert_rows
from tests.warehouse.conftest import another_program_holding, product, run_python

UNDER_NO_MASK = """
import os, sys
from pathlib import Path
from seatsync_pipeline.warehouse import Warehouse
os.umask(0)
warehouse = Warehouse(Path(sys.argv[1]))
with warehouse.write() as connection:
    connection.execute("insert into company values ('snap_1', 1, 'a', 'Acme', null, false, null)")
    connection.commit()
    for file in warehouse.path.parent.iterdir():
        print(oct(file.stat().st_mode & 0o777), file.name)
    connection.begin()
assert os.umask(0) == 0, "the mask is not what it was"
"""


def test_nothing_is_readable_for_others_whatever_the_mask(warehouse: Warehouse) -> None:
    """Also the log that DuckDB keeps beside the file while a transaction is open."""
    done = run_python(UNDER_NO_MASK, warehouse.path)
    assert done.returncode == 0, done.stderr
    modes = {name: mode for mode, name in (line.split() for line in done.stdout.splitlines())}
    assert {"seatsync.duckdb", "seatsync.duckdb.wal"} <= modes.keys()
    assert set(modes.values()) == {"0o600"}
    assert stat.S_IMODE(warehouse.path.parent.stat().st_mode) == 0o700


def test_a_thread_that_does_not_let_go_is_told_of(warehouse: Warehouse) -> None:
    patient = Warehouse(warehouse.path, deadline=0.2)
    found: list[str] = []

    def read() -> None:
        try:
            with patient.read():
                pass
        except WarehouseBusy as error:
            found.append(str(error))

    with warehouse.read():
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(30)
    assert len(found) == 1
    assert "another thread of this process" in found[0]


def test_a_transaction_inside_another_keeps_the_file(warehouse: Warehouse) -> None:
    """Closing the inner one must not give the outer one's lock away."""
    with warehouse.write() as outer:
        insert_rows(outer, "product", [product()])
        with warehouse.read() as inner:
            assert inner.execute("select count(*) from product").fetchone() == (0,)
        done = run_python("import duckdb, sys; duckdb.connect(sys.argv[1])", warehouse.path)
        assert "lock" in done.stderr
    with warehouse.read() as connection:
        assert connection.execute("select count(*) from product").fetchone() == (1,)


FORK = """
import os, sys, threading
from pathlib import Path
from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.warehouse import Warehouse
warehouse = Warehouse(Path(sys.argv[1]), deadline=10)
def child():
    try:
        with warehouse.read() as connection:
            connection.execute("select count(*) from product").fetchone()
    except WarehouseError as error:
        os._exit(3 if "forked" in str(error) else 4)
    os._exit(0)
def fork():
    pid = os.fork()
    if pid == 0:
        child()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
with warehouse.write():
    inside = [0]
    def other_thread():
        inside[0] = fork()
    thread = threading.Thread(target=other_thread)
    thread.start()
    thread.join()
print(inside[0], fork())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
def test_a_forked_child_works_unless_the_database_was_open(warehouse: Warehouse) -> None:
    """The open database is in the child too, and without its lock: two would write to one file."""
    done = run_python(FORK, warehouse.path)
    assert done.stdout.split() == ["3", "0"], done.stderr


def test_a_file_put_in_the_database_s_place_is_used_from_then_on(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """As a restore does it, while others wait for the former file."""
    other = tmp_path / "home" / "other.duckdb"
    with warehouse.read():
        pass  # its schema is known to be current, which says nothing about the next file's
    with duckdb.connect(str(other)) as connection:
        connection.execute("create table mark as select 7 as number")
    seen: list[Any] = []

    def read() -> None:
        with warehouse.read() as connection:
            seen.extend(connection.execute("select number from mark").fetchall())
            seen.extend(connection.execute("select count(*) from audit").fetchall())

    with another_program_holding(warehouse.path):
        reader = threading.Thread(target=read)
        reader.start()
        other.replace(warehouse.path)
    reader.join(30)
    assert seen == [(7,), (0,)]


def test_a_folder_in_the_database_s_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "seatsync.duckdb").mkdir()
    with pytest.raises(WarehouseError, match="directory"), Warehouse(tmp_path / "seatsync.duckdb").read():
        pass


def test_a_log_left_by_a_killed_writer_is_taken_up(warehouse: Warehouse) -> None:
    with warehouse.read():
        pass
    killed = run_python(
        "import duckdb, os, sys\n"
        "connection = duckdb.connect(sys.argv[1])\n"
        "connection.execute(\"insert into company values ('snap_1', 1, 'a', 'Acme', null, false, null)\")\n"
        "connection.begin()\n"
        "connection.execute(\"insert into company values ('snap_2', 1, 'a', 'Acme', null, false, null)\")\n"
        "os.kill(os.getpid(), 9)\n",
        warehouse.path,
    )
    assert killed.returncode == -9
    assert warehouse.path.with_name("seatsync.duckdb.wal").exists()
    with warehouse.read() as connection:
        assert connection.execute("select snapshot_id from company").fetchall() == [("snap_1",)]


READ = """
import sys
from pathlib import Path
from seatsync_pipeline.warehouse import Warehouse
with Warehouse(Path(sys.argv[1])).read() as connection:
    connection.execute("select 1")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_who_stands_before_us_and_sleeps_holds_nobody_up_for_ever(warehouse: Warehouse) -> None:
    with warehouse.read():
        pass
    queue = warehouse.path.with_name(".seatsync.duckdb.queue")
    with another_program_holding(warehouse.path):
        drawn = queue.read_bytes()[:8]
        sleeper = subprocess.Popen([sys.executable, "-c", READ, str(warehouse.path)])
        while queue.read_bytes()[:8] == drawn:
            assert sleeper.poll() is None
        sleeper.send_signal(signal.SIGSTOP)
        with pytest.raises(WarehouseBusy), Warehouse(warehouse.path, deadline=0.2).read():
            pass
    # The file is free, the sleeper is next, and does not come.
    with Warehouse(warehouse.path, deadline=0.5).read() as connection:
        assert connection.execute("select count(*) from product").fetchone() == (0,)
    sleeper.send_signal(signal.SIGCONT)
    assert sleeper.wait(60) == 0
