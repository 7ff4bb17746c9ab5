"""What pushing a preview would change: in total, and its largest single changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from seatsync_pipeline.reconcile.review.row_words import PreviewRow, number, what, who
from seatsync_pipeline.reconcile.rows import Action, Status

TOP = 10
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Moves:
    """The rows of one action. Seats and money up and down are both positive; money is per billing cycle.

    `blocked` of the rows cannot be pushed as they are, and count all the same. `unpriced` rows have an unknown
    amount, which the sums lack.
    """

    rows: int = 0
    blocked: int = 0
    seats_up: Decimal = _ZERO
    seats_down: Decimal = _ZERO
    amount_up: Decimal = _ZERO
    amount_down: Decimal = _ZERO
    unpriced: int = 0


@dataclass(frozen=True)
class Drift:
    """How far ConnectWise is from the source. `billed_seats`: what it bills on the preview's lines today."""

    by_status: dict[Status, int]
    by_action: dict[Action, Moves]
    total: Moves
    billed_seats: Decimal

    @property
    def share(self) -> Decimal | None:
        """Seats up and down as a fraction of the billed ones; None when none are billed."""
        if not self.billed_seats:
            return None
        return (self.total.seats_up + self.total.seats_down) / self.billed_seats


@dataclass(frozen=True)
class TopChange:
    """One row with its change of seats and of money per billing cycle."""

    row_id: str
    status: Status
    action: Action
    who: str
    what: str
    delta: Decimal
    amount_delta: Decimal
    blocked: bool


def drift(rows: Sequence[PreviewRow]) -> Drift:
    """Count a preview's rows by status, and what their actions would change, blocked ones included."""
    statuses = Counter(Status(row["status"]) for row in rows)
    acting = _acting(rows)
    return Drift(
        by_status={status: statuses[status] for status in Status if statuses[status]},
        by_action={
            action: _moves([row for row in acting if row["action"] == action])
            for action in Action
            if action is not Action.NONE
        },
        total=_moves(acting),
        billed_seats=sum((number(row["current_quantity"]) or _ZERO for row in rows), _ZERO),
    )


def top_changes(rows: Iterable[PreviewRow], count: int = TOP) -> tuple[TopChange, ...]:
    """The rows whose action changes most money, largest first; without those that change none or an unknown amount."""
    found = [
        TopChange(
            row_id=row["row_id"],
            status=Status(row["status"]),
            action=Action(row["action"]),
            who=who(row),
            what=what(row),
            delta=number(row["delta"]) or _ZERO,
            amount_delta=amount,
            blocked=bool(row["blocked"]),
        )
        for row in _acting(rows)
        if (amount := number(row["amount_delta"]))
    ]
    found.sort(key=lambda change: (-abs(change.amount_delta), change.row_id))
    return tuple(found[:count])


def _acting(rows: Iterable[PreviewRow]) -> list[PreviewRow]:
    return [row for row in rows if row["action"] != Action.NONE]


def _moves(rows: Sequence[PreviewRow]) -> Moves:
    seats = [number(row["delta"]) or _ZERO for row in rows]
    amounts = [number(row["amount_delta"]) for row in rows]
    known = [amount for amount in amounts if amount is not None]
    return Moves(
        rows=len(rows),
        blocked=sum(bool(row["blocked"]) for row in rows),
        seats_up=sum((s for s in seats if s > 0), _ZERO),
        seats_down=-sum((s for s in seats if s < 0), _ZERO),
        amount_up=sum((a for a in known if a > 0), _ZERO),
        amount_down=-sum((a for a in known if a < 0), _ZERO),
        unpriced=len(amounts) - len(known),
    )
