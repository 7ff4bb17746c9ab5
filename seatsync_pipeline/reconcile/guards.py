"""Guards: changes that are too large, or too badly founded, to be selected without a word.

A tripped guard on a Ready row keeps it from being selected by default and asks for a reason. Too many orphans
are blocked altogether, until the approval overrides that guard by name. Each records its name, what it saw
and its limit. Guards are evaluated when a preview is made, and once more by the gate of the push.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.reconcile.book import LineKey
from seatsync_pipeline.reconcile.rows import (
    Guard,
    GuardResult,
    Row,
    Status,
    Step,
    seats_text,
)
from seatsync_pipeline.settings.guards import DEFAULT_LIMITS, GuardSettings

_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Limits:
    """Percentages are of the current quantity, or of the lines in scope; a value exactly at its limit passes."""

    decrease_percent: Decimal = DEFAULT_LIMITS.max_decrease_percent
    decrease_seats: int = DEFAULT_LIMITS.max_decrease_seats
    increase_percent: Decimal = DEFAULT_LIMITS.max_increase_percent
    increase_seats: int = DEFAULT_LIMITS.max_increase_seats
    orphans_percent: Decimal = DEFAULT_LIMITS.max_orphans_percent
    orphans: int = DEFAULT_LIMITS.max_orphans
    unusual_price_percent: Decimal = DEFAULT_LIMITS.unusual_price_percent

    @classmethod
    def of(cls, settings: GuardSettings) -> Self:
        return cls(
            settings.max_decrease_percent,
            settings.max_decrease_seats,
            settings.max_increase_percent,
            settings.max_increase_seats,
            settings.max_orphans_percent,
            settings.max_orphans,
            settings.unusual_price_percent,
        )


@dataclass(frozen=True)
class Circumstances:
    """What single rows cannot know.

    `not_accepted`: why the snapshot proves no absence. `unresolved`: company id -> names of the accounts that
    could be its own. `contributors`: line -> how the accounts behind it changed. `lines_in_scope`: how many
    lines ConnectWise bills for this source.
    """

    not_accepted: str | None = None
    unresolved: Mapping[int, Sequence[str]] = field(default_factory=dict)
    contributors: Mapping[LineKey, str] = field(default_factory=dict)
    lines_in_scope: int = 0


def apply_guards(rows: Sequence[Row], seen: Circumstances, limits: Limits) -> list[Row]:
    """Judge every Ready row by itself, and all Orphaned rows together."""
    share = orphan_share(_orphaned_lines(rows), seen.lines_in_scope, limits)
    return [_judged(row, seen, share, limits) for row in rows]


def quantity_guards(old: Decimal, new: Decimal, limits: Limits) -> list[GuardResult]:
    """What speaks against changing a quantity of `old` seats to `new`."""
    change, observed = abs(new - old), f"{plain(old)} to {plain(new)}"
    if new < old:
        if new == 0:
            return [GuardResult(Guard.DECREASE_TO_ZERO, observed, "above 0")]
        if change * 100 > limits.decrease_percent * old or change > limits.decrease_seats:
            limit = f"{plain(limits.decrease_percent)} % and {seats_text(Decimal(limits.decrease_seats))}"
            return [GuardResult(Guard.LARGE_DECREASE, observed, limit)]
    elif old < 0:  # a credit, or a slip: seats are not what it stands for
        return [GuardResult(Guard.LARGE_INCREASE, observed, "a quantity of 0 or more before it")]
    elif change * 100 > limits.increase_percent * old and change > limits.increase_seats:
        limit = f"{plain(limits.increase_percent)} % or {seats_text(Decimal(limits.increase_seats))}"
        return [GuardResult(Guard.LARGE_INCREASE, observed, limit)]
    return []


def orphan_share(orphaned: int, in_scope: int, limits: Limits) -> GuardResult | None:
    """The guard on cancelling so many of the lines in scope at once; None while they are few."""
    if orphaned <= limits.orphans or orphaned * 100 <= limits.orphans_percent * in_scope:
        return None
    return GuardResult(
        Guard.ORPHAN_SHARE,
        f"{orphaned} of {in_scope} lines",
        f"{plain(limits.orphans_percent)} % and {limits.orphans}",
    )


def _orphaned_lines(rows: Iterable[Row]) -> int:
    return len({(row.company_id, row.product_id) for row in rows if row.status is Status.ORPHANED})


def _judged(row: Row, seen: Circumstances, share: GuardResult | None, limits: Limits) -> Row:
    if row.status is Status.READY:
        return _guarded(row, _of_ready(row, seen, limits))
    if row.status is Status.ORPHANED and share is not None:
        found = f"blocked, because {share.observed} are orphaned (limit: {share.limit})"
        reason = f"{row.reason.rstrip('.')}; {found}."
        return _guarded(row, [share]).changed(blocked=True, needs_reason=False, reason=reason)
    return row


def _of_ready(row: Row, seen: Circumstances, limits: Limits) -> list[GuardResult]:
    old, new = row.billing.current_quantity or _NOTHING, row.new_quantity or _NOTHING
    found = quantity_guards(old, new, limits)
    if new < old:
        if seen.not_accepted is not None:
            found.append(GuardResult(Guard.UNACCEPTED_DECREASE, seen.not_accepted, "an accepted snapshot"))
        if row.company_id is not None and row.company_id in seen.unresolved:
            names = ", ".join(seen.unresolved[row.company_id])
            found.append(GuardResult(Guard.POSSIBLE_MISSING_ACCOUNT, names, "no unresolved account"))
    if row.company_id is not None and row.product_id is not None:
        changed = seen.contributors.get((row.company_id, row.product_id))
        if changed is not None:
            found.append(
                GuardResult(Guard.ACCOUNTS_CHANGED, changed, "the accounts of the last accepted snapshot")
            )
    return found


def _guarded(row: Row, tripped: Sequence[GuardResult]) -> Row:
    if not tripped:
        return row
    steps = (
        Step(f"guard: {result.guard}", f"{result.observed} (limit: {result.limit})") for result in tripped
    )
    return row.changed(
        selected_by_default=False,
        needs_reason=True,
        guards=tuple(tripped),
        trace=(*row.trace, *steps),
    )
