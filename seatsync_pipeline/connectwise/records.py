"""The ConnectWise records SeatSync works with, and only the fields it uses.

Parsed from JSON by `parse.py`, stored and loaded by `store.py`. Quantities and money are exact `Decimal`s,
quantised to six places; dates are ConnectWise's calendar dates (the date part of `T00:00:00Z`, never shifted
by a time zone).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

_OVER = frozenset({"inactive", "expired"})  # statuses of agreements that bill nothing once they have begun


@dataclass(frozen=True, slots=True)
class Company:
    company_id: int
    identifier: str
    name: str
    status: str | None = None
    deleted: bool = False
    website: str | None = None


@dataclass(frozen=True, slots=True)
class AgreementType:
    agreement_type_id: int
    name: str
    inactive: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """`end_date` None means no end. `additions_read` is False for those that have ended or been cancelled."""

    agreement_id: int
    name: str
    company_id: int
    type_name: str
    parent_agreement_id: int | None = None
    status: str | None = "Active"
    cancelled: bool = False
    start_date: date | None = None
    end_date: date | None = None
    bill_start_date: date | None = None
    next_invoice_date: date | None = None
    billing_cycle: str | None = None
    prorate: bool = False
    additions_read: bool = True

    @property
    def plain_status(self) -> str:
        """The status in small letters; an agreement without one counts as active."""
        return (self.status or "Active").strip().casefold()

    def has_ended(self, today: date) -> bool:
        """Whether it bills nothing any more, so that nobody has to look at its additions.

        Before its first day a status such as Inactive says no more than that. A status that ConnectWise is not
        known to have may bill.
        """
        if self.cancelled or self.plain_status == "cancelled":
            return True
        if self.end_date is not None and self.end_date < today:
            return True
        to_start = self.start_date is not None and self.start_date > today
        return not to_start and self.plain_status in _OVER


@dataclass(frozen=True, slots=True)
class Addition:
    """`cancelled_date` is the last billed day. `bill_customer`: Billable, DoNotBill or NoCharge."""

    addition_id: int
    agreement_id: int
    product_id: int
    product_identifier: str
    quantity: Decimal
    less_included: Decimal = Decimal(0)
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    bill_customer: str = "Billable"
    effective_date: date | None = None
    cancelled_date: date | None = None
    description: str | None = None
    last_updated: str | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """A catalog item. `product_class`: Agreement, Bundle, Inventory, NonInventory or Service."""

    product_id: int
    identifier: str
    description: str | None = None
    product_class: str | None = None
    inactive: bool = False
    price: Decimal | None = None
    cost: Decimal | None = None
    taxable: bool | None = None
    billing_cycle: str | None = None

    @property
    def is_bundle(self) -> bool:
        """Whether it can be no addition: ConnectWise bills what is inside it."""
        return (self.product_class or "").strip().casefold() == "bundle"


@dataclass(frozen=True, slots=True)
class Scan:
    """One agreement scan: everything that was read, of one moment.

    `taken_at` is when reading began: everything that was changed in ConnectWise before that moment is in it.
    `details` are scalars for people: requests, seconds, codebase, server, where the invoice dates came from.
    """

    companies: tuple[Company, ...]
    agreement_types: tuple[AgreementType, ...]
    agreements: tuple[Agreement, ...]
    additions: tuple[Addition, ...]
    products: tuple[Product, ...]
    taken_at: datetime
    details: dict[str, str | int | float | bool | None] = field(default_factory=dict)
