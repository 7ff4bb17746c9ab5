"""Between preview and push ConnectWise moves on: what changed is skipped with both values, the rest goes through.

Each push below meets a dozen rows, each of which somebody has changed in another way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from seatsync_pipeline.sources.base import Source
from tests.push.drifts import DONE, DUO, DUO_LEGACY, ELSEWHERE, PUSHES, Drift, add, midnight
from tests.push.place import Place, Stock, counts, place_in

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
        rehearsed = {row.change.row_id: row.why for row in push.rehearse(selection).rows}
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


@pytest.mark.parametrize("status", ["Active", "Inactive"])
def test_a_line_added_on_an_agreement_that_is_to_start_stops_a_create(place: Place, status: str) -> None:
    """ConnectWise calls such an agreement Inactive at times; billed twice from next month on is billed twice."""
    selection = place.approve(place.row("create", "Juniper Hollow School"))
    add(1059, DUO, 5, effectiveDate=midnight("2027-01-01"))(place)
    company = place.agreements[1016]["company"]  # the school's
    place.agreements[1059].update(company=company, agreementStatus=status)
    (item,) = place.push(selection)["items"]
    assert (item["outcome"], place.writes()) == ("skipped", [])
    assert "additions on other agreements was none and is 51" in item["reason"]


def test_a_product_that_is_told_by_its_id_alone_is_compared_too(place: Place) -> None:
    selection = place.approve(place.row("update", "Alderpoint Dental"))
    place.connectwise.faults.add(
        "rewrite", "*/additions/5001", "GET", change=lambda record: record | {"product": {"id": DUO_LEGACY}}
    )
    (item,) = place.push(selection)["items"]
    assert item["outcome"] == "skipped"
    assert "product was 701 and is 702" in item["reason"]
