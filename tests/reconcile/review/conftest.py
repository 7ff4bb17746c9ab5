"""Previews made from small worlds, as they are loaded from the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.reconcile.columns import COLUMNS, LIST_COLUMNS, as_columns
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.store import Preview
from tests.reconcile.worlds import TODAY, draft


def public_rows(inputs: Inputs, preview_id: str = "prev_1") -> tuple[dict[str, Any], ...]:
    """The rows of a world's preview under their public columns."""
    columns = as_columns(preview_id, draft(inputs).rows)
    for name in LIST_COLUMNS:
        columns[name] = [exact_json.loads(text) for text in columns[name]]
    values = zip(*(columns[name] for name in COLUMNS), strict=True)
    return tuple(dict(zip(COLUMNS, row, strict=True)) for row in values)


def preview(inputs: Inputs, preview_id: str = "prev_1") -> Preview:
    made = datetime(2026, 11, 20, 9, tzinfo=UTC)
    rows = public_rows(inputs, preview_id)
    return Preview(preview_id, inputs.source, made, TODAY, False, {}, {}, {}, {}, rows)
