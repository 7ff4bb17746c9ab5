"""Who is told when a run fails or a preview needs a person, and how.

Webhook addresses are secrets: whoever knows one can post there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from seatsync_pipeline.settings.base import SettingsGroup, named
from seatsync_pipeline.settings.vendors import is_loopback

MailSecurity = Literal["starttls", "implicit", "plain"]


class NoticeSettings(SettingsGroup):
    """Channels for notices, what a notice may say, and when one is due."""

    ui_url: str | None = named(
        "SEATSYNC_UI_URL", None, "address of the Dagster UI; notices then link to the run or preview"
    )
    notice_webhook_url: SecretStr | None = named(
        "SEATSYNC_NOTICE_WEBHOOK_URL", None, "address that gets each notice as JSON (see docs/alerts.md)"
    )
    notice_slack_url: SecretStr | None = named("SEATSYNC_NOTICE_SLACK_URL", None, "Slack incoming webhook")
    notice_teams_url: SecretStr | None = named(
        "SEATSYNC_NOTICE_TEAMS_URL",
        None,
        "Microsoft Teams: the address of a Workflows webhook",
    )
    notice_mail_to: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validation_alias="SEATSYNC_NOTICE_MAIL_TO",
        description="comma-separated addresses that get each notice by e-mail",
    )
    notice_mail_from: str | None = named("SEATSYNC_NOTICE_MAIL_FROM", None, "sender of these e-mails")
    smtp_host: str | None = named("SEATSYNC_SMTP_HOST", None, "mail server")
    smtp_port: int | None = named(
        "SEATSYNC_SMTP_PORT",
        None,
        "its port; by SEATSYNC_SMTP_SECURITY: 587, 465 or 25",
        ge=1,
        le=65535,
    )
    smtp_security: MailSecurity = named(
        "SEATSYNC_SMTP_SECURITY",
        "starttls",
        "`starttls`; `implicit` (TLS from the first byte); `plain` (no encryption: then without a password, unless "
        "the server is this machine)",
    )
    smtp_user: str | None = named("SEATSYNC_SMTP_USER", None, "user of the mail server, if it wants one")
    smtp_password: SecretStr | None = named("SEATSYNC_SMTP_PASSWORD", None, "that user's password")
    notice_client_names: bool = Field(
        default=False,
        validation_alias="SEATSYNC_NOTICE_CLIENT_NAMES",
        description="whether notices may name clients and quote errors, which can name clients too",
    )
    notice_drift_percent: Decimal = named(
        "SEATSYNC_NOTICE_DRIFT_PERCENT",
        Decimal(10),
        "a preview that would change more of the billed seats needs you",
        ge=0,
    )
    notice_stale_days: int = named(
        "SEATSYNC_NOTICE_STALE_DAYS",
        35,
        "a source whose last accepted snapshot is older has gone stale",
        ge=1,
    )

    @field_validator("notice_mail_to", mode="before")
    @classmethod
    def _split_addresses(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(address.strip() for address in value.split(",") if address.strip())
        return value

    @field_validator("notice_mail_to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            _check_address(address)
        return value

    @field_validator("notice_mail_from")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        if value is not None:
            _check_address(value)
        return value

    @field_validator("notice_webhook_url", "notice_slack_url", "notice_teams_url")
    @classmethod
    def _safe_webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _check_url(value.get_secret_value(), plain_allowed=False)
        return value

    @field_validator("ui_url")
    @classmethod
    def _safe_ui(cls, value: str | None) -> str | None:
        if value is None:
            return None
        _check_url(value, plain_allowed=True)
        return value.rstrip("/")

    @field_validator("smtp_host")
    @classmethod
    def _bare_host(cls, value: str | None) -> str | None:
        if value is not None and any(c in value for c in "/@ "):
            raise ValueError("give the host name alone, without scheme, port or path")
        return value


def _check_url(value: str, *, plain_allowed: bool) -> None:
    """Raises ValueError, without the address: it is a secret."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("this is no web address") from None
    if parts.scheme not in {"https", "http"} or not host or not value.isprintable() or " " in value:
        raise ValueError("give a whole address that begins with https://")
    if parts.username or parts.password:
        raise ValueError("the address must not contain a user or a password")
    if parts.scheme == "http" and not plain_allowed and not is_loopback(host):
        raise ValueError("plain http is allowed for loopback only; use https")


def _check_address(value: str) -> None:
    name, at, domain = value.rpartition("@")
    if not (name and at and domain) or not value.isprintable() or any(c in value for c in ' ,;<>"'):
        raise ValueError("give plain e-mail addresses such as billing@example.com")
