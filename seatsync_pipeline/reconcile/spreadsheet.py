"""Files that go through an operator's spreadsheet, both ways.

What belongs here: cells out so that a spreadsheet runs none of them, cells in as whatever spreadsheet has saved
them (BOM or none; comma, semicolon or tab; reordered and further columns). What does not: what the cells mean.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatsync_pipeline.errors import Fault, FileRefused, InputRefused
from seatsync_pipeline.sources.file_text import binary_format
from seatsync_pipeline.sources.regular_file import read_regular

_DELIMITERS = (",", ";", "\t")  # spreadsheets write the second or third where the comma is the decimal mark
# The wide forms are taken for the narrow ones where Chinese, Japanese or Korean is written.
_BEGIN_FORMULAS = "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
_RUN_BY_SPREADSHEETS = re.compile(f"'*[{re.escape(_BEGIN_FORMULAS)}]")
_SEP_LINE = re.compile(r'"?sep=[,;\t]?"?[,;\t]*', re.IGNORECASE)  # what some tell Excel the delimiter with
_SUSPECT = frozenset(f"'{_BEGIN_FORMULAS}")  # what such a cell can begin with: quicker to ask
_MAX_BYTES = 64 * 1024 * 1024
_MAX_ROWS = 250_000
_MAX_FAULTS = 1_000


@dataclass(frozen=True)
class Line:
    """One row of a file. `number` is the line on which it begins, as an editor counts."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def escaped(cell: str) -> str:
    """`cell`, with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell[:1] in _SUSPECT and _RUN_BY_SPREADSHEETS.match(cell) else cell


def unescaped(cell: str) -> str:
    """The other way round."""
    return cell[1:] if cell.startswith("'") and _RUN_BY_SPREADSHEETS.match(cell) else cell


def read_sheet(path: Path, columns: Sequence[str], tried: str) -> list[Line]:
    """Every row with something in it, its cells trimmed, by column name; other columns are left out.

    Raises InputRefused for a file that is no such table, FileRefused that names every row of another length.
    """
    rows = _rows(_text(path, tried), tried)
    first = next(rows, None)
    if first is None:
        raise InputRefused(tried, "the file is empty", f"It needs the columns {', '.join(columns)}.")
    header = _header(first[1], columns, tried)
    wanted = [(index, name) for index, name in enumerate(header) if name in columns]
    lines: list[Line] = []
    faults: list[Fault] = []
    for number, row in rows:
        if len(row) == len(header):
            lines.append(Line(number, {name: unescaped(row[index]) for index, name in wanted}))
        elif len(faults) < _MAX_FAULTS:
            faults.append(
                Fault(
                    number,
                    None,
                    None,
                    f"the row has {len(row)} cells, the header has {len(header)}",
                    "Give every row a cell for every column; quote text that holds a separator.",
                )
            )
        if len(lines) > _MAX_ROWS:
            raise InputRefused(tried, f"it has more than {_MAX_ROWS} rows", "Is this the right file?")
    if faults:
        raise _refused(tried, faults)
    return lines


def write_sheet(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write beside the target and move into place, readable by its owner alone: never half a file.

    Raises InputRefused when the folder cannot be written to.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            # The mark at the front lets spreadsheets read names in every script.
            with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows(rows)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputRefused(
            f"writing {path}",
            error.strerror or str(error),
            "Free space, or name a file in a folder that you may write to.",
        ) from error


def _text(path: Path, tried: str) -> str:
    data, _ = read_regular(path, tried=tried, limit=_MAX_BYTES, remedy="Name a file that you may read.")
    if kind := binary_format(data):
        raise InputRefused(tried, f"the file is {kind}", "Save it as CSV in UTF-8 and use that.")
    try:
        return data.decode("utf-8-sig")  # line ends as they are: a cell may hold one
    except UnicodeDecodeError as error:
        raise InputRefused(
            tried, f"byte {error.start + 1} is not UTF-8", "Save it as CSV in UTF-8 and use that."
        ) from error


def _rows(text: str, tried: str) -> Iterator[tuple[int, list[str]]]:
    """Every row with something in it, and the line on which it begins."""
    header_line, _, below = text.partition("\n")
    if _SEP_LINE.fullmatch(header_line.strip()):
        header_line, text = (
            below.partition("\n")[0],
            f"\n{below}",
        )  # an empty line: the others keep their numbers
    delimiter = max(_DELIMITERS, key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        fault = Fault(begins, None, None, f"not a CSV row: {error}", "Close the quotes in this row.")
        raise _refused(tried, [fault]) from error


def _header(row: list[str], columns: Sequence[str], tried: str) -> list[str]:
    header = [cell.casefold() for cell in row]
    missing = [name for name in columns if name not in header]
    twice = sorted({name for name in header if name in columns and header.count(name) > 1})
    if missing or twice:
        found = [f"the header lacks {', '.join(missing)}"] if missing else []
        found += [f"the header has {', '.join(twice)} twice"] if twice else []
        raise InputRefused(tried, "; ".join(found), f"The columns are {', '.join(columns)}.")
    return header


def _refused(tried: str, faults: list[Fault]) -> FileRefused:
    return FileRefused(tried, faults[0].rule, "Correct the file; nothing was changed.", tuple(faults))
