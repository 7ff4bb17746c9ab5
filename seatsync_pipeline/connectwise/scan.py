"""The agreement scan: everything that ConnectWise bills, of one moment, or nothing.

What belongs here: what is read side by side, which agreements are read for additions, and where the next
invoice date comes from. What does not: storing (`store.py`) and what additions mean for billing (`reconcile`).

Additions have no list of their own in ConnectWise: they are read agreement by agreement, for agreements that
are running or still to start. Those of ended and cancelled ones are history and not read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TypeVar

from seatsync_pipeline.connectwise.additions import Known, Progress, read_additions, with_identifiers
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.lists import (
    AGREEMENTS,
    CATALOG,
    COMPANIES,
    TYPES,
    ListRead,
    read_counted,
    read_recap,
)
from seatsync_pipeline.connectwise.records import (
    Addition,
    Agreement,
    AgreementType,
    Company,
    Product,
    Scan,
)

_T = TypeVar("_T")


def scan(
    reader: ConnectWiseReader,
    *,
    progress: Progress | None = None,
    known: Known = MappingProxyType({}),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Scan:
    """Read companies, agreement types, agreements, additions, catalog and next invoice dates.

    `progress` is called from this thread with a list's name, how much of it is done, and of how much. `known` are
    the additions of the scan before, by agreement. `now` (UTC) dates the scan before its first request, since what is
    written while it reads may be missing in it. At most `reader.concurrency` requests are in flight.
    Raises CredentialsRefused, PermanentVendorError, TransientVendorError, ConfigurationError, and
    IncompleteAnswer where a list is provably not the whole; the reader is stopped then.
    """
    taken_at, began = now(), time.monotonic()
    read = _read_or_stop(reader, progress or (lambda *_: None), known)
    dated, invoice_dates = _with_invoice_dates(read.agreements.records, read.recap)
    return Scan(
        companies=_sorted(read.companies.records),
        agreement_types=_sorted(read.types.records),
        agreements=_sorted(dated),
        additions=with_identifiers(_sorted(read.additions), read.catalog.records),
        products=_sorted(read.catalog.records),
        taken_at=taken_at,
        details={
            "server": reader.server,
            "company": reader.company,
            "codebase": reader.codebase,
            "requests": reader.requests,
            "retries": reader.retried,
            "seconds": round(time.monotonic() - began, 3),
            "paging": read.paging(),
            "invoice_dates": invoice_dates,
            "agreements_read": sum(agreement.additions_read for agreement in dated.values()),
        },
    )


@dataclass(frozen=True)
class _AllRead:
    """Everything a scan has read, by id. `recap`: see `read_recap`."""

    companies: ListRead[Company]
    types: ListRead[AgreementType]
    agreements: ListRead[Agreement]
    catalog: ListRead[Product]
    additions: dict[int, Addition]
    recap: dict[int, date | None] | int

    def paging(self) -> str:
        """How the lists were paged, in words."""
        by_list = {
            "agreements": self.agreements.paging,
            "companies": self.companies.paging,
            "catalog": self.catalog.paging,
            "agreement types": self.types.paging,
        }
        modes = sorted(set(by_list.values()))
        if len(modes) == 1:
            return modes[0]
        return "; ".join(
            f"{mode}: {', '.join(name for name, used in by_list.items() if used == mode)}" for mode in modes
        )


def _read_or_stop(reader: ConnectWiseReader, report: Progress, known: Known) -> _AllRead:
    """Everything; or an error, and nothing is asked any more."""
    pool = ThreadPoolExecutor(reader.concurrency, thread_name_prefix="connectwise")
    try:
        return _read_all(reader, pool, report, known)
    except BaseException:
        reader.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read_all(
    reader: ConnectWiseReader, pool: ThreadPoolExecutor, report: Progress, known: Known
) -> _AllRead:
    # One call alone, so that a wrong key is tried once and not by every thread; everything waits for the agreements.
    many = reader.check_credentials(AGREEMENTS.path)
    agreements_read = pool.submit(read_counted, reader, AGREEMENTS, many)
    recap_read = pool.submit(read_recap, reader)
    companies_read = pool.submit(read_counted, reader, COMPANIES)
    catalog_read = pool.submit(read_counted, reader, CATALOG)
    types_read = pool.submit(read_counted, reader, TYPES)
    beside = (recap_read, companies_read, catalog_read, types_read)

    listed = _done(agreements_read, "agreements", report)
    today = reader.today()
    agreements = {
        key: replace(agreement, additions_read=not agreement.has_ended(today))
        for key, agreement in listed.records.items()
    }
    return _AllRead(
        additions=read_additions(
            reader, pool, agreements, beside, served=listed.longest, report=report, known=known
        ),
        agreements=replace(listed, records=agreements),
        companies=_done(companies_read, "companies", report),
        catalog=_done(catalog_read, "catalog products", report),
        types=_done(types_read, "agreement types", report),
        recap=recap_read.result(),
    )


def _with_invoice_dates(
    agreements: dict[int, Agreement], recap: dict[int, date | None] | int
) -> tuple[dict[int, Agreement], str]:
    """The agreements with the recap's date, else their own; and a sentence that says which."""
    if isinstance(recap, int):
        return agreements, f"the agreements themselves (the recap answered {recap})"
    dated: dict[int, Agreement] = {}
    own = none = 0
    for key, agreement in agreements.items():
        from_recap = recap.get(key)
        dated[key] = replace(agreement, next_invoice_date=from_recap) if from_recap else agreement
        if agreement.additions_read and not from_recap:
            own += agreement.next_invoice_date is not None
            none += agreement.next_invoice_date is None
    said = "the recap"
    if own:
        said += f"; for {own} agreements the agreement itself"
    if none:
        said += f"; {none} running agreements have none"
    return dated, said


def _done(future: Future[ListRead[_T]], name: str, report: Progress) -> ListRead[_T]:
    result = future.result()
    report(name, len(result.records), len(result.records))
    return result


def _sorted(records: dict[int, _T]) -> tuple[_T, ...]:
    return tuple(records[key] for key in sorted(records))
