"""One MSP in a temporary folder, beside a sandbox of its own: what tests of real Dagster runs work on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.orchestration.jobs import avanan_import_config
from seatsync_pipeline.orchestration.run import RunResult, run_job
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.settings import load_settings
from seatsync_pipeline.warehouse import Warehouse

EXPORT = Path(str(resources.files("seatsync_pipeline.sandbox") / "sample_month" / "avanan_export.csv"))


class Place:
    """Runs jobs of the real code location against the sandbox, as the environment describes it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.settings = load_settings()
        self.warehouse = Warehouse(self.settings.database)

    def run(self, name: str, run_config: Mapping[str, Any] | None = None) -> RunResult:
        return run_job(name, definitions=build_defs(), settings=self.settings, run_config=run_config)

    def import_avanan(self, file: Path = EXPORT) -> RunResult:
        return self.run("avanan_import", avanan_import_config(file))

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.warehouse.read() as connection:
            return connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, *parameters: object) -> None:
        with self.warehouse.write() as connection:
            connection.execute(sql, parameters)

    def events(self, run_id: str) -> list[dg.DagsterEvent]:
        """What the web UI would show of a run."""
        with open_instance(self.settings) as instance:
            return [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event]

    def asked(self) -> int:
        """How many requests both vendors have seen."""
        return len(self.sandbox.connectwise.requests) + len(self.sandbox.duo.requests)


@contextmanager
def served(folder: Path) -> Iterator[Sandbox]:
    """A served sandbox, with the environment pointing at it and at `folder/home` meanwhile."""
    with pytest.MonkeyPatch.context() as patch, Sandbox() as sandbox:
        patch.chdir(folder)  # no .env of the developer's
        patch.delenv("DAGSTER_HOME", raising=False)
        for name, value in {**sandbox.settings(), "SEATSYNC_HOME": str(folder / "home")}.items():
            patch.setenv(name, value)
        yield sandbox


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty home."""
    with served(tmp_path) as sandbox:
        yield Place(sandbox)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Homes to copy, made once: `scanned`, with an agreement scan, and `pulled`, with Duo's preview as well."""
    folder = tmp_path_factory.mktemp("homes")
    with served(folder) as sandbox:
        origin = Place(sandbox)
        for name, job in (("scanned", "connectwise_scan"), ("pulled", "duo_pull")):
            assert origin.run(job).error is None
            shutil.copytree(folder / "home", folder / name)
    return {name: folder / name for name in ("scanned", "pulled")}


@pytest.fixture
def scanned(homes: dict[str, Path], tmp_path: Path) -> Iterator[Place]:
    """A home with an agreement scan."""
    shutil.copytree(homes["scanned"], tmp_path / "home")
    with served(tmp_path) as sandbox:
        yield Place(sandbox)


@pytest.fixture
def pulled(homes: dict[str, Path], tmp_path: Path) -> Iterator[Place]:
    """A home with an agreement scan, a Duo pull and its preview."""
    shutil.copytree(homes["pulled"], tmp_path / "home")
    with served(tmp_path) as sandbox:
        yield Place(sandbox)


def failure_metadata(events: list[dg.DagsterEvent]) -> dict[str, Any]:
    """The metadata of the first failed step."""
    for event in events:
        if event.is_step_failure and event.step_failure_data.user_failure_data:
            return {k: v.value for k, v in event.step_failure_data.user_failure_data.metadata.items()}
    raise AssertionError("no step failed with metadata")
