"""Running SeatSync over the years: how long what was read is kept."""

from __future__ import annotations

from pydantic import field_validator

from seatsync_pipeline.settings.base import SettingsGroup, named

LEAST_MONTHS = 13  # the trend shows this month beside the same one a year ago


class OperationsSettings(SettingsGroup):
    """What `seatsync prune` may remove."""

    keep_months: int = named(
        "SEATSYNC_KEEP_MONTHS",
        24,
        f"months that snapshots and previews are kept, at least {LEAST_MONTHS}; 0: for ever. Never removed: the audit "
        "log, operations, links, mappings",
        ge=0,
    )

    @field_validator("keep_months")
    @classmethod
    def _a_year_and_this_month(cls, value: int) -> int:
        if 0 < value < LEAST_MONTHS:
            raise ValueError(
                f"use 0 (for ever) or at least {LEAST_MONTHS}, which the trend over a year needs"
            )
        return value
