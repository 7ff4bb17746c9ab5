"""A SEATSYNC_HOME with the sample month in it, and the command line to run on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from seatsync_pipeline.cli.app import seatsync
from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.setup import import_setup
from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.settings import load_settings
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.push.conftest import place, stock

__all__ = ["place", "stock"]

OURS = ("SEATSYNC_", "CONNECTWISE_", "DUO_", "DAGSTER_HOME", "COLUMNS")


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests, no .env, and a home of this test's own."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATSYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEATSYNC_TODAY", "2026-11-20")
    monkeypatch.setenv("SEATSYNC_TIMEZONE", "America/New_York")


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def invoke(*arguments: object, **environment: str) -> Said:
        result = CliRunner().invoke(seatsync, [str(a) for a in arguments], env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return invoke


def seatsync_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "seatsync_pipeline.cli", *(str(a) for a in arguments)]


def run_process(*arguments: object) -> Said:
    """Run a command as an operator does, in a process of its own."""
    done = subprocess.run(
        seatsync_command(*arguments), capture_output=True, text=True, timeout=120, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Running stand-ins, with the environment pointing at them."""
    with Sandbox() as running:
        for name, value in running.settings().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture(scope="session")
def month() -> SampleMonth:
    return SampleMonth.load()


@pytest.fixture(scope="session")
def stocked_home(tmp_path_factory: pytest.TempPathFactory, month: SampleMonth) -> Path:
    """The sample month scanned, set up, pulled, imported and reconciled; to be copied. The sandbox is gone."""
    home = tmp_path_factory.mktemp("stocked")
    (home / "setup.csv").write_bytes(month.setup)
    (home / "export.csv").write_bytes(month.avanan_export)
    with pytest.MonkeyPatch.context() as patch, Sandbox(month) as sandbox:
        patch.chdir(home)
        patch.setenv("SEATSYNC_HOME", str(home))
        for name, value in sandbox.settings().items():
            patch.setenv(name, value)
        settings = load_settings()
        warehouse = Warehouse(settings.database)
        with reader_from(settings) as reader:
            save_scan(warehouse, scan(reader), run_id=None)
        import_setup(warehouse, home / "setup.csv", by="tester")
        save_snapshot(warehouse, pull(settings), run_id=None)
        save_snapshot(warehouse, read_export(home / "export.csv"), run_id=None)
        reconcile(warehouse, "duo", today=settings.today())
        reconcile(warehouse, "avanan", today=settings.today())
    return home


@pytest.fixture
def home(stocked_home: Path, tmp_path: Path) -> Path:
    """A copy of the stocked home, in force for this test."""
    return Path(shutil.copytree(stocked_home, tmp_path / "home"))


@pytest.fixture
def warehouse(home: Path) -> Warehouse:
    return Warehouse(home / "seatsync.duckdb")


@pytest.fixture
def preview(home: Path, run: Run) -> Callable[[str], Any]:
    """The latest preview of a source as its JSON document."""

    def load(source: str) -> Any:
        said = run("preview", source, "--json")
        assert said.code == 0, said.err
        return said.json

    return load
