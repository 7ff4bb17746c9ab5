"""Rows into a table: exact, and no more of them in memory at once than one portion.

What belongs here: how values travel to the database. What does not: transactions, and what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import NoneType
from typing import Any

from seatsync_pipeline.warehouse.schema import Connection

PORTION = 20_000
"""How many rows at once: larger portions take more memory and no less time."""

# Up to here binding values is quicker than making a frame, as it is for every entry of a journal.
_FEW = 8


def insert_rows(connection: Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert rows by column name and return how many; all rows have the columns of the first.

    Values are scalars, `Decimal`, `date`, naive UTC `datetime` or None. They travel as text and the table's
    own types parse them, so that no number passes through a float and no type depends on the data. `rows` is read
    portion by portion: a generator needs no room for all of them.
    """
    incoming = iter(rows)
    count = 0
    while portion := list(islice(incoming, PORTION)):
        insert = _insert_few if len(portion) <= _FEW else _insert_many
        insert(connection, table, portion)
        count += len(portion)
    return count


def _insert_few(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = ", ".join(f'"{name}"' for name in rows[0])
    values = ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
    connection.execute(
        f'insert into "{table}" ({columns}) values {values}',  # noqa: S608
        [_as_text(row[name]) for row in rows for name in rows[0]],
    )


def _insert_many(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_columns(connection, table, [{name: [row[name] for row in rows] for name in rows[0]}])


def insert_columns(
    connection: Connection, table: str, portions: Iterable[Mapping[str, Sequence[Any]]]
) -> None:
    """The same for who has columns at hand, which spares a mapping for each row.

    Each portion is some rows (about `PORTION`): column name -> the values of those rows, all of one length.
    """
    import pandas as pd  # slow to import, and commands that only read do not need it

    # Further threads would wait for the first one to read Python's objects, and keep the processors busy meanwhile.
    connection.execute("set threads = 1")
    for columns in portions:
        # Not registered: the database would keep all portions, and every text in them, until the transaction's end.
        incoming_rows = pd.DataFrame(  # noqa: F841  # the statement finds it by this name
            {name: pd.Series(_texts(values), dtype=object) for name, values in columns.items()}, copy=False
        )
        connection.execute(f'insert into "{table}" by name select * from incoming_rows')  # noqa: S608


def _texts(values: Sequence[Any]) -> Sequence[Any]:
    kinds = set(map(type, values))
    if kinds <= {str, NoneType}:
        return values
    if kinds.isdisjoint((bool, NoneType)):
        return list(map(str, values))
    return list(map(_as_text, values))


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
