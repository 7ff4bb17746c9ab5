"""The pandera schemas of the stored tables: what pages say of them, and shortcuts that judge as pandera does."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from pandera.engines import pandas_engine

from seatsync_pipeline.orchestration import tables
from seatsync_pipeline.orchestration.metadata import column_schema
from seatsync_pipeline.orchestration.schemas import ExactDecimal, problems, schema_of

TABLES = [found for found in vars(tables).values() if isinstance(found, tables.Table)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_of_a_table_says_what_is_checked(table: tables.Table) -> None:
    checked = schema_of(table)
    assert [
        (column.name, column.type, column.constraints.nullable, column.constraints.unique)
        for column in column_schema(table).columns
    ] == [
        (name, str(column.dtype).lower().removesuffix("[python]"), column.nullable, column.unique)
        for name, column in checked.columns.items()
    ]
    assert [column.constraints.other for column in column_schema(table).columns] == [
        [check.error for check in column.checks] for column in checked.columns.values()
    ]


@pytest.mark.parametrize(
    "value",
    [
        *map(Decimal, ("5", "0.000000", "-3.000000", "99999999999.000000", "999999999999.000000")),
        *map(Decimal, ("-123456789012.000000", "1234567890123.000000", "0.0000001", "1E+20")),
        pd.NA,
        None,
        "x",
        1.5,
    ],
)
def test_a_number_is_judged_as_pandera_judges_it(value: object) -> None:
    numbers = pd.Series([Decimal("1.000000"), value], dtype=object)
    stored = pandas_engine.Engine.dtype(numbers.dtype)
    own = np.broadcast_to(pandas_engine.Decimal(18, 6).check(stored, numbers), 2)
    ours = np.broadcast_to(ExactDecimal(precision=18, scale=6).check(stored, numbers), 2)
    assert ours.tolist() == own.tolist()


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (date(2026, 11, 20), True),
        (date(9999, 12, 31), True),
        (date(1, 1, 1), True),
        (None, True),
        (datetime(2026, 11, 20), False),  # noqa: DTZ001  # stored times are naive UTC
        ("2026-11-20", False),
        (5, False),
    ],
)
def test_a_day_is_a_calendar_day_of_any_year(value: object, *, right: bool) -> None:
    days = {name: column for name, column in tables.AGREEMENT.columns.items() if column.kind == "day"}
    key = {"agreement_id": tables.Column("number", "its id", unique=True)}
    table = tables.Table("days", key | days)
    found = problems(table, list(table.columns), [(1, *[value] * len(days)), (2, *[None] * len(days))])
    assert (found == []) is right
    if not right:
        assert {(one.row, one.column) for one in found} == {("agreement_id 1", name) for name in days}
