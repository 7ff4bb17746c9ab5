"""One MSP in a temporary folder, beside a sandbox of its own: what tests of real Dagster runs work on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A served sandbox, and an environment that points at it and at an empty home."""
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with Sandbox() as sandbox:
        for name, value in {**sandbox.settings(), "SEATSYNC_HOME": str(tmp_path / "home")}.items():
            monkeypatch.setenv(name, value)
        yield sandbox


@pytest.fixture
def place(environment: Sandbox) -> Place:
    return Place(environment)


def failure_metadata(events: list[dg.DagsterEvent]) -> dict[str, Any]:
    """The metadata of the first failed step."""
    for event in events:
        if event.is_step_failure and event.step_failure_data.user_failure_data:
            return {k: v.value for k, v in event.step_failure_data.user_failure_data.metadata.items()}
    raise AssertionError("no step failed with metadata")


def as_json(text: str) -> Any:
    return json.loads(text)
