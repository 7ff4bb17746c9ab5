"""From ConnectWise's JSON to records: strict about numbers and keys, tolerant to what may be absent.

What belongs here: one function per record, and how ConnectWise writes numbers, dates and flags. What does
not: reading pages (`paging.py`) and what belongs together (`scan.py`). Unknown fields are ignored. Whatever
cannot be understood raises PermanentVendorError that names the record and the field: a guess here would be a
wrong amount on an invoice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from sys import intern
from typing import Any, TypeVar

from seatsync_pipeline.connectwise.records import Addition, Agreement, AgreementType, Company, Product
from seatsync_pipeline.errors import PermanentVendorError

Row = Mapping[str, Any]
_T = TypeVar("_T")

_PLACES = Decimal("0.000001")
_LIMIT = Decimal(10) ** 12  # the warehouse holds DECIMAL(18, 6)
_LARGEST_ID = 2**63 - 1  # and BIGINT
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII | re.IGNORECASE
)
_EARLIEST = date(1900, 1, 1)  # before it are only the zeros that programs write for no date at all


class _Unreadable(ValueError):
    """A value that is not what its field should hold; the message says what was expected."""


def company(row: Row) -> Company:
    record = _Record("company", row)
    return Company(
        company_id=record.key(),
        identifier=record.need("identifier", text),
        name=record.need("name", text),
        status=record.reference_name("status"),
        deleted=record.read("deletedFlag", flag) or False,
        website=record.read("website", text),
    )


def agreement_type(row: Row) -> AgreementType:
    record = _Record("agreement type", row)
    return AgreementType(
        agreement_type_id=record.key(),
        name=record.need("name", trimmed),
        inactive=record.read("inactiveFlag", flag) or False,
    )


def agreement(row: Row) -> Agreement:
    """An agreement with its own `nextInvoiceDate`; `noEndingDateFlag` wins over an `endDate`."""
    record = _Record("agreement", row)
    endless = record.read("noEndingDateFlag", flag) or False
    type_name = (record.reference_name("type") or "").strip()  # the operator's filter names it without blanks
    if not type_name:
        raise record.error("type", "an agreement type with a name")
    return Agreement(
        agreement_id=record.key(),
        name=record.need("name", trimmed),
        company_id=record.reference_id("company"),
        type_name=type_name,
        parent_agreement_id=record.optional_reference_id("parentAgreement"),
        status=record.read("agreementStatus", text),
        cancelled=record.read("cancelledFlag", flag) or False,
        start_date=record.read("startDate", calendar_date),
        end_date=None if endless else record.read("endDate", calendar_date),
        bill_start_date=record.read("billStartDate", calendar_date),
        next_invoice_date=record.read("nextInvoiceDate", calendar_date),
        billing_cycle=record.reference_name("billingCycle"),
        prorate=record.read("prorateFlag", flag) or False,
    )


def addition(row: Row, listed_under: int) -> Addition:
    """An addition; it belongs to its own `agreementId`, or where that is absent to the agreement it was listed under.

    `product_identifier` is empty where ConnectWise left it out.
    """
    record = _Record("addition", row, f" of agreement {listed_under}")
    product = record.mapping("product")
    info = row.get("_info")
    return Addition(
        addition_id=record.key(),
        agreement_id=record.read("agreementId", identity) or listed_under,
        product_id=record.reference_id("product"),
        product_identifier=intern(_Record("product", product).read("identifier", text) or ""),
        quantity=record.need("quantity", number),
        less_included=record.read("lessIncluded", number) or number(0),
        unit_price=record.read("unitPrice", number),
        unit_cost=record.read("unitCost", number),
        bill_customer=intern(record.read("billCustomer", text) or "Billable"),
        effective_date=record.read("effectiveDate", calendar_date),
        cancelled_date=record.read("cancelledDate", calendar_date),
        description=record.read("description", text) or record.read("invoiceDescription", text),
        last_updated=_Record("_info", info).read("lastUpdated", text) if isinstance(info, dict) else None,
    )


def product(row: Row) -> Product:
    record = _Record("catalog product", row)
    return Product(
        product_id=record.key(),
        identifier=record.need("identifier", text),
        description=record.read("description", text),
        product_class=record.read("productClass", text),
        inactive=record.read("inactiveFlag", flag) or False,
        price=record.read("price", number),
        cost=record.read("cost", number),
        taxable=record.read("taxableFlag", flag),
        billing_cycle=record.reference_name("recurringBillCycle"),
    )


def recap_date(row: Row) -> date | None:
    """The next invoice date of an agreement's recap.

    The field is an undocumented plain string: one that is no ISO date counts as absent, so that the
    agreement's own date, which is read strictly, takes its place.
    """
    try:
        return calendar_date(row["nextInvoiceDate"]) if row.get("nextInvoiceDate") else None
    except _Unreadable:
        return None


def number(value: object) -> Decimal:
    """An exact decimal of six places from a JSON number or a numeric string; never from a float."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        raise _Unreadable("a number")
    return _number(str(value).strip())


@lru_cache(maxsize=4096)
def _number(value: str) -> Decimal:
    if not _NUMBER.fullmatch(value):
        raise _Unreadable("a number")
    exact = Decimal(value)
    if abs(exact) < _LIMIT:
        rounded = exact.quantize(_PLACES, ROUND_HALF_EVEN) + 0  # + 0: no negative zero
        if abs(rounded) < _LIMIT:
            return rounded
    raise _Unreadable("a number below 10^12")


def calendar_date(value: object) -> date:
    """The date part of an ISO date or date-time, as it stands: ConnectWise's are calendar dates at midnight UTC."""
    if not isinstance(value, str):
        raise _Unreadable("a date")
    return _calendar_date(value)


@lru_cache(maxsize=4096)
def _calendar_date(value: str) -> date:
    match = _DATE.fullmatch(value.strip())
    if match is None:
        raise _Unreadable("a date such as 2026-11-01T00:00:00Z")
    try:
        day = date.fromisoformat(match[1])
    except ValueError as error:
        raise _Unreadable("a date of the calendar") from error
    if day < _EARLIEST:
        raise _Unreadable("a date since 1900, or null")
    return day


def flag(value: object) -> bool:
    """A JSON boolean; ConnectWise is known to write some of them as strings."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise _Unreadable("true or false")


def text(value: object) -> str:
    """Text as it stands; half of a surrogate pair, which cannot be stored, becomes a question mark."""
    if not isinstance(value, str):
        raise _Unreadable("text")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def trimmed(value: object) -> str:
    """Text without the blanks around it, which nobody sees and two spellings of one name may differ in."""
    return text(value).strip()


def identity(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST_ID:
        raise _Unreadable("a record id")
    return value


class _Record:
    """One JSON object with the words to name it in an error."""

    def __init__(self, kind: str, row: Row, where: str = "") -> None:
        self._kind = kind
        self._row = row
        self._where = where

    def read(self, name: str, convert: Callable[[object], _T]) -> _T | None:
        """The field's value; None where it is missing, null or an empty string."""
        value = self._row.get(name)
        if value is None or value == "":
            return None
        try:
            return convert(value)
        except _Unreadable as error:
            raise self.error(name, str(error)) from error

    def need(self, name: str, convert: Callable[[object], _T]) -> _T:
        value = self.read(name, convert)
        if value is None:
            raise self.error(name, "a value")
        return value

    def key(self) -> int:
        return self.need("id", identity)

    def mapping(self, name: str) -> Row:
        value = self._row.get(name)
        if not isinstance(value, dict):
            raise self.error(name, "a reference")
        return value

    def reference_id(self, name: str) -> int:
        try:
            return identity(self.mapping(name).get("id"))
        except _Unreadable as error:
            raise self.error(name, "a reference with an id") from error

    def optional_reference_id(self, name: str) -> int | None:
        """The id in a reference; None where the reference or its id is absent."""
        value = self._row.get(name)
        if value is None or (isinstance(value, dict) and not value.get("id")):
            return None
        return self.reference_id(name)

    def reference_name(self, name: str) -> str | None:
        """The name in a reference such as `status`; None where the reference or its name is absent."""
        value = self._row.get(name)
        if value is None:
            return None
        return _Record(f"{name} of {self._named()}", self.mapping(name)).read("name", text)

    def _named(self) -> str:
        # As written in Python: what stands in an id's place may hold what cannot be printed.
        return f"{self._kind} {repr(self._row['id'])[:40] if 'id' in self._row else 'without id'}"

    def error(self, name: str, expected: str) -> PermanentVendorError:
        found = repr(self._row.get(name))[:100] if name in self._row else "nothing"
        return PermanentVendorError(
            f"reading {self._named()}{self._where} from ConnectWise",
            f"{name} should be {expected}, and is {found}",
            "Correct that record in ConnectWise, then try again.",
        )
