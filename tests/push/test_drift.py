"""Between preview and push ConnectWise moves on: what changed is skipped with both values, the rest goes through.

Each push below meets a dozen rows, each of which somebody has changed in another way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from seatsync_pipeline.sandbox.additions import create, patch
from seatsync_pipeline.sources.base import Source
from tests.push.place import Place, Stock, counts, place_in

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
_CELLS = [
    pytest.param(name, drift, id=f"{name}: {drift}")
    for name, (_, drifts, _) in PUSHES.items()
    for drift in drifts
]


@dataclass
class Pushed:
    """A rehearsal and then a push of drifted rows: by drift, what they said and whether it was written."""

    said: dict[str, dict[str, Any]]
    rehearsed: dict[str, str | None]
    written: dict[str, bool]
    counts: dict[str, int]


@pytest.fixture(scope="module")
def pushes(stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pushed]:
    made = {}
    for name, (source, drifts, today) in PUSHES.items():
        with pytest.MonkeyPatch.context() as env:
            place = place_in(stock, tmp_path_factory.mktemp("drift"), env)
            made[name] = _push_drifted(place, source, drifts, today)
    return made


def _push_drifted(place: Place, source: Source, drifts: dict[str, Drift], today: date | None) -> Pushed:
    rows = {
        name: place.row(drift.action, drift.company, source=source, product=drift.product)
        for name, drift in drifts.items()
    }
    chosen = {rows[name]["company_id"]: drift.agreement for name, drift in drifts.items() if drift.agreement}
    selection = place.approve(*rows.values(), agreements=chosen)
    for drift in drifts.values():
        drift.act(place)
    with place.opened(today=today) as push:
        rehearsed = {change.row_id: why for change, why in push.rehearse(selection).rows}
    assert not place.writes()
    report = place.push(selection, today=today)
    said = {item["row_id"]: item for item in report["items"]}
    return Pushed(
        {name: said[row["row_id"]] for name, row in rows.items()},
        {name: rehearsed[row["row_id"]] for name, row in rows.items()},
        {name: _was_written(place, said[row["row_id"]]) for name, row in rows.items()},
        counts(report),
    )


def _was_written(place: Place, item: dict[str, Any]) -> bool:
    path = f"agreements/{item['agreement_id']}/additions"
    if item["action"] != "create":
        path += f"/{item['addition_id']}"
    return any(write.path.endswith(f"/finance/{path}") for write in place.writes())


@pytest.mark.parametrize(("name", "drift"), _CELLS)
def test_a_row_that_has_drifted_is_skipped_and_says_both_values(
    pushes: dict[str, Pushed], name: str, drift: str
) -> None:
    pushed, expected = pushes[name], PUSHES[name][1][drift]
    said = pushed.said[drift]
    if expected.words:
        assert said["outcome"] == "skipped"
        assert [word for word in expected.words if word not in said["reason"]] == [], said["reason"]
        assert said["reason"] == pushed.rehearsed[drift]
    else:
        assert said["outcome"] == DONE[expected.action], said["reason"]
        assert pushed.rehearsed[drift] is None
    assert pushed.written[drift] == (not expected.words)


@pytest.mark.parametrize("name", PUSHES)
def test_the_counts_are_those_of_the_rows(pushes: dict[str, Pushed], name: str) -> None:
    expected = Counter("skipped" if drift.words else DONE[drift.action] for drift in PUSHES[name][1].values())
    assert pushes[name].counts == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": None}, "catalog price was 3 and is none"),
        ({"productClass": "Bundle"}, "DUO-MFA is a bundle now"),
        (None, "DUO-MFA is not in the catalog any more"),
    ],
)
def test_a_create_needs_the_product_as_it_was(
    place: Place, change: dict[str, Any] | None, words: str
) -> None:
    selection = place.approve(place.row("create", "Juniper Hollow School"))
    catalog = place.connectwise.state.catalog
    if change is None:
        del catalog[DUO]
    else:
        catalog[DUO].update(change)
    (item,) = place.push(selection)["items"]
    assert (item["outcome"], place.writes()) == ("skipped", [])
    assert words in item["reason"]


def test_a_child_agreement_of_another_company_is_no_matter_of_this_one(place: Place) -> None:
    """A parent agreement lists the additions of its children, whosever they are."""
    selection = place.approve(place.row("update", "Stonewick Manufacturing"))
    place.agreements[1051].update(company=ELSEWHERE)
    assert counts(place.push(selection)) == {"updated": 1}


def test_a_product_that_is_told_by_its_id_alone_is_compared_too(place: Place) -> None:
    selection = place.approve(place.row("update", "Alderpoint Dental"))
    place.connectwise.faults.add(
        "rewrite", "*/additions/5001", "GET", change=lambda record: record | {"product": {"id": DUO_LEGACY}}
    )
    (item,) = place.push(selection)["items"]
    assert item["outcome"] == "skipped"
    assert "product was 701 and is 702" in item["reason"]
