"""Which day of a month the monthly round is due on: pure calendar.

A positive day is that day of the month, or the last one of a shorter month. A negative one counts from the next
month's 1st, when many MSPs invoice: -1 is the day before it, the last of the month; -3 the third day before it.
"""

from __future__ import annotations

from datetime import date, timedelta


def due_day(year: int, month: int, day: int) -> date:
    """The day of that month that the setting `day` (1 to 31, or -28 to -1) stands for."""
    following = date(year + month // 12, month % 12 + 1, 1)
    if day < 0:
        return following + timedelta(days=day)
    last = following - timedelta(days=1)
    return last.replace(day=min(day, last.day))


def latest_due(today: date, day: int) -> date:
    """The last due day, `today` among them."""
    this_month = due_day(today.year, today.month, day)
    if this_month <= today:
        return this_month
    before = today.replace(day=1) - timedelta(days=1)
    return due_day(before.year, before.month, day)


def next_due(today: date, day: int) -> date:
    """The first due day after `today`."""
    this_month = due_day(today.year, today.month, day)
    if this_month > today:
        return this_month
    return due_day(today.year + today.month // 12, today.month % 12 + 1, day)
