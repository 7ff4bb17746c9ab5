"""The rows of a preview as text: grouped by status, within the width of the screen, quick for thousands.

A general table would measure every cell of every row first, which takes seconds for 2,000 rows; here the
columns have fixed shares of the width.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.cells import cell_len, set_cell_size

from seatsync_pipeline.cli.output import clean
from seatsync_pipeline.cli.session import plural
from seatsync_pipeline.exact_json import money, plain

Row = Mapping[str, Any]

_SHORTEST_ID = 4  # letters of a row id after `row_`
_PREFIX = len("row_")
_NUMBER, _MONEY, _GAP = 6, 10, 1
_HEADINGS = ("ROW", "COMPANY OR ACCOUNT", "PRODUCT", "NOW", "NEW", "MONEY")
# Statuses whose reason tells the operator what to resolve; the others speak for themselves.
_EXPLAINED = frozenset(
    {
        "Multiple additions",
        "Source error",
        "Unmatched",
        "Ambiguous",
        "License unmapped",
        "Orphaned",
        "No addition",
    }
)


@dataclass(frozen=True)
class Layout:
    """Widths in terminal cells."""

    row_id: int
    whom: int
    what: int
    width: int

    @classmethod
    def fitting(cls, width: int, id_length: int) -> Layout:
        rest = width - id_length - 2 * _NUMBER - _MONEY - 5 * _GAP
        what = max(10, min(30, rest * 2 // 5))
        return cls(id_length, max(12, rest - what), what, width)


def preview_lines(rows: Sequence[Row], all_ids: Sequence[str], width: int) -> Iterator[tuple[str, bool]]:
    """Lines of text, each with whether it is a heading. `all_ids`: of the whole preview, to shorten ids by."""
    layout = Layout.fitting(width, _id_length(all_ids, width))
    counts = Counter(row["status"] for row in rows)
    status = None
    for row in rows:
        if row["status"] != status:
            status = row["status"]
            yield "", False
            yield f"{status}: {plural(counts[status], 'row')}", True
            yield _line(layout, _HEADINGS), True
        cells = (
            row["row_id"],
            whom(row),
            what(row),
            _number(row["current_quantity"]),
            _number(row["new_quantity"]),
            money(Decimal(row["amount_delta"])) if row["amount_delta"] else "",
        )
        yield _line(layout, cells), False
        yield from ((line, False) for line in _notes(row, width))


def _id_length(ids: Sequence[str], width: int) -> int:
    """The whole id where there is room, otherwise as much as tells the rows of this preview apart."""
    longest = max((len(i) for i in ids), default=_PREFIX + _SHORTEST_ID)
    if width >= 110:
        return longest
    for length in range(_PREFIX + _SHORTEST_ID, longest):
        if len({i[:length] for i in ids}) == len(set(ids)):
            return length
    return longest


def whom(row: Row) -> str:
    """The company; the accounts where none is known."""
    if row["company_name"]:
        return str(row["company_name"])
    names = dict.fromkeys(str(account["account_name"]) for account in row["accounts"])
    return ", ".join(names)


def what(row: Row) -> str:
    """The product; the licenses where none is known."""
    if row["product_identifier"]:
        return str(row["product_identifier"])
    return ", ".join(dict.fromkeys(str(account["license"]) for account in row["accounts"]))


def _notes(row: Row, width: int) -> Iterator[str]:
    marks = [*row["flags"], *(guard["guard"] for guard in row["guards"])]
    marks = list(dict.fromkeys(str(mark) for mark in marks))
    if row["needs_reason"]:
        marks.append("needs a reason")
    if row["blocked"] and row["status"] in {"No addition", "Orphaned"}:
        marks.append("blocked")
    lines = [f"[{', '.join(marks)}]"] if marks else []
    if row["status"] in _EXPLAINED:
        lines.append(str(row["reason"]).removeprefix(f"{whom(row)}: "))
    if row["candidates"]:
        named = (f"{c['company_name']} (id {c['company_id']})" for c in row["candidates"])
        lines.append(f"candidates: {', '.join(named)}")
    for line in lines:
        yield from textwrap.wrap(clean(line), width, initial_indent="    ", subsequent_indent="    ")


def _line(layout: Layout, cells: tuple[str, str, str, str, str, str]) -> str:
    row_id, company, product, now, new, amount = cells
    fitted = (
        _fit(row_id, layout.row_id, ""),
        _fit(company, layout.whom),
        _fit(product, layout.what),
        f"{now:>{_NUMBER}}",
        f"{new:>{_NUMBER}}",
        f"{amount:>{_MONEY}}",
    )
    return (" " * _GAP).join(fitted).rstrip()


def _fit(text: str, width: int, cut: str = "…") -> str:
    """Exactly `width` cells, also for scripts whose letters take two."""
    text = clean(text)
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - len(cut)) + cut


def _number(value: Any) -> str:
    return "" if value is None else plain(Decimal(value))
