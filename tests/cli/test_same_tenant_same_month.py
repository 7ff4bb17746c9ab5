"""Who a tenant is does not hang on capitals, and which month it is does not hang on UTC."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sources.verdict import SAME_FILE
from seatsync_pipeline.warehouse import Warehouse
from tests.cli.conftest import Run


def statuses(run: Run) -> dict[str, str]:
    rows: list[dict[str, Any]] = run("preview", "avanan", "--all", "--json").json["rows"]
    return {row["row_id"]: row["status"] for row in rows if row["addition_id"]}


def test_a_portal_in_other_capitals_is_the_same_tenant(run: Run, sandbox: Sandbox, home: Path) -> None:
    """Within one file it is already; from month to month it must be too, or a paying client's line is Orphaned."""
    export = home / "export.csv"
    assert run("import", "avanan", export).code == 1
    before = statuses(run)
    with export.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    (place,) = [i for i, name in enumerate(header) if "portal" in name.casefold()]
    for row in rows:
        if len(row) == len(header):
            row[place] = row[place].upper()
    with export.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    run("import", "avanan", export)
    assert statuses(run) == before


def test_the_month_of_a_file_is_the_msps_not_utcs(run: Run, sandbox: Sandbox, home: Path) -> None:
    """Read on the last evening of a month in New York, when UTC had the 1st already: it is last month's file."""
    export = home / "export.csv"
    assert run("import", "avanan", export).code == 1
    first = datetime.now(UTC).replace(day=1, hour=1, minute=0, second=0, microsecond=0, tzinfo=None)
    with Warehouse(home / "seatsync.duckdb").write() as connection:
        connection.execute("update snapshot set taken_at = ? where source = 'avanan'", [first])
    run("import", "avanan", export)
    reasons = run("preview", "avanan", "--json").json["snapshot"]["reasons"]
    assert SAME_FILE in {reason["rule"] for reason in reasons}
