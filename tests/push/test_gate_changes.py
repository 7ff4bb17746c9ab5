"""What the gate lets pass: each change holds all that was approved, the plan says whose it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.rows import Action
from tests.push.test_gate import CREATE, ORPHAN, UPDATE, line, plan, preview_of, with_companies
from tests.push.test_gate_rows import OF_PAIR, PAIR, A, C, D
from tests.reconcile.worlds import LONG_AGO, TODAY, addition, agreement, seen, world

WHOLE = Change(
    row_id="",
    action=Action.UPDATE,
    company_id=1,
    company_name=A,
    agreement_id=101,
    addition_id=1000,
    product_id=10,
    product_identifier="MFA-SEAT",
    before=Decimal(10),
    after=Decimal(12),
    unit_price=Decimal("3.5"),
    amount_delta=Decimal(7),
    planned_date=None,
    effective_date=LONG_AGO,
    cancelled_date=None,
    line_additions=(1000,),
    elsewhere=(),
    after_row_id=None,
    reason=None,
    overrides=(),
    less_included=Decimal(0),
    bill_customer="Billable",
    billing_cycle="Monthly",
)


def test_an_update_holds_all_that_was_approved() -> None:
    assert plan(line(UPDATE)).changes == (replace(WHOLE, row_id=UPDATE["row_id"]),)


def test_a_create_holds_the_agreement_that_was_named_and_no_addition() -> None:
    assert plan(line(CREATE, agreement_id="113", approval_reason="new")).changes == (
        replace(
            WHOLE,
            row_id=CREATE["row_id"],
            action=Action.CREATE,
            company_id=3,
            company_name=C,
            agreement_id=113,
            addition_id=None,
            before=None,
            after=Decimal(5),
            amount_delta=Decimal("17.5"),
            planned_date=TODAY,
            effective_date=None,
            line_additions=(),
            reason="new",
            less_included=None,
            bill_customer=None,
        ),
    )


def test_a_cancel_holds_its_day_and_what_was_overridden() -> None:
    (change,) = plan(line(ORPHAN, overrides=("orphan share",))).changes
    assert change == replace(
        WHOLE,
        row_id=ORPHAN["row_id"],
        action=Action.CANCEL,
        company_id=4,
        company_name=D,
        agreement_id=104,
        addition_id=1002,
        before=Decimal(9),
        after=Decimal(0),
        amount_delta=Decimal("-31.5"),
        planned_date=date(2026, 11, 30),
        line_additions=(1002,),
        reason="checked with the client",
        overrides=("orphan share",),
    )


def test_what_decides_the_amount_comes_from_the_addition_and_the_rest_of_the_line_from_the_scan() -> None:
    inputs = with_companies(
        world(
            [seen(12)],
            [
                addition(
                    10, less_included=Decimal(2), bill_customer="NoCharge", cancelled_date=date(2027, 1, 31)
                ),
                addition(1, 1001, 101, effective_date=None),
            ],
            agreements=[agreement(), agreement(101, type_name="Projects")],
            types=frozenset({"Managed Services"}),
        )
    )
    preview = preview_of(inputs)
    book = Book(inputs.scan, inputs.setup.agreement_types, TODAY)
    (change,) = plan(line(preview.rows[0]), preview=preview, latest=preview, book=book).changes
    assert (change.less_included, change.bill_customer) == (Decimal(2), "NoCharge")
    assert (change.effective_date, change.cancelled_date) == (LONG_AGO, date(2027, 1, 31))
    assert (change.line_additions, change.elsewhere) == ((1000,), (1001,))


def test_the_plan_says_whose_it_is_and_of_what() -> None:
    made = plan(line(UPDATE), agreement_types=frozenset({"Managed Services"}))
    assert (made.source, made.preview_id, made.snapshot_id, made.approved_by) == (
        "duo",
        "prev_1",
        "snap_0",
        "Ann",
    )
    assert made.agreement_types == {"Managed Services"}
    assert made.operation_id.startswith("op_")
    assert len(made.digest) == 64


def test_only_a_cancel_waits_for_its_pair() -> None:
    create = next(row for row in PAIR.rows if row["action"] == "create")
    (change,) = plan(line(create), **OF_PAIR).changes
    assert change.after_row_id is None
