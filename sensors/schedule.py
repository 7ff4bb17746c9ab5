"""The monthly round by itself: a look every day at the hour that is set, and a run on the day that is set.

Cron cannot say "three days before the month's end", and Dagster evaluates only the newest of the ticks that a stopped
daemon has missed. So the schedule ticks daily, and each tick asks whether the last due day has had its run: a round
that was missed follows at the next tick, which is at once when the daemon comes back. Day by day the settings are read
anew; only the hour and the time zone of the ticks are those of the moment when the code location was loaded.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import dagster as dg

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.orchestration.jobs import seat_sync
from seatsync_pipeline.settings import Settings, load_settings
from sensors.month import latest_due, next_due

NAME = "monthly_seat_sync"
DUE_TAG = "seatsync/due"
"""The run tag that names the due day of a round."""


def monthly_seat_sync() -> dg.ScheduleDefinition:
    """The schedule, ticking at the hour and in the zone that are set now.

    Settings that are wrong do not raise here, or nothing could be seen in the UI: each tick raises them instead.
    """
    try:
        settings = load_settings()
        hour, zone = settings.schedule_hour, settings.zone.key
    except ConfigurationError:
        hour, zone = 5, "UTC"

    @dg.schedule(
        name=NAME,
        job=seat_sync,
        cron_schedule=f"0 {hour} * * *",
        execution_timezone=zone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="The monthly round: scan ConnectWise, pull Duo, make both previews. It proposes, and never pushes."
        "\n\nOff until you switch it on. Looks every day, and runs on SEATSYNC_SCHEDULE_DAY at SEATSYNC_SCHEDULE_HOUR "
        "in SEATSYNC_TIMEZONE; on every other day the tick says when the next one is. A round that was missed, because "
        "Dagster was not running, follows as soon as it runs again. After a change of hour or time zone, reload the "
        "code location; a changed day counts at once.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return evaluate(context, load_settings(), ticking=(hour, zone))

    return schedule


def evaluate(
    context: dg.ScheduleEvaluationContext, settings: Settings, *, ticking: tuple[int, str]
) -> dg.RunRequest | dg.SkipReason:
    """What one tick does. `ticking` are the hour and the zone that the ticks go by."""
    scheduled = context.scheduled_execution_time
    today = (
        (scheduled if scheduled.tzinfo else scheduled.replace(tzinfo=UTC)).astimezone(settings.zone).date()
    )
    due = latest_due(today, settings.schedule_day)
    had = _Rounds.of(context, due, settings) if context.instance_ref else _Rounds()
    if due == today or had.missed:
        if had.run_id is None:
            return dg.RunRequest(
                run_key=f"{seat_sync.name}-{due}",
                tags={DUE_TAG: str(due), "seatsync/late": str(due != today).lower()},
            )
        return dg.SkipReason(
            f"The round of {due} has its run already: {had.run_id}. {_next(today, settings, ticking)}"
        )
    return dg.SkipReason(_next(today, settings, ticking))


@dataclass(frozen=True)
class _Rounds:
    """What Dagster knows of the round that was due last.

    `run_id`: the run that it had. `missed`: the schedule was on when it was due, and nobody has run it since.
    """

    run_id: str | None = None
    missed: bool = False

    @classmethod
    def of(cls, context: dg.ScheduleEvaluationContext, due: date, settings: Settings) -> "_Rounds":
        own = context.instance.get_runs(dg.RunsFilter(tags={DUE_TAG: str(due)}), limit=1)
        if own:
            return cls(own[0].run_id)
        moment = datetime.combine(due, time(settings.schedule_hour), settings.zone).astimezone(UTC)
        by_hand = context.instance.get_runs(
            dg.RunsFilter(job_name=seat_sync.name, created_after=moment.replace(tzinfo=None)), limit=1
        )
        return cls(missed=not by_hand and _on_since(context.instance, moment))


def _on_since(instance: dg.DagsterInstance, moment: datetime) -> bool:
    """Whether the schedule was switched on before that moment, and has been on since."""
    for state in instance.all_instigator_state():
        started = getattr(state.instigator_data, "start_timestamp", None)
        if state.name == NAME and state.is_running and started and started <= moment.timestamp():
            return True
    return False


def _next(today: date, settings: Settings, ticking: tuple[int, str]) -> str:
    hour, zone = ticking
    said = f"The next round is due on {next_due(today, settings.schedule_day):%A, %Y-%m-%d}, at {hour}:00 {zone}."
    if settings.timezone is None:
        said += " SEATSYNC_TIMEZONE is not set."
    if (settings.schedule_hour, settings.zone.key) != ticking:
        said += " SEATSYNC_SCHEDULE_HOUR or SEATSYNC_TIMEZONE was changed since: reload the code location."
    return said
