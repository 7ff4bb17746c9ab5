"""What became of a write whose answer was lost: done, not written, or nobody can tell. Pure rules, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from seatsync_pipeline.connectwise.records import Addition
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.records import Intent
from seatsync_pipeline.push.settle import Finding, of_addition, of_create, unchanged_but_for
from tests.push.test_recheck import CANCEL, CREATE, PLANNED, UPDATE
from tests.reconcile.worlds import TODAY, addition

WAS = addition(10, last_updated="2026-11-20T08:00:00Z")
LATER = "2026-11-20T09:00:00Z"
REQUEST: dict[str, Any] = {
    "quantity": 12,
    "effectiveDate": "2026-11-20T00:00:00Z",
    "billCustomer": "Billable",
    "unitPrice": Decimal("3.5"),
}


def intent(live: Addition | None = WAS, **request: Any) -> Intent:
    made_at = datetime(2026, 11, 20, 8, 30)  # noqa: DTZ001  # stored times are naive UTC
    return Intent("row_a", made_at, REQUEST | request, live, frozenset({1000}))


@pytest.mark.parametrize(
    ("change", "live", "finding", "why"),
    [
        (
            UPDATE,
            replace(WAS, quantity=Decimal(12), last_updated=LATER),
            Finding.DONE,
            "ConnectWise had taken it",
        ),
        (CANCEL, replace(WAS, cancelled_date=PLANNED), Finding.DONE, "ConnectWise had taken it"),
        (UPDATE, WAS, Finding.NOT_WRITTEN, "the addition is as it was before"),
        (CANCEL, WAS, Finding.NOT_WRITTEN, "the addition is as it was before"),
        (UPDATE, None, Finding.UNRESOLVED, "addition 1000 is not there any more"),
        (
            UPDATE,
            replace(WAS, quantity=Decimal(15), last_updated=LATER),
            Finding.UNRESOLVED,
            "it was 10, should be 12, and is 15: somebody has edited it, or ConnectWise keeps it otherwise",
        ),
        (
            UPDATE,
            replace(WAS, last_updated=LATER),
            Finding.UNRESOLVED,
            (
                "it was 10, should be 12, and is 10; something else of it was changed meanwhile: "
                "somebody has edited it, or ConnectWise keeps it otherwise"
            ),
        ),
        (
            CANCEL,
            replace(WAS, cancelled_date=TODAY, last_updated=LATER),
            Finding.UNRESOLVED,
            (
                "it was not cancelled, should be cancelled on 2026-11-30, and is cancelled on 2026-11-20: "
                "somebody has edited it, or ConnectWise keeps it otherwise"
            ),
        ),
    ],
)
def test_an_addition_that_was_to_be_changed(
    change: Change, live: Addition | None, finding: Finding, why: str
) -> None:
    found = of_addition(change, intent(), live)
    assert (found.finding, found.why, found.addition) == (finding, why, live)


def test_what_it_was_before_may_be_unknown() -> None:
    found = of_addition(UPDATE, intent(None), replace(WAS, quantity=Decimal(15)))
    assert found.finding is Finding.UNRESOLVED
    assert found.why.startswith("it was unknown, should be 12, and is 15: ")


def made(addition_id: int = 2000, **changes: Any) -> Addition:
    return replace(addition(12, addition_id, effective_date=TODAY), **changes)


def listed(*additions: Addition) -> dict[int, Addition]:
    return {each.addition_id: each for each in (WAS, *additions)}


def test_a_create_that_is_there_as_it_was_sent_is_ours() -> None:
    found = of_create(CREATE, intent(), listed(made()))
    assert (found.finding, found.addition) == (Finding.DONE, made())
    assert found.why == "ConnectWise had taken it as addition 2000"


@pytest.mark.parametrize("others", [(), (made(product_id=11),)])
def test_a_create_of_which_nothing_is_there_was_not_written(others: tuple[Addition, ...]) -> None:
    found = of_create(CREATE, intent(), listed(*others))
    assert (found.finding, found.addition) == (Finding.NOT_WRITTEN, None)
    assert found.why == "the agreement has no new addition of this product"


@pytest.mark.parametrize(
    ("new", "named"),
    [
        ([made(quantity=Decimal(11))], "2000 (11 from 2026-11-20)"),
        ([made(effective_date=date(2026, 12, 1))], "2000 (12 from 2026-12-01)"),
        ([made(effective_date=None)], "2000 (12 from None)"),
        ([made(agreement_id=101)], "2000 (12 from 2026-11-20)"),
        ([made(2001), made(2000)], "2000 (12 from 2026-11-20), 2001 (12 from 2026-11-20)"),
        ([made(), made(2001, quantity=Decimal(3))], "2000 (12 from 2026-11-20), 2001 (3 from 2026-11-20)"),
    ],
)
def test_a_create_that_could_be_another_ones_is_never_guessed(new: list[Addition], named: str) -> None:
    found = of_create(CREATE, intent(), listed(*new))
    assert (found.finding, found.addition) == (Finding.UNRESOLVED, None)
    assert found.why == f"new since then: {named}; sent was 12 from 2026-11-20"


@pytest.mark.parametrize(
    ("changes", "request_", "why"),
    [
        ({"unit_price": Decimal(4)}, {}, "price should be 3.5, and is 4"),
        ({"bill_customer": "NoCharge"}, {}, "bill customer should be Billable, and is NoCharge"),
        ({"less_included": Decimal(2)}, {}, "less included should be 0, and is 2"),
        ({"cancelled_date": TODAY}, {}, "cancelled date should be none, and is 2026-11-20"),
        (
            {"unit_price": Decimal(4), "less_included": Decimal(2)},
            {},
            "price should be 3.5, and is 4, less included should be 0, and is 2",
        ),
        ({"unit_price": None}, {}, None),  # a price that is not told is let pass
        ({"unit_price": Decimal(4)}, {"unitPrice": None}, None),
        ({"unit_price": Decimal("3.50")}, {"unitPrice": "3.5"}, None),
    ],
)
def test_a_create_that_is_there_and_bills_otherwise_is_for_a_person(
    changes: dict[str, Any], request_: dict[str, Any], why: str | None
) -> None:
    found = of_create(CREATE, intent(**request_), listed(made(**changes)))
    assert found.addition == made(**changes)
    assert found.finding is (Finding.UNRESOLVED if why else Finding.DONE)
    if why:
        assert found.why == f"addition 2000 was added, and not as it was sent: {why}"


@pytest.mark.parametrize(
    ("change", "changes", "others"),
    [
        (UPDATE, {"quantity": Decimal(12), "last_updated": LATER}, []),
        (UPDATE, {"cancelled_date": TODAY}, ["cancelled_date"]),
        (CANCEL, {"cancelled_date": TODAY, "last_updated": LATER}, []),
        (CANCEL, {"quantity": Decimal(0), "unit_price": Decimal(1)}, ["quantity", "unit_price"]),
    ],
)
def test_what_else_changed_beside_the_field_that_was_written(
    change: Change, changes: dict[str, Any], others: list[str]
) -> None:
    assert unchanged_but_for(change, WAS, replace(WAS, **changes)) == others
