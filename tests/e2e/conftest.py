"""A running sandbox, and the sample month read, imported and set up in a warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.reconcile.setup import import_setup
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.settings import Settings, load_settings
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

SAMPLE_MONTH = resources.files("seatsync_pipeline.sandbox") / "sample_month"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that point at the sandbox and at a fresh SEATSYNC_HOME."""
    monkeypatch.chdir(tmp_path)
    for name, value in sandbox.settings().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEATSYNC_HOME", str(tmp_path / "home"))
    return load_settings()


@pytest.fixture
def stocked(settings: Settings) -> Warehouse:
    """A warehouse with the sample month scanned, pulled, imported and set up; nothing reconciled yet."""
    warehouse = Warehouse(settings.database)
    with reader_from(settings) as reader:
        save_scan(warehouse, scan(reader), run_id=None)
    save_snapshot(warehouse, pull(settings), run_id=None)
    export = read_export(Path(str(SAMPLE_MONTH / "avanan_export.csv")))
    save_snapshot(warehouse, export, run_id=None)
    import_setup(warehouse, Path(str(SAMPLE_MONTH / "setup.csv")), by="tester")
    return warehouse
