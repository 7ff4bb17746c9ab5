"""Ticks of a drop sensor as the daemon drives them: a new instance each time, one run per run key, the cursor kept.

The daemon itself is in `test_daemon.py`; this is its cheap likeness, in which each run is a real one of the real code
location, in this process.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.settings import Settings, load_settings
from sensors.drops import DropFolder, tick

DEFS = build_defs()


@dataclass(frozen=True)
class Ticked:
    """What one tick came to."""

    requests: list[dg.RunRequest]
    said: str


@dataclass
class Desk:
    """One drop folder with its sensor, under other rules with `drops`. `runs` were carried out so far, by run key."""

    sensor: str
    inbox: Path
    settings: Settings = field(default_factory=load_settings)
    cursor: str | None = None
    drops: DropFolder | None = None
    runs: dict[str, dg.ExecuteInProcessResult] = field(default_factory=dict)

    def drop(self, name: str, content: bytes | Path) -> Path:
        self.inbox.mkdir(parents=True, exist_ok=True)
        path = self.inbox / name
        if isinstance(content, Path):
            shutil.copyfile(content, path)
        else:
            path.write_bytes(content)
        return path

    def tick(self) -> Ticked:
        """One tick, after which the process is gone; what it raises leaves the cursor as it was."""
        with (
            open_instance(self.settings) as instance,
            dg.build_sensor_context(
                instance=instance, cursor=self.cursor, repository_def=DEFS.get_repository_def()
            ) as context,
        ):
            if self.drops:
                result = tick(context, self.drops)
                self.cursor = result.cursor
                return Ticked(list(result.run_requests or ()), str(result.skip_reason))
            data = DEFS.resolve_sensor_def(self.sensor).evaluate_tick(context)
        self.cursor = data.cursor
        return Ticked(list(data.run_requests or ()), data.skip_message or "")

    def start(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """The requested run, to its end; the one of before when there was one of that key."""
        key = str(request.run_key)
        if key not in self.runs:
            job = DEFS.resolve_job_def(str(request.job_name))
            with open_instance(self.settings) as instance:
                self.runs[key] = job.execute_in_process(
                    run_config={**request.run_config, "loggers": {"progress": {}}},
                    tags={**request.tags, "dagster/run_key": key, "dagster/sensor_name": self.sensor},
                    instance=instance,
                    raise_on_error=False,
                )
        return self.runs[key]

    def ticks(self, count: int) -> list[dg.ExecuteInProcessResult]:
        """So many ticks, with what each asked for carried out."""
        return [self.start(request) for _ in range(count) for request in self.tick().requests]

    def until_idle(self, most: int = 8) -> list[dg.ExecuteInProcessResult]:
        """Ticks until two in a row ask for nothing."""
        results: list[dg.ExecuteInProcessResult] = []
        idle = 0
        for _ in range(most):
            done = self.ticks(1)
            results += done
            idle = 0 if done else idle + 1
            if idle == 2:
                return results
        raise AssertionError(f"never idle: {self.tick().said}")

    def archived(self) -> list[str]:
        files = (
            path.relative_to(self.settings.archive)
            for path in self.settings.archive.rglob("*")
            if path.is_file()
        )
        # A killed run may leave a copy that it had begun, in a hidden folder.
        return sorted(str(file) for file in files if not file.parent.name.startswith("."))

    def rejected(self) -> list[str]:
        return sorted(path.name for path in self.settings.rejected.iterdir())

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self.inbox.iterdir())


def only(results: list[dg.ExecuteInProcessResult]) -> dg.ExecuteInProcessResult:
    (result,) = results
    return result


def refusal(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata of the step that failed."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.user_failure_data:
            return {k: v.value for k, v in event.step_failure_data.user_failure_data.metadata.items()}
    raise AssertionError("no step failed with metadata")
