"""Reconciliation from the warehouse and back: load, classify, store.

Works on stored data alone, so that a changed mapping or link re-classifies the last pull without a vendor call.
"""

from __future__ import annotations

from datetime import UTC, date, tzinfo

from seatsync_pipeline.collection import collection_paused
from seatsync_pipeline.connectwise.store import latest_scan_id, load_scan
from seatsync_pipeline.errors import InputRefused
from seatsync_pipeline.reconcile.guards import Limits
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.load import (
    day_in,
    last_setup_change,
    load_former_owners,
    load_history,
    load_setup,
    require_read_additions,
)
from seatsync_pipeline.reconcile.preview import draft_preview
from seatsync_pipeline.reconcile.store import PreviewOrigin, save_preview
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.acceptance import why_not_accepted
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.sources.recount import recount
from seatsync_pipeline.sources.store import latest_snapshot_id, load_snapshot, snapshot_facts
from seatsync_pipeline.warehouse import Connection, Warehouse


@collection_paused()  # once for all its parts: each would look at what the others made
def reconcile(
    warehouse: Warehouse,
    source: Source,
    *,
    today: date,
    run_id: str | None = None,
    settings: Settings | None = None,
) -> str:
    """Make a new preview of a source from its latest snapshot and the latest scan; return its `preview_id`.

    `today` is the MSP's calendar day. With `settings`, a snapshot that was counted by another rule than they name
    now is counted anew first. Automatic links made on the way are saved with their evidence. Raises
    InputRefused when there is no scan or no snapshot yet.
    """
    if settings is not None:
        recount(warehouse, source, settings, run_id=run_id)
    zone = UTC if settings is None else settings.zone
    with warehouse.read() as connection:
        inputs, origin = _load(connection, source, today, run_id, zone)
    require_read_additions(inputs.scan, today)
    limits = Limits() if settings is None else Limits.of(settings)
    draft = draft_preview(inputs, limits)
    return save_preview(warehouse, draft, origin)


def _load(
    connection: Connection, source: Source, today: date, run_id: str | None, zone: tzinfo
) -> tuple[Inputs, PreviewOrigin]:
    tried = f"reconciling {source}"
    scan_id = latest_scan_id(connection)
    if scan_id is None:
        raise InputRefused(tried, "there is no ConnectWise scan yet", "Run `seatsync scan` first.")
    snapshot_id = latest_snapshot_id(connection, source)
    if snapshot_id is None:
        first = "seatsync pull duo" if source == "duo" else "seatsync import avanan FILE"
        raise InputRefused(tried, f"nothing was read from {source} yet", f"Run `{first}` first.")
    facts = snapshot_facts(connection, snapshot_id)
    snapshot = load_snapshot(connection, snapshot_id)
    scan, setup = load_scan(connection, scan_id), load_setup(connection, source)
    inputs = Inputs(
        source=source,
        today=today,
        snapshot_day=day_in(zone, facts.taken_at),
        accounts=snapshot.accounts,
        observations=snapshot.observations,
        scan=scan,
        setup=setup,
        history=load_history(connection, source, before=snapshot_id, zone=zone),
        not_accepted=why_not_accepted(connection, facts),
        former_owners=load_former_owners(connection, setup.links, scan, scan_id),
    )
    changed = last_setup_change(connection, source)
    return inputs, PreviewOrigin(source, today, run_id, snapshot_id, scan_id, changed)
