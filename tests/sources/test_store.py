"""Snapshots of the sources, stored and loaded: nothing changes on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from seatsync_pipeline.errors import NotFound, WarehouseError
from seatsync_pipeline.sources.base import Account, Finding, Observation, SourceSnapshot, State, Verdict
from seatsync_pipeline.sources.store import (
    latest_snapshot_id,
    load_snapshot,
    save_snapshot,
    snapshot_facts,
)
from seatsync_pipeline.warehouse import Warehouse, insert_rows

SNAPSHOT = SourceSnapshot(
    source="avanan",
    taken_at=datetime(2026, 11, 20, 12, 30, 15, 250, tzinfo=UTC),
    accounts=(
        Account("zeta", "Zëta, “Quoted” & Söhne", "zeta.example", {"seats": [1, None, True]}),
        Account("NA", "NA"),
    ),
    observations=(
        Observation("zeta", "Zëta, “Quoted” & Söhne", "Tier 2", Decimal(120), State.COUNTED),
        Observation("NA", "NA", "null", None, State.FAILED, reason="blank", evidence={"cell": ""}),
        Observation("NA", "NA", "Tier 1", Decimal("0.000001"), State.POC, evidence={"line": 7}),
        Observation("zeta", "Zëta, “Quoted” & Söhne", "Tier 1", Decimal(0), State.EXPIRED),
    ),
    digest="ab" * 32,
    findings=(
        Finding("rows", "7", "3", "Seven rows."),
        Finding("columns", "9", "8", "One more.", Verdict.SUSPECT),
    ),
    details={"file": "november.csv", "none": None},
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "seatsync.duckdb")


def test_a_snapshot_comes_back_as_it_was(warehouse: Warehouse) -> None:
    snapshot_id = save_snapshot(warehouse, SNAPSHOT, run_id="run-1")
    with warehouse.read() as connection:
        loaded = load_snapshot(connection, snapshot_id)
        facts = snapshot_facts(connection, snapshot_id)
    assert loaded == SNAPSHOT
    assert [str(o.seats) for o in loaded.observations] == ["120", "None", "0.000001", "0"]
    assert (facts.snapshot_id, facts.source, facts.run_id) == (snapshot_id, "avanan", "run-1")
    assert (facts.verdict, facts.reasons) == (Verdict.INCOMPLETE, SNAPSHOT.findings)
    assert (facts.taken_at, facts.digest, facts.details) == (
        SNAPSHOT.taken_at,
        SNAPSHOT.digest,
        SNAPSHOT.details,
    )


def test_observations_keep_the_order_of_their_source(warehouse: Warehouse) -> None:
    snapshot_id = save_snapshot(warehouse, SNAPSHOT, run_id=None)
    with warehouse.write() as connection:
        connection.execute("update observation set position = 100 - position")
    with warehouse.read() as connection:
        loaded = load_snapshot(connection, snapshot_id)
    assert loaded.observations == SNAPSHOT.observations[::-1]


def test_an_empty_snapshot_is_a_snapshot(warehouse: Warehouse) -> None:
    empty = replace(SNAPSHOT, accounts=(), observations=(), findings=SNAPSHOT.findings[:1])
    snapshot_id = save_snapshot(warehouse, empty, run_id=None)
    with warehouse.read() as connection:
        assert load_snapshot(connection, snapshot_id) == empty


def test_an_empty_snapshot_never_takes_the_place_of_the_one_before(warehouse: Warehouse) -> None:
    good = save_snapshot(warehouse, SNAPSHOT, run_id=None)
    save_snapshot(warehouse, replace(SNAPSHOT, accounts=(), observations=()), run_id=None)
    with warehouse.read() as connection:
        assert latest_snapshot_id(connection, SNAPSHOT.source) == good


def test_the_latest_is_the_newest_of_its_source(warehouse: Warehouse) -> None:
    with warehouse.read() as connection:
        assert latest_snapshot_id(connection, "avanan") is None
    save_snapshot(warehouse, SNAPSHOT, run_id=None)
    second = save_snapshot(warehouse, replace(SNAPSHOT, taken_at=datetime(2020, 1, 1)), run_id=None)  # noqa: DTZ001
    duo = save_snapshot(warehouse, replace(SNAPSHOT, source="duo"), run_id=None)
    with warehouse.read() as connection:
        assert latest_snapshot_id(connection, "avanan") == second
        assert latest_snapshot_id(connection, "duo") == duo


def test_times_are_kept_in_utc(warehouse: Warehouse) -> None:
    zone = timezone(timedelta(hours=-5))
    moment = datetime(2026, 11, 20, 20, tzinfo=zone)
    snapshot_id = save_snapshot(warehouse, replace(SNAPSHOT, taken_at=moment), run_id=None)
    with warehouse.read() as connection:
        stored = connection.execute("select taken_at from snapshot").fetchone()
        assert load_snapshot(connection, snapshot_id).taken_at == moment
    assert stored == (datetime(2026, 11, 21, 1),)  # noqa: DTZ001


def test_decimals_in_evidence_stay_exact(warehouse: Warehouse) -> None:
    evidence = {"whole": Decimal("12.0"), "fraction": Decimal("0.1"), "big": Decimal(10) ** 20}
    observation = replace(SNAPSHOT.observations[0], evidence=evidence)
    snapshot = replace(SNAPSHOT, accounts=(), observations=(observation,))
    snapshot_id = save_snapshot(warehouse, snapshot, run_id=None)
    with warehouse.read() as connection:
        loaded = load_snapshot(connection, snapshot_id).observations[0].evidence
    assert loaded == evidence
    assert not any(isinstance(value, float) for value in loaded.values())


@pytest.mark.parametrize("seats", ["0.0000001", "1000000000000", "NaN", "Infinity"])
def test_seats_that_would_be_stored_rounded_are_refused(warehouse: Warehouse, seats: str) -> None:
    odd = replace(SNAPSHOT.observations[0], seats=Decimal(seats))
    with pytest.raises(WarehouseError, match="no exact place"):
        save_snapshot(warehouse, replace(SNAPSHOT, observations=(odd,)), run_id=None)


def test_a_snapshot_is_stored_whole_or_not_at_all(warehouse: Warehouse) -> None:
    twice = replace(SNAPSHOT, accounts=(SNAPSHOT.accounts[0], SNAPSHOT.accounts[0]))
    with pytest.raises(WarehouseError):
        save_snapshot(warehouse, twice, run_id=None)
    with warehouse.read() as connection:
        for table in ("snapshot", "account", "observation"):
            assert connection.execute(f'select count(*) from "{table}"').fetchone() == (0,)  # noqa: S608


def test_unknown_ids_and_scans_are_not_found(warehouse: Warehouse) -> None:
    scan = {
        "snapshot_id": "snap_scan",
        "source": "connectwise",
        "taken_at": datetime(2026, 11, 20),  # noqa: DTZ001
        "run_id": None,
        "digest": "cd",
        "verdict": "complete",
        "reasons": "[]",
        "details": "{}",
    }
    with warehouse.write() as connection:
        insert_rows(connection, "snapshot", [scan])
    with warehouse.read() as connection:
        assert snapshot_facts(connection, "snap_scan").source == "connectwise"
        with pytest.raises(NotFound, match="snapshot of connectwise"):
            load_snapshot(connection, "snap_scan")
        with pytest.raises(NotFound, match="none with the id"):
            load_snapshot(connection, "snap_none")
