"""The schema refuses what parsing must never let through."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pandera.pandas as pa
import pytest

from seatsync_pipeline.sources.avanan_schema import (
    AVANAN_SCHEMA,
    check_frame,
    check_observations,
    observations_frame,
)
from seatsync_pipeline.sources.base import Observation, State
from seatsync_pipeline.sources.file_text import Faults


def frame() -> pd.DataFrame:
    return observations_frame(
        [
            Observation("acme", "Acme", "EP", Decimal(5), State.COUNTED, None, {"line": 2}),
            Observation("NA", "None", "EP", Decimal(0), State.POC, None, {"line": 3}),
            Observation("beta", "Beta", "", None, State.FAILED, "License is blank", {"line": 4}),
        ]
    )


def test_parsed_observations_fit_and_keep_their_values() -> None:
    table = AVANAN_SCHEMA.validate(frame())
    assert table["seats"].dtype == "Int64"
    assert table["account_name"].tolist() == ["Acme", "None", "Beta"]
    assert table["seats"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("column", "row", "value", "line"),
    [
        ("seats", 0, None, 2),
        ("seats", 2, 7, 4),
        ("seats", 0, -1, 2),
        ("state", 1, "paid", 3),
        ("account_key", 1, "", 3),
        ("account_key", 1, None, 3),
        ("account_name", 0, "", 2),
        ("reason", 2, None, 4),
        ("reason", 0, "why", 2),
    ],
)
def test_a_value_that_does_not_fit_is_a_fault_with_its_line(
    column: str, row: int, value: int | str | None, line: int
) -> None:
    table = frame()
    table.loc[row, column] = value
    faults = Faults("checking")
    check_frame(table, faults)
    assert faults.kept
    assert {fault.line for fault in faults.kept} == {line}


def test_an_empty_table_and_a_key_that_stands_twice_are_faults() -> None:
    faults = Faults("checking")
    check_frame(frame().iloc[:0], faults)
    assert faults.count == 1
    with pytest.raises(pa.errors.SchemaError):
        AVANAN_SCHEMA.validate(pd.concat([frame(), frame()], ignore_index=True))


@pytest.mark.parametrize("portion", [1, 2, 100])
def test_rows_of_an_account_are_judged_together_whatever_the_portion(portion: int) -> None:
    good = [
        Observation(f"t{i}", f"T{i}", "EP", Decimal(i), State.COUNTED, None, {"line": i})
        for i in range(2, 12)
    ]
    faults = Faults("checking")
    check_observations(good, faults, portion=portion)
    assert not faults
    twin = Observation("t5", "T5", "EP", Decimal(9), State.COUNTED, None, {"line": 12})
    check_observations([*good, twin], faults, portion=portion)
    assert {fault.line for fault in faults.kept} >= {5, 12}
    check_observations([], faults := Faults("checking"), portion=portion)
    assert faults
