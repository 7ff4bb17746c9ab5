"""Whole rows, every column and every word: whatever a rule fills in is filled in rightly, and nothing else is.

What single rules decide is tested next to them (`test_lines`, `test_orphans`, `test_matching`); here each status has
its row once, with the sentence and the trace that an operator reads.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.rows import (
    NOT_BILLED,
    Action,
    AgreementChoice,
    Candidate,
    Flag,
    Guard,
    GuardResult,
    Row,
    Status,
    account_row_id,
    addition_row_id,
)
from seatsync_pipeline.sources.base import State
from tests.reconcile.whole import (
    AGREEMENT,
    ALONE,
    BY_HAND,
    COMPANY,
    CREATE,
    LINE,
    LOOKS_ALIKE,
    NO_ADDITION,
    NO_NAME_NEAR,
    NONE_BILLED,
    NOT_BEGUN,
    TEN_BILLED,
    UNUSED,
    Case,
    Columns,
    billed,
    carrying,
    observed,
    shares,
)
from tests.reconcile.worlds import addition, agreement, draft, linked, seen, world

READY: Columns = LINE | {"status": Status.READY, "action": Action.UPDATE}
SAME: Columns = LINE | {"status": Status.NO_CHANGE, "amount_delta": 0}
LEFT_ALONE: Columns = SAME | {"row_id": addition_row_id("duo", 1000), "new_quantity": 7}

CASES = {
    "ready": Case(
        world([seen(12)], [addition(10, less_included=Decimal(2))]),
        READY
        | carrying(billed(10, included=2))
        | shares(12)
        | {"selected_by_default": True, "new_quantity": 12, "amount_delta": 7},
        [*observed("counted: 12 seats"), *TEN_BILLED],
        "12 seats in use, 10 billed",
    ),
    "ready, to zero": Case(
        world([seen(0)], [addition(10)]),
        READY
        | carrying(billed(10))
        | shares(0)
        | {
            "needs_reason": True,
            "new_quantity": 0,
            "amount_delta": -35,
            "flags": (Flag.DECREASE_TO_ZERO,),
            "guards": (GuardResult(Guard.DECREASE_TO_ZERO, "10 to 0", "above 0"),),
        },
        [*observed("counted: 0 seats"), *TEN_BILLED],
        "0 seats in use, 10 billed",
        after=["guard: decrease to zero: 10 to 0 (limit: above 0)"],
    ),
    "ready, to one": Case(
        world([seen(1)], [addition(2)]),
        READY
        | carrying(billed(2))
        | shares(1)
        | {"selected_by_default": True, "new_quantity": 1, "amount_delta": Decimal("-3.5")},
        [
            *observed("counted: 1 seat"),
            "additions in scope: addition 1000 of Agreement 100: 2 (current, Billable)",
        ],
        "1 seat in use, 2 billed",
    ),
    "no change": Case(
        world([seen(10)], [addition(10)]),
        SAME | carrying(billed(10)) | shares(10) | {"new_quantity": 10},
        [*observed("counted: 10 seats"), *TEN_BILLED],
        "10 seats in use and billed",
    ),
    "no change, nothing there": Case(
        world([seen(0)]),
        SAME | shares(0) | {"new_quantity": 0},
        [*observed("counted: 0 seats"), *NONE_BILLED],
        "no seat in use and none billed",
    ),
    "no addition": Case(
        world([seen(12)]),
        CREATE | AGREEMENT | shares(12),
        [*observed("counted: 12 seats"), *NONE_BILLED],
        NO_ADDITION,
    ),
    "no addition, two agreements to choose from": Case(
        world([seen(12)], agreements=[agreement(100), agreement(101, billing_cycle="Annual")]),
        CREATE
        | shares(12)
        | {
            "needs_reason": True,
            "flags": (Flag.BILLING_CYCLE,),
            "agreements": (
                AgreementChoice(100, "Agreement 100", "Monthly"),
                AgreementChoice(101, "Agreement 101", "Annual"),
            ),
        },
        [*observed("counted: 12 seats"), *NONE_BILLED],
        f"{NO_ADDITION}; check the price for the billing cycle of Agreement 101; name one of the 2 agreements in scope",
    ),
    "no addition and no agreement": Case(
        world([seen(12)], agreements=[]),
        CREATE | shares(12) | {"blocked": True},
        [*observed("counted: 12 seats"), *NONE_BILLED],
        f"{NO_ADDITION}, and the company has no agreement in scope",
    ),
    "no addition, billed elsewhere": Case(
        world(
            [seen(12)],
            [addition(10, agreement_id=101)],
            agreements=[agreement(), agreement(101, type_name="Projects")],
            types=frozenset({"Managed Services"}),
        ),
        CREATE | AGREEMENT | shares(12) | {"needs_reason": True, "flags": (Flag.BILLED_ELSEWHERE,)},
        [*observed("counted: 12 seats"), *NONE_BILLED],
        f"{NO_ADDITION}; but Agreement 101, outside the scope, bills it",
    ),
    "multiple additions": Case(
        world([seen(12)], [addition(4), addition(6, addition_id=1001, cancelled_date=NOT_BEGUN)]),
        LINE
        | shares(12)
        | {
            "status": Status.MULTIPLE_ADDITIONS,
            "blocked": True,
            "additions": (billed(4), billed(6, 1001, cancelled_date=NOT_BEGUN)),
            "current_quantity": 10,
            "new_quantity": 12,
            "flags": (Flag.ENDING,),
        },
        [
            *observed("counted: 12 seats"),
            f"{TEN_BILLED[0].replace(': 10 ', ': 4 ')}; addition 1001 of Agreement 100: 6 (ending, Billable)",
        ],
        "2 additions bill MFA-SEAT: resolve it in ConnectWise",
    ),
    "source error": Case(
        world(
            [seen(7, "A1"), seen(None, "A2", State.FAILED)], [addition(10)], links=linked("A1") | linked("A2")
        ),
        LINE | carrying(billed(10)) | shares(7, None) | {"status": Status.SOURCE_ERROR, "blocked": True},
        [
            *observed("counted: 7 seats"),
            *observed("failed: an unknown number of seats (403)", account="A2 [A2]"),
            *TEN_BILLED,
        ],
        "the seats of A2 (403) could not be read",
    ),
    "source error of an account without a company": Case(
        world([seen(7, state=State.FAILED, name="Zen")], links={}),
        ALONE | shares(None, name="Zen") | {"status": Status.SOURCE_ERROR},
        observed("failed: an unknown number of seats (403)", company=NO_NAME_NEAR, account="Zen [A1]"),
        "its seats could not be read, so nothing may be changed",
        who="Zen",
        detail=" (403)",
    ),
    "skipped": Case(
        world([seen(7, state=State.POC)], [addition(10)]),
        ALONE
        | COMPANY
        | carrying(billed(10))
        | shares(7)
        | {"status": Status.SKIPPED, "flags": (Flag.BILLED_WHILE_POC,)},
        observed("poc: 7 seats"),
        "proof of concept, so it is not billed",
        who="A1",
        detail=" (1 addition(s) bill it all the same)",
    ),
    "skipped and not billed": Case(
        world([seen(7, state=State.POC)]),
        ALONE | COMPANY | shares(7) | {"status": Status.SKIPPED},
        observed("poc: 7 seats"),
        "proof of concept, so it is not billed",
        who="A1",
    ),
    "skipped, with neither a company nor a product": Case(
        world([seen(7, state=State.POC, name="Zen")], [addition(10)], links={}, mappings={"Mail": 11}),
        ALONE
        | shares(7, name="Zen")
        | {"status": Status.SKIPPED, "product_id": None, "product_identifier": None},
        [
            "observation: Zen [A1], Duo MFA: poc: 7 seats",
            "license mapping: Duo MFA: not mapped",
            f"company match: {NO_NAME_NEAR}",
        ],
        "proof of concept, so it is not billed",
        who="Zen",
    ),
    "license unmapped": Case(
        world([seen(7, license_name="New")]),
        COMPANY
        | shares(7, license_name="New")
        | {
            "source": "duo",
            "row_id": account_row_id("duo", "A1", "New"),
            "status": Status.LICENSE_UNMAPPED,
            "blocked": True,
        },
        [
            "observation: A1 [A1], New: counted: 7 seats",
            "license mapping: New: not mapped",
            f"company match: {BY_HAND}",
        ],
        "its license is not mapped to a ConnectWise product",
        who="A1",
        detail=" (map 'New' or mark it no charge)",
    ),
    "unmatched": Case(
        world([seen(7, name="Zen")], links={}),
        ALONE | shares(7, name="Zen") | {"status": Status.UNMATCHED},
        observed("counted: 7 seats", company=NO_NAME_NEAR, account="Zen [A1]"),
        "no company fits it",
        who="Zen",
        detail=f" ({NO_NAME_NEAR.removeprefix('unmatched: ')})",
    ),
    "ambiguous": Case(
        world([seen(7, name="Acme Dental 2")], companies=[Company(1, "a", "Acme Dental 3")], links={}),
        ALONE
        | shares(7, name="Acme Dental 2")
        | {"status": Status.AMBIGUOUS, "candidates": (Candidate(1, "Acme Dental 3", Decimal("92.31")),)},
        observed("counted: 7 seats", company=f"ambiguous: {LOOKS_ALIKE}", account="Acme Dental 2 [A1]"),
        "no company fits it beyond doubt",
        who="Acme Dental 2",
        detail=f" ({LOOKS_ALIKE})",
    ),
    "orphaned": Case(
        world([], [addition(7)]),
        LINE
        | carrying(billed(7))
        | {
            "row_id": addition_row_id("duo", 1000),
            "status": Status.ORPHANED,
            "action": Action.CANCEL,
            "needs_reason": True,
            "new_quantity": 0,
            "amount_delta": Decimal("-24.5"),
            "planned_date": date(2026, 11, 30),
            "evidence": "never seen",
            "reason": "Acme Dental: 7 seats billed, no account uses them (never seen).",
        },
        [*UNUSED, "evidence: never seen"],
        "never seen",
    ),
    "unused and yet to come": Case(
        world([], [addition(7, effective_date=NOT_BEGUN)]),
        LEFT_ALONE
        | carrying(billed(7, effective_date=NOT_BEGUN))
        | {
            "flags": (Flag.COMING,),
            "reason": "Acme Dental: no account uses MFA-SEAT, but it has not begun to bill.",
        },
        UNUSED,
        "it has not begun to bill",
    ),
    "unused and about to end": Case(
        world([], [addition(7, cancelled_date=NOT_BEGUN)]),
        LEFT_ALONE
        | carrying(billed(7, cancelled_date=NOT_BEGUN))
        | {
            "flags": (Flag.ENDING,),
            "reason": "Acme Dental: no account uses MFA-SEAT, but it has a cancelled date already and ends by itself.",
        },
        UNUSED,
        "it has a cancelled date already and ends by itself",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_row_says_this_and_nothing_else(name: str) -> None:
    case = CASES[name]
    (row,) = draft(case.inputs).rows
    filled = _filled(row)
    expected = {"reason": f"{case.who}: {case.found}{case.detail}."} | case.columns
    assert filled == {column: value for column, value in expected.items() if value is not None}
    status = f"status: {case.columns['status']}: {case.found}"
    assert [f"{step.rule}: {step.found}" for step in row.trace] == [*case.steps, status, *case.after]


def _filled(row: Row) -> dict[str, Any]:
    """The columns that differ from their default; the trace has its own assertion."""
    unset = {f.name: f.default for f in fields(row) if f.default is not MISSING} | NOT_BILLED._asdict()
    columns = {f.name: getattr(row, f.name) for f in fields(row)} | row.billing._asdict()
    return {
        name: value
        for name, value in columns.items()
        if name not in {"trace", "billing"} and (name not in unset or value != unset[name])
    }


def test_what_the_scan_does_not_have_is_shown_by_its_number_and_has_no_price() -> None:
    mappings: dict[str, int | None] = {"Duo MFA": 99}
    (row,) = draft(world([], [addition(7, product_id=99)], companies=[], mappings=mappings)).rows
    assert (row.company_name, row.product_identifier) == ("company 1", "product 99")
    (row,) = draft(world([seen(12)], mappings=mappings)).rows
    assert (row.status, row.billing.unit_price, row.amount_delta) == (Status.NO_ADDITION, None, None)
