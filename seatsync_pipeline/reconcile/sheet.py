"""Previews as CSV: the sheet an operator ticks, and the plain table for other programs.

Both open safely in a spreadsheet: a text that begins like a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.errors import WarehouseFull

_TO_TICK = (
    "preview_id row_id fingerprint approve agreement_id approval_reason overrides approved_by approved_at"
).split()
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\0")


def write_selection_sheet(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """The sheet to tick: the columns of a selection file, then every preview column as `info_...`."""
    names: list[str] = []
    lines = []
    for row in rows:
        names = names or [name for name in row if name not in _TO_TICK]
        decided = [row["preview_id"], row["row_id"], row["fingerprint"], "", row["agreement_id"]]
        lines.append([*decided, "", "", "", "", *(row[name] for name in names)])
    _write(path, [*_TO_TICK, *(f"info_{name}" for name in names)], lines)


def write_preview_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    """The preview columns under their own names; lists as JSON."""
    _write(path, columns, ([row[name] for name in columns] for row in rows))


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    """Write beside the target and move into place, readable by its owner alone: never half a file."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(header)
                writer.writerows([_cell(value) for value in line] for line in lines)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WarehouseFull(
            f"writing {path}",
            error.strerror or str(error),
            "Free space or name a folder that you may write to; what is stored stays as it is.",
        ) from error


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return exact_json.plain(value)
        case int() | date():
            return str(value)
        case str():
            return f"'{value}" if value.startswith(_FORMULA_START) else value
        case _:
            return exact_json.dumps(value) if value else ""
