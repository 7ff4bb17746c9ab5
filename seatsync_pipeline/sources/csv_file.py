"""A delimited text file as rows of text, whatever its columns mean.

What belongs here: the delimiter, the header row, and the shape of every row. It never guesses from the data:
encoding comes from the bytes, the delimiter from the header line alone, and every cell stays text. A row of
another length, an open quote or a header that cannot be found is a fault of the whole file, because behind
it rows may be missing. What a column is for is told by the caller.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from seatsync_pipeline.sources.file_text import EXPORT_AGAIN, Faults, Text

HEADER_WITHIN = 10
DELIMITERS = (",", ";", "\t")
# An export has some ten columns; a header of thousands is no table of tenants, and each would be reported.
MAX_COLUMNS = 1_000
# A quoted header cell may hold a line break, so that a header can span a few lines.
_LINES_FOR_HEADER = 20
_SEP_LINE = re.compile(r'\ufeff?"?sep=(?P<delimiter>[^\r\n"]?)"?[\s,;]*', re.IGNORECASE)

Missing = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class HeaderRow:
    """One candidate for the header. `missing` are the required columns that it lacks."""

    line: int
    lines: int
    cells: tuple[str, ...]
    delimiter: str
    missing: tuple[str, ...]


@dataclass
class CsvTable:
    """A table whose header was looked for. Iterate `rows()` once; the counts are right afterwards.

    `header` are the trimmed header cells without empty ones at the end; `missing` the required columns that no
    candidate had. `preamble` are the rows above the header. More than `max_rows` rows, blank ones among them, are a
    fault.
    """

    text: Text
    delimiter: str
    header_line: int
    header: tuple[str, ...]
    missing: tuple[str, ...]
    preamble: tuple[tuple[int, tuple[str, ...]], ...]
    max_rows: int = sys.maxsize
    blank_rows: int = 0
    _lines_before_rows: int = field(default=0, repr=False)

    def rows(self, faults: Faults) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not blank, with the line it starts on; always as many cells as the header or more.

        Cells behind the header's last are empty. Rows of another shape are added to `faults` and left out: who
        uses the rows has to check `faults` at the end.
        """
        width = len(self.header)
        before = self._lines_before_rows + 1
        reader = csv.reader(self.text.lines(before - 1), delimiter=self.delimiter, strict=True)
        self.blank_rows = 0
        count = 0
        while True:
            line = before + reader.line_num
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # Behind an open quote nothing can be told apart any more: the first one ends the reading.
                faults.add(
                    _broken(error),
                    'Close the quote, double a quote inside a cell (""), or export again.',
                    line=line,
                )
                return
            count += 1
            if count > self.max_rows:
                faults.add(
                    f"too many rows: more than {self.max_rows}",
                    "Is this the right file? Split it, or raise SEATSYNC_MAX_IMPORT_ROWS.",
                    line=line,
                )
                return
            if len(cells) == width and cells[0] and not cells[0].isspace():
                yield line, cells
            elif not any(map(str.strip, cells)):
                self.blank_rows += 1
            elif len(cells) == width or (len(cells) > width and not any(map(str.strip, cells[width:]))):
                yield line, cells
            else:
                faults.add(
                    f"row length: {len(cells)} cells where the header has {width}",
                    "Put a cell that holds the delimiter in quotes, complete the row, or export again.",
                    line=line,
                    value=self.delimiter.join(cells),
                )


def _broken(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text:
        return "unterminated row: a quote is opened in the row that starts here and never closed"
    if "field larger" in text:
        return "unterminated row: a cell of the row that starts here does not end"
    return f"broken quoting: {text} in the row that starts here"


def open_table(text: Text, faults: Faults, missing: Missing, *, max_rows: int = sys.maxsize) -> CsvTable:
    """Find the header within the first 10 lines and with it the delimiter.

    `missing(cells)` returns the required columns that a row of header cells lacks; the first line that lacks
    none is the header. When there is none, the table has the best candidate and its `missing`. A `sep=` line
    decides the delimiter. Raises FileRefused when that line names no delimiter, and for a header of more than
    `MAX_COLUMNS` cells.
    """
    head = list(islice(text.lines(), HEADER_WITHIN + _LINES_FOR_HEADER))
    told = _told_delimiter(head, faults)
    candidates = (
        candidate
        for index in range(min(HEADER_WITHIN, len(head)))
        for delimiter in ((told,) if told else DELIMITERS)
        if (candidate := _candidate(head, index, delimiter, missing)) is not None
    )
    best: HeaderRow | None = None
    for candidate in candidates:
        if best is None or len(candidate.missing) < len(best.missing):
            best = candidate
        if not candidate.missing:
            break
    if best is None:
        faults.add("no header: no row in the first 10 lines can be read", EXPORT_AGAIN, line=1)
        raise faults.refusal()
    if len(best.cells) > MAX_COLUMNS:
        faults.add(
            f"too many columns: {len(best.cells)}, and no tenant export has more than {MAX_COLUMNS}",
            EXPORT_AGAIN,
            line=best.line,
        )
        raise faults.refusal()
    return CsvTable(
        text=text,
        delimiter=best.delimiter,
        header_line=best.line,
        header=best.cells,
        missing=best.missing,
        preamble=tuple(_preamble(head, best)),
        max_rows=max_rows,
        _lines_before_rows=best.line - 1 + best.lines,
    )


def _told_delimiter(head: Sequence[str], faults: Faults) -> str | None:
    for number, line in enumerate(head[:HEADER_WITHIN], start=1):
        if told := _SEP_LINE.fullmatch(line):
            if told["delimiter"] in (*DELIMITERS, "|"):
                return told["delimiter"]
            faults.add(
                "unknown delimiter in the sep= line",
                "Use a comma, a semicolon, a tab or a bar.",
                line=number,
                value=line.strip("\r\n"),
            )
            raise faults.refusal()
    return None


def _candidate(head: Sequence[str], index: int, delimiter: str, missing: Missing) -> HeaderRow | None:
    if _SEP_LINE.fullmatch(head[index]):
        return None
    reader = csv.reader(head[index : index + _LINES_FOR_HEADER], delimiter=delimiter, strict=True)
    try:
        cells = next(reader)
    except (StopIteration, csv.Error):
        return None
    while cells and not cells[-1].strip("\ufeff \t\xa0\r\n"):
        cells.pop()
    if not cells:
        return None
    trimmed = tuple(cell.strip("\ufeff").strip() for cell in cells)
    return HeaderRow(index + 1, reader.line_num, trimmed, delimiter, tuple(missing(trimmed[:MAX_COLUMNS])))


def _preamble(head: Sequence[str], header: HeaderRow) -> Iterator[tuple[int, tuple[str, ...]]]:
    for number, line in enumerate(head[: header.line - 1], start=1):
        if line.strip("\ufeff \t\xa0\r\n") and not _SEP_LINE.fullmatch(line):
            yield number, tuple(line.strip("\ufeff\r\n").replace('"', "").split(header.delimiter))
