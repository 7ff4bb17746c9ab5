"""Writing additions by ConnectWise's rules: POST creates one, PATCH changes one.

What belongs here: which fields may be written, how, and the checks with their documented texts. What does
not: who may write at all, and routes (connectwise.py). Every refusal leaves the state as it was.

Beyond the documentation, where it is silent, the stricter reading holds: dates are `yyyy-MM-ddTHH:mm:ssZ`,
numbers are JSON numbers, read-only and unknown fields are refused instead of ignored.
"""

from __future__ import annotations

import copy
import json
import math
import re
from datetime import date
from typing import Any, Final, NoReturn

from seatsync_pipeline.sandbox.records import (
    FIELDS,
    ConnectWiseState,
    Record,
    moment,
    product_reference,
    set_amounts,
)

WRITABLE: Final = frozenset(
    "product quantity lessIncluded unitPrice unitCost sequenceNumber billCustomer effectiveDate cancelledDate "
    "taxableFlag purchaseItemFlag specialOrderFlag serialNumber invoiceDescription opportunity invoiceGrouping "
    "customFields".split()
)
_REQUIRED: Final = ("product", "billCustomer")
_NEVER_EMPTY: Final = frozenset({"product", "billCustomer", "quantity", "effectiveDate"})
_BILL_CUSTOMER: Final = ("Billable", "DoNotBill", "NoCharge")
_LONGEST: Final = {"serialNumber": 50, "invoiceDescription": 6000}
_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ")
_BEFORE_START: Final = "effectiveDate cannot be less than the agreement billing start date."
_INVOICED: Final = (
    "Since this period has already been invoiced there will not be an invoice generated for additional products "
    "for this period. Please prorate the agreement or update the start date to on or after the Next Invoice Date."
)


class WriteRefused(ValueError):
    """A write breaks a rule; `payload` is ConnectWise's error body for a 400."""

    def __init__(self, payload: Record) -> None:
        super().__init__(payload["message"])
        self.payload = payload


def create(state: ConnectWiseState, agreement: Record, body: bytes) -> Record:
    """Create an addition under the agreement and return it. Raises WriteRefused."""
    sent = _parsed(body)
    if not isinstance(sent, dict):
        _refuse_request("The body must be one JSON object.")
    for name in sent:
        _check_name(name)
    for name in _REQUIRED:
        if sent.get(name) is None:
            _refuse("MissingRequiredField", f"The {name} field is required.", name)
    values = {name: _value(state, name, value) for name, value in sent.items()}
    product = state.catalog[values["product"]["id"]]
    record = _defaults(product, agreement, state) | values
    _check_dates(record, agreement, effective=True)
    record["id"] = max(state.additions, default=90_000) + 1
    record["_info"] = state.stamp()
    set_amounts(record)
    state.additions[record["id"]] = record
    return record


def patch(state: ConnectWiseState, agreement: Record, record: Record, body: bytes) -> Record:
    """Apply a JSON array of operations to the addition, all or none, and return it. Raises WriteRefused."""
    operations = _parsed(body)
    if not isinstance(operations, list) or not operations:
        _refuse_request("The body must be a JSON array of operations.")
    changed = copy.deepcopy(record)
    touched = [name for operation in operations if (name := _apply(state, changed, operation))]
    if not touched:
        return record
    if "product" in touched:
        product = state.catalog[changed["product"]["id"]]
        defaults = {
            "unitPrice": product["price"],
            "unitCost": product["cost"],
            "invoiceDescription": product["description"],
        }
        changed |= {name: value for name, value in defaults.items() if name not in touched}
        changed["description"] = product["description"]
    _check_dates(changed, agreement, effective="effectiveDate" in touched or state.whole_record_checks)
    changed["_info"] = state.stamp()
    set_amounts(changed)
    record.clear()
    record.update(changed)
    return record


def _apply(state: ConnectWiseState, record: Record, operation: Any) -> str | None:
    """Apply one operation; the field it changed, or None for a path that ConnectWise accepts and ignores."""
    known = {"op", "path", "value"}
    if not isinstance(operation, dict) or not set(operation) <= known or "path" not in operation:
        _refuse_request("Each operation must be an object of op, path and value.")
    verb, path = operation.get("op"), operation["path"]
    if verb not in {"add", "replace", "remove"} or (verb != "remove" and "value" not in operation):
        _refuse_request(f"The operation {verb!r} is not supported.")
    if not isinstance(path, str):
        _refuse_request("The path must be a field name.")
    if path.partition("/")[0] in {"product", "opportunity", "invoiceGrouping"} and "/" in path:
        return None  # a sub-path of a reference gets a false 200 and changes nothing, as documented
    _check_name(path)
    if verb == "remove":
        if path in _NEVER_EMPTY:
            _refuse("MissingRequiredField", f"The {path} field is required.", path)
        record.pop(path, None)
    else:
        record[path] = _value(state, path, operation["value"])
    return path


def _parsed(body: bytes) -> Any:
    def no_constant(text: str) -> NoReturn:
        raise ValueError(text)

    try:
        return json.loads(body, parse_constant=no_constant)
    except ValueError:
        _refuse_request("The body is not valid JSON.")


def _check_name(name: str) -> None:
    if name in WRITABLE:
        return
    if name in FIELDS["additions"]:
        _refuse("ReadOnlyField", f"The field {name} is read-only.", name)
    _refuse("InvalidField", f"The field {name} does not exist; names are case-sensitive and bare.", name)


def _value(state: ConnectWiseState, name: str, value: Any) -> Any:
    """The value as it is stored, or WriteRefused."""
    if value is None:
        if name in _NEVER_EMPTY:
            _refuse("MissingRequiredField", f"The {name} field is required.", name)
        return None
    kind = FIELDS["additions"][name]
    if name == "product":
        return _product(state, value)
    if name == "billCustomer" and value not in _BILL_CUSTOMER:
        _refuse("InvalidField", f"billCustomer must be one of {', '.join(_BILL_CUSTOMER)}.", name)
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            _refuse("InvalidField", f"The field {name} must be a JSON number.", name)
        return _double(name, value)
    if kind == "date":
        return _day(name, value)
    expected: Any = {"boolean": bool, "string": str, "reference": dict, "array": list}[kind]
    if not isinstance(value, expected):
        _refuse("InvalidField", f"The field {name} must be of kind {kind}.", name)
    if name in _LONGEST and len(value) > _LONGEST[name]:
        text = f"The field {name} must be a string with a maximum length of {_LONGEST[name]}."
        raise WriteRefused({"code": "MaxLengthField", "message": text, "errors": None})
    return value


def _double(name: str, value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf  # a whole number that no double can hold
    if not math.isfinite(number):
        _refuse("InvalidField", f"The field {name} is out of range.", name)
    return number


def _product(state: ConnectWiseState, value: Any) -> Record:
    key = value.get("id") if isinstance(value, dict) else None
    if isinstance(key, bool) or not isinstance(key, int):
        _refuse("MissingRequiredField", "The product/id field is required.", "product/id")
    product = state.catalog.get(key)
    if product is None:
        _refuse("NotFound", f"Product {key} not found", "product/id")
    if product["productClass"] == "Bundle":
        _refuse("InvalidProduct", "A product of class Bundle cannot be an addition.", "product")
    return product_reference(product)


def _day(name: str, value: Any) -> str:
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return f"{date.fromisoformat(match.group(1) if match else '')}T00:00:00Z"
    except ValueError:
        _refuse("InvalidField", f"The field {name} must be a date such as 2026-11-20T00:00:00Z.", name)


def _defaults(product: Record, agreement: Record, state: ConnectWiseState) -> Record:
    return {
        "id": 0,
        "product": None,
        "quantity": 1.0,
        "lessIncluded": 0.0,
        "unitPrice": product["price"],
        "unitCost": product["cost"],
        "billCustomer": None,
        "effectiveDate": moment(state.today),
        "taxableFlag": product["taxableFlag"],
        "invoiceDescription": product["description"],
        "purchaseItemFlag": False,
        "specialOrderFlag": False,
        "agreementId": agreement["id"],
        "description": product["description"],
        "uom": "Each",
        "sequenceNumber": 1.0,
        "prorateCost": 0.0,
        "proratePrice": 0.0,
        "extendedProrateCost": 0.0,
        "extendedProratePrice": 0.0,
        "prorateCurrentPeriodFlag": False,
        "agreementStatus": agreement["agreementStatus"],
    }


def _check_dates(record: Record, agreement: Record, *, effective: bool) -> None:
    """The documented checks of the effective date, and that the last billed day is not before the first."""
    start = record["effectiveDate"]
    billing_start, next_invoice = agreement.get("billStartDate"), agreement.get("nextInvoiceDate")
    if effective and start is not None:
        if billing_start and start < billing_start:
            _refuse("InvalidEffectiveDate", _BEFORE_START, "effectiveDate")
        if not agreement["prorateFlag"] and next_invoice and start < next_invoice:
            _refuse("InvalidEffectiveDate", _INVOICED, "effectiveDate")
    last = record.get("cancelledDate")
    if last and start and last < start:
        text = "cancelledDate cannot be less than the effectiveDate."
        _refuse("InvalidCancelledDate", text, "cancelledDate")


def _refuse(code: str, message: str, field: str) -> NoReturn:
    fault = {"code": code, "message": message, "resource": "addition", "field": field}
    raise WriteRefused({"code": "InvalidObject", "message": "addition object is invalid", "errors": [fault]})


def _refuse_request(message: str) -> NoReturn:
    raise WriteRefused({"code": "InvalidRequest", "message": message, "errors": None})
