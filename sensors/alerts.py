"""Alerts: failed runs, pushes that were terminated or left rows undone, previews that need a person, stale sources.

Each looks, tells, and remembers; none starts a run or changes one. An event is told once. Only when the process dies
between the telling and Dagster's note of it is it told again, under the same id. A notice that a channel did not take
is not repeated either: the tick says so.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from seatsync_pipeline.notices.channels import channels_from, voice_of
from seatsync_pipeline.notices.compose import (
    preview_needs_you,
    push_canceled,
    push_left_rows,
    run_failed,
    source_stale,
)
from seatsync_pipeline.notices.facts import preview_facts, source_ages
from seatsync_pipeline.notices.notice import Notice
from seatsync_pipeline.orchestration.jobs import preview_key
from seatsync_pipeline.orchestration.notices import failure_facts, push_facts, push_run_facts, tell
from seatsync_pipeline.orchestration.push import PUSH
from seatsync_pipeline.settings import Settings, load_settings
from seatsync_pipeline.sources.base import SOURCES, Source
from seatsync_pipeline.warehouse import Warehouse

_NO_CHANNEL = "No channel for notices is set (SEATSYNC_NOTICE_...)."
_STALE_AGAIN_DAYS = 7
_PUSHES_A_TICK = 5  # a tick has a minute, and a channel that hangs takes eight seconds of each notice


@dg.run_failure_sensor(
    name="run_failure_alert",
    description="Tell people about every failed run, whoever started it.\n\nA run of the command line carries no code "
    "location, so that all locations are watched. A notice that a channel did not take makes this tick fail, never the "
    "run, and is not sent again.",
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def run_failure_alert(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """One notice for each failed run since the last tick, five runs a tick at most: Dagster's own limit."""
    settings = load_settings()
    if not channels_from(settings):
        return dg.SkipReason(f"The run {context.dagster_run.run_id} failed. {_NO_CHANNEL}")
    failure = replace(
        failure_facts(context.dagster_run, list(context.get_step_failure_events())),
        push=push_run_facts(context.dagster_run, settings),
    )
    # Dagster moves its cursor past this run also when this raises, and shows the tick as failed.
    if error := tell(run_failed(failure, voice_of(settings)), settings, context.log):
        raise error
    return None


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.CANCELED,
    name="push_canceled_alert",
    description="Tell people when a push was terminated and its operation is unfinished, whoever started it.\n\n"
    "Dagster takes a terminated run for canceled, not for failed.",
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def push_canceled_alert(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    """One notice for each; none where the run had begun nothing, or came to its end, or is of another job."""
    settings, run_id = load_settings(), context.dagster_run.run_id
    push = push_run_facts(context.dagster_run, settings)
    if push is None or (push.known and not push.left_open):
        return dg.SkipReason(f"The run {run_id} was terminated, and left no push unfinished.")
    if not channels_from(settings):
        return dg.SkipReason(f"The push of run {run_id} was terminated. {_NO_CHANNEL}")
    if error := tell(push_canceled(run_id, push, voice_of(settings)), settings, context.log):
        raise error
    return None


@dg.sensor(
    name="push_notice",
    description="Tell people when a push ended and some of its rows were not written, whoever started it.\n\nA push "
    "that was stopped or interrupted is a failed run, and one that was terminated a canceled run: told as those.",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def push_notice(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """The cursor holds the place in Dagster's event log up to which pushes were looked at."""
    if context.cursor is None:
        newest = context.instance.fetch_materializations(PUSH, limit=1).records
        cursor = str(newest[0].storage_id if newest else 0)
        return dg.SensorResult(cursor=cursor, skip_reason="Pushes from now on are looked at.")
    after = dg.AssetRecordsFilter(asset_key=PUSH, after_storage_id=int(context.cursor))
    found = context.instance.fetch_materializations(after, limit=_PUSHES_A_TICK, ascending=True).records
    if not found:
        return dg.SensorResult(skip_reason="No new push.", cursor=context.cursor)
    settings = load_settings()
    notices = [push_left_rows(facts, voice_of(settings)) for record in found if (facts := push_facts(record))]
    return _told(context, notices, settings, cursor=str(found[-1].storage_id))


@dg.sensor(
    name="preview_notice",
    description="Tell people when a new preview needs them: more seats would change than SEATSYNC_NOTICE_DRIFT_PERCENT "
    "of those billed, or accounts without a company are new.\n\nOf several new previews of a source only the latest "
    "is looked at, against the one that was looked at last.",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def preview_notice(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """The cursor holds, by source, the last preview looked at; previews from before the first tick are not told."""
    newest = {source: found for source in SOURCES if (found := _newest_preview(context.instance, source))}
    if context.cursor is None:
        return dg.SensorResult(cursor=json.dumps(newest), skip_reason="Previews from now on are looked at.")
    seen: dict[str, str] = json.loads(context.cursor)
    fresh = {source: found for source, found in newest.items() if seen.get(source) != found}
    if not fresh:
        return dg.SensorResult(skip_reason="No new preview.", cursor=context.cursor)
    settings = load_settings()
    warehouse = Warehouse(settings.database)
    # Everything is read before anything is sent: a busy database then repeats the tick and no notice.
    notices = [_about(warehouse, found, seen.get(source), settings) for source, found in fresh.items()]
    return _told(context, notices, settings, cursor=json.dumps(seen | newest))


def _newest_preview(instance: dg.DagsterInstance, source: Source) -> str | None:
    """The preview of a source's latest materialization: asked of Dagster, so that no tick opens the database."""
    records = instance.fetch_materializations(preview_key(source), limit=1).records
    made = records[0].asset_materialization if records else None
    preview_id = made.metadata.get("preview_id") if made else None
    return preview_id.value if isinstance(preview_id, dg.TextMetadataValue) else None


def _about(warehouse: Warehouse, new: str, before: str | None, settings: Settings) -> Notice | None:
    with warehouse.read() as connection:
        facts = preview_facts(connection, new)
        earlier = preview_facts(connection, before) if before else None
    if facts is None:  # an older backup was restored: there is nothing to look at
        return None
    return preview_needs_you(
        facts, earlier, drift_limit=settings.notice_drift_percent, voice=voice_of(settings)
    )


@dg.sensor(
    name="stale_source_notice",
    description="Tell people when a source has had no accepted snapshot for SEATSYNC_NOTICE_STALE_DAYS.\n\nLooks once "
    "a day, in the MSP's time zone, and says it again every seventh day.",
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def stale_source_notice(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """The cursor holds the day that was looked at, and by source the day on which it was told last."""
    settings = load_settings()
    state: dict[str, Any] = json.loads(context.cursor) if context.cursor else {"day": None, "told": {}}
    today = settings.today()
    if state["day"] == today.isoformat():
        return dg.SensorResult(skip_reason=f"Looked at on {today} already.", cursor=context.cursor)
    if not settings.database.exists():
        return dg.SensorResult(skip_reason="Nothing was ever read.", cursor=context.cursor)
    with Warehouse(settings.database).read() as connection:
        ages = source_ages(connection)
    now, limit, told, notices = datetime.now(UTC), settings.notice_stale_days, {}, []
    for age in ages:
        days = age.days(now)
        if days <= limit:
            continue
        last = state["told"].get(age.source)
        if last is not None and (today - datetime.fromisoformat(last).date()).days < _STALE_AGAIN_DAYS:
            told[age.source] = last
            continue
        told[age.source] = today.isoformat()
        notices.append(source_stale(age, days=days, limit=limit, voice=voice_of(settings)))
    return _told(context, notices, settings, cursor=json.dumps({"day": today.isoformat(), "told": told}))


def _told(
    context: dg.SensorEvaluationContext, notices: Sequence[Notice | None], settings: Settings, *, cursor: str
) -> dg.SensorResult:
    """Send what there is to tell; the tick's own words say what was told and what did not get through."""
    due = [notice for notice in notices if notice is not None]
    if not due:
        return dg.SensorResult(skip_reason="Looked: nobody needs to be told.", cursor=cursor)
    if not channels_from(settings):
        return dg.SensorResult(skip_reason=f"{_NO_CHANNEL} Not told: {due[0].title}.", cursor=cursor)
    errors = [error for notice in due if (error := tell(notice, settings, context.log))]
    said = " ".join(str(error) for error in errors) or f"Told: {'; '.join(notice.title for notice in due)}."
    return dg.SensorResult(skip_reason=said, cursor=cursor)


ALERTS = (run_failure_alert, push_canceled_alert, push_notice, preview_notice, stale_source_notice)
