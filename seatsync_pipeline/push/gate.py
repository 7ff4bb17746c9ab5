"""The gate: a selection becomes a plan, or is refused whole with every fault it has.

One pure function over what was approved and what is known. It looks at nothing live; that is `recheck`'s work,
row by row, just before each write. Every fault names its row and what to do about it, and all are listed, so
that an operator corrects a file once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from seatsync_pipeline.errors import Fault
from seatsync_pipeline.push.gate_rows import (
    RECONCILE_ANEW,
    change_of,
    fault,
    faults_of_cancels,
    faults_of_row,
)
from seatsync_pipeline.push.plan import Change, Plan, in_order
from seatsync_pipeline.push.selection import Selection, SelectionRow
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.guards import Limits
from seatsync_pipeline.reconcile.rows import Action
from seatsync_pipeline.reconcile.store import Preview

MAX_AGE = timedelta(days=7)


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
    that is. `snapshot_id` is the newest reading of the source, `setup_change` the newest decision about it.
    `counted_by` is the setting that reading was counted by, `count_basis` what it says now; None where a source has no
    such setting. `limits` are today's. `now` is UTC.
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
    limits: Limits = field(default_factory=Limits)
    last_operation: datetime | None = None
    finished: str | None = None
    unfinished: str | None = None
    snapshot_id: str | None = None
    setup_change: str | None = None
    counted_by: str | None = None
    count_basis: str | None = None


def judge(selection: Selection, known: Known) -> Plan | tuple[Fault, ...]:
    """The approved plan, or all faults. Nothing is written before this has returned a plan."""
    faults = [*_of_circumstances(known), *_of_file(selection, known)]
    changes: dict[str, Change] = {}
    positions: dict[str, int] = {}
    if known.preview is not None and known.latest is not None and known.book is not None:
        rows = {row["row_id"]: row for row in known.preview.rows}
        latest = {row["row_id"]: row["fingerprint"] for row in known.latest.rows if not _held_back(row, rows)}
        positions = {row_id: position for position, row_id in enumerate(rows)}
        approved = {line.row_id for line in selection.rows if line.approved}
        for line in selection.rows:
            if not line.approved:
                continue
            row = rows.get(line.row_id)
            found = faults_of_row(line, row, latest, approved, known.limits)
            faults += found
            if row is not None and not found:
                changes[line.row_id] = change_of(line, row, known.book)
        lines_in_scope = known.preview.orphan_detection.get("lines_in_scope", 0)
        faults += faults_of_cancels(_cancels(selection, rows), lines_in_scope, known.limits)
    if faults or known.preview is None:
        return tuple(faults)
    if set(changes) != {line.row_id for line in selection.rows if line.approved}:
        raise ValueError("rows that passed the gate are not the approved ones")
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


def _cancels(
    selection: Selection, rows: Mapping[str, Mapping[str, Any]]
) -> list[tuple[SelectionRow, Mapping[str, Any]]]:
    chosen = ((line, rows[line.row_id]) for line in selection.rows if line.approved and line.row_id in rows)
    return [(line, row) for line, row in chosen if row["action"] == Action.CANCEL]


def _held_back(latest: Mapping[str, Any], approved: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the newest preview blocks a row, wants a reason for it, or ties a cancel to a create, and the one that
    was approved did not.

    The fingerprint binds values alone: an account that could be this client, or a product that became a bundle
    since, changes none of them.
    """
    shown = approved.get(latest["row_id"])
    if shown is None:
        return False
    tied = latest["action"] == Action.CANCEL and latest["paired_row_id"] not in {None, shown["paired_row_id"]}
    return tied or any(latest[name] and not shown[name] for name in ("blocked", "needs_reason"))


def _of_circumstances(known: Known) -> list[Fault]:
    faults = []
    if not known.timezone_set:
        faults.append(
            fault(
                "SEATSYNC_TIMEZONE is not set, so nobody knows which day it is for your invoices",
                "Set it to your IANA zone, e.g. America/New_York.",
            )
        )
    if known.finished is not None:
        faults.append(
            fault(
                f"this selection was pushed already, as operation {known.finished}",
                f"See `seatsync operations {known.finished}`; for what is left, make a new preview.",
            )
        )
    if known.unfinished is not None:
        faults.append(
            fault(
                f"operation {known.unfinished} is unfinished",
                "Push its own selection again to resume it, or abandon it with a reason; then push this one.",
            )
        )
    if known.preview is not None:
        faults += [*_of_preview(known.preview, known), *_of_latest(known)]
    return faults


def _of_latest(known: Known) -> list[Fault]:
    """The newest preview has to be of what is known now: where none could be made since, the others are too old."""
    latest = known.latest
    if latest is None:
        return []
    faults = []
    if latest.snapshot["id"] != known.snapshot_id:
        faults.append(
            fault(f"{latest.source} was read again since the newest preview was made", RECONCILE_ANEW)
        )
    if latest.setup_change != known.setup_change:
        faults.append(
            fault("a mapping, link or filter was changed since the newest preview was made", RECONCILE_ANEW)
        )
    if known.counted_by != known.count_basis:
        faults.append(
            fault(
                f"the newest reading counts users as `{known.counted_by}`, and DUO_COUNT_BASIS is "
                f"`{known.count_basis}` now",
                f"Set it back, or count anew: {RECONCILE_ANEW}",
            )
        )
    return faults


def _of_preview(preview: Preview, known: Known) -> list[Fault]:
    faults = []
    if not preview.totals["adds_up"]:
        faults.append(fault("the control totals of the preview do not add up", RECONCILE_ANEW))
    if preview.stale:
        faults.append(
            fault(
                "the preview is stale: its scan was more than a day old when it was made",
                "Scan ConnectWise, then make a new preview.",
            )
        )
    scanned_at: datetime = preview.scan["taken_at"]
    if known.last_operation is not None and scanned_at < known.last_operation:
        faults.append(
            fault(
                "the preview is stale: something was pushed, or a backup restored, since its scan of ConnectWise",
                "Scan ConnectWise, then make a new preview.",
            )
        )
    if known.now - preview.created_at > MAX_AGE:
        faults.append(fault("the preview was made more than 7 days ago", RECONCILE_ANEW))
    if known.scanned is not None and known.scanned != known.configured:
        faults.append(
            fault(
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
        faults.append(fault("no row is approved", "Write yes into the approve column of a row."))
    faults += [
        fault("approve is neither yes nor blank", "Write yes, or clear the cell.", line, "approve")
        for line in selection.rows
        if not line.approved
    ]
    previews = {line.preview_id for line in approved}
    if len(previews) > 1:
        names = ", ".join(sorted(previews))
        faults.append(
            fault(f"rows of several previews ({names})", "Approve rows of one preview in one file.")
        )
    elif approved and known.preview is None:
        name = approved[0].preview_id or "(blank)"
        faults.append(fault(f"there is no preview {name}", RECONCILE_ANEW, approved[0], "preview_id"))
    faults += _of_approver(approved, known.approvers)
    seen: dict[str, SelectionRow] = {}
    for line in approved:
        first = seen.setdefault(line.row_id, line)
        if first is not line:
            faults.append(
                fault(f"the row is approved twice, first on line {first.line}", "Keep one.", line, "row_id")
            )
    return faults


def _of_approver(approved: Sequence[SelectionRow], approvers: Sequence[str]) -> list[Fault]:
    faults = [
        fault("nobody is named as the approver", "Write your name.", line, "approved_by")
        for line in approved
        if not line.approved_by
    ]
    names = list(dict.fromkeys(line.approved_by for line in approved if line.approved_by))
    if len(names) > 1:
        faults.append(
            fault(f"the approver differs between rows: {', '.join(names)}", "One selection, one approver.")
        )
    faults += [
        fault(f"{name} is not on the list of approvers", "Have an approver of SEATSYNC_APPROVERS approve it.")
        for name in names
        if approvers and name not in approvers
    ]
    return faults
