"""Bytes to rows, for any table: nothing is guessed from the data and no row is lost."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.sources.csv_file import CsvTable, open_table
from seatsync_pipeline.sources.file_text import LINE_LIMIT, Faults, to_text, visible


def lacks(cells: Sequence[str]) -> list[str]:
    return [need for need in ("a", "b") if need not in cells]


def opened(data: bytes) -> CsvTable:
    faults = Faults("reading a test file")
    return open_table(to_text(data, faults), faults, lacks)


def rows_of(data: bytes) -> list[tuple[int, list[str]]]:
    faults = Faults("reading a test file")
    rows = list(open_table(to_text(data, faults), faults, lacks).rows(faults))
    faults.check()
    return rows


def test_lines_count_as_in_an_editor_also_behind_cells_of_several_lines() -> None:
    data = b'title\r\na,b\r\n1,"two\r\nlines"\r\n\r\n3,4\r\n'
    assert rows_of(data) == [(3, ["1", "two\r\nlines"]), (6, ["3", "4"])]


def test_the_header_may_span_lines_and_the_rows_begin_behind_it() -> None:
    assert rows_of(b'a,b,"long\nname"\n1,2,3\n') == [(3, ["1", "2", "3"])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_line_alone_decides_the_delimiter(delimiter: str) -> None:
    # Every data row has more of the other delimiters than of its own.
    data = f"a{delimiter}b\n" + f'"1,,,;;;"{delimiter}"2\t\t,;"\n' * 3
    assert opened(data.encode()).delimiter == delimiter
    assert len(rows_of(data.encode())) == 3


@pytest.mark.parametrize(
    ("line", "delimiter"), [("sep=|", "|"), ('"sep=;"', ";"), ("SEP=\t", "\t"), ("sep=,,,", ",")]
)
def test_a_sep_line_decides_the_delimiter(line: str, delimiter: str) -> None:
    data = f"{line}\r\na{delimiter}b\r\n1{delimiter}2\r\n".encode()
    assert rows_of(data) == [(3, ["1", "2"])]


def test_a_header_below_the_tenth_line_is_not_found() -> None:
    assert opened(b"x\n" * 9 + b"a,b\n1,2\n").missing == ()
    assert opened(b"x\n" * 10 + b"a,b\n1,2\n").missing == ("a", "b")


def test_the_best_candidate_tells_what_is_missing() -> None:
    table = opened(b"title\nx;b;y\n1;2;3\n")
    assert (table.header_line, table.header, table.missing) == (2, ("x", "b", "y"), ("a",))


@pytest.mark.parametrize(
    ("row", "accepted"),
    [
        ("1,2", True),
        ("1,2,,", True),
        ("1,", True),
        (",,,,", True),
        ("1", False),
        ("1,2,3", False),
        ("1,2,,3", False),
    ],
)
def test_a_row_has_the_headers_length_or_empty_cells_behind_it(row: str, accepted: bool) -> None:
    data = f"a,b,\n1,2\n{row}\n".encode()
    if accepted:
        rows_of(data)
    else:
        with pytest.raises(FileRefused, match="line 3: row length"):
            rows_of(data)


@pytest.mark.parametrize(
    ("tail", "rule"),
    [
        ('1,"2', "unterminated row"),
        ('1,"2"x', "broken quoting"),
        ('1,"' + "x\n" * 70_000, "unterminated row"),
        ("1," + "x" * LINE_LIMIT, "more than 1000000 characters"),
        ("," * LINE_LIMIT + "x", "more than 1000000 characters"),
    ],
    ids=["open quote", "text behind a quote", "open quote over many lines", "long cell", "only commas"],
)
def test_a_row_that_cannot_be_told_from_the_next_is_refused_where_it_starts(tail: str, rule: str) -> None:
    with pytest.raises(FileRefused, match=rule) as caught:
        rows_of(f"a,b\n1,2\n{tail}".encode())
    assert [fault.line for fault in caught.value.faults] == [3]


def test_a_few_wrong_bytes_in_utf8_are_not_taken_for_windows_1252() -> None:
    with pytest.raises(FileRefused, match="line 3: undecodable text: the bytes are not valid utf-8"):
        opened("a,b\né,1\n".encode() + b"\xe9,2\n")
    assert opened(b"a,b\n\xe9,2\n").text.encoding == "cp1252"


def test_values_in_reports_are_short_and_printable() -> None:
    assert visible("a\tb\x00\u202e\n") == "a\\tb\\x00\\u202e\\n"
    assert visible("x" * 100) == "x" * 57 + "..."


CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@given(
    table=st.lists(st.tuples(CELL, CELL), max_size=12),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quote_all=st.booleans(),
)
def test_what_a_writer_wrote_is_read_back(
    table: list[tuple[str, str]], delimiter: str, end: str, encoding: str, quote_all: bool
) -> None:
    # Python's writer leaves a line end of another kind unquoted, so that such cells need quotes everywhere.
    quote_all = quote_all or any("\r" in cell or "\n" in cell for row in table for cell in row)
    out = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["a", "b", "c"])
    # The first cell keeps a row from being blank.
    writer.writerows(["x", *row] for row in table)
    read = rows_of(out.getvalue().encode(encoding))
    assert [tuple(cells) for _, cells in read] == [("x", *row) for row in table]


@given(
    st.binary(max_size=300)
    | st.text('ab,;\t"\n\r \ufeff<{sep=1é', max_size=80).map(lambda text: text.encode())
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        rows = rows_of(data)
    except FileRefused as error:
        rows = []
        told = len(error.faults)
    else:
        told = 1
    assert told > 0
    assert all(any(map(str.strip, cells)) for _, cells in rows)
