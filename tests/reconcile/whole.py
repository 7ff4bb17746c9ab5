"""The parts of which whole rows are made: columns that go together, and the sentences of the trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.rows import (
    Action,
    BilledAddition,
    Share,
    Status,
    account_row_id,
    line_row_id,
)
from tests.reconcile.worlds import LONG_AGO, TODAY

Columns = dict[str, Any]

PRODUCT: Columns = {"source": "duo", "product_id": 10, "product_identifier": "MFA-SEAT"}
COMPANY: Columns = {"company_id": 1, "company_name": "Acme Dental"}
LINE: Columns = PRODUCT | COMPANY | {"row_id": line_row_id("duo", 1, 10)}
AGREEMENT: Columns = {
    "agreement_id": 100,
    "agreement_name": "Agreement 100",
    "billing_cycle": "Monthly",
    "next_invoice_date": date(2026, 12, 1),
}
ALONE: Columns = PRODUCT | {"row_id": account_row_id("duo", "A1", "Duo MFA"), "blocked": True}
CREATE: Columns = LINE | {
    "status": Status.NO_ADDITION,
    "action": Action.CREATE,
    "new_quantity": 12,
    "unit_price": Decimal("3.5"),
    "amount_delta": 42,
    "planned_date": TODAY,
}


BY_HAND = "linked: linked to Acme Dental (operator)"
NO_NAME_NEAR = "unmatched: no company has this name or one near it"
NOT_BEGUN = date(2026, 12, 1)
LOOKS_ALIKE = "Acme Dental 3 looks alike, but differs by more than a typing error"
NO_ADDITION = "12 seats in use and no addition bills MFA-SEAT"


@dataclass(frozen=True)
class Case:
    """A world of one row: its columns, its trace down to the status, and what is found there in words.

    `who` opens the row's reason, `detail` ends it; `after` is the trace behind the status.
    """

    inputs: Inputs
    columns: Columns
    steps: list[str]
    found: str
    who: str = "Acme Dental"
    detail: str = ""
    after: list[str] = field(default_factory=list)


def billed(quantity: int, addition_id: int = 1000, included: int = 0, **changes: Any) -> BilledAddition:
    days: Columns = {"effective_date": LONG_AGO, "cancelled_date": None} | changes
    price = Decimal("3.5")
    number, less = Decimal(quantity), Decimal(included)
    return BilledAddition(addition_id, 100, "Agreement 100", number, less, price, "Billable", **days)


def carrying(one: BilledAddition) -> Columns:
    """The columns that a row has from its only addition."""
    return AGREEMENT | {
        "addition_id": one.addition_id,
        "additions": (one,),
        "current_quantity": one.quantity,
        "less_included": one.less_included,
        "unit_price": one.unit_price,
    }


def shares(*seats: int | None, name: str | None = None, license_name: str = "Duo MFA") -> Columns:
    keys = [f"A{i}" for i in range(1, len(seats) + 1)]
    counted = [None if number is None else Decimal(number) for number in seats]
    made = [Share(key, name or key, license_name, number) for key, number in zip(keys, counted, strict=True)]
    return {"accounts": tuple(made)}


def observed(
    seats: str, *, company: str = "linked: linked to Acme Dental (operator)", account: str = "A1 [A1]"
) -> list[str]:
    return [
        f"observation: {account}, Duo MFA: {seats}",
        "license mapping: Duo MFA: mapped to product 10",
        f"company match: {company}",
    ]


NONE_BILLED = ["additions in scope: none"]
TEN_BILLED = ["additions in scope: addition 1000 of Agreement 100: 10 (current, Billable)"]
UNUSED = ["additions in scope: addition 1000 bills this line", "present accounts: none contributes to it"]
