"""A tenant's key keeps the spelling in which it was first read."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from seatsync_pipeline.sources.base import Account, Observation, Source, SourceSnapshot, State
from seatsync_pipeline.sources.spelling import with_known_keys
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def snapshot(*keys: str, source: Source = "avanan") -> SourceSnapshot:
    return SourceSnapshot(
        source,
        NOW,
        tuple(Account(key, f"Client {key}", details={"other_names": {}}) for key in keys),
        tuple(
            Observation(key, f"Client {key}", name, Decimal(5), State.COUNTED)
            for key in keys
            for name in ("Protect", "Archiving")
        ),
        digest="0",
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "seatsync.duckdb")


def keys(found: SourceSnapshot) -> list[str]:
    assert [o.account_key for o in found.observations] == [a.key for a in found.accounts for _ in range(2)]
    return [account.key for account in found.accounts]


def test_other_capitals_are_no_other_tenant(warehouse: Warehouse) -> None:
    save_snapshot(warehouse, snapshot("Acme", "bolt", "straße"), run_id=None)
    found = with_known_keys(warehouse, snapshot("ACME", "bolt", "new", "STRASSE"))
    assert keys(found) == ["Acme", "bolt", "new", "straße"]
    written = [account.details.get("key_as_written") for account in found.accounts]
    assert written == ["ACME", None, None, "STRASSE"]
    assert found.accounts[0].details["other_names"] == {}


def test_the_first_spelling_stays_whatever_was_stored_since(warehouse: Warehouse) -> None:
    save_snapshot(warehouse, snapshot("acme"), run_id=None)
    save_snapshot(warehouse, snapshot("ACME"), run_id=None)
    assert keys(with_known_keys(warehouse, snapshot("ACME"))) == ["acme"]


def test_what_is_spelt_as_ever_or_known_to_another_source_is_left_alone(warehouse: Warehouse) -> None:
    save_snapshot(warehouse, snapshot("acme", source="duo"), run_id=None)
    save_snapshot(warehouse, snapshot("bolt"), run_id=None)
    export = snapshot("ACME", "bolt")
    assert with_known_keys(warehouse, export) is export
