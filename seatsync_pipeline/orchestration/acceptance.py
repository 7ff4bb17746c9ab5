"""The op job `accept_snapshot`: a named person releases a snapshot, and the preview is made anew from it."""

from collections.abc import Iterator
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from seatsync_pipeline.orchestration.decisions import decision_answered_anew
from seatsync_pipeline.orchestration.failures import refusals_as_failures
from seatsync_pipeline.orchestration.jobs import READINGS, preview_key
from seatsync_pipeline.orchestration.preview_page import preview_page
from seatsync_pipeline.orchestration.soundness import PREVIEW_CHECKS, require_sound_inputs
from seatsync_pipeline.orchestration.stored import previews_of, require_sound
from seatsync_pipeline.orchestration.trust import trust_answered_anew
from seatsync_pipeline.push.acceptance import accept_snapshot as accept
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.store import load_preview
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.warehouse import Warehouse


class AcceptanceConfig(dg.Config):
    """Which snapshot, who says that it is right, and why."""

    source: Literal["duo", "avanan"] = Field(description="Whose snapshot.")
    snapshot_id: str = Field(
        description="The suspect or incomplete snapshot, e.g. snap_...: see its asset's latest materialization."
    )
    accepted_by: str = Field(description="Your name, as it goes into the audit log.")
    reason: str = Field(description="Why this reading is right, e.g. eleven clients were sold in October.")


@dg.op(out={}, description="Accept a snapshot, then make a new preview from it. Writes nothing to a vendor.")
def accept_and_reconcile(
    context: dg.OpExecutionContext,
    config: AcceptanceConfig,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    source: Source = config.source
    with refusals_as_failures():
        accepted = accept(
            warehouse,
            source,
            config.snapshot_id.strip(),
            by=config.accepted_by,
            reason=config.reason,
            approvers=settings.approvers,
            run_id=context.run.run_id,
        )
        context.log.info(
            "%s was accepted by %s: %s", accepted.snapshot_id, accepted.accepted_by, accepted.reason
        )
        yield trust_answered_anew(warehouse, READINGS[source], source)
        require_sound_inputs(warehouse, source)
        preview_id = reconcile(
            warehouse, source, today=settings.today(), run_id=context.run.run_id, settings=settings
        )
        require_sound(warehouse, previews_of(source), PREVIEW_CHECKS)
        made = load_preview(warehouse, preview_id)
        page = preview_page(warehouse, settings, made)
    yield dg.AssetMaterialization(preview_key(source), metadata=page)
    yield decision_answered_anew(made)


@dg.job(
    executor_def=dg.in_process_executor,
    description="Accept a snapshot that is suspect or incomplete, because a person knows that it is right.\n\n"
    "It becomes the baseline for later readings, orphans are looked for again, and a new preview is made. No row "
    "is approved by it. The audit log keeps who and why.",
)
def accept_snapshot() -> None:
    accept_and_reconcile()


def acceptance_config(source: str, snapshot_id: str, by: str, reason: str) -> dict[str, Any]:
    """The run config of `accept_snapshot`."""
    config = {"source": source, "snapshot_id": snapshot_id, "accepted_by": by, "reason": reason}
    return {"ops": {"accept_and_reconcile": {"config": config}}}
