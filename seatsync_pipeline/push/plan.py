"""What is to be done: the approved changes, as values that can be stored and read back.

A change holds everything its approval is bound to, so that a resumed operation needs neither the preview nor
the selection file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.reconcile.rows import Action

# The order of work: nothing is created before what exists is right, nothing cancelled before its successor is.
ORDER = (Action.UPDATE, Action.CREATE, Action.CANCEL)


@dataclass(frozen=True)
class Change:
    """One approved row.

    `before` and `after` are quantities (`before` None for a create). `effective_date` and `cancelled_date` are
    those of the addition when it was approved. `line_additions` are all additions the line had then, and
    `elsewhere` those outside the scope: another one since then means that somebody has acted.
    `after_row_id`: the row that has to succeed first (the create of a pair).
    """

    row_id: str
    action: Action
    company_id: int
    company_name: str
    agreement_id: int
    addition_id: int | None
    product_id: int
    product_identifier: str
    before: Decimal | None
    after: Decimal
    unit_price: Decimal | None
    amount_delta: Decimal | None
    planned_date: date | None
    effective_date: date | None
    cancelled_date: date | None
    line_additions: tuple[int, ...]
    elsewhere: tuple[int, ...]
    after_row_id: str | None
    reason: str | None

    def to_json(self) -> str:
        return exact_json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Change:
        values: dict[str, Any] = exact_json.loads(text)
        for name in ("before", "after", "unit_price", "amount_delta"):
            values[name] = None if values[name] is None else Decimal(values[name])
        for name in ("planned_date", "effective_date", "cancelled_date"):
            values[name] = None if values[name] is None else date.fromisoformat(values[name])
        for name in ("line_additions", "elsewhere"):
            values[name] = tuple(values[name])
        values["action"] = Action(values["action"])
        return cls(**{field.name: values[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Plan:
    """A selection that has passed the gate. `digest` identifies its content, whatever file carries it."""

    operation_id: str
    digest: str
    source: str
    preview_id: str
    approved_by: str
    agreement_types: frozenset[str]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Summary:
    """What a plan amounts to: rows, seats and money per billing cycle, and its decreases."""

    updates: int
    creates: int
    cancels: int
    decreases: int
    seats_up: Decimal
    seats_down: Decimal
    amount_up: Decimal
    amount_down: Decimal

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        plain = exact_json.plain
        return (
            f"{self.updates} updates, {self.creates} creates, {self.cancels} cancels; {self.decreases} of them "
            f"decreases. Seats +{plain(self.seats_up)} -{plain(self.seats_down)}; per billing cycle "
            f"+{self.amount_up:.2f} -{self.amount_down:.2f}."
        )


def summarise(changes: tuple[Change, ...]) -> Summary:
    """Count a plan. A change without a known price counts 0 money."""
    zero = Decimal(0)
    seats = [change.after - (change.before or zero) for change in changes]
    amounts = [change.amount_delta or zero for change in changes]
    count = {action: sum(1 for c in changes if c.action is action) for action in ORDER}
    return Summary(
        updates=count[Action.UPDATE],
        creates=count[Action.CREATE],
        cancels=count[Action.CANCEL],
        decreases=sum(1 for change in seats if change < 0),
        seats_up=sum((s for s in seats if s > 0), zero),
        seats_down=-sum((s for s in seats if s < 0), zero),
        amount_up=sum((a for a in amounts if a > 0), zero),
        amount_down=-sum((a for a in amounts if a < 0), zero),
    )


def in_order(changes: Mapping[str, Change], positions: Mapping[str, int]) -> tuple[Change, ...]:
    """Updates, creates, cancels; each in the preview's order."""
    return tuple(
        sorted(changes.values(), key=lambda c: (ORDER.index(c.action), positions[c.row_id], c.row_id))
    )
