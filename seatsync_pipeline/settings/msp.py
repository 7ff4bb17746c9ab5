"""The MSP itself: its folder, its time zone, who may approve, and the day for tests."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from seatsync_pipeline.settings.base import SettingsGroup


class MspSettings(SettingsGroup):
    """What every command needs, whichever vendor it talks to."""

    home: Path = Field(
        Path(".seatsync"),
        validation_alias="SEATSYNC_HOME",
        description="folder with all state of one MSP",
    )
    timezone: str | None = Field(
        None,
        validation_alias="SEATSYNC_TIMEZONE",
        description='IANA zone in which "today" is computed, e.g. America/New_York',
    )
    approvers: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validation_alias="SEATSYNC_APPROVERS",
        description="comma-separated names that may approve; empty: any name",
    )
    fixed_today: date | None = Field(
        None,
        validation_alias="SEATSYNC_TODAY",
        description="fixed date for tests and demos, YYYY-MM-DD; refused against a real ConnectWise",
    )

    @field_validator("approvers", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError(f"{value!r} is no IANA time zone, e.g. America/New_York") from error
        return value
