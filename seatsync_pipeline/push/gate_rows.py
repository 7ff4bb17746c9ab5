"""The gate's rules for single rows: what may be wrong with an approved row, and the change it becomes.

What belongs here: one row of the selection against its row of the preview. What does not: the file as a whole,
its approver and its age (`gate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from seatsync_pipeline.errors import Fault
from seatsync_pipeline.push.overrides import blocked_by, newly_tripped, tripped
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.selection import SelectionRow
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.guards import Limits, orphan_share
from seatsync_pipeline.reconcile.rows import Action, Guard

RECONCILE_ANEW = "Make a new preview and approve that."


def faults_of_row(
    line: SelectionRow,
    row: Mapping[str, Any] | None,
    latest: Mapping[str, str],
    approved: set[str],
    limits: Limits,
) -> list[Fault]:
    """Everything that speaks against one approved row. `latest`: row id -> fingerprint in the newest preview."""
    if row is None:
        return [fault("the preview has no such row", RECONCILE_ANEW, line, "row_id")]
    about = f"{row['company_name'] or line.row_id}, {row['status']}"
    faults = []
    if line.fingerprint != row["fingerprint"]:
        faults.append(
            fault(
                f"{about}: the fingerprint is not the one of this row",
                "Do not edit the first columns; take the row from the preview again.",
                line,
                "fingerprint",
            )
        )
    elif latest.get(line.row_id) != line.fingerprint:
        faults.append(
            fault(
                f"{about}: a newer preview has overtaken it (another pull, mapping, link or filter)",
                "Approve the row of the latest preview.",
                line,
                "fingerprint",
            )
        )
    if row["action"] == Action.NONE and not row["blocked"]:
        faults.append(fault(f"{about}: there is nothing to do", "Clear its approve cell.", line, "approve"))
    return [
        *faults,
        *_of_guards(line, row, limits, about),
        *_of_agreement(line, row, about),
        *_of_pair(line, row, approved, about),
    ]


def _of_guards(line: SelectionRow, row: Mapping[str, Any], limits: Limits, about: str) -> list[Fault]:
    """Blocks, missing reasons and overrides; the guards are those of the preview and those of today's limits."""
    faults = []
    block = blocked_by(row, line.overrides)
    if block is Guard.ORPHAN_SHARE:
        faults.append(
            fault(
                f"{about}: the row is blocked by the guard {block}. {row['reason']}",
                f"If that is right, write {block} into overrides, and why into approval_reason.",
                line,
                "overrides",
            )
        )
    elif block is not None:
        faults.append(fault(f"{about}: the row is blocked. {block}", "Resolve that first.", line, "row_id"))
    new = newly_tripped(row, limits)
    if (row["needs_reason"] or new or line.overrides) and not line.approval_reason:
        why = ", ".join([*tripped(row), *new, *row["flags"]]) or row["evidence"] or "it overrides a guard"
        faults.append(
            fault(
                f"{about}: it needs a reason ({why})",
                "Say in approval_reason why this is right.",
                line,
                "approval_reason",
            )
        )
    unknown = [name for name in line.overrides if name not in set(Guard)]
    if unknown:
        faults.append(
            fault(
                f"{about}: no guard is named {', '.join(unknown)}",
                f"The guards are: {', '.join(Guard)}.",
                line,
                "overrides",
            )
        )
    return faults


def faults_of_cancels(
    cancels: Sequence[tuple[SelectionRow, Mapping[str, Any]]], lines_in_scope: int, limits: Limits
) -> list[Fault]:
    """The orphan share, evaluated on what is approved together."""
    lines = {(row["company_id"], row["product_id"]) for _, row in cancels}
    share = orphan_share(len(lines), lines_in_scope, limits)
    # Rows that the preview blocked for it have their own fault.
    lacking = [
        line
        for line, row in cancels
        if Guard.ORPHAN_SHARE not in line.overrides and Guard.ORPHAN_SHARE not in tripped(row)
    ]
    if share is None or not lacking:
        return []
    return [
        fault(
            f"the approved rows cancel {share.observed} in scope (guard {share.guard}, limit {share.limit})",
            f"If that is right, write {share.guard} into overrides of each, and why into approval_reason.",
        )
    ]


def _of_agreement(line: SelectionRow, row: Mapping[str, Any], about: str) -> list[Fault]:
    if line.agreement_id and line.named_agreement is None:
        return [fault(f"{about}: that is no agreement id", "Give the id alone.", line, "agreement_id")]
    if row["agreement_id"] is not None:
        if line.named_agreement in {None, row["agreement_id"]}:
            return []
        return [
            fault(
                f"{about}: the agreement is {row['agreement_id']}, not {line.named_agreement}",
                "Leave the agreement as the preview has it.",
                line,
                "agreement_id",
            )
        ]
    choices = {choice["agreement_id"]: choice["agreement_name"] for choice in row["agreements"]}
    if row["action"] != Action.CREATE or not choices or line.named_agreement in choices:
        return []
    listed = ", ".join(f"{key} ({name})" for key, name in choices.items())
    return [
        fault(
            f"{about}: it needs one of the agreements in scope", f"Name one: {listed}.", line, "agreement_id"
        )
    ]


def _of_pair(line: SelectionRow, row: Mapping[str, Any], approved: set[str], about: str) -> list[Fault]:
    """A cancel of a pair needs its create: a client must not lose a line before it has the other one."""
    if row["action"] != Action.CANCEL or not row["paired_row_id"] or row["paired_row_id"] in approved:
        return []
    return [
        fault(
            f"{about}: it is paired with row {row['paired_row_id']}, which is not approved",
            "Approve the pair's No addition row too, or bill that line in ConnectWise and make a new preview.",
            line,
            "row_id",
        )
    ]


def change_of(line: SelectionRow, row: Mapping[str, Any], book: Book) -> Change:
    addition = row["additions"][0] if len(row["additions"]) == 1 else None
    key = (row["company_id"], row["product_id"])
    agreement_id = row["agreement_id"] if row["agreement_id"] is not None else line.named_agreement
    if agreement_id is None:
        raise ValueError(f"row {line.row_id} passed the gate without an agreement")
    agreement = book.agreements.get(agreement_id)
    return Change(
        row_id=line.row_id,
        action=Action(row["action"]),
        company_id=row["company_id"],
        company_name=row["company_name"],
        agreement_id=agreement_id,
        addition_id=row["addition_id"],
        product_id=row["product_id"],
        product_identifier=row["product_identifier"],
        before=row["current_quantity"],
        after=Decimal(row["new_quantity"]),
        unit_price=row["unit_price"],
        amount_delta=row["amount_delta"],
        planned_date=row["planned_date"],
        effective_date=_day(addition, "effective_date"),
        cancelled_date=_day(addition, "cancelled_date"),
        line_additions=tuple(a.addition_id for a in book.line(key).additions),
        elsewhere=tuple(a.addition_id for a in book.elsewhere(key)),
        after_row_id=row["paired_row_id"] if row["action"] == Action.CANCEL else None,
        reason=line.approval_reason or None,
        overrides=line.overrides,
        less_included=None if addition is None else Decimal(addition["less_included"]),
        bill_customer=None if addition is None else addition["bill_customer"],
        billing_cycle=agreement.billing_cycle if agreement else None,
    )


def _day(addition: Mapping[str, Any] | None, name: str) -> date | None:
    if addition is None or addition[name] is None:
        return None
    return date.fromisoformat(addition[name])


def fault(rule: str, remedy: str, line: SelectionRow | None = None, column: str | None = None) -> Fault:
    """A fault at a line of the file, with the value that stands there; or of the file as a whole."""
    value = getattr(line, column) if line is not None and column is not None else None
    if isinstance(value, tuple):
        value = "; ".join(value)
    return Fault(line.line if line else None, column, value, rule, remedy)
