"""The sample month gives exactly the preview that was worked out by hand, before the classifier was written."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.reconcile.rows import Flag, Guard, Status
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.store import Preview, load_preview
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.base import SOURCES, Source
from seatsync_pipeline.warehouse import Warehouse

EXPECTED = Path(__file__).parent.parent / "expected"
# The sample month is one complete pull, so this guard cannot trip in it.
NEEDS_BAD_SNAPSHOT = {Guard.UNACCEPTED_DECREASE, Guard.ACCOUNTS_CHANGED, Guard.ORPHAN_SHARE}
# Its catalog is sound: what an unsound one does is tested with the watch itself.
NEEDS_BAD_CATALOG = {
    Flag.PRODUCT_INACTIVE,
    Flag.PRODUCT_BUNDLE,
    Flag.PRODUCT_GONE,
    Flag.NO_PRICE,
    Flag.BELOW_COST,
}
# No client of it came back in the month in which its line was ended.
NEEDS_A_SECOND_MONTH = {Flag.ONE_TIME_CHARGE}


def expected_rows(source: Source) -> list[dict[str, str]]:
    with (EXPECTED / f"{source}_preview.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["why"]
    return sorted(rows, key=_key)


def found_rows(preview: Preview) -> list[dict[str, str]]:
    return sorted((_as_expected(row) for row in preview.rows), key=_key)


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return (row["status"], row["company_name"], row["accounts"], row["additions"], row["product_identifier"])


def _as_expected(row: dict[str, Any]) -> dict[str, str]:
    listed = {
        "accounts": [f"{a['account_key']}:{a['license']}={_text(a['seats'])}" for a in row["accounts"]],
        "additions": [str(a["addition_id"]) for a in row["additions"]],
        "flags": sorted(row["flags"]),
        "guards": sorted(g["guard"] for g in row["guards"]),
        "candidates": [str(c["company_id"]) for c in row["candidates"]],
        "agreements": [str(a["agreement_id"]) for a in row["agreements"]],
    }
    columns = (EXPECTED / "duo_preview.csv").open(encoding="utf-8").readline().strip().split(",")
    return {
        name: "; ".join(listed[name]) if name in listed else _text(row[name])
        for name in columns
        if name != "why"
    }


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            return plain(value)
        case _:
            return str(value)


@pytest.mark.parametrize("source", SOURCES)
def test_the_preview_is_the_one_worked_out_by_hand(
    stocked: Warehouse, settings: Settings, source: Source
) -> None:
    preview = load_preview(stocked, reconcile(stocked, source, today=settings.today()))
    assert found_rows(preview) == expected_rows(source)


@pytest.mark.parametrize("source", SOURCES)
def test_the_totals_are_the_ones_worked_out_by_hand(
    stocked: Warehouse, settings: Settings, source: Source
) -> None:
    preview = load_preview(stocked, reconcile(stocked, source, today=settings.today()))
    wanted = json.loads((EXPECTED / "totals.json").read_text("utf-8"), parse_float=Decimal)[source]
    assert preview.totals["adds_up"]
    for part in ("observations", "seats", "additions", "failed"):
        assert preview.totals[part] == wanted[part], part
    for status, sums in wanted["by_status"].items():
        found = preview.totals["by_status"][status]
        assert {name: found[name] for name in sums} == sums, status


def test_every_status_flag_and_guard_occurs() -> None:
    rows = [row for source in SOURCES for row in expected_rows(source)]
    assert {row["status"] for row in rows} == set(Status)
    flags = {flag for row in rows for flag in row["flags"].split("; ") if flag}
    assert flags | NEEDS_BAD_CATALOG | NEEDS_A_SECOND_MONTH == set(Flag)
    guards = {guard for row in rows for guard in row["guards"].split("; ") if guard}
    assert guards | NEEDS_BAD_SNAPSHOT == set(Guard)
