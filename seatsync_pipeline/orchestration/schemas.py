"""The stored tables as pandera schemas, and what is wrong with rows in their light.

What belongs here: all that needs pandas and pandera, which is why the checks import this module late. What a table
looks like is told in `tables.py`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.engines import pandas_engine

from seatsync_pipeline.orchestration.stored import Problem
from seatsync_pipeline.orchestration.tables import Column, Kind, Table

_STEP = Decimal("0.000001")
_PLAINLY_FITS = Decimal(10) ** 11


# Where a type's check answers value by value, pandera prints a table of what failed even when nothing did: one answer
# for the whole column spares that. Which values fail is left to pandera's own check.
class Text(pandas_engine.STRING):  # type: ignore[misc]  # pandera is untyped here
    """pandera's text."""

    def check(self, pandera_dtype: Any, data_container: pd.Series | None = None) -> Any:
        found = super().check(pandera_dtype, data_container)
        return True if np.all(found) else found


class Day(pandas_engine.Date):  # type: ignore[misc]
    """pandera's date without its way over moments in nanoseconds, which end in 2262: some write 9999 for never."""

    def coerce(self, data_container: pd.Series) -> pd.Series:
        return data_container

    def check(self, pandera_dtype: Any, data_container: pd.Series | None = None) -> Any:
        if data_container is None:
            return super().check(pandera_dtype, data_container)
        found = [value is None or value is pd.NA or type(value) is date for value in data_container]
        return all(found) or np.array(found)


class ExactDecimal(pandas_engine.Decimal):  # type: ignore[misc]  # pandera is untyped here
    """pandera's Decimal, which looks at every different number once: a million seats are a few hundred numbers."""

    def coerce(self, data_container: pd.Series) -> pd.Series:
        known = {value: self.coerce_value(value) for value in data_container.unique()}
        coerced = [known[value] for value in data_container]
        return pd.Series(coerced, index=data_container.index, name=data_container.name, dtype=object)

    def check(self, pandera_dtype: Any, data_container: pd.Series | None = None) -> Any:
        if data_container is not None and all(map(_is_plain, data_container.unique())):
            return True
        return super().check(pandera_dtype, data_container)


def _is_plain(value: Any) -> bool:
    """Whether pandera would take it without doubt: it counts digits in the text, a minus sign among them."""
    return value is pd.NA or (
        isinstance(value, Decimal) and value.same_quantum(_STEP) and abs(value) < _PLAINLY_FITS
    )


_TYPES: dict[Kind, Any] = {
    "text": Text(),
    "number": int,
    "number_if_any": pd.Int64Dtype,
    "exact": ExactDecimal(precision=18, scale=6),
    "day": Day(),
    "yes_or_no": bool,
    "yes_or_no_if_any": pd.BooleanDtype,
}


def problems(table: Table, columns: list[str], rows: list[tuple[Any, ...]]) -> list[Problem]:
    """What is wrong with the rows of a stored table, which have these columns."""
    # Objects, as the database gives them: a frame made by DuckDB would turn DECIMAL into floats.
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    try:
        schema_of(table).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases.to_dict("records")
        # A rule over several columns fails once for each of them: one line is enough.
        return list(dict.fromkeys(_problem(case, frame, table.key) for case in cases))
    return []


@cache
def schema_of(table: Table) -> pa.DataFrameSchema:
    """The pandera schema of a table."""
    return pa.DataFrameSchema(
        {name: _column(column) for name, column in table.columns.items()},
        checks=[pa.Check(rule.holds, error=rule.text) for rule in table.rules],
        name=table.name,
        coerce=True,
        strict=True,
    )


def _column(column: Column) -> pa.Column:
    return pa.Column(
        _TYPES[column.kind],
        _checks(column),
        nullable=column.nullable,
        unique=column.unique,
        description=column.description,
    )


def _checks(column: Column) -> list[pa.Check]:
    checks = []
    if column.above is not None:
        checks.append(pa.Check.gt(column.above))
    if column.one_of is not None:
        checks.append(pa.Check.isin(column.one_of))
    if column.begins is not None:
        checks.append(pa.Check.str_startswith(column.begins))
    if column.min_length is not None:
        checks.append(pa.Check.str_length(min_value=column.min_length))
    return checks


def _problem(case: dict[str, Any], frame: pd.DataFrame, key: str) -> Problem:
    """One of pandera's failure cases; a case of the whole table has no index."""
    index = case["index"]
    row = "" if index is None or pd.isna(index) else f"{key} {frame[key].iloc[int(index)]}"
    rule = str(case["check"])
    if row and case["schema_context"] == "DataFrameSchema":
        return Problem(rule, row)
    return Problem(rule, row, str(case["column"] or ""), str(case["failure_case"]))
