"""Settings: everything an operator can set, read from the environment and from `.env`.

What belongs here: names, defaults, validation, and the folders inside `SEATSYNC_HOME`. What does not:
anything that opens a connection. Settings are read when a command or a run starts, never at import, and
secrets are `SecretStr`, so that neither a log line nor a repr can show one.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import ValidationError, model_validator

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.settings.env_file import ENV_FILE, damaged_lines
from seatsync_pipeline.settings.files import FileSettings
from seatsync_pipeline.settings.guards import GuardSettings
from seatsync_pipeline.settings.msp import MspSettings
from seatsync_pipeline.settings.notices import NoticeSettings
from seatsync_pipeline.settings.operations import OperationsSettings
from seatsync_pipeline.settings.schedule import ScheduleSettings
from seatsync_pipeline.settings.vendors import CountBasis as CountBasis
from seatsync_pipeline.settings.vendors import VendorSettings
from seatsync_pipeline.settings.vendors import is_loopback as is_loopback


class Settings(
    GuardSettings,
    FileSettings,
    VendorSettings,
    ScheduleSettings,
    NoticeSettings,
    OperationsSettings,
    MspSettings,
):
    """One MSP's settings. Build it with `load_settings()`, which turns faults into `ConfigurationError`."""

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
            self.avanan_inbox.parent,  # by itself: a parent made on the way gets the mode of the mask
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

    Raises ConfigurationError that names every wrong setting, without repeating a secret's value, or says why `.env`
    cannot be read, or which of its lines.
    """
    try:
        if damaged := damaged_lines():
            raise ConfigurationError(
                "reading the settings",
                f"{ENV_FILE.absolute()}: {'; '.join(damaged)}",
                "As it stands, it would set nothing.",
            )
        settings = Settings()  # type: ignore[call-arg]  # every field comes from the environment
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'settings'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
    except UnicodeDecodeError:
        found = ".env is not UTF-8"
    except OSError as error:
        found = f".env: {error.strerror or type(error).__name__}"
    else:
        return settings.model_copy(update={"home": settings.home.expanduser().absolute()})
    # Raised here, so that nothing hangs on to it: the library's errors hold the values.
    raise ConfigurationError("reading the settings", found, "Correct it in the environment or in .env.")


def missing(settings: Settings, *names: str) -> list[str]:
    """The environment names of those fields that are not set, in the order given."""
    fields = Settings.model_fields
    return [str(fields[name].validation_alias) for name in names if getattr(settings, name) is None]
