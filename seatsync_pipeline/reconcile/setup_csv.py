"""Reading and writing the setup file's cells: dialect, header, ragged rows, and cells a spreadsheet would run.

What belongs here: text to cells and back, exactly. What does not: what the cells mean.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatsync_pipeline.errors import Fault, FileRefused, InputRefused

COLUMNS = ("kind", "source", "key", "key_name", "decision", "target", "target_name", "reason")

_DELIMITERS = (",", ";", "\t")  # spreadsheets write the second or third where the comma is the decimal mark
_RUN_BY_SPREADSHEETS = re.compile(r"'*[=+\-@\t\r]")


@dataclass(frozen=True)
class Line:
    """One row of the file. `number` is the line on which it begins, as an editor counts."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def read_lines(path: Path, tried: str) -> list[Line]:
    """Every row with something in it. Raises InputRefused for a file that cannot be read as this kind of table.

    Comma, semicolon or tab; columns in any order; further columns are ignored. Cells are trimmed.
    """
    text = _text(path, tried)
    header_line = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for row in reader:
            rows.append((begins, [cell.strip() for cell in row]))
            begins = reader.line_num + 1
    except csv.Error as error:
        fault = Fault(begins, None, None, f"not a CSV row: {error}", "Close the quotes in this row.")
        raise _refused(tried, [fault]) from error
    rows = [(number, row) for number, row in rows if any(row)]
    if not rows:
        raise InputRefused(tried, "the file is empty", f"It needs the columns {', '.join(COLUMNS)}.")
    (_, first), body = rows[0], rows[1:]
    header = _header(first, tried)
    faults = [
        Fault(
            number,
            None,
            None,
            f"the row has {len(row)} cells, the header has {len(header)}",
            "Give every row a cell for every column; quote text that holds a separator.",
        )
        for number, row in body
        if len(row) != len(header)
    ]
    if faults:
        raise _refused(tried, faults)
    return [
        Line(
            number,
            {name: _unescaped(cell) for name, cell in zip(header, row, strict=True) if name in COLUMNS},
        )
        for number, row in body
    ]


def write_lines(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write the file whole or not at all. Raises InputRefused when the folder cannot be written to."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _escaped(cell) for name, cell in row.items()} for row in rows)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # The mark at the front lets spreadsheets read names in every script.
        beside.write_text(buffer.getvalue(), encoding="utf-8-sig", newline="")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputRefused(
            f"writing {path}", error.strerror or str(error), "Name a file in a folder that you may write to."
        ) from error


def _text(path: Path, tried: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # line ends as they are: a cell may hold one
    except UnicodeDecodeError as error:
        raise InputRefused(
            tried, f"byte {error.start + 1} is not UTF-8", "Save it as CSV in UTF-8 and import that."
        ) from error
    except OSError as error:
        raise InputRefused(tried, error.strerror or str(error), "Name a file that you may read.") from error


def _header(row: list[str], tried: str) -> list[str]:
    header = [cell.casefold() for cell in row]
    missing = [name for name in COLUMNS if name not in header]
    twice = sorted({name for name in header if name in COLUMNS and header.count(name) > 1})
    if missing or twice:
        found = [f"the header lacks {', '.join(missing)}"] if missing else []
        found += [f"the header has {', '.join(twice)} twice"] if twice else []
        raise InputRefused(tried, "; ".join(found), f"The columns are {', '.join(COLUMNS)}.")
    return header


def _refused(tried: str, faults: list[Fault]) -> FileRefused:
    return FileRefused(tried, faults[0].rule, "Correct the file; nothing was changed.", tuple(faults))


def _escaped(cell: str) -> str:
    return f"'{cell}" if _RUN_BY_SPREADSHEETS.match(cell) else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _RUN_BY_SPREADSHEETS.match(cell) else cell
