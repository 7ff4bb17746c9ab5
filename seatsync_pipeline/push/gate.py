"""The gate: a selection becomes a plan, or is refused whole with every fault it has.

One pure function over what was approved and what is known. It looks at nothing live; that is `recheck`'s work,
row by row, just before each write. Every fault names its row and what to do about it, and all are listed, so
that an operator corrects a file once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from seatsync_pipeline.errors import Fault
from seatsync_pipeline.push.plan import Change, Plan, in_order
from seatsync_pipeline.push.selection import Selection, SelectionRow
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.rows import Action, Guard
from seatsync_pipeline.reconcile.store import Preview

MAX_AGE = timedelta(days=7)

_RECONCILE_ANEW = "Make a new preview and approve that."


@dataclass(frozen=True)
class Server:
    """Which ConnectWise: its address and the company that logs in to it."""

    url: str
    company: str


@dataclass(frozen=True)
class Known:
    """What the gate judges by.

    `preview` is the one the selection names (None: unknown), `latest` the newest of its source, `book` the scan
    behind `preview`. `scanned` and `configured` are the ConnectWise of then and of now. `last_operation` is when
    the last operation ended, `finished` the operation that this very selection was, `unfinished` another one
    that is. `now` is UTC.
    """

    now: datetime
    today: date
    timezone_set: bool
    approvers: Sequence[str]
    configured: Server
    preview: Preview | None
    latest: Preview | None
    book: Book | None
    scanned: Server | None
    agreement_types: frozenset[str]
    last_operation: datetime | None = None
    finished: str | None = None
    unfinished: str | None = None


def judge(selection: Selection, known: Known) -> Plan | tuple[Fault, ...]:
    """The approved plan, or all faults. Nothing is written before this has returned a plan."""
    faults = [*_of_circumstances(known), *_of_file(selection, known)]
    changes: dict[str, Change] = {}
    positions: dict[str, int] = {}
    if known.preview is not None and known.latest is not None and known.book is not None:
        rows = {row["row_id"]: row for row in known.preview.rows}
        latest = {row["row_id"]: row["fingerprint"] for row in known.latest.rows}
        positions = {row_id: position for position, row_id in enumerate(rows)}
        approved = {line.row_id for line in selection.rows if line.approved}
        for line in selection.rows:
            if not line.approved:
                continue
            row = rows.get(line.row_id)
            found = _of_row(line, row, latest, approved)
            faults += found
            if row is not None and not found:
                changes[line.row_id] = _change(line, row, known.book)
    if faults or known.preview is None:
        return tuple(faults)
    return Plan(
        operation_id=selection.operation_id,
        digest=selection.digest,
        source=known.preview.source,
        preview_id=known.preview.preview_id,
        snapshot_id=known.preview.snapshot["id"],
        approved_by=selection.rows[0].approved_by,
        agreement_types=known.agreement_types,
        changes=in_order(changes, positions),
    )


def _of_circumstances(known: Known) -> list[Fault]:
    faults = []
    if not known.timezone_set:
        faults.append(
            _fault(
                "SEATSYNC_TIMEZONE is not set, so nobody knows which day it is for your invoices",
                "Set it to your IANA zone, e.g. America/New_York.",
            )
        )
    if known.finished is not None:
        faults.append(
            _fault(
                f"this selection was pushed already, as operation {known.finished}",
                f"See `seatsync operations {known.finished}`; for what is left, make a new preview.",
            )
        )
    if known.unfinished is not None:
        faults.append(
            _fault(
                f"operation {known.unfinished} is unfinished",
                "Push its own selection again to resume it, or abandon it with a reason; then push this one.",
            )
        )
    preview = known.preview
    if preview is None:
        return faults
    if not preview.totals["adds_up"]:
        faults.append(_fault("the control totals of the preview do not add up", _RECONCILE_ANEW))
    if preview.stale:
        faults.append(
            _fault(
                "the preview is stale: its scan was more than a day old when it was made",
                "Scan ConnectWise, then make a new preview.",
            )
        )
    scanned_at: datetime = preview.scan["taken_at"]
    if known.last_operation is not None and scanned_at < known.last_operation:
        faults.append(
            _fault(
                "the preview is stale: something was pushed since ConnectWise was scanned for it",
                "Scan ConnectWise, then make a new preview.",
            )
        )
    if known.now - preview.created_at > MAX_AGE:
        faults.append(_fault("the preview was made more than 7 days ago", _RECONCILE_ANEW))
    if known.scanned is not None and known.scanned != known.configured:
        faults.append(
            _fault(
                f"the preview was made for {known.scanned.url} ({known.scanned.company}), and the settings name "
                f"{known.configured.url} ({known.configured.company})",
                "Correct the CONNECTWISE_ settings, or scan this ConnectWise and make a new preview.",
            )
        )
    return faults


def _of_file(selection: Selection, known: Known) -> list[Fault]:
    faults = []
    approved = [line for line in selection.rows if line.approved]
    if not approved:
        faults.append(_fault("no row is approved", "Write yes into the approve column of a row."))
    faults += [
        _fault("approve is neither yes nor blank", "Write yes, or clear the cell.", line, "approve")
        for line in selection.rows
        if not line.approved
    ]
    previews = {line.preview_id for line in approved}
    if len(previews) > 1:
        names = ", ".join(sorted(previews))
        faults.append(
            _fault(f"rows of several previews ({names})", "Approve rows of one preview in one file.")
        )
    elif approved and known.preview is None:
        name = approved[0].preview_id or "(blank)"
        faults.append(_fault(f"there is no preview {name}", _RECONCILE_ANEW, approved[0], "preview_id"))
    faults += _of_approver(approved, known.approvers)
    seen: dict[str, SelectionRow] = {}
    for line in approved:
        first = seen.setdefault(line.row_id, line)
        if first is not line:
            faults.append(
                _fault(f"the row is approved twice, first on line {first.line}", "Keep one.", line, "row_id")
            )
    return faults


def _of_approver(approved: Sequence[SelectionRow], approvers: Sequence[str]) -> list[Fault]:
    faults = [
        _fault("nobody is named as the approver", "Write your name.", line, "approved_by")
        for line in approved
        if not line.approved_by
    ]
    names = list(dict.fromkeys(line.approved_by for line in approved if line.approved_by))
    if len(names) > 1:
        faults.append(
            _fault(f"the approver differs between rows: {', '.join(names)}", "One selection, one approver.")
        )
    faults += [
        _fault(
            f"{name} is not on the list of approvers", "Have an approver of SEATSYNC_APPROVERS approve it."
        )
        for name in names
        if approvers and name not in approvers
    ]
    return faults


def _of_row(
    line: SelectionRow,
    row: Mapping[str, Any] | None,
    latest: Mapping[str, str],
    approved: set[str],
) -> list[Fault]:
    if row is None:
        return [_fault("the preview has no such row", _RECONCILE_ANEW, line, "row_id")]
    about = f"{row['company_name'] or line.row_id}, {row['status']}"
    faults = []
    if line.fingerprint != row["fingerprint"]:
        faults.append(
            _fault(
                f"{about}: the fingerprint is not the one of this row",
                "Do not edit the first columns; take the row from the preview again.",
                line,
                "fingerprint",
            )
        )
    elif latest.get(line.row_id) != line.fingerprint:
        faults.append(
            _fault(
                f"{about}: a newer preview has overtaken it (another pull, mapping, link or filter)",
                "Approve the row of the latest preview.",
                line,
                "fingerprint",
            )
        )
    if row["blocked"]:
        faults.append(
            _fault(f"{about}: the row is blocked. {row['reason']}", "Resolve that first.", line, "row_id")
        )
    elif row["action"] == Action.NONE:
        faults.append(_fault(f"{about}: there is nothing to do", "Clear its approve cell.", line, "approve"))
    if row["needs_reason"] and not line.approval_reason:
        why = ", ".join([*(guard["guard"] for guard in row["guards"]), *row["flags"]]) or row["evidence"]
        faults.append(
            _fault(
                f"{about}: it needs a reason ({why})",
                "Say in approval_reason why this is right.",
                line,
                "approval_reason",
            )
        )
    unknown = [name for name in line.overrides if name not in set(Guard)]
    if unknown:
        faults.append(
            _fault(
                f"{about}: no guard is named {', '.join(unknown)}",
                f"The guards are: {', '.join(Guard)}.",
                line,
                "overrides",
            )
        )
    return faults + _of_agreement(line, row, about) + _of_pair(line, row, approved, about)


def _of_agreement(line: SelectionRow, row: Mapping[str, Any], about: str) -> list[Fault]:
    if line.agreement_id and line.named_agreement is None:
        return [_fault(f"{about}: that is no agreement id", "Give the id alone.", line, "agreement_id")]
    if row["agreement_id"] is not None:
        if line.named_agreement in {None, row["agreement_id"]}:
            return []
        return [
            _fault(
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
        _fault(
            f"{about}: it needs one of the agreements in scope", f"Name one: {listed}.", line, "agreement_id"
        )
    ]


def _of_pair(line: SelectionRow, row: Mapping[str, Any], approved: set[str], about: str) -> list[Fault]:
    """A cancel of a pair needs its create: a client must not lose a line before it has the other one."""
    if row["action"] != Action.CANCEL or not row["paired_row_id"] or row["paired_row_id"] in approved:
        return []
    return [
        _fault(
            f"{about}: it is paired with row {row['paired_row_id']}, which is not approved",
            "Approve the pair's No addition row too, or bill that line in ConnectWise and make a new preview.",
            line,
            "row_id",
        )
    ]


def _change(line: SelectionRow, row: Mapping[str, Any], book: Book) -> Change:
    addition = row["additions"][0] if len(row["additions"]) == 1 else None
    key = (row["company_id"], row["product_id"])
    agreement_id = row["agreement_id"] if row["agreement_id"] is not None else line.named_agreement
    if agreement_id is None:
        raise ValueError(f"row {line.row_id} passed the gate without an agreement")
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
    )


def _day(addition: Mapping[str, Any] | None, name: str) -> date | None:
    if addition is None or addition[name] is None:
        return None
    return date.fromisoformat(addition[name])


def _fault(rule: str, remedy: str, line: SelectionRow | None = None, column: str | None = None) -> Fault:
    value = getattr(line, column) if line is not None and column is not None else None
    if isinstance(value, tuple):
        value = "; ".join(value)
    return Fault(line.line if line else None, column, value, rule, remedy)
