"""Control totals: everything that came in went somewhere, exactly once.

Counted from both ends, never from one: the left side from the inputs, the right side from the finished rows
and buckets. A preview whose sides differ cannot be approved.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.placement import NoRow, Placement
from seatsync_pipeline.reconcile.rows import Flag, Row, Status
from seatsync_pipeline.sources.base import State

_ZERO = Decimal(0)


@dataclass(frozen=True)
class Balance:
    """What came in, and where it is. `parts` are the rows and the named buckets beside them."""

    came_in: Decimal
    parts: dict[str, Decimal]

    @property
    def adds_up(self) -> bool:
        return self.came_in == sum(self.parts.values(), _ZERO)

    def as_dict(self) -> dict[str, Any]:
        return {"in": self.came_in, **self.parts}


@dataclass(frozen=True)
class Totals:
    """The balances of a preview, how many reads failed, and what each status amounts to.

    `renamed`: accounts linked as not billed that had another name then, by name with that decision. They have no row
    to be flagged, and may be a client by now.
    """

    observations: Balance
    seats: Balance
    additions: Balance
    failed: int
    by_status: dict[str, dict[str, Decimal]]
    twice: tuple[str, ...]  # what occurs in more than one row, although the sums agree
    renamed: dict[str, str]

    @property
    def adds_up(self) -> bool:
        balances = (self.observations, self.seats, self.additions)
        return not self.twice and all(balance.adds_up for balance in balances)

    def as_dict(self) -> dict[str, Any]:
        return {
            "adds_up": self.adds_up,
            "observations": self.observations.as_dict(),
            "seats": self.seats.as_dict(),
            "additions": self.additions.as_dict(),
            "failed": self.failed,
            "twice": list(self.twice),
            "renamed": self.renamed,
            "by_status": self.by_status,
        }


def control_totals(
    inputs: Inputs, placement: Placement, book: Book, rows: Sequence[Row], not_checked: int
) -> Totals:
    """Balance observations, seats and additions; a failed observation has no seats and counts 0 of them."""
    by_status = _by_status(rows)
    buckets = {bucket: [p for b, p in placement.no_row if b is bucket] for bucket in NoRow}
    return Totals(
        observations=Balance(
            Decimal(len(inputs.observations)),
            {"rows": Decimal(sum([len(row.accounts) for row in rows]))}
            | {b.value: Decimal(len(p)) for b, p in buckets.items()},
        ),
        seats=Balance(
            sum([o.seats or _ZERO for o in inputs.observations], _ZERO),
            {"rows": sum([own["seats"] for own in by_status.values()], _ZERO)}
            | {
                b.value: sum((p.observation.seats or _ZERO for p in placed), _ZERO)
                for b, placed in buckets.items()
            },
        ),
        additions=Balance(
            Decimal(sum([len(line.additions) for _, line in book.lines(inputs.setup.products)])),
            {
                "rows": Decimal(sum([len(row.billing.additions) for row in rows])),
                "not_checked": Decimal(not_checked),
            },
        ),
        failed=sum(1 for o in inputs.observations if o.state is State.FAILED),
        by_status=by_status,
        twice=_twice(rows),
        renamed={
            f"{placed.observation.account_name} [{placed.observation.account_key}]": placed.match.why
            for placed in buckets[NoRow.NOT_BILLED]
            if Flag.ACCOUNT_RENAMED in placed.match.flags
        },
    )


def _by_status(rows: Sequence[Row]) -> dict[str, dict[str, Decimal]]:
    by_status: dict[Status, list[Row]] = defaultdict(list)
    for row in rows:
        by_status[row.status].append(row)
    return {
        status.value: {
            "rows": Decimal(len(own)),
            "seats": sum([s.seats or _ZERO for row in own for s in row.accounts], _ZERO),
            "delta": sum([row.delta or _ZERO for row in own], _ZERO),
            "amount_delta": sum([row.amount_delta or _ZERO for row in own], _ZERO),
        }
        for status in Status
        if (own := by_status.get(status))
    }


def _twice(rows: Sequence[Row]) -> tuple[str, ...]:
    """An observation or addition in two rows can hide another one in none: the sums alone would agree."""
    found: list[str | tuple[str, str] | int] = []
    for row in rows:
        found.append(row.row_id)
        found += [(share.account_key, share.license) for share in row.accounts]
        found += [addition.addition_id for addition in row.billing.additions]
    if len(set(found)) == len(found):
        return ()
    return tuple(_named(thing) for thing, times in Counter(found).items() if times > 1)


def _named(thing: str | tuple[str, str] | int) -> str:
    match thing:
        case int():
            return f"addition {thing}"
        case str():
            return thing
        case account_key, license_name:
            return f"{account_key}, {license_name}"
