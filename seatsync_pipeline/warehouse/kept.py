"""Snapshots whose content was pruned: told, never read as empty."""

from __future__ import annotations

from seatsync_pipeline.errors import NotFound
from seatsync_pipeline.warehouse.schema import Connection


def require_kept(connection: Connection, snapshot_id: str) -> None:
    """Raises NotFound when only the header of the snapshot is kept: without rows it would look empty."""
    row = connection.execute(
        "select pruned_at, pruned_by from pruning where snapshot_id = ?", [snapshot_id]
    ).fetchone()
    if row is not None:
        raise NotFound(
            f"reading the snapshot {snapshot_id}",
            f"its content was removed by `seatsync prune` on {row[0]:%Y-%m-%d} ({row[1]})",
            "A backup from before that day has it.",
        )
