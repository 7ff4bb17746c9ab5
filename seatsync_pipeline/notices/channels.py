"""The channels that the settings name: generic webhook, Slack, Teams, e-mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from pydantic import SecretStr

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.notices import mail, web
from seatsync_pipeline.notices.compose import Voice
from seatsync_pipeline.notices.formats import mail_message, slack_message, teams_message, webhook_document
from seatsync_pipeline.notices.notice import Notice
from seatsync_pipeline.settings import Settings, is_loopback

_PORTS = {"starttls": 587, "implicit": 465, "plain": 25}


@dataclass(frozen=True)
class Channel:
    """One way out. `where` is fit for logs: a host, never an address that is a secret.

    `send` sends once and raises NoticeUndelivered, or ConfigurationError where a setting is missing: a half-made
    channel is a channel that fails, so that it stops no other and is told like one.
    """

    name: str
    where: str
    send: Callable[[Notice], None]


def channels_from(settings: Settings) -> tuple[Channel, ...]:
    """Every channel that is set, also half; none when notices are not in use."""
    found = []
    for name, url, document in (
        ("webhook", settings.notice_webhook_url, lambda notice: webhook_document(notice, datetime.now(UTC))),
        ("slack", settings.notice_slack_url, slack_message),
        ("teams", settings.notice_teams_url, teams_message),
    ):
        if url is not None:
            found.append(Channel(name, _host(url), partial(_post, url, document)))
    if settings.notice_mail_to:
        found.append(Channel("e-mail", settings.smtp_host or "no server", partial(_mail, settings)))
    return tuple(found)


def faults_of(settings: Settings) -> str | None:
    """What keeps e-mail from working, in words; None when nothing does that can be told without sending."""
    if not settings.notice_mail_to:
        return None
    needed = {
        "SEATSYNC_SMTP_HOST": settings.smtp_host,
        "SEATSYNC_NOTICE_MAIL_FROM": settings.notice_mail_from,
    }
    if absent := [name for name, value in needed.items() if not value]:
        return f"not set: {', '.join(absent)}"
    if (settings.smtp_user is None) != (settings.smtp_password is None):
        return "of SEATSYNC_SMTP_USER and SEATSYNC_SMTP_PASSWORD only one is set"
    exposed = settings.smtp_security == "plain" and not is_loopback(settings.smtp_host or "")
    if exposed and settings.smtp_password is not None:
        return "SEATSYNC_SMTP_SECURITY=plain would send the password without encryption"
    return None


def voice_of(settings: Settings) -> Voice:
    """How notices speak under these settings."""
    return Voice(settings.ui_url, settings.notice_client_names)


def _host(url: SecretStr) -> str:
    return urlsplit(url.get_secret_value()).netloc


def _post(url: SecretStr, document: Callable[[Notice], dict[str, object]], notice: Notice) -> None:
    web.post(url, document(notice))


def _mail(settings: Settings, notice: Notice) -> None:
    fault = faults_of(settings)
    host, sender = settings.smtp_host, settings.notice_mail_from
    if fault or host is None or sender is None:
        raise ConfigurationError(
            "mailing a notice", fault or "not set up", "Correct it in the environment or in .env."
        )
    server = mail.MailServer(
        host,
        settings.smtp_port or _PORTS[settings.smtp_security],
        settings.smtp_security,
        settings.smtp_user,
        settings.smtp_password,
    )
    to = settings.notice_mail_to
    mail.send(server, mail_message(notice, sender=sender, recipients=to, sent_at=datetime.now(UTC)), to)
