"""A warehouse for each test, with what is known of the month."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.reconcile.setup.known import SCAN, TENANTS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed database with a scan and a snapshot, to be copied: making one takes half a second."""
    path = tmp_path_factory.mktemp("prepared") / "seatsync.duckdb"
    save_scan(Warehouse(path), SCAN, run_id=None)
    save_snapshot(Warehouse(path), TENANTS, run_id=None)
    return path


@pytest.fixture
def warehouse(prepared: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(Path(shutil.copy(prepared, tmp_path)))


@pytest.fixture
def empty(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "empty.duckdb")
