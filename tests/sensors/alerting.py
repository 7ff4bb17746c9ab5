"""What happens that people are told of, and the ticks that tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin

from seatsync_pipeline.definitions import defs
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.orchestration.jobs import preview_key
from seatsync_pipeline.orchestration.logs import progress_logger
from seatsync_pipeline.orchestration.run import run_job
from seatsync_pipeline.push.approve import Choice, choose
from seatsync_pipeline.push.selection import write_selection
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.store import load_preview
from seatsync_pipeline.settings import load_settings
from tests.notices.servers import Hook
from tests.orchestration.place import EXPORT, Place

SAMPLE_MONTH = EXPORT.parent
PLANTED = "Zebra <!channel> Umbrella"


class Ticks:
    """Ticks of one sensor, each with an instance opened anew, as after a restart; only the cursor goes on."""

    def __init__(self, sensor: dg.SensorDefinition) -> None:
        self._sensor = sensor
        self.cursor: str | None = None
        self.said = ""
        self.failed: list[str] = []
        self()  # the first one only finds its place

    def __call__(self, *, keep: bool = True) -> None:
        """One tick. Without `keep` the process dies before Dagster has noted the cursor."""
        with open_instance(load_settings()) as instance:
            context = dg.SensorEvaluationContext(
                instance_ref=None,
                instance=instance,
                cursor=self.cursor,
                repository_def=defs.get_repository_def(),
                repository_name="__repository__",
                sensor_name=self._sensor.name,
                # The daemon's ticks belong to a code location, and runs of the command line to none.
                code_location_origin=RegisteredCodeLocationOrigin("seatsync"),
            )
            with context:
                data = self._sensor.evaluate_tick(context)
        assert not data.run_requests
        self.said = data.skip_message or ""
        self.failed = [str(reaction.error) for reaction in data.dagster_run_reactions or () if reaction.error]
        if keep:
            self.cursor = data.cursor


@dg.op
def leaky() -> None:
    raise ZeroDivisionError(f"{PLANTED} owes 12 dollars")


@dg.job
def defective() -> None:
    leaky()


def fail(place: Place) -> str:
    """A run that fails with a client's name in its error."""
    loggers = {"progress": progress_logger}
    definitions = dg.Definitions(jobs=[defective], loggers=loggers)
    return run_job("defective", definitions=definitions, settings=place.settings).run_id


def new_preview(place: Place) -> str:
    """A new Duo preview, as its asset would have made it."""
    preview_id = reconcile(place.warehouse, "duo", today=place.settings.today())
    with open_instance(place.settings) as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(preview_key("duo"), metadata={"preview_id": preview_id})
        )
    return preview_id


def plant_account(place: Place) -> None:
    """One more account in the latest snapshot, which belongs to no company."""
    [(snapshot,)] = place.query("select max(snapshot_id) from snapshot where source = 'duo'")
    place.change("insert into account values (?, 'DAnew', ?, null, '{}')", snapshot, PLANTED)
    place.change(
        "insert into observation values (?, 999, 'DAnew', ?, 'Duo MFA', 7, 'counted', null, '{}')",
        snapshot,
        PLANTED,
    )


def approve(place: Place) -> Path:
    """The default rows of a new Duo preview, approved."""
    place.run("connectwise_scan")  # a push is bound to the server that was scanned
    now = datetime.now(UTC).replace(tzinfo=None)
    chosen = choose(load_preview(place.warehouse, new_preview(place)), Choice(defaults=True), now=now)
    selection = place.settings.home / "selection.csv"
    write_selection(selection, chosen.approvals, approved_by="Ann", approved_at=now)
    return selection


def texts(*receivers: Hook) -> str:
    return b" ".join(body for receiver in receivers for body in receiver.raw).decode()
