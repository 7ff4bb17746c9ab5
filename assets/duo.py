"""Duo: how many users each client has."""

import dagster as dg

from seatsync_pipeline.orchestration.checks import blocking_checks
from seatsync_pipeline.orchestration.failures import failure_from, refusals_as_failures
from seatsync_pipeline.orchestration.jobs import DUO_USERS
from seatsync_pipeline.orchestration.logs import at_intervals
from seatsync_pipeline.orchestration.metadata import OWNERS, snapshot_metadata, table_metadata
from seatsync_pipeline.orchestration.soundness import SNAPSHOT_CHECKS, empty_list_error
from seatsync_pipeline.orchestration.stored import snapshots_of
from seatsync_pipeline.orchestration.tables import OBSERVATION
from seatsync_pipeline.orchestration.trust import trust_check
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.acceptance import judged
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse


@dg.asset(
    key=DUO_USERS,
    group_name="duo",
    kinds={"duo", "duckdb"},
    owners=OWNERS,
    metadata=table_metadata(OBSERVATION),
)
def enrolled_users(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[None]:
    """The users of every Duo subaccount, counted by status and enrolment.

    A subaccount that cannot be read is stored as failed, with its reason and without a number; the others still
    count. An empty account list is kept as evidence and fails the run, so that the preview before it stays.
    """
    with refusals_as_failures():
        read = pull(settings, progress=at_intervals(context.log.info))
        snapshot = judged(warehouse, read, settings, zone=settings.zone)
        snapshot_id = save_snapshot(warehouse, snapshot, run_id=context.run.run_id)
    if error := empty_list_error(snapshot, snapshot_id):
        raise failure_from(error, snapshot_id=snapshot_id)
    return dg.MaterializeResult(metadata=snapshot_metadata(snapshot_id, snapshot))


checks = [blocking_checks(DUO_USERS, snapshots_of("duo"), SNAPSHOT_CHECKS), trust_check(DUO_USERS, "duo")]
