"""Previews: what should change in ConnectWise, row by row. Nothing here writes to a vendor."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from seatsync_pipeline.orchestration.checks import blocking_checks
from seatsync_pipeline.orchestration.decisions import decision_check
from seatsync_pipeline.orchestration.failures import refusals_as_failures
from seatsync_pipeline.orchestration.filing import archive_imported
from seatsync_pipeline.orchestration.jobs import AVANAN_EXPORT, DUO_USERS, SCAN, imported_file, preview_key
from seatsync_pipeline.orchestration.metadata import OWNERS, table_metadata
from seatsync_pipeline.orchestration.preview_page import preview_page
from seatsync_pipeline.orchestration.soundness import PREVIEW_CHECKS, require_sound_inputs
from seatsync_pipeline.orchestration.stored import previews_of
from seatsync_pipeline.orchestration.tables import PREVIEW
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.store import load_preview
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.base import SOURCES, Source
from seatsync_pipeline.sources.store import latest_snapshot_id
from seatsync_pipeline.warehouse import Warehouse


class PreviewConfig(dg.Config):
    """What to do when nothing was read from the source yet."""

    skip_without_snapshot: bool = Field(
        default=False,
        description="Skip the preview, instead of failing, as long as nothing was read from its source.",
    )


def preview_asset(source: Source, reading: dg.AssetKey, title: str) -> dg.AssetsDefinition:
    """The preview of one source, made from the latest scan and that source's latest snapshot."""
    key = preview_key(source)

    @dg.asset(
        key=key,
        deps=[SCAN, reading],
        group_name=source,
        kinds={"python", "duckdb"},
        owners=OWNERS,
        metadata=table_metadata(PREVIEW),
        output_required=False,
        description=f"What the {title} seats mean for ConnectWise: each line with its status, quantities, money and a "
        "one-sentence reason.\n\nMade from the latest scan, the latest reading and the operator's mappings and links; "
        "no vendor is called. It is stored, written as a CSV to tick, and never replaces an earlier one.\n\n"
        f"What the newest one says stands under [Events](/assets/{source}/preview?view=events).",
    )
    def preview(
        context: dg.AssetExecutionContext,
        config: PreviewConfig,
        settings: dg.ResourceParam[Settings],
        warehouse: dg.ResourceParam[Warehouse],
    ) -> Iterator[dg.MaterializeResult[None]]:
        with refusals_as_failures():
            if config.skip_without_snapshot and _nothing_read(warehouse, source):
                context.log.warning("%s: no preview, because nothing was read from it yet.", title)
                context.log_event(
                    dg.AssetObservation(key, metadata={"skipped": f"nothing was read from {title} yet"})
                )
                return
            require_sound_inputs(warehouse, source)
            preview_id = reconcile(
                warehouse, source, today=settings.today(), run_id=context.run.run_id, settings=settings
            )
            made = load_preview(warehouse, preview_id)
            page = preview_page(warehouse, settings, made)
        context.log.info("%s: %d rows, written to %s", title, len(made.rows), page["csv"].value)
        yield dg.MaterializeResult(metadata=page)
        if (file := imported_file(context.run.run_config)) is not None:
            # Last, so that a run that dies before leaves the file in the inbox, for the next run of the same drop.
            with refusals_as_failures():
                for place in archive_imported(warehouse, settings, file, made.snapshot["id"]):
                    context.log.info("The export is now %s", place)

    return preview


def _nothing_read(warehouse: Warehouse, source: Source) -> bool:
    with warehouse.read() as connection:
        return latest_snapshot_id(connection, source) is None


duo_preview = preview_asset("duo", DUO_USERS, "Duo")
avanan_preview = preview_asset("avanan", AVANAN_EXPORT, "Avanan")
checks = [
    *(blocking_checks(preview_key(source), previews_of(source), PREVIEW_CHECKS) for source in SOURCES),
    *(decision_check(source) for source in SOURCES),
]
