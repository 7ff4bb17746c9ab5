"""Settings: everything an operator can set, read from the environment and from `.env`.

What belongs here: names, defaults, validation, and the folders inside `SEATSYNC_HOME`. What does not:
anything that opens a connection. Settings are read when a command or a run starts, never at import, and
secrets are `SecretStr`, so that neither a log line nor a repr can show one.
"""

from __future__ import annotations

import ipaddress
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from seatsync_pipeline.errors import ConfigurationError

CountBasis = Literal["enrolled", "enrolled_active", "existing"]


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without port) can only be this machine."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """One MSP's settings. Build it with `load_settings()`, which turns faults into `ConfigurationError`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

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
    connectwise_url: str | None = Field(
        None,
        validation_alias="CONNECTWISE_URL",
        description="server, e.g. https://api-na.myconnectwise.net",
    )
    connectwise_company_id: str | None = Field(
        None, validation_alias="CONNECTWISE_COMPANY_ID", description="the company you log in to"
    )
    connectwise_public_key: SecretStr | None = Field(
        None, validation_alias="CONNECTWISE_PUBLIC_KEY", description="API member's public key"
    )
    connectwise_private_key: SecretStr | None = Field(
        None, validation_alias="CONNECTWISE_PRIVATE_KEY", description="API member's private key"
    )
    connectwise_client_id: SecretStr | None = Field(
        None,
        validation_alias="CONNECTWISE_CLIENT_ID",
        description="your own clientId from developer.connectwise.com",
    )
    connectwise_concurrency: int = Field(
        8,
        ge=1,
        le=64,
        validation_alias="CONNECTWISE_CONCURRENCY",
        description="requests in flight",
    )
    connectwise_requests_per_minute: int = Field(
        600,
        ge=1,
        validation_alias="CONNECTWISE_REQUESTS_PER_MINUTE",
        description="ceiling per minute",
    )
    duo_api_host: str | None = Field(
        None,
        validation_alias="DUO_API_HOST",
        description="parent account's API host, e.g. api-xxxxxxxx.duosecurity.com",
    )
    duo_ikey: SecretStr | None = Field(
        None, validation_alias="DUO_IKEY", description="Accounts API integration key"
    )
    duo_skey: SecretStr | None = Field(
        None, validation_alias="DUO_SKEY", description="Accounts API secret key"
    )
    duo_port: int = Field(443, ge=1, le=65535, validation_alias="DUO_PORT", description="port")
    duo_ca: str | None = Field(
        None,
        validation_alias="DUO_CA",
        description="a CA bundle's path, or HTTP (loopback hosts only); default: Duo's pinned bundle",
    )
    duo_concurrency: int = Field(
        8,
        ge=1,
        le=64,
        validation_alias="DUO_CONCURRENCY",
        description="requests in flight over all subaccounts",
    )
    duo_requests_per_minute: int = Field(
        180, ge=1, validation_alias="DUO_REQUESTS_PER_MINUTE", description="ceiling per minute"
    )
    duo_count_basis: CountBasis = Field(
        "enrolled",
        validation_alias="DUO_COUNT_BASIS",
        description="users billed, never those pending deletion: enrolled; enrolled_active (enrolled "
        "and not disabled); existing (all)",
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

    @field_validator("connectwise_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        if parts.username or parts.password:
            raise ValueError("the URL must not contain credentials; use the CONNECTWISE_ keys")
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ValueError("give a server such as https://api-na.myconnectwise.net")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("plain http is allowed for loopback only; use https")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("give the server alone, without a path; the API path is discovered")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("duo_api_host")
    @classmethod
    def _bare_host(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or any(c in value for c in "/@?# :")):
            raise ValueError("give the host name alone, without scheme, port or path")
        return value.strip().lower() if value else value

    @model_validator(mode="after")
    def _test_settings_stay_local(self) -> Self:
        if self.fixed_today and self.connectwise_url:
            host = urlsplit(self.connectwise_url).hostname or ""
            if not is_loopback(host):
                raise ValueError("SEATSYNC_TODAY is for tests: unset it to work with a real ConnectWise")
        if self.duo_ca == "HTTP" and self.duo_api_host and not is_loopback(self.duo_api_host):
            raise ValueError("DUO_CA=HTTP is allowed for loopback hosts only")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The MSP's zone; UTC while none is set (reading is harmless, the push refuses to run)."""
        return ZoneInfo(self.timezone or "UTC")

    def today(self) -> date:
        """The MSP's calendar day."""
        return self.fixed_today or datetime.now(self.zone).date()

    @property
    def database(self) -> Path:
        return self.home / "seatsync.duckdb"

    @property
    def avanan_inbox(self) -> Path:
        return self.home / "inbox" / "avanan"

    @property
    def selections_inbox(self) -> Path:
        return self.home / "inbox" / "selections"

    @property
    def previews(self) -> Path:
        return self.home / "previews"

    @property
    def archive(self) -> Path:
        return self.home / "archive"

    @property
    def rejected(self) -> Path:
        return self.home / "rejected"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    def make_folders(self) -> None:
        """Create `SEATSYNC_HOME` and its folders, readable by their owner alone."""
        folders = (
            self.home,
            self.avanan_inbox,
            self.selections_inbox,
            self.previews,
            self.archive,
            self.rejected,
            self.dagster_home,
        )
        try:
            for folder in folders:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"creating the folder {folder}",
                error.strerror or str(error),
                "Point SEATSYNC_HOME at a folder that you may write to.",
            ) from error


def load_settings() -> Settings:
    """Read the environment and `.env`.

    Raises ConfigurationError that names every wrong setting, without repeating a secret's value.
    """
    try:
        settings = Settings()  # type: ignore[call-arg]  # every field comes from the environment
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'settings'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(
            "reading the settings", faults, "Correct it in the environment or in .env."
        ) from None
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def missing(settings: Settings, *names: str) -> list[str]:
    """The environment names of those fields that are not set, in the order given."""
    fields = Settings.model_fields
    return [str(fields[name].validation_alias) for name in names if getattr(settings, name) is None]
