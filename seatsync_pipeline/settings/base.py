"""What every group of settings is made of: environment names, `.env`, empty values as unset."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Percent = Annotated[Decimal, Field(ge=0, le=100)]


class SettingsGroup(BaseSettings):
    """Settings that belong together. `Settings` is all groups in one."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,
        # A wrong value may be a secret, or have one in it.
        hide_input_in_errors=True,
    )


def named(name: str, default: Any, description: str, **bounds: Any) -> Any:
    """A field under its environment name."""
    return Field(default, validation_alias=name, description=description, **bounds)
