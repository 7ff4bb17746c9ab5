"""A merger in ConnectWise, through the warehouse: the new owner of the agreements is offered, and never linked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatsync_pipeline.connectwise.records import Addition, Company, Scan
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.reconcile import setup
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.store import Preview, load_preview, load_trace
from seatsync_pipeline.sources.base import Account, SourceSnapshot
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.reconcile.worlds import TODAY, addition, agreement, seen, world

OLD = Company(1, "acme", "Acme Dental")
NEW = Company(2, "smile", "Smile Group")
NEAR = Company(3, "acme2", "Acme Dentals")


def scanned(
    companies: list[Company], owners: dict[int, int], additions: list[Addition] | None = None
) -> Scan:
    """A scan with agreements by id and the company that owns each."""
    return replace(
        world([], additions or []).scan,
        companies=tuple(companies),
        agreements=tuple(agreement(key, company_id=owner) for key, owner in owners.items()),
        taken_at=datetime(2026, 11, 20, 8, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Acme Dental with two agreements, its account linked to it and Duo MFA mapped; closed, to be copied."""
    path = tmp_path_factory.mktemp("merger") / "seatsync.duckdb"
    warehouse = Warehouse(path)
    save_scan(warehouse, scanned([OLD, NEAR], {100: 1, 101: 1, 102: 3}, [addition(10)]), run_id=None)
    observed = seen(12, name="Acme Dental")
    snapshot = SourceSnapshot(
        "duo", datetime(2026, 11, 20, 9, tzinfo=UTC), (Account("A1", "Acme Dental"),), (observed,), "0"
    )
    save_snapshot(warehouse, snapshot, run_id=None)
    setup.map_license(warehouse, "duo", "Duo MFA", "MFA-SEAT", by="ann")
    setup.link_account(warehouse, "duo", "A1", "1", by="ann")
    return path


@pytest.fixture
def warehouse(prepared: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(Path(shutil.copy(prepared, tmp_path)))


def made(warehouse: Warehouse) -> Preview:
    return load_preview(warehouse, reconcile(warehouse, "duo", today=TODAY))


def test_before_the_merger_nothing_is_offered(warehouse: Warehouse) -> None:
    (row,) = made(warehouse).rows
    assert (row["status"], row["company_id"], row["candidates"]) == ("Ready", 1, [])


@pytest.mark.parametrize("rest", [[], [replace(OLD, deleted=True)], [replace(OLD, status="Inactive")]])
def test_the_new_owner_of_the_agreements_is_offered_first_and_its_lines_wait(
    warehouse: Warehouse, rest: list[Company]
) -> None:
    merged = scanned([*rest, NEW, NEAR], {100: 2, 101: 2, 102: 3}, [addition(10)])
    save_scan(warehouse, merged, run_id=None)
    for _ in range(2):  # also the next time: nothing was linked by that
        preview = made(warehouse)
        rows = {row["status"]: row for row in preview.rows}
        assert set(rows) == {"Unmatched", "Orphaned"}
        unmatched = rows["Unmatched"]
        first, *others = unmatched["candidates"]
        assert (first["company_id"], first["note"]) == (2, "owns 2 agreements that were Acme Dental's")
        assert [candidate["company_id"] for candidate in others] == [3]
        assert unmatched["flags"] == ["company gone"]
        assert unmatched["blocked"]
        assert "Smile Group (id 2) owns 2 agreements that were Acme Dental's" in unmatched["reason"]
        with warehouse.read() as connection:
            trace = load_trace(connection, preview.preview_id, unmatched["row_id"]) or []
        assert any("owns 2 agreements" in step["found"] for step in trace)
        assert rows["Orphaned"]["company_id"] == 2
        assert (rows["Orphaned"]["blocked"], rows["Orphaned"]["flags"]) == (True, ["possible rename"])
    setup.link_account(warehouse, "duo", "A1", "2", by="ann")
    (row,) = made(warehouse).rows
    assert (row["status"], row["company_id"], row["selected_by_default"]) == ("Ready", 2, True)


def test_who_took_most_agreements_is_named_first_and_who_is_gone_too_never(warehouse: Warehouse) -> None:
    between = Company(4, "mid", "Middle Dental")
    save_scan(warehouse, scanned([OLD, between], {100: 4, 101: 1, 102: 3, 103: 1, 104: 1}), run_id=None)
    gone = replace(between, status="inactive")
    now = {100: 2, 101: 3, 102: 3, 103: 3, 104: 4}
    save_scan(warehouse, scanned([replace(OLD, deleted=True), NEW, NEAR, gone], now), run_id=None)
    (row,) = made(warehouse).rows
    notes = {candidate["company_id"]: candidate["note"] for candidate in row["candidates"]}
    assert list(notes) == [3, 2]
    assert notes[3].startswith("owns 2 agreements")
    assert notes[2].startswith("owns 1 agreement that was")


def test_agreements_that_went_from_a_living_company_are_no_evidence(warehouse: Warehouse) -> None:
    save_scan(warehouse, scanned([OLD, NEW, NEAR], {100: 1, 101: 2, 102: 3}, [addition(10)]), run_id=None)
    (row,) = made(warehouse).rows
    assert (row["status"], row["company_id"], row["candidates"]) == ("Ready", 1, [])


def test_a_company_that_no_scan_shows_any_more_keeps_its_name(warehouse: Warehouse) -> None:
    save_scan(warehouse, scanned([NEAR], {102: 3}), run_id=None)
    (row,) = made(warehouse).rows
    assert row["flags"] == ["company gone"]
    assert "is not in ConnectWise any more" in row["reason"]
    assert "it was named Acme Dental" in row["reason"]


def test_a_renamed_account_is_flagged_until_a_person_links_it_again(warehouse: Warehouse) -> None:
    renamed = SourceSnapshot(
        "duo",
        datetime(2026, 11, 20, 10, tzinfo=UTC),
        (Account("A1", "Acme Orthodontics"),),
        (seen(12, name="Acme Orthodontics"),),
        "1",
    )
    save_snapshot(warehouse, renamed, run_id=None)
    (row,) = made(warehouse).rows
    assert (row["company_id"], row["flags"]) == (1, ["account renamed"])
    assert "Acme Orthodontics was named Acme Dental when it was linked" in row["reason"]
    setup.link_account(warehouse, "duo", "A1", "1", by="ann")
    (row,) = made(warehouse).rows
    assert (row["company_id"], row["flags"]) == (1, [])
