"""What is to be done: the approved changes, as values that can be stored and read back.

A change holds everything its approval is bound to, so that a resumed operation needs neither the preview nor
the selection file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

    `before` and `after` are quantities (`before` None for a create). `effective_date`, `cancelled_date`,
    `less_included` and `bill_customer` are those of the addition when it was approved, `billing_cycle` its
    agreement's. `line_additions` are all
    additions the line had then, and `elsewhere` those outside the scope: another one since then means that
    somebody has acted.
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
    overrides: tuple[str, ...] = ()
    less_included: Decimal | None = None
    bill_customer: str | None = None
    billing_cycle: str | None = None

    def to_json(self) -> str:
        return exact_json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Change:
        values: dict[str, Any] = exact_json.loads(text)
        for name in ("before", "after", "unit_price", "amount_delta", "less_included"):
            values[name] = None if values[name] is None else Decimal(values[name])
        for name in ("planned_date", "effective_date", "cancelled_date"):
            values[name] = None if values[name] is None else date.fromisoformat(values[name])
        for name in ("line_additions", "elsewhere", "overrides"):
            values[name] = tuple(values[name])
        values["action"] = Action(values["action"])
        # An operation that an older SeatSync began knows less of its rows.
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})


@dataclass(frozen=True)
class Plan:
    """A selection that has passed the gate. `digest` identifies its content, whatever file carries it."""

    operation_id: str
    digest: str
    source: str
    preview_id: str
    snapshot_id: str
    approved_by: str
    agreement_types: frozenset[str]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Summary:
    """What a plan amounts to: rows, seats and money per billing cycle, its decreases, and rows of unknown money."""

    updates: int
    creates: int
    cancels: int
    decreases: int
    seats_up: Decimal
    seats_down: Decimal
    amount_up: Decimal
    amount_down: Decimal
    unpriced: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        return sentence(self.as_dict())


def sentence(summary: Mapping[str, Any]) -> str:
    """A summary in words; also one that was read back from JSON."""
    seats = {name: exact_json.plain(Decimal(summary[name])) for name in ("seats_up", "seats_down")}
    amounts = {name: Decimal(summary[name]) for name in ("amount_up", "amount_down")}
    return (
        f"{', '.join(_counted(int(summary[f'{action}s']), action) for action in ORDER)}; "
        f"{summary['decreases']} of them decreases. Seats +{seats['seats_up']} -{seats['seats_down']}; "
        f"per billing cycle +{amounts['amount_up']:.2f} -{amounts['amount_down']:.2f}"
        f"{_beside(int(summary['unpriced']))}."
    )


def _beside(unpriced: int) -> str:
    return f", and {_counted(unpriced, 'row')} whose price nobody knows" if unpriced else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def summarise(changes: Iterable[Change]) -> Summary:
    """Count a plan."""
    return _summary([(c.action, c.after - (c.before or Decimal(0)), c.amount_delta) for c in changes])


def summarise_rows(rows: Iterable[Mapping[str, Any]]) -> Summary:
    """Count rows of a preview as if they were pushed."""
    return _summary([(Action(row["action"]), row["delta"], row["amount_delta"]) for row in rows])


def _summary(moves: list[tuple[Action, Decimal, Decimal | None]]) -> Summary:
    """Of (action, change of seats, change of money); money that is unknown is not 0, and told apart."""
    zero = Decimal(0)
    seats = [seats for _, seats, _ in moves]
    amounts = [amount or zero for _, _, amount in moves]
    count = {action: sum(1 for a, _, _ in moves if a is action) for action in ORDER}
    return Summary(
        updates=count[Action.UPDATE],
        creates=count[Action.CREATE],
        cancels=count[Action.CANCEL],
        decreases=sum(1 for change in seats if change < 0),
        seats_up=sum((s for s in seats if s > 0), zero),
        seats_down=-sum((s for s in seats if s < 0), zero),
        amount_up=sum((a for a in amounts if a > 0), zero),
        amount_down=-sum((a for a in amounts if a < 0), zero),
        unpriced=sum(1 for _, _, amount in moves if amount is None),
    )


def in_order(changes: Mapping[str, Change], positions: Mapping[str, int]) -> tuple[Change, ...]:
    """Updates, creates, cancels; each in the preview's order."""
    return tuple(
        sorted(changes.values(), key=lambda c: (ORDER.index(c.action), positions[c.row_id], c.row_id))
    )
