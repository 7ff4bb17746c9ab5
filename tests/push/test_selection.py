"""Selection files as spreadsheets save them."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.errors import FileRefused, InputRefused
from seatsync_pipeline.push.selection import Approval, SelectionRow, read_selection, write_selection
from seatsync_pipeline.reconcile.sheet import SELECTION_COLUMNS

HEADER = list(SELECTION_COLUMNS)
FIRST = ["prev_1", "row_a", "fp_a", "yes", "101", "a reason; with, marks", "large decrease", "Ann"]
SECOND = ["prev_1", "row_b", "fp_b", "yes", "", "", "", "Ann"]
BLANK = ["prev_1", "row_c", "fp_c", "", "", "", "", ""]


def text(rows: list[list[str]], **dialect: Any) -> str:
    out = io.StringIO()
    csv.writer(out, **dialect).writerows(rows)
    return out.getvalue()


def saved(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "selection.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


REORDERED = [[*reversed(row), "extra"] for row in (HEADER, FIRST, SECOND, BLANK)]


@pytest.mark.parametrize(
    "content",
    [
        text([HEADER, FIRST, SECOND, BLANK]),
        "\ufeff" + text([HEADER, FIRST, SECOND, BLANK]),
        text([HEADER, FIRST, SECOND, BLANK], lineterminator="\n"),
        text([HEADER, FIRST, SECOND, BLANK], delimiter=";"),
        text([HEADER, FIRST, SECOND, BLANK], delimiter="\t"),
        text([HEADER, FIRST, SECOND, BLANK], quoting=csv.QUOTE_ALL),
        text(REORDERED),
        text([[name.upper() for name in HEADER], SECOND, FIRST, BLANK, [""] * 8]),
        text([HEADER, [cell if cell != "yes" else " Yes " for cell in FIRST], SECOND]),
        text([HEADER, [cell if cell != "101" else "101.0" for cell in FIRST], SECOND]),
    ],
)
def test_every_way_of_saving_is_the_same_operation(tmp_path: Path, content: str) -> None:
    selection = read_selection(saved(tmp_path, content))
    plain = read_selection(saved(tmp_path, text([HEADER, FIRST, SECOND])))
    assert selection.operation_id == plain.operation_id
    assert min(row.line for row in selection.rows) == 2
    assert {row.row_id for row in selection.rows} == {"row_a", "row_b"}


@pytest.mark.parametrize(
    ("column", "value"),
    [(0, "prev_2"), (1, "row_z"), (2, "fp_z"), (4, "102"), (5, "another"), (6, ""), (7, "Bo")],
)
def test_other_content_is_another_operation(tmp_path: Path, column: int, value: str) -> None:
    changed = [*FIRST[:column], value, *FIRST[column + 1 :]]
    first = read_selection(saved(tmp_path, text([HEADER, FIRST]))).operation_id
    assert read_selection(saved(tmp_path, text([HEADER, changed]))).operation_id != first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        (text([HEADER[:-1], FIRST[:-1]]), "lacks approved_by"),
        (text([[*HEADER, "approve"], [*FIRST, "yes"]]), "approve twice"),
        (text([HEADER, FIRST[:-1]]), "7 cells"),
        (text([HEADER, FIRST]) + '"open', "not a CSV row"),
        (b"\xff\xfe" + text([HEADER, FIRST]).encode("utf-16-le"), "not UTF-8"),
    ],
)
def test_what_is_no_selection_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputRefused, match=message):
        read_selection(saved(tmp_path, content))


def test_every_ragged_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        read_selection(saved(tmp_path, text([HEADER, FIRST[:-1], SECOND, [*BLANK, "", ""]])))
    assert [fault.line for fault in caught.value.faults] == [2, 4]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"reading the selection .*absent.csv: there is no such file"):
        read_selection(tmp_path / "absent.csv")


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "preview_id": "prev_1",
        "row_id": "row_a",
        "fingerprint": "fp_a",
        "status": "Ready",
        "agreement_id": 101,
        "company_name": "=cmd()",
    }
    path = tmp_path / "out.csv"
    approvals = [Approval(row, 101, "-20 seats, agreed", ("large decrease",))]
    write_selection(path, approvals, approved_by="Ann", approved_at=datetime(2026, 11, 20))  # noqa: DTZ001
    (read,) = read_selection(path).rows
    assert (read.row_id, read.named_agreement, read.approval_reason, read.overrides, read.approved_by) == (
        "row_a",
        101,
        "-20 seats, agreed",
        ("large decrease",),
        "Ann",
    )
    written = path.read_text("utf-8-sig")
    assert "'=cmd()" in written  # a spreadsheet must not run a company's name
    assert "'-20 seats" in written


@pytest.mark.parametrize(
    ("text", "named"),
    [("1001", 1001), ("1001.0", 1001), ("1001,00", 1001), ("1,000", None), ("12.000", None), ("x", None)],
)
def test_the_agreement_that_a_cell_names(text: str, named: int | None) -> None:
    """Spreadsheets write whole numbers with a fraction of noughts; three of them are a thousand."""
    line = SelectionRow(2, "prev_1", "row_a", "fp_a", "yes", text, "", (), "Ann")
    assert line.named_agreement == named
