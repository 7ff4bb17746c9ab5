"""`seatsync preview` and `why`: what people, programs and spreadsheets see of one preview."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from seatsync_pipeline import exact_json
from seatsync_pipeline.cli.table import preview_lines
from seatsync_pipeline.reconcile.columns import COLUMNS
from seatsync_pipeline.reconcile.rows import Status
from seatsync_pipeline.reconcile.store import latest_preview_id, load_preview, load_trace
from seatsync_pipeline.sources.base import SOURCES, Source
from seatsync_pipeline.warehouse import Warehouse
from tests.cli.conftest import Run

Load = Callable[[str], Any]


@pytest.mark.parametrize("source", SOURCES)
def test_json_is_the_stored_preview_number_for_number(run: Run, warehouse: Warehouse, source: Source) -> None:
    with warehouse.read() as connection:
        preview_id = latest_preview_id(connection, source)
    assert preview_id is not None
    stored = load_preview(warehouse, preview_id)
    said = run("preview", source, "--json")
    assert said.code == 0
    document = json.loads(said.out, parse_float=Decimal)
    assert [list(row) for row in document["rows"]] == [list(COLUMNS)] * len(stored.rows)
    for shown, row in zip(document["rows"], stored.rows, strict=True):
        for name in ("current_quantity", "new_quantity", "delta", "unit_price", "amount_delta"):
            assert shown[name] == row[name]
        assert json.dumps(shown["accounts"], default=str) == json.dumps(row["accounts"], default=str)
    assert set(document) == {
        "preview_id",
        "source",
        "created_at",
        "stale",
        "snapshot",
        "scan",
        "orphan_detection",
        "totals",
        "rows",
    }
    assert document["created_at"].endswith("Z")
    assert "E+" not in said.out
    assert document["totals"]["adds_up"] is True


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("source", SOURCES)
def test_the_table_fits_and_names_every_row(run: Run, preview: Load, source: str, width: int) -> None:
    said = run("preview", source, "--all", COLUMNS=str(width))
    assert said.code == 0
    assert max(cell_len(line) for line in said.out.splitlines()) <= width
    rows = preview(source)["rows"]
    shown = [line.split()[0] for line in said.out.splitlines() if line.startswith("row_")]
    assert len(shown) == len(set(shown)) == len(rows)
    assert all(row["row_id"].startswith(short) for row, short in zip(rows, shown, strict=True))


def test_statuses_come_in_their_order_and_no_change_is_hidden_unless_flagged(run: Run, preview: Load) -> None:
    rows = preview("duo")["rows"]
    plain = [r for r in rows if r["status"] == "No change" and not r["flags"]]
    flagged = [r for r in rows if r["status"] == "No change" and r["flags"]]
    assert plain
    assert flagged
    out = run("preview", "duo").out
    assert all(row["row_id"] in out for row in flagged)
    assert not any(row["row_id"] in out for row in plain)
    assert f"{len(plain)} No change rows not shown" in out
    headings = [line.rsplit(":", 1)[0] for line in out.splitlines() if line.endswith((" row", " rows"))]
    order = [status.value for status in Status]
    assert headings == sorted(headings, key=order.index)
    assert all(row["row_id"] in run("preview", "duo", "--all").out for row in plain)
    assert all(row["row_id"] in run("preview", "duo", "--status", "no change").out for row in plain)


def test_status_filters_people_and_programs_alike(run: Run, home: Path) -> None:
    said = run("preview", "duo", "--status", "Ready", "--status", "orphaned", "--json")
    assert {row["status"] for row in said.json["rows"]} == {"Ready", "Orphaned"}
    refused = run("preview", "duo", "--status", "Redy", "--json")
    assert refused.code == 2
    assert "Did you mean Ready?" in refused.json["error"]["remedy"]


@pytest.fixture
def stale(warehouse: Warehouse) -> None:
    with warehouse.write() as connection:
        connection.execute(
            "update snapshot set taken_at = taken_at - interval 3 day where source = 'connectwise'"
        )
        connection.execute(
            "update preview_header set adds_up = false, totals = replace(totals, 'true', 'false')"
        )
        connection.execute(
            'update preview_header set orphan_detection = \'{"ran":false,"why":"the snapshot is incomplete"}\''
        )


def test_what_makes_a_preview_doubtful_is_said(run: Run, stale: None) -> None:
    out = run("preview", "duo").out
    assert "Stale" in out
    assert "3 days old" in out
    assert "DO NOT ADD UP" in out
    assert "Orphan detection did not run: the snapshot is incomplete" in out
    assert run("preview", "duo", "--json").json["stale"] is True


def test_csv_holds_the_columns_of_the_contract_for_every_row(run: Run, preview: Load, tmp_path: Path) -> None:
    said = run("preview", "avanan", "--csv", tmp_path / "out" / "p.csv")
    assert said.code == 0
    with (tmp_path / "out" / "p.csv").open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    rows = preview("avanan")["rows"]
    assert list(written[0]) == list(COLUMNS)
    assert [row["row_id"] for row in written] == [row["row_id"] for row in rows]
    assert f"{len(rows)} rows written" in said.out
    (tmp_path / "file").write_text("")
    refused = run("preview", "avanan", "--csv", tmp_path / "file" / "p.csv", "--json")
    assert refused.code == 2


def test_names_from_outside_cannot_control_the_terminal(run: Run, warehouse: Warehouse) -> None:
    with warehouse.write() as connection:
        connection.execute(
            "update preview set company_name = 'Acme' || chr(27) || '[2J' || chr(10) || '[bold]x'"
        )
    out = run("preview", "duo", "--all").out
    assert "\x1b" not in out
    assert "Acme [2J [bold]x" in out
    row = run("preview", "duo", "--json").json["rows"][0]
    assert "\x1b" not in run("why", "duo", row["row_id"]).out


def test_two_thousand_rows_are_quick_and_readable(run: Run, warehouse: Warehouse, preview: Load) -> None:
    rows = exact_json.loads(exact_json.dumps(preview("avanan")["rows"]))
    many = [
        row | {"row_id": f"row_{i:016d}", "company_name": "株式会社" * 5} for i in range(50) for row in rows
    ][:2000]
    began = time.perf_counter()
    lines = [line for line, _ in preview_lines(many, [row["row_id"] for row in many], 80)]
    assert time.perf_counter() - began < 1
    assert sum(line.startswith("row_") for line in lines) == 2000
    assert max(cell_len(line) for line in lines) <= 80


def test_why_tells_the_rules_in_order_for_a_shortened_id(
    run: Run, preview: Load, warehouse: Warehouse
) -> None:
    document = preview("duo")
    for row in {r["status"]: r for r in document["rows"]}.values():
        said = run("why", "duo", row["row_id"][:10], "--json")
        assert said.code == 0
        assert said.json["row"] == row
        with warehouse.read() as connection:
            assert said.json["trace"] == load_trace(connection, document["preview_id"], row["row_id"])
        rest = run("why", "duo", row["row_id"], COLUMNS="200").out
        for step in said.json["trace"]:
            before, found, rest = rest.partition(f" {step['rule']} ")
            assert found, f"{step['rule']} is missing, or not in its order, after {before}"


def test_why_refuses_what_is_no_row_or_several(run: Run, home: Path) -> None:
    unknown = run("why", "duo", "row_zzzzzzzzzzzzzzzz", "--json")
    assert unknown.code == 2
    assert "no such row" in unknown.json["error"]["found"]
    several = run("why", "duo", "row_", "--json")
    assert "rows begin so" in several.json["error"]["found"]
