"""What Dagster knows of a failed run or of a push, as the typed facts of a notice; and sending from a tick.

An error's text stays behind here: of it only the settings that it names go on, which are a closed vocabulary. The whole
text travels apart from the facts, for those who allow clients to be named.
"""

import logging
import re
from dataclasses import replace
from typing import Any

import dagster as dg

from seatsync_pipeline.errors import NoticeUndelivered, SeatSyncError
from seatsync_pipeline.notices.channels import channels_from
from seatsync_pipeline.notices.compose import PUSH_JOB
from seatsync_pipeline.notices.deliver import deliver, undelivered
from seatsync_pipeline.notices.facts import PushFacts, PushRun, RunFailure, push_run
from seatsync_pipeline.notices.notice import Notice
from seatsync_pipeline.orchestration.failures import error_from
from seatsync_pipeline.push.records import DONE
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.warehouse import Warehouse

_DATABASE_PATIENCE = 2.0  # seconds: a tick has a minute for all that it does
_SETTINGS = frozenset(str(field.validation_alias) for field in Settings.model_fields.values())


def failure_facts(run: dg.DagsterRun, failed_steps: list[dg.DagsterEvent]) -> RunFailure:
    """The facts of a failed run, from the first of its steps that failed; none of them when its process died."""
    return replace(_failure(run, failed_steps), assets=_assets(run))


def _assets(run: dg.DagsterRun) -> tuple[str, ...]:
    """What was to be made by a run of chosen assets: the name of its job is Dagster's own, and says nothing."""
    if not run.job_name.startswith("__"):
        return ()
    return tuple(sorted(key.to_user_string() for key in run.asset_selection or ()))


def _failure(run: dg.DagsterRun, failed_steps: list[dg.DagsterEvent]) -> RunFailure:
    if not failed_steps:
        return RunFailure(run.run_id, run.job_name)
    event = failed_steps[0]
    data = event.step_failure_data
    metadata = data.user_failure_data.metadata if data.user_failure_data else {}
    refusal = error_from(metadata)
    if refusal is None:
        cause = data.error
        while cause is not None and cause.cause is not None:
            cause = cause.cause
        name = cause.cls_name if cause else None
        return RunFailure(
            run.run_id, run.job_name, event.step_key, error=name, text=cause.message if cause else None
        )
    status, faults = metadata.get("status"), metadata.get("fault_count")
    return RunFailure(
        run.run_id,
        run.job_name,
        event.step_key,
        error=type(refusal).__name__,
        status=_whole(status),
        fault_count=_whole(faults),
        settings=tuple(sorted(_SETTINGS.intersection(re.findall(r"\b[A-Z][A-Z_]+[A-Z]\b", str(refusal))))),
        text=str(refusal),
    )


def push_run_facts(run: dg.DagsterRun, settings: Settings) -> PushRun | None:
    """What a run of the push did until it ended; None for any other job."""
    if run.job_name != PUSH_JOB:
        return None
    config: Any = run.run_config
    if not config.get("ops", {}).get("push_selection", {}).get("config", {}).get("confirm", False):
        return PushRun(rehearsal=True)
    if not settings.database.exists():
        return PushRun(rehearsal=False)
    try:
        with Warehouse(settings.database, deadline=_DATABASE_PATIENCE).read() as connection:
            return push_run(connection, run.run_id)
    except SeatSyncError:
        return PushRun(rehearsal=False, known=False)


def push_facts(record: dg.EventLogRecord) -> PushFacts | None:
    """The facts of a push from its materialization; None when it is not over, or left nothing."""
    made = record.asset_materialization
    metadata = made.metadata if made else {}
    if not made or _text(metadata.get("state")) != "finished_with_failures":
        return None
    count = {name: _whole(metadata.get(name)) or 0 for name in (*DONE, "failed", "unresolved")}
    return PushFacts(
        _text(metadata.get("operation_id")),
        record.run_id,
        sum(count[name] for name in DONE),
        count["failed"],
        count["unresolved"],
    )


def _text(value: object) -> str:
    return (value.value or "") if isinstance(value, dg.TextMetadataValue) else ""


def _whole(value: object) -> int | None:
    return value.value if isinstance(value, dg.IntMetadataValue) else None


def tell(notice: Notice, settings: Settings, log: logging.Logger) -> NoticeUndelivered | None:
    """Send a notice and log what became of it in each channel; the error of those that failed, None when all got it.

    Does not raise for a channel that fails: what was sent to the others cannot be taken back, and must not be repeated.
    """
    deliveries = deliver(notice, channels_from(settings))
    for delivery in deliveries:
        if delivery.error is None:
            log.info("%s: told %s (%s)", notice.notice_id, delivery.channel, delivery.where)
        else:
            log.error("%s: %s NOT DELIVERED: %s", notice.notice_id, delivery.channel, delivery.error)
    return undelivered(notice, deliveries)
