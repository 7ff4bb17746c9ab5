"""The warehouse file under many hands, bad luck and old versions."""

from __future__ import annotations

import base64
import hashlib
import stat
import subprocess
import sys
import threading
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from seatsync_pipeline.errors import (
    WarehouseBusy,
    WarehouseError,
    WarehouseFull,
    WarehouseIncompatible,
)
from seatsync_pipeline.warehouse import Warehouse, insert_columns, insert_rows, new_id, stable_id
from tests.warehouse.conftest import another_program_holding, product


def test_values_survive_exactly(warehouse: Warehouse) -> None:
    rows = [
        product(1, price=Decimal("123456789012.123456"), identifier="'; drop table product; --"),
        product(2, price=Decimal("0.1"), identifier="nan"),
        product(3, price=None, identifier="", taxable=None),
    ]
    with warehouse.write() as connection:
        assert insert_rows(connection, "product", rows) == 3
    with warehouse.read() as connection:
        found = connection.execute(
            "select identifier, price, taxable, inactive from product order by product_id"
        ).fetchall()
    assert found == [
        ("'; drop table product; --", Decimal("123456789012.123456"), True, False),
        ("nan", Decimal("0.100000"), True, False),
        ("", None, None, False),
    ]


def test_many_rows_survive_as_exactly_as_few(warehouse: Warehouse) -> None:
    names = ["'; drop table product; --", "nan", "", "NULL", "株式会社"]
    rows = [
        product(
            number,
            price=None if number % 3 == 0 else Decimal(number) / 8,
            identifier=names[number % len(names)],
            taxable=(None, True, False)[number % 3],
        )
        for number in range(1, 50)
    ]
    with warehouse.write() as connection:
        assert insert_rows(connection, "product", iter(rows)) == len(rows)
    with warehouse.read() as connection:
        found = connection.execute(
            "select product_id, identifier, price, taxable from product order by product_id"
        ).fetchall()
    assert found == [(r["product_id"], r["identifier"], r["price"], r["taxable"]) for r in rows]


@pytest.mark.parametrize("count", [3, 30])
def test_columns_are_stored_as_rows_are(warehouse: Warehouse, count: int) -> None:
    rows = [product(number, price=Decimal(number) / 8, taxable=None) for number in range(1, count + 1)]
    with warehouse.write() as connection:
        insert_columns(connection, "product", {name: [row[name] for row in rows] for name in rows[0]})
        found = connection.execute("select * from product order by product_id").fetchall()
        connection.execute("delete from product")
        insert_rows(connection, "product", rows)
        assert found == connection.execute("select * from product order by product_id").fetchall()
    assert len(found) == count


def test_a_portion_is_not_kept_until_the_commit(warehouse: Warehouse) -> None:
    text = "a text of " + "the first portion"  # not a constant of the code, which is kept in any case
    unused = sys.getrefcount(text)
    with warehouse.write() as connection:
        insert_rows(connection, "product", (product(number, identifier=text) for number in range(1, 30)))
        insert_rows(connection, "product", (product(number) for number in range(30, 60)))
        assert sys.getrefcount(text) == unused


def test_dates_and_times_survive(warehouse: Warehouse) -> None:
    change = {
        "change_id": "chg_1",
        "source": "duo",
        "license": "x",
        "decision": "no_charge",
        "product_id": None,
        "changed_by": "me",
        "changed_at": datetime(2026, 11, 20, 8, 30, 1, 123456),  # noqa: DTZ001  # stored naive, in UTC
        "previous": None,
    }
    with warehouse.write() as connection:
        insert_rows(connection, "mapping_change", [change])
    with warehouse.read() as connection:
        assert connection.execute("select changed_at from mapping_change").fetchone() == (
            change["changed_at"],
        )
        assert connection.execute("select ?::date", [date(2024, 2, 29)]).fetchone() == (date(2024, 2, 29),)


def test_an_exception_in_the_body_rolls_back_and_closes(warehouse: Warehouse) -> None:
    def fail_in_the_middle() -> None:
        with warehouse.write() as connection:
            insert_rows(connection, "product", [product()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle()
    # A second program can open the file at once: nothing was left open.
    with another_program_holding(warehouse.path):
        pass
    with warehouse.read() as connection:
        assert connection.execute("select count(*) from product").fetchone() == (0,)


def test_a_broken_rule_of_the_schema_is_a_typed_error(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"(?i)duplicate key"), warehouse.write() as connection:
        insert_rows(connection, "product", [product(), product()])


def test_the_file_and_its_folder_are_private(warehouse: Warehouse) -> None:
    with warehouse.read():
        pass
    assert stat.S_IMODE(warehouse.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(warehouse.path.parent.stat().st_mode) == 0o700


def test_busy_names_the_holder(warehouse: Warehouse) -> None:
    with warehouse.read():
        pass
    patient = Warehouse(warehouse.path, deadline=0.3)
    with (
        another_program_holding(warehouse.path) as pid,
        pytest.raises(WarehouseBusy, match=f"process {pid}") as caught,
        patient.read(),
    ):
        pass
    assert "Close that program" in str(caught.value)
    if Path("/proc").is_dir():
        assert f"{Path(sys.executable).name} -c" in str(caught.value)
        assert "import duckdb" not in str(caught.value)  # what could carry a secret is not repeated


def test_it_waits_for_a_holder_that_lets_go(warehouse: Warehouse) -> None:
    with warehouse.read():
        pass
    done = threading.Event()

    def read() -> None:
        with warehouse.read() as connection:
            connection.execute("select 1")
        done.set()

    with another_program_holding(warehouse.path):
        reader = threading.Thread(target=read)
        reader.start()
        assert not done.wait(0.2)
    reader.join(30)
    assert done.is_set()


def test_threads_share_the_file(warehouse: Warehouse) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(5):
                with warehouse.write() as connection:
                    insert_rows(connection, "product", [product(number * 100 + i)])
        except WarehouseError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    with warehouse.read() as connection:
        assert connection.execute("select count(*) from product").fetchone() == (30,)


FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from seatsync_pipeline.errors import WarehouseFull
from seatsync_pipeline.warehouse import Warehouse
warehouse = Warehouse(Path(sys.argv[1]))
with warehouse.write() as connection:
    connection.execute("insert into company values ('snap_good', 1, 'a', 'Acme', null, false, null)")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = warehouse.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, resource.RLIM_INFINITY))
try:
    with warehouse.write() as connection:
        connection.execute(
            "insert into company select 'snap_bad', i, 'x', repeat(md5(i::varchar), 50), null, false, null"
            " from range(200000) r(i)"
        )
except WarehouseFull as error:
    print(error)
    sys.exit(2)
"""


def test_a_full_disk_is_one_clear_error_and_the_last_good_state_stays(warehouse: Warehouse) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(warehouse.path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Free space" in done.stdout
    with warehouse.read() as connection:
        assert connection.execute("select snapshot_id from company").fetchall() == [("snap_good",)]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WarehouseFull, match="file"), Warehouse(tmp_path / "file" / "db").read():
        pass


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "seatsync.duckdb"
    path.write_bytes(b"Account,Seats\n" * 1000)
    with pytest.raises(WarehouseIncompatible), Warehouse(path).read():
        pass
    assert path.read_bytes() == b"Account,Seats\n" * 1000


def test_a_database_of_a_newer_version_is_refused(warehouse: Warehouse) -> None:
    with warehouse.write() as connection:
        connection.execute("insert into schema_migration values (9999, 'later', now())")
    with pytest.raises(WarehouseIncompatible, match="9999"), Warehouse(warehouse.path).read():
        pass


def test_an_interrupted_migration_is_taken_up_again(tmp_path: Path) -> None:
    path = tmp_path / "seatsync.duckdb"
    with Warehouse(path).read() as connection:
        (whole,) = connection.execute("select max(version) from schema_migration").fetchall()
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table audit")
        connection.execute("drop table outcome")
        connection.execute("drop table intent")
        connection.execute("drop table operation_event")
        connection.execute("drop table operation_item")
        connection.execute("drop table operation")
        connection.execute("delete from schema_migration where version = 4")
    with Warehouse(path).read() as again:
        assert again.execute("select max(version) from schema_migration").fetchall() == [whole]
        assert again.execute("select count(*) from audit").fetchone() == (0,)


def test_ids_sort_by_age_and_say_their_kind() -> None:
    ids = [new_id("snap") for _ in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert all(made.startswith("snap_") and made == made.lower() for made in ids)


def test_a_stable_id_is_the_digest_in_letters_that_keep_the_order_of_bytes() -> None:
    for parts in (["a"], ["row", "duo", "line", "1", "2"], ["ü", ""]):
        digest = hashlib.sha256("\x1f".join(parts).encode()).digest()[:10]
        assert stable_id("row", *parts) == f"row_{base64.b32hexencode(digest).decode().lower()}"


def test_a_stable_id_depends_on_every_part() -> None:
    assert stable_id("row", "a", "bc") == stable_id("row", "a", "bc")
    assert stable_id("row", "a", "bc") != stable_id("row", "ab", "c")
