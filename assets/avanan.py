"""Avanan: what the vendor's tenant export says."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from seatsync_pipeline.orchestration.checks import blocking_checks
from seatsync_pipeline.orchestration.failures import refusals_as_failures
from seatsync_pipeline.orchestration.filing import DROP_TAG, dropped, rejecting, require_content
from seatsync_pipeline.orchestration.jobs import AVANAN_EXPORT
from seatsync_pipeline.orchestration.metadata import OWNERS, snapshot_metadata, table_metadata
from seatsync_pipeline.orchestration.soundness import SNAPSHOT_CHECKS
from seatsync_pipeline.orchestration.stored import snapshots_of
from seatsync_pipeline.orchestration.tables import OBSERVATION
from seatsync_pipeline.orchestration.trust import trust_check
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.acceptance import judged
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.spelling import with_known_keys
from seatsync_pipeline.sources.store import save_once
from seatsync_pipeline.warehouse import Warehouse


class AvananImport(dg.Config):
    """Which file to read."""

    file: str = Field(
        description="Path of the tenant export (CSV) on the machine that runs Dagster, e.g. "
        "/home/me/Downloads/tenants.csv"
    )
    sha256: str = Field(
        default="",
        description="Leave it empty. Filled in by avanan_export_drop: what the file held when it was seen whole; "
        "anything else is not imported.",
    )


@dg.asset(
    key=AVANAN_EXPORT,
    group_name="avanan",
    kinds={"csv", "duckdb"},
    owners=OWNERS,
    metadata=table_metadata(OBSERVATION),
)
def tenant_export(
    context: dg.AssetExecutionContext,
    config: AvananImport,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[None]:
    """The seats of every Avanan tenant and license, from one export of the vendor's portal.

    A file with a structural fault is refused whole: every fault is listed and nothing is stored. A cell that
    cannot be read makes its observation failed, never a number. Header names and status words of your own go
    into `avanan_columns.toml` in SEATSYNC_HOME. A file that lies in `inbox/avanan/` is moved: to `rejected/` when
    it is refused, to `archive/` when its preview was made.
    """
    with refusals_as_failures():
        context.log.info("Reading %s", config.file)
        own_words = settings.home / "avanan_columns.toml"
        path = Path(config.file).expanduser()
        drop = dropped(path, settings.avanan_inbox, config.sha256)
        with rejecting(drop, settings):
            export = read_export(path, columns_file=own_words, limits=settings, sizes=settings)
        require_content(path, export.digest, config.sha256)
        run = context.run
        snapshot_id, snapshot = save_once(
            warehouse,
            judged(warehouse, with_known_keys(warehouse, export), settings, zone=settings.zone),
            run_id=run.run_id,
            drop=run.tags.get(DROP_TAG),
        )
    return dg.MaterializeResult(metadata=snapshot_metadata(snapshot_id, snapshot))


checks = [
    blocking_checks(AVANAN_EXPORT, snapshots_of("avanan"), SNAPSHOT_CHECKS),
    trust_check(AVANAN_EXPORT, "avanan"),
]
