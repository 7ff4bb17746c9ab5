"""ConnectWise: what is billed today."""

import dagster as dg

from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.connectwise.store import known_additions, save_scan
from seatsync_pipeline.orchestration.checks import blocking_checks
from seatsync_pipeline.orchestration.failures import refusals_as_failures
from seatsync_pipeline.orchestration.jobs import SCAN
from seatsync_pipeline.orchestration.logs import at_intervals
from seatsync_pipeline.orchestration.metadata import OWNERS, scan_metadata, table_metadata
from seatsync_pipeline.orchestration.soundness import SCAN_CHECKS
from seatsync_pipeline.orchestration.stored import snapshots_of
from seatsync_pipeline.orchestration.tables import ADDITION
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.warehouse import Warehouse


@dg.asset(
    key=SCAN,
    group_name="connectwise",
    kinds={"connectwise", "duckdb"},
    owners=OWNERS,
    metadata=table_metadata(ADDITION),
)
def agreement_scan(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[None]:
    """What ConnectWise bills: companies, agreements, their additions and the product catalog, read in one go.

    Reads only. Everything is read and counted against ConnectWise's own counts before anything is stored, so a
    scan is whole or does not exist. The columns shown are those of the additions.
    """
    with refusals_as_failures():
        with reader_from(settings) as reader:
            found = scan(reader, progress=at_intervals(context.log.info), known=known_additions(warehouse))
        snapshot_id = save_scan(warehouse, found, run_id=context.run.run_id)
    return dg.MaterializeResult(metadata=scan_metadata(snapshot_id, found))


checks = blocking_checks(SCAN, snapshots_of("connectwise"), SCAN_CHECKS)
