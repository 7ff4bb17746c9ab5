"""What is blocked, grouped by its cause, and what would unblock it: as a command and as a job in the UI.

A license or a product is a group of its own, since one act resolves all its rows; other causes list whom they concern.
A proof of concept is not billed by rule, so it is not counted as blocked. Every other blocked row is in exactly one
group.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from seatsync_pipeline.reconcile.review.row_words import (
    PreviewRow,
    account_keys,
    licenses,
    number,
    seats_behind,
    what,
    who,
)
from seatsync_pipeline.reconcile.rows import Flag, Guard, Status
from seatsync_pipeline.sources.base import Source

NO_AGREEMENT = "no agreement in scope"
OTHER = "other"
_NAMED = 3  # of those a group concerns
_READ_AGAIN = {
    "duo": ("seatsync pull duo", "duo_pull"),
    "avanan": ("seatsync import avanan FILE", "avanan_import"),
}
_PRODUCT_FLAGS = (Flag.PRODUCT_BUNDLE, Flag.PRODUCT_GONE, Flag.PRODUCT_INACTIVE)
_ACCOUNT_FLAGS = (Flag.COMPANY_GONE, Flag.SECOND_ACCOUNT)


@dataclass(frozen=True)
class Blocker:
    """One cause and the rows it blocks.

    `about` is the license or product, or the first names and how many more. `seats` are those behind the rows;
    `amount_delta` is what they would change per billing cycle, without the `unpriced` rows, whose money nobody
    knows yet. `next_step` is a sentence; `command` a shell line, whose words in capitals are to be filled in; `job`
    the Dagster job that does the same.
    """

    cause: str
    about: str
    rows: int
    seats: Decimal
    amount_delta: Decimal
    unpriced: int
    next_step: str
    command: str
    job: str
    row_ids: tuple[str, ...]


class _Remedy(NamedTuple):
    """`argument`: the word in capitals that is filled in where all rows of a group have the same."""

    next_step: str
    command: str
    job: str
    argument: str = ""


_LINK = ("seatsync link {source} ACCOUNT COMPANY", "link_company", "ACCOUNT")
_MAP = ("seatsync map {source} LICENSE PRODUCT", "map_license", "LICENSE")
_SCAN = ("seatsync scan", "connectwise_scan")
_APPROVE = (
    "seatsync approve {source} --preview {preview_id} --by NAME --row ROW"
    " --override {guard} --reason TEXT -o FILE"
)

_REMEDIES: dict[str, _Remedy] = {
    Status.LICENSE_UNMAPPED: _Remedy("Say which product the license is billed as, or --no-charge.", *_MAP),
    Status.UNMATCHED: _Remedy("Say which company the account belongs to, or --not-billed.", *_LINK),
    Status.AMBIGUOUS: _Remedy("Say which of the candidates the account belongs to, or --not-billed.", *_LINK),
    Flag.COMPANY_GONE: _Remedy("Link the account to the company that took over the linked one.", *_LINK),
    Flag.SECOND_ACCOUNT: _Remedy(
        "Say whether this second account is the same client's, or --not-billed.", *_LINK
    ),
    Flag.POSSIBLE_RENAME: _Remedy(
        "Resolve the account that the row's reason names: link it, or map its license.", *_LINK[:2]
    ),
    Status.SOURCE_ERROR: _Remedy(
        "Find why the source could not be read; then read it again.", "{again}", "{job}"
    ),
    Status.MULTIPLE_ADDITIONS: _Remedy(
        "Cancel all but one of the additions in ConnectWise; then scan.", *_SCAN
    ),
    NO_AGREEMENT: _Remedy(
        "Begin an agreement in ConnectWise and scan, or widen the agreement types.", *_SCAN
    ),
    Flag.PRODUCT_BUNDLE: _Remedy("Map the license to the product inside the bundle.", *_MAP),
    Flag.PRODUCT_GONE: _Remedy("Map the license to a product that the catalog has.", *_MAP),
    Flag.PRODUCT_INACTIVE: _Remedy(
        "Activate the product and scan, or map the license to another one.", *_MAP
    ),
    Guard.ORPHAN_SHARE: _Remedy(
        "Look at the rows; if they are right, override the guard by name, with a reason.",
        _APPROVE,
        "approve_preview",
    ),
    OTHER: _Remedy(
        "Read the rules behind the row.", "seatsync why {source} ROW", "reconcile_{source}", "ROW"
    ),
}


def blockers(preview_id: str, source: Source, rows: Sequence[PreviewRow]) -> tuple[Blocker, ...]:
    """The causes of a preview's blocked rows: most seats first."""
    groups: dict[tuple[str, str], list[PreviewRow]] = defaultdict(list)
    for row in rows:
        if row["blocked"] and row["status"] != Status.SKIPPED:
            cause = _cause(row)
            groups[cause, _subject(cause, row)].append(row)
    again, job = _READ_AGAIN[source]
    words = {"source": source, "preview_id": preview_id, "again": again, "job": job}
    found = [_blocker(cause, subject, members, words) for (cause, subject), members in groups.items()]
    return tuple(sorted(found, key=lambda blocker: (-blocker.seats, blocker.cause, blocker.about)))


def _cause(row: PreviewRow) -> str:
    """The one thing to resolve first."""
    flags = {*row["flags"]}
    status = Status(row["status"])
    creates = status is Status.NO_ADDITION
    guards = {guard["guard"] for guard in row["guards"]}
    rules: list[tuple[str, bool]] = [
        *(
            (flag, flag in flags and status in {Status.UNMATCHED, Status.AMBIGUOUS})
            for flag in _ACCOUNT_FLAGS
        ),
        *((flag, flag in flags and (creates or status is Status.READY)) for flag in _PRODUCT_FLAGS),
        (Flag.POSSIBLE_RENAME, Flag.POSSIBLE_RENAME in flags),
        (Guard.ORPHAN_SHARE, Guard.ORPHAN_SHARE in guards),
        (NO_AGREEMENT, creates and row["agreement_id"] is None and not row["agreements"]),
        (status, status in _REMEDIES),
    ]
    return next((cause for cause, holds in rules if holds), OTHER)


def _subject(cause: str, row: PreviewRow) -> str:
    """What one act resolves; empty where each row needs its own."""
    return what(row) if cause == Status.LICENSE_UNMAPPED or cause in set(_PRODUCT_FLAGS) else ""


def _blocker(cause: str, subject: str, rows: Sequence[PreviewRow], words: dict[str, str]) -> Blocker:
    remedy = _REMEDIES[cause]
    amounts = [number(row["amount_delta"]) for row in rows]
    known = [amount for amount in amounts if amount is not None]
    command = remedy.command.format(**words, guard=shlex.quote(cause))
    argument = {value for row in rows for value in _arguments(remedy.argument, row)}
    if len(argument) == 1:
        command = command.replace(f" {remedy.argument}", f" {shlex.quote(*argument)}", 1)
    return Blocker(
        cause=str(cause),
        about=subject or _listed(who(row) for row in rows),
        rows=len(rows),
        seats=sum((seats_behind(row) for row in rows), Decimal(0)),
        amount_delta=sum(known, Decimal(0)),
        unpriced=len(amounts) - len(known),
        next_step=remedy.next_step,
        command=command,
        job=remedy.job.format(**words),
        row_ids=tuple(row["row_id"] for row in rows),
    )


def _arguments(name: str, row: PreviewRow) -> tuple[str, ...]:
    match name:
        case "ACCOUNT":
            return account_keys(row)
        case "LICENSE":
            return licenses(row)
        case "ROW":
            return (row["row_id"],)
    return ()


def _listed(names: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - _NAMED
    return ", ".join(distinct[:_NAMED]) + (f" and {more} more" if more > 0 else "")
