"""Drift and top changes: sums of what a preview proposes, worked out by hand and held against the rows."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.review import Moves, drift, top_changes
from seatsync_pipeline.reconcile.rows import Action, Status
from tests.reconcile.review.conftest import public_rows
from tests.reconcile.worlds import ACME, addition, agreement, linked, seen, world, worlds

CLIENTS = world(
    [seen(12, "A1"), seen(4, "A2"), seen(5, "A3"), seen(6, "A5"), seen(7, "A6")],
    [
        addition(10, 1001, 101),  # +2 x 3.5
        addition(10, 1002, 102),  # -6 x 3.5, a large decrease
        addition(8, 1004, 104),  # orphaned: -8 x 3.5
        addition(4, 1006, 106, unit_price=None),  # +3 at a price nobody knows
    ],
    agreements=[
        agreement(100 + n, company_id=n) for n in (1, 2, 3, 4, 6)
    ],  # 5 has none: its create is blocked
    companies=[ACME, *(Company(n, f"c{n}", f"Client {n}") for n in range(2, 7))],
    links=linked("A1", 1) | linked("A2", 2) | linked("A3", 3) | linked("A5", 5) | linked("A6", 6),
)


def test_every_move_is_counted_once_and_by_its_action() -> None:
    found = drift(public_rows(CLIENTS))
    assert found.by_status == {Status.READY: 3, Status.NO_ADDITION: 2, Status.ORPHANED: 1}
    assert found.by_action == {
        Action.UPDATE: Moves(3, 0, Decimal(5), Decimal(6), Decimal(7), Decimal(21), 1),
        Action.CREATE: Moves(2, 1, Decimal(11), Decimal(0), Decimal("38.5"), Decimal(0), 0),
        Action.CANCEL: Moves(1, 0, Decimal(0), Decimal(8), Decimal(0), Decimal(28), 0),
    }
    assert found.total == Moves(6, 1, Decimal(16), Decimal(14), Decimal("45.5"), Decimal(49), 1)
    assert found.billed_seats == 32
    assert found.share == Decimal(30) / Decimal(32)


def test_nothing_billed_has_no_share() -> None:
    found = drift(public_rows(world([seen(12)])))
    assert (found.billed_seats, found.share, found.total.seats_up) == (Decimal(0), None, Decimal(12))


def test_the_top_changes_are_those_of_most_money_either_way() -> None:
    rows = public_rows(CLIENTS)
    assert [change.amount_delta for change in top_changes(rows)] == [
        Decimal(amount) for amount in ("-28", "-21", "21", "17.5", "7")
    ]
    first, second = top_changes(rows, 2)
    assert (first.who, first.what, first.action, first.delta) == (
        "Client 4",
        "MFA-SEAT",
        Action.CANCEL,
        Decimal(-8),
    )
    assert (second.who, second.status, second.blocked) == ("Client 2", Status.READY, False)
    assert {c.who for c in top_changes(rows) if c.blocked} == {"Client 5"}


@given(worlds())
@settings(max_examples=100)
def test_up_less_down_is_the_change_of_all_rows(inputs: Inputs) -> None:
    rows = public_rows(inputs)
    found = drift(rows)
    acting = [row for row in rows if row["action"] != "none"]
    assert sum(found.by_status.values()) == len(rows)
    assert found.total.rows == sum(moves.rows for moves in found.by_action.values()) == len(acting)
    assert found.total.seats_up - found.total.seats_down == sum(row["delta"] for row in acting)
    assert found.total.amount_up - found.total.amount_down == sum(row["amount_delta"] or 0 for row in acting)
    assert found.billed_seats == sum(a["quantity"] for row in rows for a in row["additions"])
    amounts = [abs(change.amount_delta) for change in top_changes(rows, 3)]
    assert (
        amounts
        == sorted((abs(row["amount_delta"]) for row in acting if row["amount_delta"]), reverse=True)[:3]
    )
