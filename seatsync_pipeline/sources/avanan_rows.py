"""One row of an Avanan export: from its cells to a name, a portal, a license, seats and a state.

What belongs here: the rules for single cells, and footer rows. A bad cell makes its row failed, never a number;
what cannot be a cell of a whole table (a line break in a name, the header once more) is a fault of the file. The
words of the status columns are `avanan_status.py`, and how rows of one tenant go together `avanan_tenants.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice, repeat

from seatsync_pipeline.sources.avanan_columns import Columns, Layout
from seatsync_pipeline.sources.avanan_sheet import NO_NAME, Footer, Row, Sheet
from seatsync_pipeline.sources.avanan_status import settle_states
from seatsync_pipeline.sources.csv_file import CsvTable
from seatsync_pipeline.sources.file_text import EXPORT_AGAIN, Faults, visible

# Not `\.0+`: a European 1.000 would be read as one. Not int(): it takes 1_000 and digits of other scripts.
SEATS = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.0{1,2})?)", re.ASCII)
MAX_SEATS = 999_999_999
_TOTAL = re.compile(r"(?:grand )?totals?\b", re.IGNORECASE)
_BARE_TOTAL = re.compile(r"(?:grand )?totals?\W*(?:\d+ \w+)?\W*", re.IGNORECASE)
_TENANT_COUNT = re.compile(r"\b(\d{1,9}) (?:tenants?|customers?|accounts?|clients?|rows?)\b", re.IGNORECASE)
# A spreadsheet shows a long number this way, and saves it so: the digits behind are lost.
_ROUNDED_NUMBER = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.ASCII)
_SPREADSHEET_ERRORS = {"#NAME?", "#REF!", "#VALUE!", "#N/A", "#DIV/0!", "#NULL!", "#NUM!"}
_FORMULA_STARTS = ("'=", "'+", "'-", "'@")
# What any rule for single cells looks for, wherever it stands.
_NOT_PLAIN = (*_FORMULA_STARTS, "#", "E+")


def read_sheet(
    table: CsvTable, columns: Columns, layout: Layout, faults: Faults, *, batch: int = 1_000
) -> Sheet:
    """Read every row; structural faults go to `faults`, which the caller has to check.

    `batch` rows at a time are read together where all of them are ordinary; the result is the same for any.
    """
    return _SheetReader(table, layout, faults, batch).read(columns)


class _SheetReader:
    def __init__(self, table: CsvTable, layout: Layout, faults: Faults, batch: int) -> None:
        self.table = table
        self.layout = layout
        self.faults = faults
        self.sheet = Sheet()
        self._seats: dict[str, Decimal] = {}
        self._shared: dict[str, str] = {}
        self._statuses: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._status_places = (*layout.status, *layout.possible_status)
        self._batch = batch

    def read(self, columns: Columns) -> Sheet:
        self._refuse_rows_above_header()
        header_users = self.table.header[self.layout.users]
        rows = self.table.rows(self.faults)
        while batch := list(islice(rows, self._batch)):
            if self._read_plain(batch):
                continue
            for line, cells in batch:
                if cells[self.layout.users] == header_users and self._is_header(cells):
                    self.faults.add(
                        "repeated header: the header stands among the rows, as in two files put together",
                        EXPORT_AGAIN,
                        line=line,
                    )
                else:
                    self._read_row(line, cells)
        settle_states(self.sheet, self.table, columns, self.layout, self.faults)
        return self.sheet

    def _read_plain(self, batch: Sequence[tuple[int, list[str]]]) -> bool:
        """Read rows column by column, three times as fast, if nothing about any of them is out of the ordinary.

        It decides nothing itself: a batch with one row that `_read_row` might judge is left to that, whole.
        """
        layout = self.layout
        if layout.other_names:
            return False
        columns = list(zip(*(cells for _, cells in batch), strict=False))
        names, licenses, users = (
            list(map(str.strip, columns[place])) for place in (layout.name, layout.license, layout.users)
        )
        keys = names if layout.portal is None else list(map(str.strip, columns[layout.portal]))
        together = "".join((*names, *licenses, *keys))
        ordinary = together.isprintable() and not any(mark in together for mark in _NOT_PLAIN)
        if not (ordinary and all(names) and all(licenses) and all(keys)):
            return False
        seats = list(map(self._seats.get, users))
        if None in seats:
            for text in {text for text, number in zip(users, seats, strict=True) if number is None}:
                if self._read_seats(text, []) is None:
                    return False
            seats = list(map(self._seats.get, users))
        domains = repeat("") if layout.domain is None else map(str.strip, columns[layout.domain])
        picked = list(zip(*(columns[place] for place in self._status_places), strict=True))
        status_of = {cells: self._status_of(cells) for cells in set(picked)}
        self.sheet.rows += map(
            Row,
            (line for line, _ in batch),
            keys,
            names,
            map(self._shared.setdefault, licenses, licenses),
            map(self._shared.setdefault, users, users),
            seats,
            map(status_of.__getitem__, picked),
            domains,
        )
        return True

    def _is_header(self, cells: Sequence[str]) -> bool:
        return tuple(cell.strip() for cell in cells[: len(self.table.header)]) == self.table.header

    def _refuse_rows_above_header(self) -> None:
        # A sheet that was sorted has its header among the rows: those above it must not be taken for a preamble.
        for line, cells in self.table.preamble:
            if len(cells) >= len(self.table.header) and SEATS.fullmatch(cells[self.layout.users].strip()):
                self.faults.add(
                    "row above the header: the file was sorted or rearranged",
                    EXPORT_AGAIN,
                    line=line,
                    value=self.table.delimiter.join(cells),
                )

    def _read_row(self, line: int, cells: Sequence[str]) -> None:
        layout = self.layout
        reasons: list[str] = []
        name = cells[layout.name].strip()
        license_ = cells[layout.license].strip()
        portal = "" if layout.portal is None else cells[layout.portal].strip()
        together = name + license_ + portal
        if not together.isprintable() or "#" in together or "E+" in portal:
            name, license_, portal = self._unusual(line, (name, license_, portal), reasons)
        users = cells[layout.users].strip()
        status = self._status(cells)
        if not license_ and not (name and portal) and self._is_footer(line, name or portal, users, cells):
            return
        if name.startswith(_FORMULA_STARTS):
            self.sheet.names_as_written[line] = name
            name = name[1:].strip()
        seats = self._seats.get(users)
        if seats is None:
            seats = self._read_seats(users, reasons)
        has_key = portal or (layout.portal is None and name)
        if not (name and license_ and has_key):
            reasons += self._blanks(name, license_, portal)
        if layout.other_names:
            others = {self.table.header[place]: cells[place].strip() for place in layout.other_names}
            self.sheet.other_names[line] = others
        self.sheet.rows.append(
            Row(
                line,
                (portal or name) if has_key else f"(no {self._key_word}, line {line})",
                name or f"{NO_NAME}{portal or f'line {line}'})",
                self._shared.setdefault(license_, license_),
                self._shared.setdefault(users, users),
                seats,
                status,
                "" if layout.domain is None else cells[layout.domain].strip(),
                tuple(reasons),
            )
        )

    def _status(self, cells: Sequence[str]) -> tuple[str, ...]:
        return self._status_of(tuple(cells[place] for place in self._status_places))

    def _status_of(self, picked: tuple[str, ...]) -> tuple[str, ...]:
        status = self._statuses.get(picked)
        if status is None:
            status = tuple(map(str.strip, picked))
            self._statuses[picked] = status
        return status

    def _is_footer(self, line: int, label: str, users: str, cells: Sequence[str]) -> bool:
        if any(self._status(cells)):
            return False
        label = label or next((text for cell in cells if (text := cell.strip())), "")
        # Without a number only a plain label is a total: "Total Wine" without anything is a faulty tenant.
        if not (_TOTAL.match(label) if users else _BARE_TOTAL.fullmatch(label)):
            return False
        self._add_footer(line, label, users)
        return True

    @property
    def _key_word(self) -> str:
        return "name" if self.layout.portal is None else "portal"

    def _blanks(self, name: str, license_: str, portal: str) -> Iterator[str]:
        """The reasons for blank cells; the columns are named as the file's header does."""
        cells = [(name, self.layout.name), (license_, self.layout.license)]
        if self.layout.portal is not None:
            cells.append((portal, self.layout.portal))
        return (f"{self.table.header[place]} is blank" for text, place in cells if not text)

    def _unusual(self, line: int, texts: tuple[str, str, str], reasons: list[str]) -> tuple[str, str, str]:
        """Name, license and portal that hold a rare character: what is wrong, and NBSP made plain blanks."""
        name, license_, portal = texts
        places = (self.layout.name, self.layout.license, self.layout.portal)
        for text, place in zip(texts, places, strict=True):
            if text and place is not None:
                self._judge(line, text, self.table.header[place], reasons)
        if any(unicodedata.category(c) == "Cf" for c in portal):
            # Two portals that look the same would be two tenants, and one of them nobody's.
            reasons.append(f"the portal holds a character that nobody sees ('{visible(portal)}')")
        if _ROUNDED_NUMBER.fullmatch(portal):
            reasons.append(f"the portal {portal!r} was rounded by a spreadsheet")
        return name.replace("\xa0", " "), license_.replace("\xa0", " "), portal

    def _judge(self, line: int, text: str, header: str, reasons: list[str]) -> None:
        if "\n" in text or "\r" in text:
            self.faults.add(
                "line break inside a cell: rows may have been swallowed between two quotes",
                "Remove the line break, or close the quote before it.",
                line=line,
                column=header,
                value=text,
            )
        elif any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text):
            reasons.append(f"{header} holds a control character ('{visible(text)}')")
        elif text in _SPREADSHEET_ERRORS:
            reasons.append(f"{header} is a spreadsheet's error {text!r}")

    def _read_seats(self, users: str, reasons: list[str]) -> Decimal | None:
        header = self.table.header[self.layout.users]
        seats, reason = read_seats(users, self.table.delimiter)
        if reason is not None:
            reasons.append(f"{header} {reason}")
        elif seats is not None:
            self._seats[users] = seats
        return seats

    def _add_footer(self, line: int, label: str, users: str) -> None:
        total, reason = read_seats(users, self.table.delimiter)
        if users and reason is not None:
            self.faults.add(
                f"wrong footer total: {reason}",
                "Export the file again; the total row has to agree with the rows.",
                line=line,
                column=self.table.header[self.layout.users],
                value=users,
            )
        named = _TENANT_COUNT.search(label)
        self.sheet.footers.append(Footer(line, users, total, int(named[1]) if named else None))


def read_seats(users: str, delimiter: str) -> tuple[Decimal | None, str | None]:
    """The seats of a Users cell, or why it has none: `42`, `1,234`, `42.0` and `42.00` are numbers, no more."""
    if not users:
        return None, "is blank"
    if SEATS.fullmatch(users) is None:
        return None, f"is '{visible(users)}', not a whole number such as 42 or 1,234"
    if "," in users and delimiter == ";":
        # Semicolons part the cells where the comma is the decimal mark: 1,234 may be 1.234 there.
        return None, f"is {users!r}: in a file with semicolons the comma may be a decimal mark"
    seats = Decimal(users.replace(",", "").partition(".")[0])
    if seats > MAX_SEATS:
        return None, f"is '{visible(users)}', more than any tenant has"
    return seats, None
