"""Whether ConnectWise has to be scanned before a preview is made from it."""

from __future__ import annotations

from datetime import UTC, datetime

from seatsync_pipeline.connectwise.store import latest_scan_id
from seatsync_pipeline.reconcile.store import SCAN_IS_OLD_AFTER, last_pushed_at
from seatsync_pipeline.sources.store import snapshot_facts
from seatsync_pipeline.warehouse import Warehouse


def scan_is_due(warehouse: Warehouse) -> bool:
    """Whether the last scan is missing, older than a preview may be made from, or than the last operation.

    Creates no database.
    """
    if not warehouse.path.exists():
        return True
    with warehouse.read() as connection:
        scan_id = latest_scan_id(connection)
        if scan_id is None:
            return True
        taken_at = snapshot_facts(connection, scan_id).taken_at
        pushed_at = last_pushed_at(connection)
    if datetime.now(UTC) - taken_at > SCAN_IS_OLD_AFTER:
        return True
    return pushed_at is not None and taken_at.replace(tzinfo=None) < pushed_at
