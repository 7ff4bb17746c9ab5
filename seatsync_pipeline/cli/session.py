"""What a command works with: the settings, the warehouse, and the latest data in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from seatsync_pipeline.errors import InputRefused

if TYPE_CHECKING:
    from seatsync_pipeline.reconcile.store import Preview
    from seatsync_pipeline.settings import Settings
    from seatsync_pipeline.sources.base import Source
    from seatsync_pipeline.warehouse import Warehouse

FIRST_STEP = {"duo": "seatsync pull duo", "avanan": "seatsync import avanan FILE"}


class Session:
    """One command's view of one MSP. Raises ConfigurationError for wrong settings."""

    def __init__(self) -> None:
        from seatsync_pipeline.settings import load_settings
        from seatsync_pipeline.warehouse import Warehouse

        self.settings: Settings = load_settings()
        self.warehouse: Warehouse = Warehouse(self.settings.database)

    def require_database(self, tried: str) -> None:
        """Raises InputRefused when nothing was stored yet, instead of creating an empty database to read."""
        if not self.settings.database.exists():
            raise InputRefused(
                tried,
                f"there is no database in {self.settings.home} yet",
                "Run `seatsync doctor`, then `seatsync scan`; SEATSYNC_HOME says where the data is.",
            )

    def preview(self, source: Source) -> Preview:
        """The latest preview of a source. Raises InputRefused when there is none."""
        tried = f"opening the latest {source} preview"
        self.require_database(tried)
        found = self.latest_preview(source)
        if found is None:
            raise InputRefused(tried, "there is none yet", f"Run `{FIRST_STEP[source]}` first.")
        return found

    def latest_preview(self, source: Source) -> Preview | None:
        """The latest preview of a source, None when there is none. The database must exist."""
        from seatsync_pipeline.reconcile.store import load_latest_preview

        with without_pandas():
            return load_latest_preview(self.warehouse, source)

    def scan_is_due(self) -> bool:
        """Whether the last scan is missing, older than a preview may be made from, or than the last operation."""
        from seatsync_pipeline.reconcile.due import scan_is_due

        return scan_is_due(self.warehouse)

    def local(self, moment: datetime) -> str:
        """A time in the MSP's zone, as people write it. Naive times are UTC, as stored."""
        return f"{aware(moment).astimezone(self.settings.zone):%Y-%m-%d %H:%M %Z}"


@contextmanager
def without_pandas() -> Iterator[None]:
    """Keep pandas out while something is only read, unless it is loaded: DuckDB imports it for the first bound value.

    That takes a third of a command's time. Not for where other threads may import it meanwhile.
    """
    if "pandas" in sys.modules:
        yield
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]  # how Python is told that there is none
    try:
        yield
    finally:
        del sys.modules["pandas"]


def aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def age(moment: datetime) -> timedelta:
    """How long ago that was; never negative."""
    return max(datetime.now(UTC) - aware(moment), timedelta())


def age_text(moment: datetime) -> str:
    """`3 minutes old`, for people."""
    seconds = age(moment).total_seconds()
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'' if number == 1 else 's'} old"
    return "just taken"


def plural(number: Any, noun: str) -> str:
    """`1 row`, `2 rows`, `0 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
