"""On which day a new addition takes effect: today, or the next day ConnectWise accepts.

ConnectWise refuses a day before the agreement's billing start, and one in a period that is invoiced already. The
inner codes of the two refusals are not documented, so their texts are matched, without regard to case.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from seatsync_pipeline.connectwise.records import Agreement
from seatsync_pipeline.reconcile.book import end_of_month

_REFUSALS = (
    "effectivedate cannot be less than the agreement billing start date",
    "since this period has already been invoiced",
)
NEXT_INVOICE_WITHIN = timedelta(days=31)


def refuses_the_date(message: str) -> bool:
    """Whether ConnectWise refused an addition for its effective date."""
    text = message.casefold()
    return any(refusal in text for refusal in _REFUSALS)


def effective_dates(today: date, next_invoice: date | None) -> Iterator[date]:
    """The days to try, in order: today, the first of next month, the next invoice date if within 31 days."""
    first_of_next = end_of_month(today) + timedelta(days=1)
    yield today
    yield first_of_next
    near = next_invoice is not None and today < next_invoice <= today + NEXT_INVOICE_WITHIN
    if near and next_invoice is not None and next_invoice != first_of_next:
        yield next_invoice


def first_accepted_day(agreement: Agreement, today: date) -> date | None:
    """The day from which the agreement takes additions: its billing start, and without proration what is not invoiced
    yet. None where that is not ahead, so that nobody can tell why ConnectWise refuses today.
    """
    bounds = (agreement.bill_start_date, None if agreement.prorate else agreement.next_invoice_date)
    day = max((bound for bound in bounds if bound is not None), default=None)
    return day if day is not None and day > today else None
