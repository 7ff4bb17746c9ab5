"""Records from JSON: exact numbers, unshifted dates, and an error that names what cannot be understood."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatsync_pipeline.connectwise import parse
from seatsync_pipeline.connectwise.records import Addition, Agreement, Company, Product
from seatsync_pipeline.errors import PermanentVendorError

ADDITION: dict[str, Any] = {"id": 9, "product": {"id": 812, "identifier": "MFA"}, "quantity": 12}
AGREEMENT: dict[str, Any] = {
    "id": 330,
    "name": "MSA Gold",
    "company": {"id": 2, "name": "Example"},
    "type": {"id": 5, "name": "Managed Services"},
}


def from_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def test_the_documented_addition_is_read_whole() -> None:
    row = from_json(
        '{"id":9001,"product":{"id":812,"identifier":"MFA-SEAT","serializedFlag":false,"_info":{"x":"y"}},'
        '"quantity":12.0,"lessIncluded":2.5,"unitPrice":3.5,"unitCost":2.0,"billCustomer":"NoCharge",'
        '"effectiveDate":"2026-08-01T00:00:00Z","cancelledDate":"2026-11-30T00:00:00Z","agreementId":331,'
        '"description":"MFA seats","uom":"Each","sequenceNumber":1.0,"customFields":[{"id":1}],'
        '"_info":{"lastUpdated":"2026-08-01T14:02:11Z","updatedBy":"apiuser"}}'
    )
    assert parse.addition(row, 330) == Addition(
        addition_id=9001,
        agreement_id=331,
        product_id=812,
        product_identifier="MFA-SEAT",
        quantity=Decimal(12),
        less_included=Decimal("2.5"),
        unit_price=Decimal("3.5"),
        unit_cost=Decimal(2),
        bill_customer="NoCharge",
        effective_date=date(2026, 8, 1),
        cancelled_date=date(2026, 11, 30),
        description="MFA seats",
        last_updated="2026-08-01T14:02:11Z",
    )


def test_the_smallest_records_are_read_with_everything_else_unknown() -> None:
    assert parse.addition(ADDITION, 330) == Addition(9, 330, 812, "MFA", Decimal(12))
    assert parse.agreement(AGREEMENT) == Agreement(330, "MSA Gold", 2, "Managed Services", status=None)
    assert parse.company({"id": 2, "identifier": "Ex", "name": "Example"}) == Company(2, "Ex", "Example")
    assert parse.product({"id": 812, "identifier": "MFA"}) == Product(812, "MFA")


def test_half_of_a_surrogate_pair_which_cannot_be_stored_becomes_a_question_mark() -> None:
    cut = from_json(r'{"id": 2, "identifier": "Ex", "name": "Caf\u00e9 \ud83d"}')
    assert parse.company(cut).name == "Café ?"


@pytest.mark.parametrize("unset", [{}, {"cancelledDate": None}, {"cancelledDate": ""}])
def test_an_unset_date_is_none_in_all_three_spellings(unset: dict[str, Any]) -> None:
    assert parse.addition({**ADDITION, **unset}, 330).cancelled_date is None


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"noEndingDateFlag": True, "endDate": "2020-01-01T00:00:00Z"}, None),
        ({"noEndingDateFlag": False, "endDate": "2026-11-20T00:00:00Z"}, date(2026, 11, 20)),
        ({"endDate": "2026-11-20"}, date(2026, 11, 20)),
        ({"noEndingDateFlag": None, "endDate": None}, None),
    ],
)
def test_an_agreement_without_ending_date_has_none(fields: dict[str, Any], ends: date | None) -> None:
    assert parse.agreement({**AGREEMENT, **fields}).end_date == ends


def test_blanks_around_the_names_of_agreements_and_their_types_are_no_part_of_them() -> None:
    """The filter of agreement types holds names without them: the agreement would fall out of its own filter."""
    row = {**AGREEMENT, "name": "MSA Gold ", "type": {"id": 5, "name": " Managed Services\u00a0"}}
    assert parse.agreement(row) == parse.agreement(AGREEMENT)
    assert parse.agreement_type({"id": 5, "name": "Managed Services "}).name == "Managed Services"


def test_a_type_whose_name_is_blank_is_no_type() -> None:
    with pytest.raises(PermanentVendorError, match="an agreement type with a name"):
        parse.agreement({**AGREEMENT, "type": {"id": 5, "name": "  "}})


@pytest.mark.parametrize("parent", [None, {}, {"id": None}, {"id": 0}])
def test_an_empty_parent_is_none(parent: object) -> None:
    assert parse.agreement({**AGREEMENT, "parentAgreement": parent}).parent_agreement_id is None


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("12", "12"),
        ("12.0", "12"),
        ("12.5", "12.5"),
        ('"12.50"', "12.5"),
        ("1.2E+1", "12"),
        ("0.1", "0.1"),
        ("-3", "-3"),
        ("-0.0", "0"),
        ("0.1234565", "0.123456"),
        ("999999999999.999999", "999999999999.999999"),
    ],
)
def test_quantities_are_exact_to_six_places(written: str, exact: str) -> None:
    quantity = parse.addition({**ADDITION, "quantity": from_json(written)}, 330).quantity
    assert quantity == Decimal(exact)
    assert str(quantity) == f"{Decimal(exact):.6f}"


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=6))
def test_any_decimal_of_six_places_survives_as_number_and_as_text(value: Decimal) -> None:
    assert parse.number(from_json(str(value))) == value
    assert parse.number(str(value)) == value


@pytest.mark.parametrize(
    "quantity",
    [None, "", True, "NaN", "Infinity", "1_000", "1,000", "twelve", "１２", [], {}, 1.5, 10**12, "1e400"],
)
def test_a_quantity_that_is_no_number_is_refused_by_name(quantity: object) -> None:
    with pytest.raises(PermanentVendorError, match=r"addition 9 of agreement 330.*quantity should be"):
        parse.addition({**ADDITION, "quantity": quantity}, 330)


def test_a_quantity_that_rounds_to_more_than_can_be_stored_is_refused() -> None:
    with pytest.raises(PermanentVendorError, match="a number below 10"):
        parse.addition({**ADDITION, "quantity": "999999999999.9999999"}, 330)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"product": {"id": 812}, "quantity": 1}, "addition without id"),
        ({**ADDITION, "product": None}, "addition 9 .*product should be a reference, and is None"),
        ({**ADDITION, "product": {"identifier": "MFA"}}, "product should be a reference with an id"),
        ({**ADDITION, "effectiveDate": "01/11/2026"}, "effectiveDate should be a date such as"),
        (
            {**ADDITION, "cancelledDate": "2026-02-30T00:00:00Z"},
            "cancelledDate should be a date of the calendar",
        ),
        ({**ADDITION, "cancelledDate": 20261101}, "cancelledDate should be a date"),
        ({**ADDITION, "cancelledDate": "2026-11-01 to 2026-12-31"}, "cancelledDate should be a date such as"),
        ({**ADDITION, "cancelledDate": "0001-01-01T00:00:00"}, "cancelledDate should be a date since 1900"),
        ({**ADDITION, "agreementId": "330"}, "agreementId should be a record id"),
        ({**ADDITION, "agreementId": 2**63}, "agreementId should be a record id"),
        ({**ADDITION, "id": "\ud83d"}, r"addition '\\ud83d' of .*id should be a record id"),
        ({**ADDITION, "billCustomer": 1}, "billCustomer should be text"),
    ],
)
def test_an_addition_that_cannot_be_understood_is_refused_by_name(row: dict[str, Any], says: str) -> None:
    with pytest.raises(PermanentVendorError, match=says):
        parse.addition(row, 330)


@pytest.mark.parametrize("missing", ["name", "company", "type"])
def test_an_agreement_without_its_basics_is_refused_by_name(missing: str) -> None:
    row = {name: value for name, value in AGREEMENT.items() if name != missing}
    with pytest.raises(PermanentVendorError, match=f"agreement 330 from ConnectWise: {missing} should be"):
        parse.agreement(row)


def test_flags_may_be_words_but_nothing_else() -> None:
    assert parse.agreement({**AGREEMENT, "cancelledFlag": "True"}).cancelled
    assert not parse.agreement({**AGREEMENT, "cancelledFlag": None}).cancelled
    with pytest.raises(PermanentVendorError, match="cancelledFlag should be true or false"):
        parse.agreement({**AGREEMENT, "cancelledFlag": "yes"})


def test_dates_are_taken_as_they_stand_and_never_shifted() -> None:
    for written in (
        "2026-11-01",
        "2026-11-01T00:00:00Z",
        "2026-11-01T23:30:00-08:00",
        "2026-11-01T00:00:00.000Z",
        "2026-11-01 00:00",
        "2026-11-01t00:00:00+0000",
    ):
        assert parse.calendar_date(written) == date(2026, 11, 1)
