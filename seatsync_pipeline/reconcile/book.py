"""What ConnectWise bills: agreements in scope and the additions that count, as one indexed book.

Dates are calendar days in the MSP's zone. A cancelled date is the last billed day.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Final

from seatsync_pipeline.connectwise.records import Addition, Agreement, Company, Product, Scan
from seatsync_pipeline.reconcile.rows import BilledAddition

LineKey = tuple[int, int]  # (company_id, product_id)
CYCLE_MONTHS = {"monthly": 1, "quarterly": 3, "semi-annual": 6, "annual": 12}


class Timing(StrEnum):
    """Where an addition stands today."""

    CURRENT = "current"
    ENDING = "ending"  # current, with a cancelled date
    COMING = "coming"
    ONE_TIME = "one-time"
    PAST = "past"


def timing(addition: Addition | BilledAddition, today: date) -> Timing:
    """Current: effective today or earlier, and cancelled date empty or today or later.

    Effective and cancelled in one calendar month is a one-time charge, whenever it falls.
    """
    start, end = addition.effective_date, addition.cancelled_date
    if end is not None:
        if start and (start.year, start.month) == (end.year, end.month):
            return Timing.ONE_TIME
        if end < today or (start is not None and end < start):
            return Timing.PAST
    if start is not None and start > today:
        return Timing.COMING
    return Timing.CURRENT if end is None else Timing.ENDING


def is_active(agreement: Agreement, today: date) -> bool:
    """Started, not cancelled, not ended, status Active."""
    started = agreement.start_date is None or agreement.start_date <= today
    return started and agreement.plain_status == "active" and not agreement.has_ended(today)


@dataclass(slots=True)  # made by the hundred thousand, see `rows`
class Line:
    """The additions that count for one company and product: the current ones, or else the coming ones."""

    additions: Final[tuple[Addition, ...]] = ()
    coming: Final[bool] = False


_NOT_BILLED = Line()
_ByLine = dict[LineKey, list[Addition]]


class Book:
    """An agreement scan, seen through one source's agreement-type filter on one day.

    With `only`, additions of other products than these are left out: most of a scan is no business of a source.
    """

    def __init__(
        self, scan: Scan, type_names: Iterable[str], today: date, *, only: Collection[int] | None = None
    ) -> None:
        self.today = today
        self.companies: dict[int, Company] = {c.company_id: c for c in scan.companies}
        self.agreements: dict[int, Agreement] = {a.agreement_id: a for a in scan.agreements}
        self.products: dict[int, Product] = {p.product_id: p for p in scan.products}
        wanted = frozenset(type_names)
        self._in_scope = {
            a.agreement_id
            for a in scan.agreements
            if is_active(a, today) and (not wanted or a.type_name in wanted)
        }
        self._by_company: dict[int, list[Agreement]] = defaultdict(list)
        for agreement in sorted(scan.agreements, key=attrgetter("agreement_id")):
            if agreement.agreement_id in self._in_scope:
                self._by_company[agreement.company_id].append(agreement)
        wanted_additions = [a for a in scan.additions if only is None or a.product_id in only]
        wanted_additions.sort(key=attrgetter("addition_id"))
        self._lines, self._elsewhere, self._one_time = self._filed(wanted_additions)

    def _filed(self, additions: Iterable[Addition]) -> tuple[dict[LineKey, Line], _ByLine, _ByLine]:
        """The lines in scope; what else bills the same company and product, and what does so for one month alone."""
        current: _ByLine = defaultdict(list)
        coming: _ByLine = defaultdict(list)
        elsewhere: _ByLine = defaultdict(list)
        one_time: _ByLine = defaultdict(list)
        for addition in additions:
            agreement = self.agreements.get(addition.agreement_id)
            when = timing(addition, self.today)
            if agreement is None or when is Timing.PAST:
                continue
            key = (agreement.company_id, addition.product_id)
            if when is Timing.ONE_TIME:
                ends = addition.cancelled_date or self.today
                if ends >= self.today and not agreement.has_ended(self.today):
                    one_time[key].append(addition)
            elif agreement.agreement_id in self._in_scope:
                (coming if when is Timing.COMING else current)[key].append(addition)
            # Not yet started ones too: billed twice from next month on is billed twice.
            elif not agreement.has_ended(self.today):
                elsewhere[key].append(addition)
        lines = {key: Line(tuple(found), coming=True) for key, found in coming.items()}
        lines |= {key: Line(tuple(found)) for key, found in current.items()}
        return lines, elsewhere, one_time

    def timing(self, addition: Addition) -> Timing:
        """Where an addition of a line stands today."""
        return timing(addition, self.today)

    def line(self, key: LineKey) -> Line:
        """The counting additions of a line; a coming one counts only where no current one exists."""
        return self._lines.get(key, _NOT_BILLED)

    def lines(self, products: Collection[int]) -> Iterator[tuple[LineKey, Line]]:
        """Every line of these products that has a counting addition."""
        return ((key, line) for key, line in self._lines.items() if key[1] in products)

    def elsewhere(self, key: LineKey) -> tuple[Addition, ...]:
        """Current and coming additions of the line in agreements outside the scope that have not ended."""
        return tuple(self._elsewhere.get(key, ()))

    def one_time(self, key: LineKey) -> tuple[Addition, ...]:
        """Additions of the line for one month alone whose last billed day has not passed."""
        return tuple(self._one_time.get(key, ()))

    def agreements_of(self, company_id: int) -> tuple[Agreement, ...]:
        """The company's agreements in scope."""
        return tuple(self._by_company.get(company_id, ()))

    def company_name(self, company_id: int) -> str:
        company = self.companies.get(company_id)
        return company.name if company else f"company {company_id}"

    def product_identifier(self, product_id: int) -> str:
        product = self.products.get(product_id)
        return product.identifier if product else f"product {product_id}"

    def billed(self, addition: Addition) -> BilledAddition:
        agreement = self.agreements[addition.agreement_id]
        return BilledAddition(
            addition_id=addition.addition_id,
            agreement_id=addition.agreement_id,
            agreement_name=agreement.name,
            quantity=addition.quantity,
            less_included=addition.less_included,
            unit_price=addition.unit_price,
            bill_customer=addition.bill_customer,
            effective_date=addition.effective_date,
            cancelled_date=addition.cancelled_date,
        )


def last_billed_day(addition: Addition, agreement: Agreement, today: date) -> tuple[date, bool]:
    """The day a cancel would set, and whether an invoice date was there to compute it from.

    The day before the agreement's next invoice date if that day is today or later, else the last day of this
    month; never before the effective date.
    """
    upcoming = agreement.next_invoice_date
    before_invoice = upcoming - timedelta(days=1) if upcoming else None
    invoiced = before_invoice is not None and before_invoice >= today
    day = before_invoice if before_invoice and invoiced else end_of_month(today)
    if addition.effective_date is not None:
        day = max(day, addition.effective_date)
    return day, invoiced


def invoices_between(agreement: Agreement, first: date, last: date) -> int:
    """How many invoice dates of an agreement lie in those days, both included, going back from its next one.

    0 when it has no next invoice date, or a billing cycle whose length is not known.
    """
    months = CYCLE_MONTHS.get((agreement.billing_cycle or "").strip().casefold())
    upcoming = agreement.next_invoice_date
    if months is None or upcoming is None:
        return 0
    found, cycles = 0, 0
    while (day := _months_before(upcoming, cycles * months)) >= first:
        found += day <= last
        cycles += 1
    return found


def _months_before(day: date, months: int) -> date:
    """The same day so many months earlier; the month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def end_of_month(day: date) -> date:
    first_of_next = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first_of_next - timedelta(days=1)
