"""Whether an approved row still holds, over what ConnectWise says now: one difference at a time.

The same over real HTTP, where each difference is made in the sandbox, is `test_drift`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from seatsync_pipeline.connectwise.records import Addition, Agreement
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.recheck import at_target, why_not, why_not_beside
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.rows import Action
from tests.reconcile.worlds import LONG_AGO, MFA, TODAY, addition, agreement, world

YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
PLANNED = date(2026, 11, 30)  # the day before the agreement's next invoice date
UPDATE = Change(
    row_id="row_a",
    action=Action.UPDATE,
    company_id=1,
    company_name="Acme Dental",
    agreement_id=100,
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
    less_included=Decimal(0),
    bill_customer="Billable",
)
CANCEL = replace(UPDATE, action=Action.CANCEL, after=Decimal(0), planned_date=PLANNED)
CREATE = replace(
    UPDATE,
    action=Action.CREATE,
    addition_id=None,
    before=None,
    planned_date=TODAY,
    effective_date=None,
    line_additions=(),
    less_included=None,
    bill_customer=None,
)


def book_of(
    *additions: Addition, agreements: list[Agreement] | None = None, types: tuple[str, ...] = ()
) -> Book:
    return Book(world([], list(additions), agreements=agreements).scan, types, TODAY)


LIVE = addition(10)
BOOK = book_of(LIVE)


@pytest.mark.parametrize("change", [UPDATE, CANCEL])
def test_what_is_as_approved_goes_on(change: Change) -> None:
    assert why_not(change, BOOK, LIVE, None, TODAY) is None


def test_a_create_where_nothing_bills_goes_on() -> None:
    assert why_not(CREATE, book_of(), None, MFA, TODAY) is None


@pytest.mark.parametrize(
    ("change", "live", "reached"),
    [
        (UPDATE, addition(12), True),
        (UPDATE, addition(10), False),
        (UPDATE, addition(12, product_id=11), False),
        (CANCEL, addition(10, cancelled_date=PLANNED), True),
        (CANCEL, addition(10, cancelled_date=TODAY), False),
        (CANCEL, addition(0), False),
        (replace(CANCEL, planned_date=None), addition(10), False),
    ],
)
def test_when_a_row_is_at_its_target(change: Change, live: Addition, *, reached: bool) -> None:
    assert at_target(change, live) is reached


@pytest.mark.parametrize(
    ("change", "live", "says"),
    [
        (UPDATE, addition(12), "its quantity is 12"),
        (CANCEL, addition(10, cancelled_date=PLANNED), "its cancelled date is 2026-11-30"),
    ],
)
def test_what_is_at_its_target_is_left_alone_and_says_so(change: Change, live: Addition, says: str) -> None:
    assert why_not(change, BOOK, live, None, TODAY) == f"already applied: {says}"


@pytest.mark.parametrize("change", [UPDATE, CANCEL])
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"quantity": Decimal(11)}, "quantity was 10 and is 11"),
        ({"product_id": 11}, "product was 10 and is 11"),
        ({"unit_price": Decimal(4)}, "price was 3.5 and is 4"),
        ({"unit_price": None}, "price was 3.5 and is none"),
        ({"less_included": Decimal(1)}, "less included was 0 and is 1"),
        ({"bill_customer": "NoCharge"}, "bill customer was Billable and is NoCharge"),
        ({"effective_date": TODAY}, "effective date was 2025-01-01 and is 2026-11-20"),
        ({"cancelled_date": TOMORROW}, "cancelled date was none and is 2026-11-21"),
        ({"agreement_id": 101}, "agreement was 100 and is 101"),
    ],
)
def test_every_difference_of_the_addition_is_named(
    change: Change, changes: dict[str, Any], says: str
) -> None:
    live = replace(LIVE, **changes)
    assert why_not(change, BOOK, live, None, TODAY) == f"changed in ConnectWise since the preview: {says}"


def test_all_differences_are_named_at_once_and_equal_numbers_are_equal_however_written() -> None:
    live = replace(LIVE, quantity=Decimal("11.500"), unit_price=Decimal("3.500"), bill_customer="NoCharge")
    assert why_not(UPDATE, BOOK, live, None, TODAY) == (
        "changed in ConnectWise since the preview: quantity was 10 and is 11.5; "
        "bill customer was Billable and is NoCharge"
    )


def test_an_addition_that_is_gone_is_named() -> None:
    assert why_not(UPDATE, BOOK, None, None, TODAY) == (
        "changed in ConnectWise since the preview: addition 1000 is not there any more"
    )


@pytest.mark.parametrize(
    ("agreements", "says"),
    [
        ([], "agreement 100 is not there any more"),
        ([agreement(company_id=2)], "the agreement's company was 1 and is 2"),
        ([agreement(cancelled=True)], "agreement Agreement 100 was active and is cancelled"),
        ([agreement(end_date=YESTERDAY)], "agreement Agreement 100 was active and ended on 2026-11-19"),
        ([agreement(start_date=TOMORROW)], "agreement Agreement 100 was active and starts on 2026-11-21"),
        (
            [agreement(status="Expired", start_date=TODAY, end_date=TODAY)],
            "agreement Agreement 100 was active and has the status Expired",
        ),
        ([agreement(status="Expired")], "agreement Agreement 100 was active and has the status Expired"),
        (
            [agreement(type_name="Projects")],
            "agreement Agreement 100 was in scope and is of type Projects now",
        ),
    ],
)
def test_every_difference_of_the_agreement_is_named(agreements: list[Agreement], says: str) -> None:
    book = book_of(LIVE, agreements=agreements, types=("Managed Services",))
    assert why_not(UPDATE, book, LIVE, None, TODAY) == f"changed in ConnectWise since the preview: {says}"


def test_the_first_and_the_last_day_of_an_agreement_are_active_ones() -> None:
    book = book_of(LIVE, agreements=[agreement(start_date=TODAY, end_date=TODAY)])
    assert why_not(UPDATE, book, LIVE, None, TODAY) is None


def test_an_agreement_of_another_company_that_is_cancelled_says_both() -> None:
    book = book_of(LIVE, agreements=[agreement(company_id=2, cancelled=True)])
    found = why_not(UPDATE, book, LIVE, None, TODAY) or ""
    assert "company was 1 and is 2" in found
    assert "is cancelled" in found


def test_another_addition_of_the_line_is_named_unless_it_is_changed_by_this_operation_too() -> None:
    book = book_of(LIVE, addition(1, 1001))
    assert why_not(UPDATE, book, LIVE, None, TODAY) == (
        "changed in ConnectWise since the preview: additions of this line was 1000 and is 1000, 1001"
    )
    assert why_not(UPDATE, book, LIVE, None, TODAY, ours={1001}) is None
    gone = replace(UPDATE, line_additions=(1000, 1001))
    assert why_not(gone, BOOK, LIVE, None, TODAY, ours={1001}) is None
    assert "was 1000, 1001 and is 1000" in (why_not(gone, BOOK, LIVE, None, TODAY) or "")


def test_what_other_agreements_bill_is_a_matter_of_creates_alone() -> None:
    agreements = [agreement(), agreement(101, type_name="Projects")]
    outside = addition(1, 1001, 101)
    book = book_of(outside, agreements=agreements, types=("Managed Services",))
    assert why_not(CREATE, book, None, MFA, TODAY) == (
        "changed in ConnectWise since the preview: additions on other agreements was none and is 1001"
    )
    assert why_not(replace(CREATE, elsewhere=(1001,)), book, None, MFA, TODAY) is None
    gone = why_not(replace(CREATE, elsewhere=(1001,)), book_of(), None, MFA, TODAY) or ""
    assert gone.endswith("additions on other agreements was 1001 and is none")
    beside = book_of(LIVE, outside, agreements=agreements, types=("Managed Services",))
    assert why_not(UPDATE, beside, LIVE, None, TODAY) is None


@pytest.mark.parametrize(
    ("additions", "says"),
    [
        ([addition(12)], "already applied: addition 1000 bills 12"),
        (
            [addition(11)],
            "changed in ConnectWise since the preview: additions of this line was none and is 1000",
        ),
        ([addition(12, agreement_id=101)], "additions of this line was none and is 1000"),
        ([addition(12), addition(1, 1001)], "additions of this line was none and is 1000, 1001"),
    ],
)
def test_a_create_is_not_made_beside_another(additions: list[Addition], says: str) -> None:
    book = book_of(*additions, agreements=[agreement(), agreement(101)])
    assert (why_not(CREATE, book, None, MFA, TODAY) or "").endswith(says)


@pytest.mark.parametrize(
    ("product", "says"),
    [
        (None, "product MFA-SEAT is not in the catalog any more"),
        (replace(MFA, price=Decimal(4)), "catalog price was 3.5 and is 4"),
        (replace(MFA, price=None), "catalog price was 3.5 and is none"),
        (replace(MFA, inactive=True), "product MFA-SEAT was active and is inactive"),
        (replace(MFA, product_class="BUNDLE"), "product MFA-SEAT is a bundle now"),
        (replace(MFA, product_class="Bundle "), "product MFA-SEAT is a bundle now"),
        (
            replace(MFA, product_class="Bundle", inactive=True),
            "is inactive; product MFA-SEAT is a bundle now",
        ),
    ],
)
def test_every_difference_of_the_product_is_named(product: Any, says: str) -> None:
    found = why_not(CREATE, book_of(), None, product, TODAY) or ""
    assert found.startswith("changed in ConnectWise since the preview: ")
    assert found.endswith(says)


@pytest.mark.parametrize(
    ("planned", "today", "says"),
    [
        (TODAY, date(2026, 11, 1), None),
        (TODAY, date(2026, 12, 1), "planned for 2026-11, and it is 2026-12 now"),
        (date(2025, 11, 20), TODAY, "planned for 2025-11, and it is 2026-11 now"),
        (None, TODAY, "planned for no month, and it is 2026-11 now"),
    ],
)
def test_a_create_is_made_in_its_calendar_month_or_not_at_all(
    planned: date | None, today: date, says: str | None
) -> None:
    change = replace(CREATE, planned_date=planned)
    expected = None if says is None else f"billing period moved: {says}"
    assert why_not(change, book_of(), None, MFA, today) == expected


@pytest.mark.parametrize(
    ("planned", "next_invoice", "says"),
    [
        (PLANNED, date(2026, 12, 1), None),
        (TODAY, TOMORROW, None),  # today is not past
        (YESTERDAY, TODAY, "the last billed day 2026-11-19 is past"),
        (None, date(2026, 12, 1), "the last billed day None is past"),
        (PLANNED, date(2027, 1, 1), "the last billed day was 2026-11-30 and would be 2026-12-31 now"),
    ],
)
def test_a_cancel_keeps_its_day_or_is_left(
    planned: date | None, next_invoice: date, says: str | None
) -> None:
    book = book_of(LIVE, agreements=[agreement(next_invoice_date=next_invoice)])
    expected = None if says is None else f"billing period moved: {says}"
    assert why_not(replace(CANCEL, planned_date=planned), book, LIVE, None, TODAY) == expected


def test_an_update_has_no_day_to_keep() -> None:
    book = book_of(LIVE, agreements=[agreement(next_invoice_date=TODAY)])
    assert why_not(replace(UPDATE, planned_date=YESTERDAY), book, LIVE, None, TODAY) is None


@pytest.mark.parametrize(
    ("beside", "seen"),
    [
        (addition(1, 2000), True),
        (addition(1, 2000, cancelled_date=PLANNED), True),  # ending
        (addition(1, 2000, effective_date=TOMORROW), True),  # coming
        (addition(1, 2000, cancelled_date=YESTERDAY), False),
        (addition(1, 2000, effective_date=TODAY, cancelled_date=TODAY), False),  # a one-time charge
        (addition(1, 2000, 101), False),
        (addition(1, 2000, product_id=11), False),
        (addition(1, 1000), False),  # known when it was approved
        (addition(1, 3000), False),
    ],
)
def test_the_last_look_beside_a_create(beside: Addition, *, seen: bool) -> None:
    change = replace(CREATE, line_additions=(1000,), elsewhere=(3000,))
    expected = "changed in ConnectWise since the preview: additions of this line was none and is 2000"
    assert why_not_beside(change, [beside], TODAY) == (expected if seen else None)


@pytest.mark.parametrize(
    ("approved", "now", "says"),
    [
        ("Monthly", "Annual", "billing cycle was Monthly and is Annual"),
        ("Monthly", None, "billing cycle was Monthly and is none"),
        ("Monthly", "Monthly", None),
        (None, "Annual", None),  # an operation of an older version does not know what it was
    ],
)
def test_a_create_is_not_made_in_another_billing_cycle(
    approved: str | None, now: str | None, says: str | None
) -> None:
    change = replace(CREATE, billing_cycle=approved)
    why = why_not(change, book_of(agreements=[agreement(billing_cycle=now)]), None, MFA, TODAY)
    assert why == (None if says is None else f"changed in ConnectWise since the preview: {says}")
    assert Change.from_json(change.to_json()) == change


def test_a_change_that_an_older_version_stored_is_read() -> None:
    known = json.loads(CREATE.to_json())
    del known["billing_cycle"]
    assert Change.from_json(json.dumps(known)) == CREATE
