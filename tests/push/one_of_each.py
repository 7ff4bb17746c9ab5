"""The three rows most tests push, a quantity, a new addition and an end: what strikes them, and who else edits them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from seatsync_pipeline.sandbox.additions import create, patch
from tests.push.faulty import Point, write_point
from tests.push.place import Place, Row

# Alderpoint's quantity, a new addition for Juniper Hollow, and the end of Wrenfield's.
PATCHED, POSTED, ENDED = write_point(1001, 5001), write_point(1016), write_point(1034, 5023)
POINTS = {"update": PATCHED, "create": POSTED, "cancel": ENDED}
NEW_ID = 5102
GIVES_UP_AFTER = 2  # attempts of one read, see place.FEW

DONE = {"updated": 1, "created": 1, "cancelled": 1}
QUANTITY = {5001: {"quantity": (38.0, 42.0)}}
CANCELLED = {5023: {"cancelledDate": (None, "2026-12-14T00:00:00Z")}}


def update(place: Place) -> Row:
    return place.row("update", "Alderpoint Dental")


def addition(place: Place) -> Row:
    return place.row("create", "Juniper Hollow School")


def cancel(place: Place) -> Row:
    return place.row("cancel", "Wrenfield Nursery")


ROWS = {"update": update, "create": addition, "cancel": cancel}


def one_of_each(place: Place) -> Path:
    return place.approve(*(row(place) for row in ROWS.values()))


def assert_all_done(place: Place) -> None:
    """Exactly the approved state: two additions changed in one field each, and one new."""
    found = place.changes()
    assert found.changed == QUANTITY | CANCELLED
    assert_one_created(place)
    assert not found.removed


def assert_one_created(place: Place) -> None:
    (made,) = place.changes().created.values()
    assert (made["agreementId"], made["product"]["id"], made["quantity"]) == (1016, 701, 12.0)
    assert (made["unitPrice"], made["unitCost"], made["taxableFlag"]) == (3.0, 1.2, True)
    assert (made["billCustomer"], made["effectiveDate"]) == ("Billable", "2026-11-20T00:00:00Z")
    assert made.get("cancelledDate") is None


def break_at(place: Place, point: Point, kind: str, **options: Any) -> None:
    """Have the sandbox spoil the request at that point."""
    point.add(place.stock.sandbox, kind, **options)


def as_somebody(place: Place, addition_id: int, **values: Any) -> None:
    """Edit an addition as a person does in ConnectWise."""
    state = place.connectwise.state
    record = state.additions[addition_id]
    body = [{"op": "replace", "path": name, "value": value} for name, value in values.items()]
    patch(state, state.agreements[record["agreementId"]], record, json.dumps(body).encode())


def add_by_hand(place: Place, quantity: float, **fields: Any) -> None:
    """Add what the approved create would add, as a person does."""
    state = place.connectwise.state
    body = {"product": {"id": 701}, "quantity": quantity, "billCustomer": "Billable"} | fields
    create(state, state.agreements[1016], json.dumps(body).encode())
