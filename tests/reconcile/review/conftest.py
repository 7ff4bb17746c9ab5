"""Previews made from small worlds, as they are loaded from the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.store import COLUMNS, LIST_COLUMNS, Preview, as_record
from tests.reconcile.worlds import TODAY, draft


def public_rows(inputs: Inputs, preview_id: str = "prev_1") -> tuple[dict[str, Any], ...]:
    """The rows of a world's preview under their public columns."""
    records = [as_record(preview_id, place, row) for place, row in enumerate(draft(inputs).rows, 1)]
    return tuple(
        {name: exact_json.loads(r[name]) if name in LIST_COLUMNS else r[name] for name in COLUMNS}
        for r in records
    )


def preview(inputs: Inputs, preview_id: str = "prev_1") -> Preview:
    made = datetime(2026, 11, 20, 9, tzinfo=UTC)
    rows = public_rows(inputs, preview_id)
    return Preview(preview_id, inputs.source, made, TODAY, False, {}, {}, {}, {}, rows)
