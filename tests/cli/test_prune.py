"""`seatsync prune`: what is old goes, whole; what anything rests on stays, and nobody reads the rest as empty."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.connectwise.store import load_scan
from seatsync_pipeline.errors import NotFound
from seatsync_pipeline.push import operate
from seatsync_pipeline.reconcile.load import load_history
from seatsync_pipeline.reconcile.retention import CONTENT, months_ago
from seatsync_pipeline.sources.store import load_snapshot
from seatsync_pipeline.warehouse import Warehouse
from seatsync_pipeline.warehouse.copy import row_counts
from tests.cli.conftest import Run

NEVER = ("audit", "operation", "operation_item", "operation_event", "intent", "outcome", "acceptance")
DECIDED = ("mapping_change", "link_change", "agreement_type_filter_change")
ROWS = 50_000


class History:
    """Years of snapshots, by direct inserts: many rows each, so that room can be given back."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def run(self, sql: str, *bound: object) -> list[tuple[Any, ...]]:
        with self.warehouse.write() as connection:
            return connection.execute(sql, bound).fetchall()

    def snapshot(self, name: str, source: str, day: str, *, verdict: str = "complete", rows: int = 1) -> str:
        """Lists account `a` with rows of it; a scan lists company 1."""
        self.run(
            "insert into snapshot values (?, ?, ?, null, ?, ?, '[]', '{}')", name, source, day, name, verdict
        )
        if source == "connectwise":
            self.run(
                "insert into company select ?, i + 1000, 'x', md5(i::varchar), null, false, null from range(?) r(i)",
                name,
                rows,
            )
        else:
            self.seen(name, "a", rows)
        return name

    def seen(self, snapshot: str, account: str, rows: int = 1) -> None:
        self.run("insert into account values (?, ?, ?, null, '{}')", snapshot, account, account)
        self.run(
            "insert into observation select ?, (select count(*) from observation where snapshot_id = ?) + i + 1,"
            " ?, ?, 'Duo MFA', 1, 'counted', null, md5(i::varchar) from range(?) r(i)",
            *(snapshot, snapshot, account, account, rows),
        )

    def preview(self, name: str, day: str, snapshot: str, scan: str) -> str:
        self.run(
            "insert into preview_header values (?, 'duo', ?, '2024-01-01', null, ?, ?, '{}', '{}', true, null)",
            *(name, day, snapshot, scan),
        )
        sheet = self.warehouse.path.parent / "previews" / f"duo-{name}.csv"
        sheet.parent.mkdir(exist_ok=True)
        sheet.write_text(name)
        return name

    def operation(self, preview: str, snapshot: str) -> None:
        self.run(
            "insert into operation values ('op_1', 'duo', ?, ?, 'd', 'Ann', 's', '[]', '2024-03-02')",
            *(preview, snapshot),
        )

    def sheets(self) -> set[str]:
        return {path.stem for path in (self.warehouse.path.parent / "previews").iterdir()}


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Today is 2026-11-20 and 24 months are kept: what is before 2024-11-20 is old."""
    made = History(Warehouse(tmp_path / "home" / "seatsync.duckdb"))
    made.snapshot("snap_01 scan of a company that is gone", "connectwise", "2024-01-01")
    made.run(
        "insert into company values ('snap_01 scan of a company that is gone', 900, 'g', 'G', null, false, null)"
    )
    made.run(
        "insert into link_change values ('chg_1', 'duo', 'a', 'a', 'company', 900, null, 'operator', null, null, 'Ann',"
        " '2024-01-01', null)"
    )
    made.snapshot("snap_02 scan", "connectwise", "2024-01-02", rows=ROWS)
    made.snapshot("snap_03 pull", "duo", "2024-02-01", rows=ROWS)
    made.snapshot("snap_04 the gone account's last", "duo", "2024-02-02")
    made.seen("snap_04 the gone account's last", "gone")
    made.snapshot("snap_05 pushed", "duo", "2024-03-01")
    made.snapshot("snap_06 scan of the push", "connectwise", "2024-03-01")
    made.snapshot("snap_07 suspect", "avanan", "2024-04-01", verdict="suspect")
    made.snapshot("snap_08 pull", "duo", "2024-11-19")
    made.snapshot("snap_09 pull, not old", "duo", "2024-11-20")
    made.snapshot("snap_10 scan", "connectwise", "2026-11-01")
    made.snapshot("snap_11 pull", "duo", "2026-11-02")
    made.preview("prev_1", "2024-02-01", "snap_03 pull", "snap_02 scan")
    made.preview("prev_2 pushed", "2024-03-01", "snap_05 pushed", "snap_06 scan of the push")
    made.preview("prev_3", "2026-11-02", "snap_11 pull", "snap_10 scan")
    made.operation("prev_2 pushed", "snap_05 pushed")
    return made


GONE = {"snap_02 scan", "snap_03 pull", "snap_08 pull"}


def test_it_says_what_would_go_and_changes_nothing(run: Run, history: History) -> None:
    with history.warehouse.read() as connection:
        before = row_counts(connection)
    said = run("prune", "--json")
    assert said.code == 0, said.out + said.err
    assert said.json | {"bytes_before": 0} == {
        "keep_months": 24,
        "done": False,
        "bytes_before": 0,
        "bytes_after": None,
        "before": "2024-11-20",
        "previews": {"duo": 1},
        "snapshots": {"connectwise": 1, "duo": 2},
        "rows": {"company": ROWS, "account": 2, "observation": ROWS + 1},
        "kept_although_old": 5,
    }
    with history.warehouse.read() as connection:
        assert row_counts(connection) == before
    assert len(history.sheets()) == 3
    assert "Nothing was changed" in run("prune").out


def test_it_removes_that_and_gives_the_room_back(run: Run, history: History) -> None:
    with history.warehouse.read() as connection:
        before = row_counts(connection)
        seen = load_history(connection, "duo", before="snap_11 pull", zone=UTC)
    said = run("prune", "--yes", "--by", "Dana", "--json").json
    assert (said["done"], said["snapshots"]) == (True, {"connectwise": 1, "duo": 2})
    assert said["bytes_after"] == history.warehouse.path.stat().st_size < said["bytes_before"] * 0.6

    with history.warehouse.read() as connection:
        after = row_counts(connection)
        assert (
            load_history(connection, "duo", before="snap_11 pull", zone=UTC) == seen
        )  # what orphans are judged by
        for snapshot_id in GONE:
            load = load_scan if "scan" in snapshot_id else load_snapshot
            with pytest.raises(NotFound, match=r"removed by `seatsync prune` .* \(Dana\)"):
                load(connection, snapshot_id)
    assert all(after[table] == before[table] for table in (*NEVER, *DECIDED, "snapshot"))
    left = history.run(" union ".join(f"select snapshot_id from {table}" for table in CONTENT))  # noqa: S608
    assert {name for (name,) in left} & GONE == set()
    assert len(left) == 8
    assert history.sheets() == {"duo-prev_2 pushed", "duo-prev_3"}
    assert {name for (name,) in history.run("select snapshot_id from pruning")} == GONE

    again = run("prune", "--yes", "--json").json
    assert (again["snapshots"], again["previews"], again["rows"]) == ({}, {}, {})
    with pytest.raises(Exception, match="Duplicate key"):  # its keys came along into the new file
        history.run("insert into pruning select * from pruning")


def test_for_ever_and_while_a_push_runs(run: Run, history: History) -> None:
    said = run("prune", "--yes", "--json", SEATSYNC_KEEP_MONTHS="0")
    assert (said.code, said.json["done"]) == (0, False)
    assert "for ever" in run("prune", SEATSYNC_KEEP_MONTHS="0").out
    too_few = run("prune", "--json", SEATSYNC_KEEP_MONTHS="12")
    assert (too_few.code, "at least 13" in too_few.json["error"]["found"]) == (2, True)
    with operate.exclusive(history.warehouse.path.parent):
        said = run("prune", "--yes", "--json")
    assert (said.code, said.json["error"]["tried"]) == (2, "pruning the database")
    with history.warehouse.read() as connection:
        assert row_counts(connection)["pruning"] == 0


def test_months_are_calendar_months() -> None:
    assert months_ago(date(2026, 3, 31), 13) == date(2025, 2, 28)
    assert months_ago(date(2024, 3, 31), 1) == date(2024, 2, 29)
    assert months_ago(date(2026, 1, 15), 24) == date(2024, 1, 15)
    assert months_ago(date(2026, 11, 20), 0) == date(2026, 11, 20)
    assert date(2026, 11, 20) - months_ago(date(2026, 11, 20), 12) == timedelta(365)
