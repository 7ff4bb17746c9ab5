"""Rows into a table: exact, and no more of them in memory at once than one portion.

What belongs here: how values travel to the database. What does not: transactions, and what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from seatsync_pipeline.warehouse.schema import Connection

# Larger portions take more memory and no less time.
_PORTION = 20_000


def insert_rows(connection: Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert rows by column name and return how many; all rows have the columns of the first.

    Values are scalars, `Decimal`, `date`, naive UTC `datetime` or None. They travel as text and the table's
    own types parse them, so that no number passes through a float and no type depends on the data. `rows` is read
    portion by portion: a generator needs no room for all of them.
    """
    import pandas as pd  # slow to import, and commands that only read do not need it

    incoming = iter(rows)
    count = 0
    while portion := list(islice(incoming, _PORTION)):
        frame = pd.DataFrame(
            {name: pd.Series([_as_text(row[name]) for row in portion], dtype=object) for name in portion[0]},
            copy=False,
        )
        connection.register("incoming_rows", frame)
        try:
            connection.execute(f'insert into "{table}" by name select * from incoming_rows')  # noqa: S608
        finally:
            connection.unregister("incoming_rows")
        count += len(portion)
    return count


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
