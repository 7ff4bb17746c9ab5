"""Rows into a table: exact, and no more of them in memory at once than one portion.

What belongs here: how values travel to the database. What does not: transactions, and what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from types import NoneType
from typing import Any

from seatsync_pipeline.warehouse.schema import Connection

PORTION = 20_000
"""How many rows at once: larger portions take more memory and no less time."""

# DuckDB takes longer to make a number than to read the rest of its row, and the same few occur again and again.
exact_number = lru_cache(maxsize=4096)(Decimal)
"""The number that a decimal column cast to text says."""

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
        insert_columns(connection, table, {name: [row[name] for row in portion] for name in portion[0]})
        count += len(portion)
    return count


def insert_columns(connection: Connection, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows that are at hand column by column, as `insert_rows` does; all columns have one length."""
    count = len(next(iter(columns.values())))
    insert = _insert_few if count <= _FEW else _insert_many
    for start in range(0, count, PORTION):
        portion = {name: values[start : start + PORTION] for name, values in columns.items()}
        insert(connection, table, portion)


def _insert_few(connection: Connection, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
    rows = list(zip(*columns.values(), strict=True))
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join([f"({', '.join('?' * len(columns))})"] * len(rows))
    connection.execute(
        f'insert into "{table}" ({names}) values {values}',  # noqa: S608
        [_as_text(value) for row in rows for value in row],
    )


def _insert_many(connection: Connection, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
    import pandas as pd  # slow to import, and commands that only read do not need it

    # Not registered: the database would keep all portions, and every text in them, until the transaction's end.
    incoming_rows = pd.DataFrame(  # noqa: F841  # the statement finds it by this name
        {name: pd.Series(_as_texts(values), dtype=object) for name, values in columns.items()}, copy=False
    )
    # All is text or None: looking at a thousand values of each column to find that out takes longer than small inserts.
    connection.execute("set pandas_analyze_sample = 0")
    # Further threads would wait for the first one to read Python's objects, and keep the processors busy meanwhile.
    connection.execute("set threads = 1")
    connection.execute(f'insert into "{table}" by name select * from incoming_rows')  # noqa: S608


def _as_texts(values: Sequence[Any]) -> Sequence[Any]:
    """`_as_text` of every value; most columns hold one type, and text is text already."""
    types = set(map(type, values))
    if types <= {str, NoneType}:
        return values
    if types.isdisjoint({bool, NoneType}):
        return list(map(str, values))
    return [_as_text(value) for value in values]


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
