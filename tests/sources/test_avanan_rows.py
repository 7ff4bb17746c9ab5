"""Rows read together are the rows read one by one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import example, given

from seatsync_pipeline.sources.avanan_columns import load_columns
from seatsync_pipeline.sources.avanan_rows import read_sheet
from seatsync_pipeline.sources.avanan_sheet import Sheet
from seatsync_pipeline.sources.csv_file import open_table
from seatsync_pipeline.sources.file_text import Faults, to_text
from tests.sources.test_avanan_properties import ROWS, written

COLUMNS = load_columns()
# Only its own rules can judge this row, so it takes every row of its batch to them.
ODD = ("Rock #1", "rock", "Tier", "1", "Paid")


def sheet(rows: Sequence[Sequence[str]], batch: int) -> tuple[Sheet, Faults]:
    faults = Faults("reading a test file")
    table = open_table(to_text(written(rows).encode(), faults), faults, COLUMNS.missing)
    return read_sheet(table, COLUMNS, COLUMNS.layout(table.header), faults, batch=batch), faults


@given(rows=ROWS)
@example(rows=[("Acme", "acme", "Tier", "1,000", "Paid"), ("Acme", "acme", "Tier", "x", "Paid")])
@example(rows=[("Total", "", "", "1", ""), ("Acme ", " acme", "Tier", " 5", "POC ")])
@example(rows=[("Tenant", "Portal", "License", "Users", "Status")])
@example(rows=[("'=1+1", "p", "Tier", "5", "Paid"), ("A\u200bB", "q", "Tier", "5", "Paid")])
@example(rows=[("A", "1E+11", "Tier", "5", "Paid"), ("#N/A", "q", "Tier", "5", "Paid")])
def test_rows_read_together_are_the_rows_read_one_by_one(rows: list[tuple[str, ...]]) -> None:
    together, faults = sheet([*rows, ODD], batch=1)
    one_by_one, same_faults = sheet([*rows, ODD], batch=1_000)
    assert together == one_by_one
    assert faults.kept == same_faults.kept


def test_ordinary_rows_of_many_batches_keep_their_lines() -> None:
    rows = [(f"Tenant {i}", f"t{i}", "Tier", str(i), "Paid") for i in range(25)]
    read, faults = sheet(rows, batch=10)
    assert not faults
    assert [(row.line, row.name, row.seats) for row in read.rows] == [
        (i + 2, f"Tenant {i}", Decimal(i)) for i in range(25)
    ]


@pytest.mark.parametrize("last", [9, 10, 11])
def test_a_fault_at_the_edge_of_a_batch_names_its_line(last: int) -> None:
    rows = [(f"Tenant {i}", f"t{i}", "Tier", "1", "Paid") for i in range(last)]
    read, _ = sheet([*rows, ("Bad", "bad", "Tier", "many", "Paid")], batch=10)
    assert [(row.line, row.reasons) for row in read.rows if row.reasons] == [
        (last + 2, ("Users is 'many', not a whole number such as 42 or 1,234",))
    ]
