"""What every group of settings is made of: environment names, `.env`, empty values as unset."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from seatsync_pipeline.settings.environment import KEPT, environment

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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The library's order; the environment is what was really set, without Dagster's copies of the file."""
        if KEPT in os.environ and isinstance(env_settings, EnvSettingsSource):
            env_settings.env_vars = {name.lower(): value for name, value in environment().items() if value}
        return init_settings, env_settings, dotenv_settings, file_secret_settings


def named(name: str, default: Any, description: str, **bounds: Any) -> Any:
    """A field under its environment name."""
    return Field(default, validation_alias=name, description=description, **bounds)
