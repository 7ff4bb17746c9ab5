"""Approving from a preview: which rows, named how, become a selection.

What belongs here: choosing rows and the check that the result would pass the gate. What does not: the gate
itself, and where the choice comes from (the command line, the launchpad).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from seatsync_pipeline.errors import Fault, FileRefused, InputRefused
from seatsync_pipeline.push.gate import MAX_AGE
from seatsync_pipeline.push.overrides import blocked_by, idle, tripped
from seatsync_pipeline.push.selection import Approval
from seatsync_pipeline.reconcile.orphans import NEVER_SEEN
from seatsync_pipeline.reconcile.rows import Action, Guard
from seatsync_pipeline.reconcile.store import Preview


@dataclass(frozen=True)
class Choice:
    """What an operator approves: `defaults` are the rows the preview selects by itself, `statuses` every selectable
    row of a status, `rows` single ids. `agreements`: row id -> agreement id. `reason` goes onto every row chosen.
    """

    defaults: bool = False
    statuses: Sequence[str] = ()
    rows: Sequence[str] = ()
    agreements: Mapping[str, int] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    reason: str = ""


@dataclass(frozen=True)
class Chosen:
    """The approvals, and the rows of a chosen status that were left out, each with why."""

    approvals: tuple[Approval, ...]
    left_out: tuple[tuple[str, str], ...]


def require_approver(approvers: Sequence[str], name: str, tried: str = "approving a preview") -> None:
    """Raises InputRefused for a blank approver, or one that is not on the list, if there is a list."""
    if not name.strip():
        raise InputRefused(tried, "nobody is named as the approver", "Give your name.")
    if approvers and name.strip() not in approvers:
        raise InputRefused(
            tried,
            f"{name.strip()} is not on the list of approvers",
            "Have a person of SEATSYNC_APPROVERS approve it.",
        )


def choose(preview: Preview, choice: Choice, *, now: datetime) -> Chosen:
    """Approve rows of a preview. `now` is naive UTC.

    Rows of a status are taken where nothing speaks against it; what can only be approved one by one, or lacks
    something, is left out and said so. Raises FileRefused when a row named by its id cannot be approved, and
    InputRefused when nothing is chosen, or the preview can be approved no more.
    """
    tried = f"approving rows of preview {preview.preview_id}"
    _usable(preview, tried, now)
    _known(preview, choice, tried)
    wanted = {row["row_id"]: row for row in preview.rows if _wanted(row, choice)}
    _agreements_used(wanted, choice, tried)
    approvals: dict[str, Approval] = {}
    left_out: list[tuple[str, str]] = []
    faults: list[Fault] = []
    # A cancel of a pair comes after its create, and needs it.
    for row in sorted(wanted.values(), key=lambda row: row["action"] == Action.CANCEL):
        by_name = row["row_id"] in choice.rows
        against = _against(row, choice, one_by_one=by_name) or _against_pair(row, approvals)
        if against is None:
            approvals[row["row_id"]] = _approval(row, choice)
        elif by_name:
            name = row["company_name"] or row["row_id"]
            faults.append(Fault(None, "row_id", row["row_id"], f"{name}: {against[0]}", against[1]))
        else:
            left_out.append((row["row_id"], against[0]))
    if faults:
        raise FileRefused(tried, faults[0].rule, "Nothing was approved.", tuple(faults))
    if not approvals:
        why = f" ({left_out[0][1]})" if left_out else ""
        raise InputRefused(tried, f"no row was chosen{why}", "Choose with --defaults, --status or --row.")
    _overrides_used(choice, [approval.row for approval in approvals.values()], tried)
    in_order = (approvals[row_id] for row_id in wanted if row_id in approvals)
    return Chosen(tuple(in_order), tuple(left_out))


def _wanted(row: Mapping[str, Any], choice: Choice) -> bool:
    by_default = choice.defaults and row["selected_by_default"]
    return row["row_id"] in choice.rows or row["status"] in choice.statuses or by_default


def _usable(preview: Preview, tried: str, now: datetime) -> None:
    """Raises InputRefused for a preview that the gate would refuse whatever is approved of it."""
    if not preview.totals["adds_up"]:
        raise InputRefused(tried, "its control totals do not add up", "Make a new preview.")
    if now - preview.created_at > MAX_AGE:
        raise InputRefused(tried, "it was made more than 7 days ago", "Make a new preview.")
    if preview.stale or preview.overtaken:
        why = "its scan was more than a day old when it was made"
        if preview.overtaken:
            why = "something was pushed, or a backup restored, since ConnectWise was scanned for it"
        raise InputRefused(
            tried,
            f"it is stale: {why}",
            f"Run `seatsync scan`, then `seatsync reconcile {preview.source}`, and approve that preview.",
        )


def _agreements_used(wanted: Mapping[str, Any], choice: Choice, tried: str) -> None:
    """Raises InputRefused for an agreement named for a row that is not chosen: it would silently not be pushed."""
    idle = [row_id for row_id in choice.agreements if row_id not in wanted]
    if idle:
        raise InputRefused(
            tried,
            f"an agreement is named for {', '.join(idle)}, and that row is not chosen",
            "Choose it too, with --row or --status.",
        )


def _overrides_used(choice: Choice, rows: Sequence[Mapping[str, Any]], tried: str) -> None:
    """Raises InputRefused for an override that overrides nothing: it would stand in the audit log for nothing."""
    unused = idle(choice.overrides, rows)
    if unused:
        raise InputRefused(
            tried, f"no chosen row has tripped {', '.join(unused)}", "Leave that --override out."
        )


def _known(preview: Preview, choice: Choice, tried: str) -> None:
    """Raises InputRefused for names that nothing has: a mistyped one must not silently approve less."""
    ids = {row["row_id"] for row in preview.rows}
    unknown = [name for name in [*choice.rows, *choice.agreements] if name not in ids]
    if unknown:
        raise InputRefused(
            tried,
            f"it has no row {', '.join(unknown)}",
            f"`seatsync preview {preview.source}` lists the latest preview's rows.",
        )
    guards = [name for name in choice.overrides if name not in set(Guard)]
    if guards:
        raise InputRefused(
            tried, f"no guard is named {', '.join(guards)}", f"The guards are: {', '.join(Guard)}."
        )


def _against(row: Mapping[str, Any], choice: Choice, *, one_by_one: bool) -> tuple[str, str] | None:
    """What speaks against approving a row, and the remedy; None when nothing does."""
    block = blocked_by(row, choice.overrides)
    if block is Guard.ORPHAN_SHARE:
        return f"it is blocked. {row['reason']}", f'If that is right: --override "{block}" --reason TEXT.'
    if block is not None:
        return f"it is blocked. {block}", "Resolve that first."
    if row["action"] == Action.NONE:
        return "there is nothing to do", "Leave it out."
    if row["evidence"] == NEVER_SEEN and not one_by_one:
        return "it was never seen in the source: approve it one by one", "Name it with --row."
    if (row["needs_reason"] or row["blocked"]) and not choice.reason.strip():
        return "it needs a reason", "Give one with --reason."
    return _against_agreement(row, choice.agreements.get(row["row_id"]))


def _against_pair(row: Mapping[str, Any], approvals: Mapping[str, Approval]) -> tuple[str, str] | None:
    """A client must not lose a line before it has the other one."""
    pair = row["paired_row_id"]
    if row["action"] != Action.CANCEL or not pair or pair in approvals:
        return None
    return f"it is paired with row {pair}, which is not approved", f"Approve its create too: --row {pair}."


def _against_agreement(row: Mapping[str, Any], named: int | None) -> tuple[str, str] | None:
    if row["agreement_id"] is not None:
        if named in {None, row["agreement_id"]}:
            return None
        return f"its agreement is {row['agreement_id']}", "Leave out --agreement for this row."
    offered = {offer["agreement_id"]: offer["agreement_name"] for offer in row["agreements"]}
    if named in offered:
        return None
    listed = ", ".join(f"{key} ({name})" for key, name in offered.items())
    return f"it needs one of the agreements {listed}", "Name it with --agreement ROW=AGREEMENT."


def _approval(row: Mapping[str, Any], choice: Choice) -> Approval:
    agreement_id = row["agreement_id"]
    if agreement_id is None:
        agreement_id = choice.agreements.get(row["row_id"])
    overridden = tuple(name for name in choice.overrides if name in tripped(row))
    return Approval(row, agreement_id, " ".join(choice.reason.split()), overridden)
