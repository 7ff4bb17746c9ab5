"""Previews as CSV: the sheet an operator ticks, and the plain table for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from types import NoneType
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.reconcile.spreadsheet import escaped, write_sheet

# What the gate of the push reads. Behind them every preview column stands once more as `info_...`, for people.
SELECTION_COLUMNS = (
    "preview_id",
    "row_id",
    "fingerprint",
    "approve",
    "agreement_id",
    "approval_reason",
    "overrides",
    "approved_by",
)
_PORTION = 5_000
_LONGEST_CELL = 32_000  # spreadsheets take 32,767 characters
_APPROVED_AT = "approved_at"
_INFO_FROM = ("preview_id", "row_id", "fingerprint")

PreviewRow = Mapping[str, Any]


def write_selection_sheet(rows: Iterable[PreviewRow], path: Path, columns: Sequence[str]) -> None:
    """The sheet to tick: every row of a preview with an empty `approve`; `columns` are the preview's."""
    decided = ((row, {"agreement_id": row["agreement_id"]}) for row in rows)
    _write(path, decided, columns)


def selection_sheet(
    path: Path,
    rows: Sequence[tuple[PreviewRow, Mapping[str, Any]]],
    columns: Sequence[str] | None = None,
) -> None:
    """Write preview rows with what was decided about each, by column of a selection file."""
    _write(path, rows, columns or (list(rows[0][0]) if rows else []))


def _write(path: Path, rows: Iterable[tuple[PreviewRow, Mapping[str, Any]]], columns: Sequence[str]) -> None:
    info = [name for name in columns if name not in _INFO_FROM]
    header = [*SELECTION_COLUMNS, _APPROVED_AT, *(f"info_{name}" for name in info)]
    incoming = iter(rows)
    portions = iter(lambda: list(islice(incoming, _PORTION)), [])
    write_sheet(path, header, chain.from_iterable(_lines(portion, info) for portion in portions))


def _lines(
    rows: Sequence[tuple[PreviewRow, Mapping[str, Any]]], info: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    known = [{name: row[name] for name in _INFO_FROM} | dict(decided) for row, decided in rows]
    cells = [_cells([one.get(name) for one in known]) for name in (*SELECTION_COLUMNS, _APPROVED_AT)]
    for name in info:
        column = _cells([row[name] for row, _ in rows])
        cells.append(list(map(_cut, column)) if max(map(len, column)) > _LONGEST_CELL else column)
    return zip(*cells, strict=True)


def _cells(values: Sequence[Any]) -> list[str]:
    """`cell_text` of a column's values; most columns hold one type."""
    types = set(map(type, values))
    write = _CELLS.get(types.pop(), cell_text) if len(types) == 1 else cell_text
    return list(map(write, values))


def _cut(cell: str) -> str:
    """No longer than a spreadsheet's cell: it would cut the cell itself, or spill it over the next rows."""
    return cell if len(cell) <= _LONGEST_CELL else f"{cell[: _LONGEST_CELL - 3]}..."


def write_preview_csv(rows: Iterable[PreviewRow], columns: Sequence[str], path: Path) -> None:
    """The preview columns under their own names; lists as JSON."""
    write_sheet(path, columns, ([cell_text(row[name]) for name in columns] for row in rows))


def cell_text(value: Any) -> str:
    """A value as a cell: numbers and dates plain, lists as JSON, text safe to open in a spreadsheet."""
    write = _CELLS.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, str):
        return escaped(value)
    return exact_json.dumps(value) if value else ""


_CELLS: dict[type, Callable[[Any], str]] = {
    NoneType: lambda _: "",
    bool: lambda value: "true" if value else "false",
    Decimal: exact_json.plain,
    int: str,
    date: str,
    datetime: str,
    str: escaped,
}
