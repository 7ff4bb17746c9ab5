"""Invoices: what an agreement's additions cost in a period, so that a push can be judged in money.

What belongs here: which additions a period bills, for how much, and what running an invoice changes. What does
not: writing additions (additions.py) and showing any of it over HTTP (connectwise.py).

The rules, as far as they are documented:

* The next period begins on the agreement's next invoice date and lasts one billing cycle, whatever its
  `periodType`: ConnectWise itself calls everything before that date "already invoiced".
* An addition is billed in a period when it is effective by the last day and its cancelled date, which is its
  last billed day, is empty or not before the first day; never outside the agreement's own life.
* Only `Billable` additions make a line: unit price x max(0, quantity - lessIncluded), rounded half-up to cents.
* Without `prorateFlag` a line is charged in full, with it for its share of the period's days. A one-time charge
  (effective and cancelled in one calendar month) is charged in full, once, in the period it becomes effective.

Left out: the agreement's own amount, taxes, child agreements (each has invoices of its own), and catching up on a
period that was invoiced before a change.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from seatsync_pipeline.sandbox.records import ConnectWiseState, Record, exact, moment

CYCLE_MONTHS: Final = {"Monthly": 1, "Quarterly": 3, "Semi-Annual": 6, "Annual": 12}
_CENT: Final = Decimal("0.01")
_FIRST_NUMBER: Final = 1001


class InvoiceRefused(ValueError):
    """No invoice can be made: no such agreement, no next invoice date, or no known billing cycle."""


@dataclass(frozen=True)
class InvoiceLine:
    """One addition on an invoice. `days` are those charged for: all of the period's unless prorated."""

    addition_id: int
    product_identifier: str
    quantity: Decimal
    billed_quantity: Decimal
    unit_price: Decimal
    days: int
    amount: Decimal


@dataclass(frozen=True)
class Invoice:
    """An agreement's additions in a period; both days belong to it. Lines are in the order of their ids."""

    agreement_id: int
    first_day: date
    last_day: date
    lines: tuple[InvoiceLine, ...]

    @property
    def total(self) -> Decimal:
        """The sum of the lines, with two places."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    def as_dict(self) -> Record:
        """As JSON values; exact numbers and dates are text."""
        shown: Record = _plain(asdict(self))
        return shown | {"total": str(self.total)}


def next_period(agreement: Record) -> tuple[date, date]:
    """First and last day of the period that the agreement's next invoice bills. Raises InvoiceRefused."""
    first_day = _day(agreement.get("nextInvoiceDate"))
    if first_day is None:
        raise InvoiceRefused(f"agreement {agreement['id']} has no next invoice date")
    return first_day, _one_cycle_after(first_day, agreement) - timedelta(days=1)


def preview_invoice(
    state: ConnectWiseState,
    agreement_id: int,
    first_day: date | None = None,
    last_day: date | None = None,
) -> Invoice:
    """The invoice of a period, by default the agreement's next one. Changes nothing. Raises InvoiceRefused."""
    with state.lock:
        agreement = state.agreements.get(agreement_id)
        if agreement is None:
            raise InvoiceRefused(f"there is no agreement {agreement_id}")
        if first_day is None and last_day is None:
            first_day, last_day = next_period(agreement)
        if first_day is None or last_day is None or last_day < first_day:
            raise InvoiceRefused(f"no period goes from {first_day} to {last_day}")
        mine = sorted(key for key, one in state.additions.items() if one["agreementId"] == agreement_id)
        lines = (_line(state.additions[key], agreement, first_day, last_day) for key in mine)
        return Invoice(agreement_id, first_day, last_day, tuple(line for line in lines if line is not None))


def run_invoice(state: ConnectWiseState, agreement_id: int) -> Invoice:
    """Issue the agreement's next invoice: it is remembered, and the next invoice date moves by one cycle.

    Raises InvoiceRefused.
    """
    with state.lock:
        invoice = preview_invoice(state, agreement_id)
        key = max(state.invoices, default=0) + 1
        issued = {
            "id": key,
            "number": str(_FIRST_NUMBER + len(state.invoices)),
            "date": moment(invoice.first_day),
        }
        state.invoices[key] = issued | invoice.as_dict()
        agreement = state.agreements[agreement_id]
        agreement["nextInvoiceDate"] = moment(invoice.last_day + timedelta(days=1))
        agreement["_info"] = state.stamp("billing")
        return invoice


def last_issued(state: ConnectWiseState, agreement_id: int) -> Record | None:
    """The agreement's invoice that was issued last, as `state.invoices` has it."""
    mine = [key for key, one in state.invoices.items() if one["agreement_id"] == agreement_id]
    return state.invoices[max(mine)] if mine else None


def _one_cycle_after(day: date, agreement: Record) -> date:
    """The invoice date after `day`. A cycle that began on the 31st comes back to it after a shorter month."""
    cycle = (agreement.get("billingCycle") or {}).get("name")
    if cycle not in CYCLE_MONTHS:
        known = ", ".join(CYCLE_MONTHS)
        raise InvoiceRefused(f"agreement {agreement['id']} has the billing cycle {cycle}; known: {known}")
    began = _day(agreement.get("billStartDate"))
    wanted = day.day
    if began is not None and day.day == min(began.day, _month_length(day.year, day.month)):
        wanted = began.day
    years, month = divmod(day.month - 1 + CYCLE_MONTHS[cycle], 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(wanted, _month_length(year, month)))


def _line(addition: Record, agreement: Record, first_day: date, last_day: date) -> InvoiceLine | None:
    if addition["billCustomer"] != "Billable":
        return None
    effective, cancelled = _day(addition.get("effectiveDate")), _day(addition.get("cancelledDate"))
    began, ended = _life(agreement)
    begin = max(day for day in (first_day, effective, began) if day is not None)
    end = min(day for day in (last_day, cancelled, ended) if day is not None)
    if end < begin:
        return None
    once = effective is not None and cancelled is not None and _month(effective) == _month(cancelled)
    if once and effective is not None and effective < first_day:
        return None  # the period before has charged it, in full
    whole = (last_day - first_day).days + 1
    days = (end - begin).days + 1 if agreement["prorateFlag"] and not once else whole
    quantity, price = exact(addition["quantity"]), exact(addition.get("unitPrice"))
    billed = max(Decimal(0), quantity - exact(addition.get("lessIncluded")))
    return InvoiceLine(
        addition_id=addition["id"],
        product_identifier=addition["product"]["identifier"],
        quantity=quantity,
        billed_quantity=billed,
        unit_price=price,
        days=days,
        amount=(price * billed * days / whole).quantize(_CENT, ROUND_HALF_UP),
    )


def _life(agreement: Record) -> tuple[date | None, date | None]:
    """First and last day on which the agreement bills; None is no limit."""
    began = _day(agreement.get("billStartDate")) or _day(agreement.get("startDate"))
    ends = [None if agreement["noEndingDateFlag"] else _day(agreement.get("endDate"))]
    ends.append(_day(agreement.get("dateCancelled")))
    known = [day for day in ends if day is not None]
    over = agreement["cancelledFlag"] or agreement["agreementStatus"] in {"Cancelled", "Expired"}
    if agreement["agreementStatus"] == "Inactive" or (over and not known):
        return began, date.min  # it has stopped, and nothing says on which day
    return began, min(known, default=None)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def _month_length(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, int | str) else str(value)
