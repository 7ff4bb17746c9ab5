"""Previews through the warehouse and into their sheet: whole, in order, whatever the portions."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.exact_json import dumps
from seatsync_pipeline.reconcile import sheet, store
from seatsync_pipeline.reconcile.columns import COLUMNS, LIST_COLUMNS
from seatsync_pipeline.reconcile.rows import Billing, Row
from seatsync_pipeline.reconcile.store import PreviewOrigin, load_preview, save_preview
from seatsync_pipeline.sources.base import SourceSnapshot
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.reconcile.worlds import TODAY, addition, agreement, draft, linked, only_row, seen, world

INPUTS = world(
    [seen(10 + number, f"A{number}") for number in range(5)],
    [addition(10, addition_id=1000 + number, agreement_id=100 + number) for number in range(4)],
    agreements=[agreement(100 + number, company_id=1 + number) for number in range(4)],
    links={key: link for number in range(4) for key, link in linked(f"A{number}", 1 + number).items()},
)


def saved(folder: Path) -> tuple[Warehouse, str]:
    warehouse = Warehouse(folder / "test.duckdb")
    scan_id = save_scan(warehouse, INPUTS.scan, run_id=None)
    taken = SourceSnapshot("duo", INPUTS.scan.taken_at, INPUTS.accounts, INPUTS.observations, "digest")
    snapshot_id = save_snapshot(warehouse, taken, run_id=None)
    made = draft(INPUTS)
    return warehouse, save_preview(warehouse, made, PreviewOrigin("duo", TODAY, None, snapshot_id, scan_id))


def test_a_preview_is_loaded_as_it_was_drafted(tmp_path: Path) -> None:
    warehouse, preview_id = saved(tmp_path)
    loaded = load_preview(warehouse, preview_id).rows
    drafted = draft(INPUTS).rows
    assert [row["row_id"] for row in loaded] == [row.row_id for row in drafted]
    for found, row in zip(loaded, drafted, strict=True):
        assert list(found) == COLUMNS
        same = set(COLUMNS) - LIST_COLUMNS - {"preview_id"}
        for name in same:
            assert found[name] == getattr(row.billing if name in Billing._fields else row, name), name
        assert [share["account_key"] for share in found["accounts"]] == [s.account_key for s in row.accounts]
        assert [a["addition_id"] for a in found["additions"]] == [
            a.addition_id for a in row.billing.additions
        ]


@pytest.mark.parametrize("portion", [1, 2, 5, 1000])
def test_a_sheet_holds_every_row_in_order_whatever_the_portions(
    portion: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_PORTION", portion)
    monkeypatch.setattr(sheet, "_PORTION", 3)
    warehouse, preview_id = saved(tmp_path)
    rows = load_preview(warehouse, preview_id).rows
    with (tmp_path / "previews" / f"duo-{preview_id}.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["row_id"] for line in lines] == [row["row_id"] for row in rows]
    assert len(lines) == 8
    for line, row in zip(lines, rows, strict=True):
        for name in LIST_COLUMNS:
            assert line[f"info_{name}"] == (dumps(row[name]) if row[name] else "")


def test_a_changed_row_is_a_copy_and_has_no_other_columns() -> None:
    row = only_row(world([seen(12)], [addition(10)]))
    changed = row.changed(blocked=True)
    assert (row.blocked, changed.blocked) == (False, True)
    assert changed.changed(blocked=False) == row
    unknown: dict[str, Any] = {"colour": "red"}
    with pytest.raises(TypeError, match="colour"):
        Row.changed(row, **unknown)
