"""What people do in ConnectWise between a preview and its push, row by row, and what the push must say.

What belongs here: the tables of drifts. What does not: pushing them (test_drift.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from seatsync_pipeline.sandbox.additions import create, patch
from seatsync_pipeline.sources.base import Source
from tests.push.place import Place

DUO, DUO_LEGACY, AV_PROTECT, AV_ADVANCED, AV_COMPLETE, AV_ARCHIVE = 701, 702, 703, 704, 705, 706
CHANGED = "changed in ConnectWise since the preview"
APPLIED = "already applied"
MOVED = "billing period moved"
DONE = {"update": "updated", "create": "created", "cancel": "cancelled"}

Act = Callable[[Place], None]


@dataclass(frozen=True)
class Drift:
    """One approved row, what somebody does to it, and the words its report must have. No words: it goes through."""

    action: str
    company: str
    act: Act
    words: tuple[str, ...] = ()
    product: str | None = None
    agreement: int | None = None


def edit(addition: int, **fields: Any) -> Act:
    """Somebody edits an addition, as ConnectWise's own window does."""

    def act(place: Place) -> None:
        state = place.connectwise.state
        record = state.additions[addition]
        body = [{"op": "replace", "path": name, "value": value} for name, value in fields.items()]
        patch(state, state.agreements[record["agreementId"]], record, json.dumps(body).encode())

    return act


def overwrite(addition: int, **fields: Any) -> Act:
    """A change that ConnectWise's rules of writing would refuse, or that it makes by itself."""
    return lambda place: place.additions[addition].update(fields)


def gone(addition: int) -> Act:
    def act(place: Place) -> None:
        del place.additions[addition]

    return act


def add(agreement: int, product: int, quantity: float, **fields: Any) -> Act:
    """Somebody adds an addition."""

    def act(place: Place) -> None:
        body = {"product": {"id": product}, "quantity": quantity, "billCustomer": "Billable"}
        state = place.connectwise.state
        create(state, state.agreements[agreement], json.dumps(body | fields).encode())

    return act


def agreement(key: int, **fields: Any) -> Act:
    return lambda place: place.agreements[key].update(fields)


def product(key: int, **fields: Any) -> Act:
    return lambda place: place.connectwise.state.catalog[key].update(fields)


def nothing(_: Place) -> None:
    """Nobody touches it."""


def midnight(text: str) -> str:
    return f"{text}T00:00:00Z"


ELSEWHERE = {"id": 238, "identifier": "MapleW", "name": "Maple Street West"}

DUO_DRIFTS = {
    "untouched": Drift("update", "Pinecrest Veterinary Clinic", nothing),
    "quantity": Drift(
        "update", "Alderpoint Dental", edit(5001, quantity=40), (CHANGED, "quantity was 38 and is 40")
    ),
    "price": Drift(
        "update", "Copperline Freight", edit(5003, unitPrice=2.5), (CHANGED, "price was 2.4 and is 2.5")
    ),
    "product": Drift(
        "update",
        "Lantern and Quill, LLC",
        edit(5004, product={"id": DUO_LEGACY}),
        (CHANGED, "product was 701 and is 702"),
    ),
    "cancelled date": Drift(
        "update",
        "Ravensbrook Orchards",
        edit(5007, cancelledDate=midnight("2026-12-31")),
        (CHANGED, "cancelled date was none and is 2026-12-31"),
    ),
    "effective date": Drift(
        "update",
        "Harborlight Hospice",
        edit(5009, effectiveDate=midnight("2023-03-01")),
        (CHANGED, "effective date was 2023-02-01 and is 2023-03-01"),
    ),
    "agreement cancelled": Drift(
        "update",
        "Quarry Road École",
        agreement(1014, cancelledFlag=True, agreementStatus="Cancelled"),
        (CHANGED, "was active and is cancelled"),
    ),
    "agreement moved": Drift(
        "update",
        "Windmere Property Partners",
        agreement(1025, company=ELSEWHERE),
        (CHANGED, "the agreement's company was 222 and is 238"),
    ),
    "second addition on the line": Drift(
        "update",
        "Stonewick Manufacturing",
        add(1051, DUO, 7),
        (CHANGED, "additions of this line was 5016 and is 5016, 51"),
    ),
    "lessIncluded": Drift(
        "update",
        "Halcyon Bend Physiotherapy",
        edit(5019, lessIncluded=12),
        (CHANGED, "less included was 10 and is 12"),
    ),
    "billCustomer": Drift(
        "update",
        "Larkspur Credit Union",
        edit(5017, billCustomer="NoCharge"),
        (CHANGED, "bill customer was Billable and is NoCharge"),
    ),
    "already at target": Drift(
        "update", "Foxglove Hollow Events", edit(5020, quantity=22), (APPLIED, "its quantity is 22")
    ),
    "create untouched": Drift("create", "Juniper Hollow School", nothing),
    "the product added on the other agreement": Drift(
        "create",
        "Marigold Senior Living",
        add(1019, DUO, 5),
        (CHANGED, "additions of this line was none and is 51"),
        agreement=1018,
    ),
    "the same addition made by hand": Drift(
        "create",
        "Kestrel Bay Marina",
        add(1017, DUO, 23, effectiveDate=midnight("2027-05-17")),
        (APPLIED, "bills 23"),
    ),
    "cancel: quantity": Drift(
        "cancel", "Wrenfield Nursery", edit(5023, quantity=10), (CHANGED, "quantity was 11 and is 10")
    ),
    "cancel: the addition is gone": Drift(
        "cancel",
        "Ashgrove Optometry",
        gone(5024),
        (CHANGED, "addition 5024 is not there any more"),
    ),
}

AVANAN_DRIFTS = {
    "untouched": Drift("update", "Bluestem Veterinary Clinic", nothing),
    "agreement ended": Drift(
        "update",
        "Fernbank Architects",
        agreement(1012, endDate=midnight("2026-11-19")),
        (CHANGED, "was active and ended on 2026-11-19"),
    ),
    "addition moved to another agreement": Drift(
        "update",
        "Harborlight Hospice",
        overwrite(5055, agreementId=1050),
        (CHANGED, "addition 5055 is not there any more"),
    ),
    "agreement type left the filter": Drift(
        "update",
        "Northern Allies Co-op",
        agreement(1041, type={"id": 4, "name": "Legacy Support"}),
        (CHANGED, "was in scope and is of type Legacy Support now"),
    ),
    "catalog price": Drift(
        "create",
        "Marigold Senior Living",
        product(AV_COMPLETE, price=5.5),
        (CHANGED, "catalog price was 5.25 and is 5.5"),
        agreement=1019,
    ),
    "product inactive": Drift(
        "create",
        "Wrenfield Nursery",
        product(AV_ARCHIVE, inactiveFlag=True),
        (CHANGED, "AV-ARCHIVE was active and is inactive"),
    ),
    "more of it outside the scope": Drift(
        "create",
        "Ironbark Surveying",
        add(1029, AV_ADVANCED, 3, effectiveDate=midnight("2026-12-01")),
        (CHANGED, "additions on other agreements was 5051 and is 5051, 51"),
    ),
    "create: the agreement's type left the filter": Drift(
        "create",
        "Kestrel Bay Marina",
        agreement(1017, type={"id": 3, "name": "Lease"}),
        (CHANGED, "was in scope and is of type Lease"),
    ),
    "pair: the new line is there already": Drift(
        "create",
        "Tidewater Charter School",
        add(1032, AV_ADVANCED, 55),
        (APPLIED, "bills 55"),
        product="AV-ADVANCED",
    ),
    "pair: so the old one may go": Drift("cancel", "Tidewater Charter School", nothing, product="AV-PROTECT"),
    "next invoice date moved": Drift(
        "cancel",
        "Windmere Property Partners",
        agreement(1025, nextInvoiceDate=midnight("2027-01-01")),
        (MOVED, "the last billed day was 2026-11-30 and would be 2026-12-31 now"),
    ),
    "cancelled already": Drift(
        "cancel",
        "Brambleton Law",
        edit(5058, cancelledDate=midnight("2026-11-20")),
        (APPLIED, "its cancelled date is 2026-11-20"),
    ),
}

MONTH_TURNED = {
    "an update does not depend on the day": Drift("update", "Alderpoint Dental", nothing),
    "a create would be billed from another month": Drift(
        "create", "Juniper Hollow School", nothing, (MOVED, "planned for 2026-11, and it is 2026-12 now")
    ),
    "a cancel whose last billed day is ahead": Drift("cancel", "Wrenfield Nursery", nothing),
    "a cancel whose last billed day is past": Drift(
        "cancel", "Ashgrove Optometry", nothing, (MOVED, "the last billed day 2026-11-30 is past")
    ),
}


PUSHES: dict[str, tuple[Source, dict[str, Drift], date | None]] = {
    "duo": ("duo", DUO_DRIFTS, None),
    "avanan": ("avanan", AVANAN_DRIFTS, None),
    "month turned": ("duo", MONTH_TURNED, date(2026, 12, 1)),
}
