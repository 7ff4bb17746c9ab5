"""The public columns of a preview, and rows as such columns.

What belongs here: names, order, and how values and lists are written. Where they are kept is `store.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.reconcile.rows import (
    AgreementChoice,
    BilledAddition,
    Billing,
    Candidate,
    GuardResult,
    Row,
    Share,
    Step,
)

# The public columns, in their public order; lists travel as JSON text.
COLUMNS = (
    "preview_id source row_id fingerprint status action selected_by_default blocked needs_reason accounts "
    "company_id company_name agreement_id agreement_name addition_id additions product_id product_identifier "
    "current_quantity new_quantity delta less_included unit_price amount_delta billing_cycle "
    "next_invoice_date planned_date paired_row_id flags guards candidates agreements evidence reason"
).split()
LIST_COLUMNS = frozenset({"accounts", "additions", "flags", "guards", "candidates", "agreements"})
# Read as text, see `exact_number`.
DECIMAL_COLUMNS = tuple("current_quantity new_quantity delta less_included unit_price amount_delta".split())


def _fields(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def candidate_record(candidate: Candidate) -> dict[str, Any]:
    """A candidate as people and files read it: its note only where it has one."""
    return {
        "company_id": candidate.company_id,
        "company_name": candidate.company_name,
        "score": candidate.score,
    } | ({"note": candidate.note} if candidate.note else {})


def as_columns(preview_id: str, rows: Sequence[Row]) -> dict[str, Sequence[Any]]:
    """Rows in their order as the columns of the table `preview`; lists as JSON text."""
    columns: dict[str, Sequence[Any]] = {
        "preview_id": [preview_id] * len(rows),
        "position": range(1, len(rows) + 1),
    }
    billings = [row.billing for row in rows]
    for name in (*COLUMNS, "trace"):
        if name != "preview_id":
            values = map(attrgetter(name), billings if name in Billing._fields else rows)
            write = _WRITERS.get(name)
            columns[name] = list(values if write is None else map(write, values))
    return columns


_WRITERS: dict[str, Callable[[Sequence[Any]], str]] = {
    "accounts": exact_json.writer_of(*_fields(Share)),
    "additions": exact_json.writer_of(*_fields(BilledAddition)),
    "flags": lambda flags: exact_json.dumps(flags) if flags else "[]",
    "guards": exact_json.writer_of(*_fields(GuardResult)),
    "candidates": lambda found: exact_json.dumps([candidate_record(one) for one in found]) if found else "[]",
    "agreements": exact_json.writer_of(*_fields(AgreementChoice)),
    "trace": exact_json.writer_of(*_fields(Step)),
}


def parsed(row: dict[str, Any]) -> dict[str, Any]:
    """The row itself, its lists read from their JSON text."""
    for name in LIST_COLUMNS:
        text = row[name]
        row[name] = [] if text == "[]" else exact_json.loads(text)
    return row
