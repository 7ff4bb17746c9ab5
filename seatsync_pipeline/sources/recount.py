"""A stored snapshot under today's settings: counted anew where a setting decides what counts.

Only Duo has such a setting. The result is a snapshot of its own, taken when the first one was: what was stored is
never changed, and no vendor is called.
"""

from __future__ import annotations

from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.acceptance import judged
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.sources.duo_counts import recounted
from seatsync_pipeline.sources.store import latest_snapshot_id, load_snapshot, save_snapshot
from seatsync_pipeline.warehouse import Warehouse


def recount(
    warehouse: Warehouse, source: Source, settings: Settings, *, run_id: str | None = None
) -> str | None:
    """Store the latest snapshot anew if it was counted by another rule than the settings name; its id, or None."""
    if source != "duo":
        return None
    with warehouse.read() as connection:
        snapshot_id = latest_snapshot_id(connection, source)
        if snapshot_id is None:
            return None
        snapshot = load_snapshot(connection, snapshot_id)
    if snapshot.details.get("basis") == settings.duo_count_basis:
        return None
    counted = recounted(snapshot, settings.duo_count_basis)
    return save_snapshot(warehouse, judged(warehouse, counted, settings, zone=settings.zone), run_id=run_id)
