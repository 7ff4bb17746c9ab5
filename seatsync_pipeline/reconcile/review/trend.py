"""Seats and accounts of a source, month by month: the last accepted snapshot of each calendar month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from seatsync_pipeline.reconcile.load import day_in
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.warehouse import Connection

MONTHS = 13  # this month, and the same one a year ago


@dataclass(frozen=True)
class Month:
    """One calendar month, named by its first day.

    Everything is None when the source has no accepted snapshot of it: unknown, never zero. `seats` and `accounts`
    count what is billable; `failed_accounts` could not be read, so that the month may lack their seats.
    `taken_at` is in UTC.
    """

    month: date
    snapshot_id: str | None = None
    taken_at: datetime | None = None
    seats: Decimal | None = None
    accounts: int | None = None
    failed_accounts: int | None = None


_ACCEPTED = """
    select snapshot_id, taken_at
    from accepted_snapshot
    where source = ?
    order by taken_at, snapshot_id
"""

_COUNTS = """
    select snapshot_id,
           coalesce(sum(seats) filter (where state = 'counted'), 0),
           count(distinct account_key) filter (where state = 'counted'),
           count(distinct account_key) filter (where state = 'failed')
    from observation
    where snapshot_id in (select unnest(?))
    group by snapshot_id
"""


def trend(
    connection: Connection, source: Source, *, today: date, zone: tzinfo = UTC, months: int = MONTHS
) -> tuple[Month, ...]:
    """The months up to today's, oldest first, from the first one that is known; at most `months` of them.

    `today` and `zone` are the MSP's: they say which month a snapshot belongs to. Empty when nothing was accepted.
    """
    window = _window(today, months)
    last: dict[date, tuple[str, datetime]] = {}
    for snapshot_id, taken_at in connection.execute(_ACCEPTED, [source]).fetchall():
        taken = taken_at.replace(tzinfo=UTC)
        month = day_in(zone, taken).replace(day=1)
        if month in window:
            last[month] = (snapshot_id, taken)
    if not last:
        return ()
    ids = [snapshot_id for snapshot_id, _ in last.values()]
    counts = {row[0]: row[1:] for row in connection.execute(_COUNTS, [ids]).fetchall()}
    first = min(last)
    return tuple(_month(month, last.get(month), counts) for month in window if month >= first)


def _month(
    month: date, snapshot: tuple[str, datetime] | None, counts: dict[str, tuple[Decimal, int, int]]
) -> Month:
    if snapshot is None:
        return Month(month)
    snapshot_id, taken_at = snapshot
    seats, accounts, failed = counts.get(snapshot_id, (Decimal(0), 0, 0))
    return Month(month, snapshot_id, taken_at, Decimal(seats), accounts, failed)


def _window(today: date, months: int) -> list[date]:
    """The first days of this month and those before it, oldest first."""
    count = today.year * 12 + today.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(count - months + 1, count + 1)]
