"""When the monthly round runs by itself, once its schedule is switched on."""

from __future__ import annotations

from pydantic import field_validator

from seatsync_pipeline.settings.base import SettingsGroup, named


class ScheduleSettings(SettingsGroup):
    """The day and hour of `monthly_seat_sync`, in the MSP's time zone."""

    schedule_day: int = named(
        "SEATSYNC_SCHEDULE_DAY",
        1,
        "day of the month on which `monthly_seat_sync` runs: 1 to 31, where a shorter month has its last day; or that "
        "many days before the next month's 1st: -1 is the last day, -3 the 29th of January and the 26th of February",
        ge=-28,
        le=31,
    )
    schedule_hour: int = named(
        "SEATSYNC_SCHEDULE_HOUR", 5, "hour of that day, 0 to 23, in SEATSYNC_TIMEZONE", ge=0, le=23
    )

    @field_validator("schedule_day")
    @classmethod
    def _some_day(cls, value: int) -> int:
        if value == 0:
            raise ValueError("0 is no day: 1 is the first of the month, -1 its last day")
        return value
