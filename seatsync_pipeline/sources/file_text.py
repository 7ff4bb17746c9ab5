"""A file from an operator: its bytes, what format they are, and how they become text.

What belongs here: reading a path safely, collecting the faults of one file, telling a text table from a
workbook or a web page, and deciding the encoding. Rows and columns live in `csv_file.py`; what the columns
mean lives with each source.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

from seatsync_pipeline.errors import Fault, FileRefused, InputRefused
from seatsync_pipeline.sources.regular_file import read_regular

# No table has such lines; a hundred megabytes of commas in one would fill the memory.
LINE_LIMIT = 1_000_000
_PIECE = 1_000_000  # bytes: never more characters than LINE_LIMIT
MAX_FAULTS = 50
FAULTS_IN_MESSAGE = 3
EXPORT_AGAIN = "Export the file again as CSV and import that, without opening it in between."

_BINARY_FORMATS = (
    (b"PK", "an Excel workbook (.xlsx) or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"
_MARKUP = re.compile(r"\s*<(!doctype|html|head|body|\?xml|!--|[a-z]+[\s>/])", re.IGNORECASE)
_JSON = re.compile(r"\s*(\{|\[\s*[\[{\]])")
_LINE_END = re.compile(r"[\r\n]")
_BLANKS = " \t\r\n\v\f\ufeff\xa0"
_PROPER_UTF8 = re.compile("[^\x00-\x7f\udc80-\udcff]")


def visible(value: str, limit: int = 60) -> str:
    """The value for a report: control and other unprintable characters written out, shortened to `limit`."""
    cut = value if len(value) <= limit else value[: limit - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


class Faults:
    """What is wrong with one file: all faults are counted, the first 50 are kept for the report."""

    def __init__(self, tried: str) -> None:
        self.tried = tried
        self.count = 0
        self.kept: list[Fault] = []

    def __bool__(self) -> bool:
        return self.count > 0

    def add(
        self,
        rule: str,
        remedy: str,
        *,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        self.count += 1
        if len(self.kept) < MAX_FAULTS:
            shown = None if value is None else visible(value)
            self.kept.append(Fault(line, None if column is None else visible(column), shown, rule, remedy))

    def refusal(self) -> FileRefused:
        """The error to raise. Its message names the first faults, its `faults` hold up to 50."""
        named = "; ".join(_sentence(fault) for fault in self.kept[:FAULTS_IN_MESSAGE])
        more = self.count - min(self.count, FAULTS_IN_MESSAGE)
        found = f"{named}; and {more} more" if more else named
        if self.count > len(self.kept):
            found += f" ({self.count} faults, the first {len(self.kept)} are listed)"
        remedies = dict.fromkeys(fault.remedy for fault in self.kept[:FAULTS_IN_MESSAGE])
        return FileRefused(self.tried, found, f"Nothing was imported. {' '.join(remedies)}", tuple(self.kept))

    def check(self) -> None:
        """Raise FileRefused when there is a fault."""
        if self:
            raise self.refusal()


def _sentence(fault: Fault) -> str:
    where = f"line {fault.line}: " if fault.line is not None else ""
    what = f", column {fault.column}" if fault.column is not None else ""
    value = f" ('{fault.value}')" if fault.value is not None else ""
    return f"{where}{fault.rule}{what}{value}"


def read_bytes(path: Path, faults: Faults, *, limit: int) -> tuple[bytes, datetime]:
    """The bytes of a regular file and when it was last changed (UTC).

    Raises FileRefused for anything else, and for more than `limit` bytes.
    """
    try:
        return read_regular(path, tried=faults.tried, limit=limit)
    except InputRefused as error:
        faults.add(error.found, error.remedy)
        raise faults.refusal() from error


@dataclass(frozen=True)
class Text:
    """The decoded file. `encoding` is Python's codec name, `note` says what was unusual about it."""

    data: bytes
    encoding: str
    note: str | None

    def lines(self, skip: int = 0) -> Iterator[str]:
        """The lines with their line ends, from the one after `skip` lines; LF, CRLF and CR end a line."""
        # Streamed, because a decoded copy of a large file with one rare character takes four times its size.
        stream: TextIO = io.TextIOWrapper(io.BytesIO(self.data), encoding=self.encoding, newline="")
        return islice(stream, skip, None)


def to_text(data: bytes, faults: Faults) -> Text:
    """Decide format and encoding of the bytes.

    UTF-8 with or without a byte order mark, UTF-16 only with one, Windows-1252 (noted) for the rest. Raises
    FileRefused for other formats, bytes that fit none of them, NUL characters, a line without an end, and files
    without any text.
    """
    _refuse_format(data, faults)
    encoding, note = _decide_encoding(data, faults)
    _look_through(data, encoding, faults)
    start = next(_pieces(data[:4000], encoding, "replace"), "").lstrip("\ufeff")
    if _MARKUP.match(start):
        faults.add("not CSV: the file is a web page (HTML or XML), perhaps a sign-in page", EXPORT_AGAIN)
    elif _JSON.match(start):
        faults.add("not CSV: the file is JSON", EXPORT_AGAIN)
    faults.check()
    return Text(data, encoding, note)


def _look_through(data: bytes, encoding: str, faults: Faults) -> None:
    """Find what no table has anywhere, piece by piece: the whole text would take up to four times the file."""
    line, length, blank = 1, 0, True
    for piece in _pieces(data, encoding):
        if (nul := piece.find("\0")) >= 0:
            faults.add(
                "NUL character: the file is binary, or UTF-16 without its byte order mark",
                'Save it as "CSV UTF-8" and import that.',
                line=line + _line_ends(piece[:nul]),
            )
            return
        blank = blank and not piece.strip(_BLANKS)
        end = _LINE_END.search(piece)
        if length + (end.start() if end else len(piece)) > LINE_LIMIT:
            faults.add(
                f"line too long: more than {LINE_LIMIT} characters without a line end",
                EXPORT_AGAIN,
                line=line,
            )
            return
        length = len(piece) - max(piece.rfind("\n"), piece.rfind("\r")) - 1 if end else length + len(piece)
        line += _line_ends(piece)
    if blank:
        faults.add("empty file: it holds nothing but blanks", EXPORT_AGAIN)


def _pieces(data: bytes, encoding: str, errors: str = "strict") -> Iterator[str]:
    """The text in pieces of at most `LINE_LIMIT` characters; a CR and its LF stay together.

    Raises UnicodeDecodeError; its `start` counts from the beginning of `data`.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    held = ""
    view = memoryview(data)
    for begin in range(0, len(data), _PIECE):
        chunk = view[begin : begin + _PIECE]
        final = begin + _PIECE >= len(data)
        try:
            piece = held + decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            error.start += begin - (len(error.object) - len(chunk))
            raise
        held = "\r" if piece.endswith("\r") and not final else ""
        yield piece[:-1] if held else piece


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def binary_format(data: bytes) -> str | None:
    """What the bytes are instead of text, as far as their beginning tells."""
    return next(
        (kind for mark, kind in _BINARY_FORMATS if data.startswith(mark) and not _is_plain_word(data)), None
    )


def _refuse_format(data: bytes, faults: Faults) -> None:
    if not data:
        faults.add("empty file: it has no bytes", EXPORT_AGAIN)
    elif kind := binary_format(data):
        faults.add(f"not CSV: the file is {kind}", 'Save the table as "CSV UTF-8" and import that.')
    faults.check()


def _is_plain_word(data: bytes) -> bool:
    """Whether a file that begins with PK is text after all: a zip has control bytes right behind it."""
    return data.startswith(b"PK") and all(byte >= 0x20 for byte in data[2:4])


def _decide_encoding(data: bytes, faults: Faults) -> tuple[str, str | None]:
    encoding, note = "utf-8", None
    if data.startswith(_UTF16_MARKS):
        encoding, note = "utf-16", "UTF-16 with a byte order mark"
    elif data.startswith(_UTF8_MARK):
        encoding = "utf-8-sig"
    try:
        _decode(data, encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or any(map(_PROPER_UTF8.search, _pieces(data, "utf-8", "surrogateescape"))):
            # Damaged or cut UTF-8: read as Windows-1252 it would turn every accent into two wrong characters.
            raise _undecodable(data, error, encoding, faults) from error
    else:
        return encoding, note
    try:
        _decode(data, "cp1252")
    except UnicodeDecodeError as error:
        raise _undecodable(data, error, "cp1252", faults) from error
    return "cp1252", "not UTF-8; read as Windows-1252: check names with accents"


def _decode(data: bytes, encoding: str) -> None:
    for _ in _pieces(data, encoding):
        pass


def _undecodable(data: bytes, error: UnicodeDecodeError, encoding: str, faults: Faults) -> FileRefused:
    line = None if encoding == "utf-16" else 1 + _line_ends(data[: error.start].decode("latin-1"))
    faults.add(
        f"undecodable text: the bytes are not valid {encoding}",
        'Save the file as "CSV UTF-8" and import that.',
        line=line,
        value=data[error.start : error.start + 8].hex(" "),
    )
    return faults.refusal()
