"""Running one job here and now, for the command line.

The same definitions and the same instance as in the web UI, so that every run shows there; in-process, because
starting a process for each step takes longer than the work.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from sqlalchemy.exc import DBAPIError

from seatsync_pipeline.errors import SeatSyncError, WarehouseError
from seatsync_pipeline.orchestration.failures import error_from
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.settings import Settings

# Only what assets say on purpose reaches a person at the terminal.
_QUIET: dict[str, Any] = {"loggers": {"progress": {}}}


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    `error` is None exactly when `success`: the typed error of the first step that failed. `materializations`
    are the metadata of each asset that was made, by its key (`duo/preview`), as plain values: Markdown as text,
    JSON as dicts and lists. `skipped` are reasons by asset key. `observations` are what was seen and not made.
    """

    run_id: str
    success: bool
    error: SeatSyncError | None = None
    materializations: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    observations: dict[str, dict[str, Any]] = field(default_factory=dict)


def run_job(
    name: str,
    *,
    definitions: dg.Definitions,
    settings: Settings,
    run_config: Mapping[str, Any] | None = None,
) -> RunResult:
    """Run a job of `definitions` to its end; a failed step is reported, not raised.

    Nothing is written to stdout meanwhile: file descriptor 1 points at stderr. Raises ConfigurationError for a
    bad DAGSTER_HOME and WarehouseError when Dagster's own history cannot be written.
    """
    job = definitions.resolve_job_def(name)
    with stdout_on_stderr(), _history_errors(settings), open_instance(settings) as instance:
        result = job.execute_in_process(
            run_config={**_job_config(job), **(run_config or {}), **_QUIET},
            instance=instance,
            raise_on_error=False,
        )
    return RunResult(
        run_id=result.run_id,
        success=result.success,
        error=None if result.success else _error(result),
        materializations=_materializations(result),
        skipped=_skipped(result),
        observations=_observations(result),
    )


def _job_config(job: dg.JobDefinition) -> Mapping[str, Any]:
    """The config that a job brings with it, which Dagster uses only where a run names none at all."""
    return job.run_config or {}


@contextlib.contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Point file descriptor 1 at stderr, so that libraries and child processes cannot write into `--json`."""
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


@contextlib.contextmanager
def _history_errors(settings: Settings) -> Iterator[None]:
    """Dagster keeps its history in SQLite and in files; trouble there is told like any other database trouble.

    What fails inside a step never comes this way: Dagster catches it and puts it on record.
    """
    try:
        yield
    except (DBAPIError, OSError) as error:
        raise WarehouseError(
            f"writing Dagster's run history in {os.environ.get('DAGSTER_HOME') or settings.dagster_home}",
            str(error.orig if isinstance(error, DBAPIError) else error),
            "Free space or correct the permissions, then run it again; the last good data is kept.",
        ) from error


def _error(result: dg.ExecuteInProcessResult) -> SeatSyncError:
    """Why the run failed: the refusal of its first failed step, a failed check, or a defect."""
    failed_checks = [
        evaluation for evaluation in result.get_asset_check_evaluations() if not evaluation.passed
    ]
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            refusal = error_from(data.user_failure_data.metadata) if data.user_failure_data else None
            if refusal is not None:
                return refusal
            if failed_checks:
                return _check_error(failed_checks)
            return _defect(result, event.step_key, data.error)
    failures = [event for event in result.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE]
    return _defect(result, None, failures[-1].job_failure_data.error if failures else None)


def _check_error(failed: list[dg.AssetCheckEvaluation]) -> SeatSyncError:
    first = failed[0]
    names = ", ".join(evaluation.check_name for evaluation in failed)
    return WarehouseError(
        f"checking what was stored for {first.asset_key.to_user_string()}",
        f"{names} failed: {(first.description or '').rstrip('.')}",
        "Nothing was made from it, and what was made before is kept. The check in the Dagster UI lists every row.",
    )


def _defect(result: dg.ExecuteInProcessResult, step: str | None, error: Any) -> SeatSyncError:
    while error is not None and error.cause is not None:
        error = error.cause
    return SeatSyncError(
        f"running {result.job_def.name}{f', step {step}' if step else ''}",
        error.message.strip() if error else "it ended without saying why",
        f"This looks like a defect of SeatSync: please report it. The run {result.run_id} in the Dagster UI has more.",
    )


def _materializations(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    found = {}
    for event in result.all_events:
        if event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            key = materialization.asset_key.to_user_string()
            found[key] = {name: _value(value) for name, value in materialization.metadata.items()}
    return found


def _observations(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    found = {}
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.ASSET_OBSERVATION:
            observation = event.asset_observation_data.asset_observation
            key = observation.asset_key.to_user_string()
            found[key] = {name: _value(value) for name, value in observation.metadata.items()}
    return found


def _skipped(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    seen = _observations(result)
    return {key: str(metadata["skipped"]) for key, metadata in seen.items() if "skipped" in metadata}


def _value(value: dg.MetadataValue) -> Any:
    return value.value
