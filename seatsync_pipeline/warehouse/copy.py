"""A whole database copied through DuckDB: for a backup, and to give space back.

What belongs here: copying and counting. What does not: what a backup holds beside the database (`archive.py`), and
what the tables mean. DuckDB itself copies, inside one read transaction: the copy is of one moment, with its keys,
checks, views and schema version, whatever other processes wait to write.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.warehouse.connection import Warehouse
from seatsync_pipeline.warehouse.faults import typed
from seatsync_pipeline.warehouse.files import quoted, remove_database, sync
from seatsync_pipeline.warehouse.schema import Connection

_TABLES = """
    select table_name
    from duckdb_tables()
    where database_name = current_database() and not internal and not temporary
    order by table_name
"""


def row_counts(connection: Connection) -> dict[str, int]:
    """Table -> its number of rows, in the connection's current database."""
    names = [name for (name,) in connection.execute(_TABLES).fetchall()]
    counts = {}
    for name in names:
        row = connection.execute(f'select count(*) from "{name}"').fetchone()  # noqa: S608
        counts[name] = 0 if row is None else int(row[0])
    return counts


def copy_database(connection: Connection, target: Path) -> dict[str, int]:
    """Copy the connection's current database to a new file; return what `row_counts` says of the original.

    The copy is whole when the caller's transaction has ended and the connection was closed. `verify_copy` looks.
    """
    row = connection.execute("select current_database()").fetchone()
    source = "" if row is None else str(row[0])
    counts = row_counts(connection)
    connection.execute(f"attach {quoted(target)} as copied")
    connection.execute(f'copy from database "{source}" to copied')
    return counts


@contextmanager
def opened_copy(path: Path, tried: str) -> Iterator[Connection]:
    """A copy, to look at only. Raises WarehouseError when it cannot be opened."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            yield connection
    except duckdb.Error as error:
        raise typed(error, tried, waited=0) from error


def verify_copy(path: Path, counts: dict[str, int], tried: str) -> None:
    """Raises WarehouseError unless every table of the copy has the rows it should have."""
    with opened_copy(path, tried) as connection:
        found = row_counts(connection)
    if found != counts:
        differ = sorted(name for name in found.keys() | counts.keys() if found.get(name) != counts.get(name))
        raise WarehouseError(
            tried,
            f"the copy's rows are not the original's in {', '.join(differ)}",
            "Nothing was replaced. Check the disk and try again.",
        )


def compact(warehouse: Warehouse) -> tuple[int, int]:
    """Write the database anew without the room of deleted rows; its size in bytes before and after.

    DuckDB reuses that room but does not give it back. Others wait meanwhile, and use the new file afterwards. Killed
    at any moment, either file stands there, whole.
    """
    tried = f"giving space of {warehouse.path} back"
    made = warehouse.path.with_name(f".{warehouse.path.name}.{secrets.token_hex(8)}")
    try:
        with warehouse.frozen(tried) as connection:
            before = warehouse.path.stat().st_size
            counts = copy_database(connection, made)
            connection.execute("detach copied")
            verify_copy(made, counts, tried)
            after = made.stat().st_size
            sync(made)
            made.replace(warehouse.path)
            sync(warehouse.path.parent)
    finally:
        remove_database(made)
    return before, after
