"""What an agreement's next invoice comes to: amounts worked out by hand for each rule."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.sandbox.invoices import InvoiceRefused, next_period, preview_invoice, run_invoice
from seatsync_pipeline.sandbox.month import (
    AdditionRow,
    AgreementRow,
    AgreementTypeRow,
    CompanyRow,
    ProductRow,
)
from seatsync_pipeline.sandbox.records import ConnectWiseState, state_of

NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
DECEMBER = (date(2026, 12, 1), date(2026, 12, 31))
YEAR = date(2026, 1, 1)


def state_with(*additions: AdditionRow, **agreement: Any) -> ConnectWiseState:
    """One agreement, 10, whose next invoice is on 1 December 2026, with these additions."""
    row = AgreementRow(10, "Services", 1, 1, start_date=YEAR, next_invoice_date=DECEMBER[0])
    return state_of(
        SampleMonth(
            companies=(CompanyRow(1, "ACE", "Ace"),),
            agreement_types=(AgreementTypeRow(1, "Managed Services"),),
            agreements=(replace(row, **agreement), AgreementRow(11, "Child", 1, 1, parent_agreement_id=10)),
            catalog=(ProductRow(5, "MFA", price=Decimal("3.35")), ProductRow(7, "MAIL", price=Decimal(2))),
            additions=additions,
        )
    )


def seats(
    key: int, quantity: str, effective: date | None = YEAR, cancelled: date | None = None, **more: Any
) -> AdditionRow:
    values: dict[str, Any] = {"effective_date": effective, "cancelled_date": cancelled} | more
    return AdditionRow(key, 10, 5, Decimal(quantity), **values)


def total(state: ConnectWiseState, period: tuple[date, date] = DECEMBER) -> Decimal:
    return preview_invoice(state, 10, *period).total


def test_an_invoice_says_what_each_line_costs() -> None:
    invoice = preview_invoice(state_with(seats(101, "12.5", less_included=Decimal(2)), seats(100, "3")), 10)
    assert (invoice.agreement_id, invoice.first_day, invoice.last_day) == (10, *DECEMBER)
    first, second = invoice.lines
    assert (first.addition_id, first.product_identifier, first.amount) == (100, "MFA", Decimal("10.05"))
    # 10.5 x 3.35 is 35.175, and half a cent is rounded up.
    assert (second.quantity, second.billed_quantity, second.unit_price, second.days, second.amount) == (
        Decimal("12.5"),
        Decimal("10.5"),
        Decimal("3.35"),
        31,
        Decimal("35.18"),
    )
    assert invoice.total == Decimal("45.23")


@pytest.mark.parametrize(
    ("row", "full", "prorated"),
    [
        pytest.param(seats(1, "10"), "33.50", "33.50", id="the whole month"),
        pytest.param(seats(1, "10", None), "33.50", "33.50", id="no effective date"),
        pytest.param(seats(1, "10", date(2026, 11, 21)), "33.50", "11.17", id="from the 21st"),
        pytest.param(seats(1, "10", date(2026, 11, 30)), "33.50", "1.12", id="from the last day"),
        pytest.param(seats(1, "10", date(2026, 12, 1)), "0", "0", id="from next month"),
        pytest.param(seats(1, "10", YEAR, date(2026, 11, 30)), "33.50", "33.50", id="to the last day"),
        pytest.param(seats(1, "10", YEAR, date(2026, 11, 15)), "33.50", "16.75", id="to the 15th"),
        pytest.param(seats(1, "10", YEAR, date(2026, 11, 1)), "33.50", "1.12", id="to the first day"),
        pytest.param(seats(1, "10", YEAR, date(2026, 10, 31)), "0", "0", id="to last month"),
        pytest.param(
            seats(1, "1", date(2026, 11, 3), date(2026, 11, 20), unit_price=Decimal(150)),
            "150",
            "150",
            id="a one-time charge",
        ),
        pytest.param(seats(1, "1", *NOVEMBER), "3.35", "3.35", id="a one-time charge of the whole month"),
        pytest.param(seats(1, "10", less_included=Decimal(4)), "20.10", "20.10", id="some included"),
        pytest.param(seats(1, "10", less_included=Decimal(40)), "0", "0", id="more included than there are"),
        pytest.param(seats(1, "10", bill_customer="NoCharge"), "0", "0", id="no charge"),
        pytest.param(seats(1, "10", bill_customer="DoNotBill"), "0", "0", id="not billed"),
    ],
)
def test_november_without_and_with_proration(row: AdditionRow, full: str, prorated: str) -> None:
    assert total(state_with(row), NOVEMBER) == Decimal(full)
    assert total(state_with(row, prorate=True), NOVEMBER) == Decimal(prorated)


@pytest.mark.parametrize(("row", "lines"), [(seats(1, "0"), 1), (seats(1, "9", bill_customer="NoCharge"), 0)])
def test_only_what_is_billable_makes_a_line(row: AdditionRow, lines: int) -> None:
    assert len(preview_invoice(state_with(row), 10).lines) == lines


def test_each_line_is_rounded_by_itself() -> None:
    rows = [seats(key, "1", unit_price=Decimal("0.005")) for key in (1, 2, 3)]
    assert total(state_with(*rows)) == Decimal("0.03")


def test_a_one_time_charge_is_billed_once_where_the_month_is_cut() -> None:
    state = state_with(
        seats(1, "1", date(2026, 11, 3), date(2026, 11, 30)), next_invoice_date=date(2026, 10, 15)
    )
    assert [run_invoice(state, 10).total for _ in range(3)] == [Decimal("3.35"), 0, 0]


@pytest.mark.parametrize(
    ("agreement", "november", "december"),
    [
        ({"end_date": date(2026, 11, 14)}, "14.00", "0"),
        ({"end_date": date(2026, 11, 14), "status": "Expired"}, "14.00", "0"),
        ({"end_date": date(2026, 11, 30), "status": "Cancelled", "cancelled": True}, "30.00", "0"),
        ({"cancelled": True}, "0", "0"),
        ({"status": "Inactive"}, "0", "0"),
        ({"start_date": date(2026, 11, 21)}, "10.00", "31.00"),
        ({"bill_start_date": date(2026, 12, 1)}, "0", "31.00"),
    ],
)
def test_nothing_is_billed_outside_the_agreements_life(
    agreement: dict[str, Any], november: str, december: str
) -> None:
    def costs(period: tuple[date, date]) -> Decimal:
        price = Decimal((period[1] - period[0]).days + 1)  # one unit of money a day
        return total(state_with(seats(1, "1", unit_price=price), prorate=True, **agreement), period)

    assert (costs(NOVEMBER), costs(DECEMBER)) == (Decimal(november), Decimal(december))


def test_an_agreement_bills_its_own_additions_alone() -> None:
    state = state_with(seats(1, "1"), AdditionRow(2, 11, 5, Decimal(9), effective_date=YEAR))
    assert total(state) == Decimal("3.35")


@pytest.mark.parametrize(
    ("cycle", "began", "first", "following"),
    [
        ("Monthly", YEAR, date(2026, 12, 1), [date(2027, 1, 1), date(2027, 2, 1)]),
        ("Monthly", date(2026, 1, 31), date(2027, 1, 31), [date(2027, 2, 28), date(2027, 3, 31)]),
        ("Monthly", date(2024, 1, 31), date(2028, 1, 31), [date(2028, 2, 29), date(2028, 3, 31)]),
        ("Monthly", date(2026, 1, 31), date(2027, 2, 28), [date(2027, 3, 31), date(2027, 4, 30)]),
        ("Monthly", date(2026, 1, 28), date(2027, 2, 28), [date(2027, 3, 28)]),
        ("Monthly", date(2026, 1, 15), date(2027, 1, 31), [date(2027, 2, 28), date(2027, 3, 28)]),
        ("Quarterly", date(2025, 11, 30), date(2026, 11, 30), [date(2027, 2, 28), date(2027, 5, 30)]),
        ("Semi-Annual", YEAR, date(2026, 7, 1), [date(2027, 1, 1)]),
        ("Annual", date(2024, 2, 29), date(2027, 2, 28), [date(2028, 2, 29)]),
    ],
)
def test_periods_follow_one_another(cycle: str, began: date, first: date, following: list[date]) -> None:
    state = state_with(bill_start_date=began, next_invoice_date=first, billing_cycle=cycle)
    for start in following:
        invoice = run_invoice(state, 10)
        assert (invoice.first_day, invoice.last_day.toordinal() + 1) == (first, start.toordinal())
        first = start


def test_an_annual_agreement_charges_its_price_once_a_year() -> None:
    state = state_with(
        seats(1, "10"), billing_cycle="Annual", next_invoice_date=date(2027, 1, 1), prorate=True
    )
    assert run_invoice(state, 10).total == Decimal("33.50")
    state.additions[1]["cancelledDate"] = "2028-07-01T00:00:00Z"
    line = preview_invoice(state, 10).lines[0]
    assert (line.days, line.amount) == (183, Decimal("16.75"))  # 183 of the 366 days of 2028


def test_writes_show_on_the_next_invoice_and_never_on_an_issued_one(
    sandbox: Sandbox, cw: httpx.Client
) -> None:
    stand_in = sandbox.connectwise
    before = copy.deepcopy(stand_in.state.snapshot())
    assert stand_in.next_invoice(10).total == Decimal("35.18")  # 100; 102 ends in November
    assert stand_in.state.snapshot() == before
    path = "/finance/agreements/10/additions"
    assert cw.patch(f"{path}/100", json=[{"op": "replace", "path": "quantity", "value": 14}]).is_success
    assert stand_in.next_invoice(10).total == Decimal("40.20")
    added = cw.post(
        path,
        json={
            "product": {"id": 7},
            "quantity": 3,
            "billCustomer": "Billable",
            "effectiveDate": "2026-12-15T00:00:00Z",
        },
    )
    assert stand_in.run_invoice(10).total == Decimal("46.20")
    ended = [{"op": "replace", "path": "cancelledDate", "value": "2026-12-31T00:00:00Z"}]
    assert cw.patch(f"{path}/100", json=ended).is_success
    assert [line.addition_id for line in stand_in.next_invoice(10).lines] == [added.json()["id"]]
    assert stand_in.next_invoice(10).total == Decimal("6.00")
    assert stand_in.state.invoices[1]["total"] == "46.20"


def test_an_issued_invoice_moves_the_dates_that_connectwise_shows(sandbox: Sandbox, cw: httpx.Client) -> None:
    def recap() -> tuple[Any, ...]:
        shown = cw.get("/finance/agreementrecap/10").json()
        return shown["lastInvoiceDate"], shown["lastInvoiceNumber"], shown["nextInvoiceDate"]

    assert recap() == (None, None, "2026-12-01T00:00:00Z")
    additions = copy.deepcopy(sandbox.connectwise.state.additions)
    for _ in range(2):
        sandbox.connectwise.run_invoice(10)
    assert recap() == ("2027-01-01T00:00:00Z", "1002", "2027-02-01T00:00:00Z")
    assert cw.get("/finance/agreements/10").json()["nextInvoiceDate"] == "2027-02-01T00:00:00Z"
    assert sandbox.connectwise.state.additions == additions
    refused = cw.post(
        "/finance/agreements/10/additions",
        json={
            "product": {"id": 5},
            "quantity": 1,
            "billCustomer": "Billable",
            "effectiveDate": "2027-01-31T00:00:00Z",
        },
    )
    assert "already been invoiced" in refused.text


def test_invoices_over_http(sandbox: Sandbox, cw: httpx.Client) -> None:
    address = f"{sandbox.connectwise.url}/_sandbox/invoices"
    preview = cw.get(address, params={"agreement": 10})
    assert preview.json() == sandbox.connectwise.next_invoice(10).as_dict()
    assert (preview.json()["total"], preview.json()["lines"][0]["unit_price"]) == ("35.18", "3.35")
    assert cw.get(address).json() == []
    issued = cw.post(address, json={"agreement": 10})
    assert issued.json() == preview.json()
    assert cw.post(address, params={"agreement": "10"}).json()["first_day"] == "2027-01-01"
    assert [one["number"] for one in cw.get(address).json()] == ["1001", "1002"]
    assert cw.get(f"{sandbox.connectwise.url}/_sandbox/state").json()["invoices"] == cw.get(address).json()
    for bad in ({"agreement": 999}, {"agreement": "x"}, {"agreement": None}, {"agrement": 10}):
        answer = cw.post(address, json=bad)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize(
    ("agreement", "text"),
    [
        ({"next_invoice_date": None}, "no next invoice date"),
        ({"billing_cycle": None}, "billing cycle None"),
        ({"billing_cycle": "Fortnightly"}, "Fortnightly"),
    ],
)
def test_what_cannot_be_invoiced_is_refused_and_changes_nothing(agreement: dict[str, Any], text: str) -> None:
    state = state_with(seats(1, "1"), **agreement)
    before = state.snapshot()
    with pytest.raises(InvoiceRefused, match=text):
        run_invoice(state, 10)
    assert state.snapshot() == before
    assert total(state) == Decimal("3.35")  # a period that is named needs neither


def test_every_agreement_of_the_sample_month_can_be_invoiced() -> None:
    state = state_of(SampleMonth.load())
    invoices = {key: preview_invoice(state, key) for key in state.agreements}
    assert invoices[1001].total > 0
    assert invoices[1005].total == 0  # it ended, though nobody has set its status yet
    assert invoices[1017].last_day == date(2028, 5, 16)  # annual, from its anniversary


@pytest.mark.parametrize("period", [(DECEMBER[1], DECEMBER[0]), (DECEMBER[0], None)])
def test_a_period_is_two_days_in_order(period: tuple[date, date | None]) -> None:
    with pytest.raises(InvoiceRefused):
        preview_invoice(state_with(), 10, *period)


days = st.dates(date(2026, 6, 1), date(2027, 6, 30))


@given(st.lists(st.tuples(days, st.none() | days), max_size=4), st.booleans())
def test_no_day_is_billed_twice_or_forgotten(spans: list[tuple[date, date | None]], prorate: bool) -> None:
    rows = [
        seats(key, "1", start, None if end is None else max(start, end), unit_price=Decimal(1))
        for key, (start, end) in enumerate(spans, 1)
    ]
    state = state_with(*rows, start_date=None, next_invoice_date=date(2026, 5, 31), prorate=prorate)
    invoices = []
    while next_period(state.agreements[10])[0] < date(2027, 8, 1):
        invoices.append(run_invoice(state, 10))
    for row in rows:
        start, end = row.effective_date, row.cancelled_date or invoices[-1].last_day
        assert start is not None
        days_billed = [line.days for one in invoices for line in one.lines if line.addition_id == row.id]
        if row.cancelled_date and (start.year, start.month) == (end.year, end.month):
            assert len(days_billed) == 1
        elif prorate:
            assert sum(days_billed) == (end - start).days + 1
        else:
            assert len(days_billed) == sum(one.first_day <= end and start <= one.last_day for one in invoices)
