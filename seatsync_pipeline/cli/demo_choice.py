"""What the demo approves, and the invoices by which it is judged.

What belongs here: choosing rows that any sample month may hold, and reading the sandbox's next invoices. What does
not: any rule about rows, which the gate and the re-check apply to the demo as to everybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatsync_pipeline.push.approve import Choice
    from seatsync_pipeline.reconcile.store import Preview
    from seatsync_pipeline.sandbox import Sandbox

_REASON = "The client left at the end of last month, as they wrote us"
_REASON_OF_PAIR = "The client has changed to the other product, as ordered"

Row = Mapping[str, Any]


def one_of_each(preview: Preview) -> Choice:
    """What the preview selects by itself, and the plainest create and cancel: no flag, no choice to make."""
    from seatsync_pipeline.push.approve import Choice

    chosen = [_plainest(preview.rows, action) for action in ("create", "cancel")]
    return Choice(defaults=True, rows=[row["row_id"] for row in chosen if row], reason=_REASON)


def paired(preview: Preview) -> Choice:
    """A client's change from one product to another: a create and a cancel that belong together.

    Where the month has none: what the preview selects by itself.
    """
    from seatsync_pipeline.push.approve import Choice

    rows = {row["row_id"]: row for row in preview.rows}
    for row in preview.rows:
        create = rows.get(row["paired_row_id"])
        if row["action"] == "cancel" and create is not None and _pushable(row) and _pushable(create):
            return Choice(rows=[create["row_id"], row["row_id"]], reason=_REASON_OF_PAIR)
    return Choice(defaults=True)


def _plainest(rows: Sequence[Row], action: str) -> Row | None:
    fitting = [
        row for row in rows if row["action"] == action and _pushable(row) and row["paired_row_id"] is None
    ]
    return min(fitting, key=lambda row: len(row["flags"]), default=None)


def _pushable(row: Row) -> bool:
    return not row["blocked"] and row["agreement_id"] is not None


def invoices_of(sandbox: Sandbox, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The next invoice of each agreement that these rows change, with what their preview expects of it."""
    from seatsync_pipeline.sandbox.invoices import InvoiceRefused

    changes: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        changes[row["agreement_id"]].append(row)
    found = []
    for agreement_id, of_agreement in changes.items():
        try:
            invoice = sandbox.connectwise.next_invoice(agreement_id)
        except InvoiceRefused:
            continue
        found.append(
            {
                "agreement_id": agreement_id,
                "agreement_name": of_agreement[0]["agreement_name"],
                "company_name": of_agreement[0]["company_name"],
                "first_day": invoice.first_day,
                "last_day": invoice.last_day,
                "total": invoice.total,
                "previewed": sum((row["amount_delta"] or Decimal(0) for row in of_agreement), Decimal(0)),
            }
        )
    return found


def with_totals(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same invoices with their totals `before` and `after` a push, and the `change`."""
    totals = {invoice["agreement_id"]: invoice["total"] for invoice in after}
    return [
        {name: value for name, value in invoice.items() if name != "total"}
        | {
            "before": invoice["total"],
            "after": totals[invoice["agreement_id"]],
            "change": totals[invoice["agreement_id"]] - invoice["total"],
        }
        for invoice in before
    ]
