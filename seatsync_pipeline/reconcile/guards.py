"""Guards on single rows: changes that are too large, or too badly founded, to be selected without a word.

A tripped guard keeps a Ready row from being selected by default and asks the operator for a reason. Each
records its name, what it saw and its limit. Thresholds are the arguments of `Limits`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.reconcile.rows import (
    Guard,
    GuardResult,
    Row,
    Status,
    Step,
    seats_text,
)


@dataclass(frozen=True)
class Limits:
    """Shares are fractions of the current quantity; a value exactly at its limit passes."""

    decrease_share: Decimal = Decimal("0.50")
    decrease_seats: Decimal = Decimal(25)
    increase_share: Decimal = Decimal("0.50")
    increase_seats: Decimal = Decimal(10)


def apply_guards(
    rows: Iterable[Row],
    *,
    not_accepted: str | None,
    unresolved: Mapping[int, tuple[str, ...]],
    limits: Limits,
) -> list[Row]:
    """Judge every Ready row. `unresolved`: company id -> names of the accounts that could be its own."""
    return [
        _guarded(row, _tripped(row, not_accepted, unresolved, limits)) if row.status is Status.READY else row
        for row in rows
    ]


def _tripped(
    row: Row, not_accepted: str | None, unresolved: Mapping[int, tuple[str, ...]], limits: Limits
) -> list[GuardResult]:
    old, new = row.current_quantity or Decimal(0), row.new_quantity or Decimal(0)
    change = abs(new - old)
    seen = f"{plain(old)} to {plain(new)}"
    found = []
    if new < old:
        if new == 0:
            found.append(GuardResult(Guard.DECREASE_TO_ZERO, seen, "above 0"))
        elif change > limits.decrease_share * old or change > limits.decrease_seats:
            limit = f"{_percent(limits.decrease_share)} and {seats_text(limits.decrease_seats)}"
            found.append(GuardResult(Guard.LARGE_DECREASE, seen, limit))
        if not_accepted is not None:
            found.append(GuardResult(Guard.UNACCEPTED_DECREASE, not_accepted, "an accepted snapshot"))
        if row.company_id is not None and row.company_id in unresolved:
            names = ", ".join(unresolved[row.company_id])
            found.append(GuardResult(Guard.POSSIBLE_MISSING_ACCOUNT, names, "no unresolved account"))
    elif change > limits.increase_share * old and change > limits.increase_seats:
        limit = f"{_percent(limits.increase_share)} or {seats_text(limits.increase_seats)}"
        found.append(GuardResult(Guard.LARGE_INCREASE, seen, limit))
    return found


def _guarded(row: Row, tripped: list[GuardResult]) -> Row:
    if not tripped:
        return row
    steps = tuple(
        Step(f"guard: {result.guard}", f"{result.observed} (limit: {result.limit})") for result in tripped
    )
    return replace(
        row,
        selected_by_default=False,
        needs_reason=True,
        guards=tuple(tripped),
        trace=(*row.trace, *steps),
    )


def _percent(share: Decimal) -> str:
    return f"{plain(share * 100)} %"
