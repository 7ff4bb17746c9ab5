"""Cells through a spreadsheet: none is run, and each comes back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seatsync_pipeline.errors import FileRefused, InputRefused
from seatsync_pipeline.reconcile.sheet import selection_sheet
from seatsync_pipeline.reconcile.spreadsheet import escaped, read_sheet, unescaped, write_sheet

CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text(
    "'=+-@\t\r\n ,;\"", max_size=6
)
RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@given(CELL)
@example("'=1")
@example("''+1")
@example("\uff1dcmd|' /C calc'!A0")
def test_no_cell_is_run_and_each_comes_back(cell: str) -> None:
    out = escaped(cell)
    assert not out.startswith(RUN)
    assert unescaped(out) == cell


def test_a_file_of_hostile_cells_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    cells = [
        "=1+1",
        "@x",
        "-5",
        "+5",
        "a,b",
        'a"b',
        "a\r\nb",
        "a\nb",
        "\u202eevil",
        "a\x1b[2Jb",
        "'=1",
        "x\0y",
        "a;b",
    ]
    rows = [[cell, f"row {number}"] for number, cell in enumerate(cells)]
    path = tmp_path / "sheet.csv"
    write_sheet(path, ("name", "row"), [[escaped(cell) for cell in row] for row in rows])
    read = read_sheet(path, ("name", "row"), "reading a sheet")
    assert [[line["name"], line["row"]] for line in read] == rows


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"PK\x03\x04" + bytes(100), r"the file is an Excel workbook \(.xlsx\)"),
        (b"\x1f\x8b\x08\x00" + bytes(100), "the file is a gzip archive"),
        ("a,b\n1,2\n".encode("utf-16"), "byte 1 is not UTF-8"),
        (b"", "the file is empty"),
        (b"\n\n , \n", "the file is empty"),
        (b"b\n1\n", "the header lacks a"),
        (b"a,b,A\n1,2,3\n", "the header has a twice"),
        (b"a," + b"x," * 100_000 + b"b\n1,2\n", "cells, the header has 100002"),
        (b'a,b\n1,"2\n', "not a CSV row"),
        (b"a,b\n1," + b"x" * 10_000_000, "not a CSV row: field larger"),
        (b"a,b\n" + b"1,2\n" * 250_001, "more than 250000 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_sheet_is_refused_in_words(content: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=found):
        read_sheet(path, ("a", "b"), "reading a sheet")


def test_of_a_hundred_thousand_bad_rows_a_thousand_are_told(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"a,b\n" + b"1\n" * 100_000)
    with pytest.raises(FileRefused) as caught:
        read_sheet(path, ("a", "b"), "reading a sheet")
    assert len(caught.value.faults) == 1_000


def test_what_is_for_reading_fits_into_a_cell_and_what_is_read_back_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "selection.csv"
    row = {"preview_id": "prev_1", "row_id": "row_1", "fingerprint": "fp_1", "accounts": ["x" * 200_000]}
    selection_sheet(path, [(row, {"approve": "yes", "approval_reason": "r" * 40_000})])
    [line] = read_sheet(path, ("row_id", "approval_reason", "info_accounts"), "reading a sheet")
    assert (line["row_id"], len(line["approval_reason"])) == ("row_1", 40_000)
    assert len(line["info_accounts"]) < 32_767


@pytest.mark.parametrize("sep", ["sep=;", '"sep=;"', "SEP=;\r", "sep=;;;", "sep=,"])
def test_a_line_that_tells_the_delimiter_is_no_header(sep: str, tmp_path: Path) -> None:
    path = tmp_path / "told.csv"
    path.write_text(f"{sep}\na;b\n1;2,5\n", encoding="utf-8-sig", newline="")
    (line,) = read_sheet(path, ["a", "b"], "reading")
    assert (line.number, line["a"], line["b"]) == (3, "1", "2,5")
