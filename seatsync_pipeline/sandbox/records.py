"""What the ConnectWise stand-in knows: its records, in ConnectWise's own JSON shape, and its settings.

What belongs here: building the records from a sample month, and the clock that dates every change. What does
not: paging and conditions (listing.py, conditions.py), and the rules of writing (additions.py).
Numbers are JSON numbers as ConnectWise sends them: quantities and money are doubles (12.0), ids are integers.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

from seatsync_pipeline.sandbox.month import (
    AdditionRow,
    AgreementRow,
    CompanyRow,
    ProductRow,
    SampleMonth,
)

Record = dict[str, Any]

FIELDS: Final[dict[str, dict[str, str]]] = {
    resource: {name: kind for kind, names in kinds.items() for name in names.split()}
    for resource, kinds in json.loads(
        files("seatsync_pipeline.sandbox").joinpath("connectwise_fields.json").read_text()
    ).items()
}
"""The fields of each resource and their kinds (string, number, boolean, date ...), from the API's schema."""


@dataclass
class ConnectWiseState:
    """Live state. Change it as a test needs, under `lock` when requests may be under way.

    `codebase` ends in a slash; after a change, as an upgrade makes it, old paths answer 404.
    `forward_only` are the resources that know forward-only paging; the others ignore its header, as some of
    ConnectWise's own do. With `whole_record_checks` a PATCH re-checks also fields it does not touch.
    """

    today: date
    companies: dict[int, Record] = field(default_factory=dict)
    agreement_types: dict[int, Record] = field(default_factory=dict)
    agreements: dict[int, Record] = field(default_factory=dict)
    additions: dict[int, Record] = field(default_factory=dict)
    catalog: dict[int, Record] = field(default_factory=dict)
    invoices: dict[int, Record] = field(default_factory=dict)
    company_id: str = "seatsync_sandbox"
    public_key: str = "sandbox-public-key"
    private_key: str = "sandbox-private-key"
    client_id: str = "5ea75e1c-0000-4000-8000-5a1dbeef0001"
    codebase: str = "v2026_1/"
    server_time_zone: str = "Eastern Standard Time"
    forward_only: set[str] = field(default_factory=lambda: {"companies", "agreements", "types", "catalog"})
    whole_record_checks: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)
    _changes: int = 0

    def stamp(self, by: str = "SeatSyncAPI") -> Record:
        """The `_info` of a change made now. Each is a second after the one before, so that none looks alike."""
        self._changes += 1
        moment = datetime(self.today.year, self.today.month, self.today.day, 14, tzinfo=UTC)
        moment += timedelta(seconds=self._changes)
        return {"lastUpdated": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "updatedBy": by}

    def snapshot(self) -> Record:
        """A copy of everything, as JSON values, without the keys."""
        with self.lock:
            tables = ("companies", "agreement_types", "agreements", "additions", "catalog", "invoices")
            copied: Record = {name: list(getattr(self, name).values()) for name in tables}
            copied |= {"today": self.today.isoformat(), "codebase": self.codebase}
            loaded: Record = json.loads(json.dumps(copied))
            return loaded


def state_of(month: SampleMonth) -> ConnectWiseState:
    """A fresh state with the month's records."""
    state = ConnectWiseState(month.today)
    state.companies = {row.id: _company(row) for row in month.companies}
    state.agreement_types = {
        row.id: {
            "id": row.id,
            "name": row.name,
            "defaultFlag": False,
            "inactiveFlag": row.inactive,
            "_info": {"lastUpdated": "2026-01-05T20:22:06Z", "updatedBy": None},
        }
        for row in month.agreement_types
    }
    state.catalog = {row.id: _product(row) for row in month.catalog}
    names = {row.id: row.name for row in month.agreements}
    state.agreements = {row.id: _agreement(row, state, names) for row in month.agreements}
    state.additions = {row.id: _addition(row, state) for row in month.additions}
    return state


def moment(day: date | None) -> str | None:
    """A calendar date as ConnectWise carries it: midnight with a Z that means no zone."""
    return None if day is None else f"{day.isoformat()}T00:00:00Z"


def reference(kind: str, record: Record, *names: str) -> Record:
    """A reference to a record: the named fields and a link, as ConnectWise embeds it."""
    return {name: record[name] for name in names} | {
        "_info": {f"{kind}_href": f"https://sandbox.invalid/apis/3.0/{kind}/{record['id']}"}
    }


def set_amounts(addition: Record) -> None:
    """Compute what ConnectWise derives: billed quantity (never below zero), extended price and cost, margin."""
    quantity, less = exact(addition["quantity"]), exact(addition.get("lessIncluded"))
    billed = max(Decimal(0), quantity - less)
    price, cost = exact(addition.get("unitPrice")), exact(addition.get("unitCost"))
    charged = billed * price if addition["billCustomer"] == "Billable" else Decimal(0)
    addition["billedQuantity"] = float(billed)
    addition["extPrice"] = float(charged)
    addition["extCost"] = float(billed * cost)
    addition["margin"] = float(charged - billed * cost)


def exact(number: float | None) -> Decimal:
    """The decimal number that a double of ConnectWise's stands for; None is zero."""
    return Decimal(str(number or 0))


def _double(number: Decimal | None) -> float | None:
    return None if number is None else float(number)


def _info(by: str = "admin1") -> Record:
    return {"lastUpdated": "2026-10-02T15:04:05Z", "updatedBy": by}


def _company(row: CompanyRow) -> Record:
    return {
        "id": row.id,
        "identifier": row.identifier,
        "name": row.name,
        "status": {"id": 1 if row.status == "Active" else 2, "name": row.status},
        "types": [{"id": 1, "name": "Client"}],
        "website": row.website,
        "annualRevenue": 0.0,
        "parentCompany": None,
        "deletedFlag": row.deleted,
        "dateDeleted": "2026-06-30T12:00:00Z" if row.deleted else None,
        "deletedBy": "admin1" if row.deleted else None,
        "mobileGuid": f"00000000-0000-4000-8000-{row.id:012d}",
        "_info": _info(),
    }


def _product(row: ProductRow) -> Record:
    cycle = row.billing_cycle
    return {
        "id": row.id,
        "identifier": row.identifier,
        "description": row.description,
        "inactiveFlag": row.inactive,
        "productClass": row.product_class,
        "serializedFlag": False,
        "unitOfMeasure": {"id": 1, "name": "Each"},
        "price": _double(row.price),
        "cost": _double(row.cost),
        "taxableFlag": row.taxable,
        "recurringFlag": cycle is not None,
        "recurringBillCycle": None if cycle is None else {"id": _cycle_id(cycle), "name": cycle},
        "customFields": [],
        "_info": _info(),
    }


def _cycle_id(name: str) -> int:
    known = ("Monthly", "Quarterly", "Annual", "Semi-Annual")
    return known.index(name) + 1 if name in known else 1 + len(known)


def _agreement(row: AgreementRow, state: ConnectWiseState, names: dict[int, str]) -> Record:
    company, kind = state.companies[row.company_id], state.agreement_types[row.type_id]
    cycle, parent = row.billing_cycle, row.parent_agreement_id
    record: Record = {
        "id": row.id,
        "name": row.name,
        "type": reference("type", kind, "id", "name"),
        "company": reference("company", company, "id", "identifier", "name"),
        "startDate": moment(row.start_date),
        "noEndingDateFlag": row.end_date is None,
        "cancelledFlag": row.cancelled,
        "applicationUnits": "Amount",
        "billingCycle": None if cycle is None else {"id": _cycle_id(cycle), "name": cycle},
        "billAmount": 0,
        "taxable": False,
        "billStartDate": moment(row.bill_start_date or row.start_date),
        "periodType": row.period_type,
        "prorateFlag": row.prorate,
        "invoiceProratedAdditionsFlag": False,
        "autoInvoiceFlag": False,
        "agreementStatus": row.status,
        "customFields": [],
        "_info": _info(),
    }
    if parent is not None:
        record["parentAgreement"] = reference(
            "agreement", {"id": parent, "name": names[parent]}, "id", "name"
        )
    if row.end_date is not None:
        record["endDate"] = moment(row.end_date)
    if row.next_invoice_date is not None:
        record["nextInvoiceDate"] = moment(row.next_invoice_date)
    return record


def _addition(row: AdditionRow, state: ConnectWiseState) -> Record:
    product = state.catalog[row.product_id]
    description = row.description or product["description"]
    record: Record = {
        "id": row.id,
        "product": product_reference(product),
        "quantity": float(row.quantity),
        "lessIncluded": float(row.less_included),
        "unitPrice": _double(row.unit_price) if row.unit_price is not None else product["price"],
        "unitCost": _double(row.unit_cost) if row.unit_cost is not None else product["cost"],
        "billCustomer": row.bill_customer,
        "effectiveDate": moment(row.effective_date),
        "taxableFlag": product["taxableFlag"],
        "invoiceDescription": description,
        "purchaseItemFlag": False,
        "specialOrderFlag": False,
        "agreementId": row.agreement_id,
        "description": description,
        "uom": "Each",
        "sequenceNumber": 1.0,
        "prorateCost": 0.0,
        "proratePrice": 0.0,
        "extendedProrateCost": 0.0,
        "extendedProratePrice": 0.0,
        "prorateCurrentPeriodFlag": False,
        "agreementStatus": state.agreements[row.agreement_id]["agreementStatus"],
        "_info": _info(),
    }
    # ConnectWise leaves an unset date out or sends null; both occur here, so that readers meet both.
    if row.cancelled_date is not None or row.id % 2:
        record["cancelledDate"] = moment(row.cancelled_date)
    set_amounts(record)
    return record


def product_reference(product: Record) -> Record:
    return reference("catalog", product, "id", "identifier", "serializedFlag")
