"""A notice in the clothes of each channel. Pure.

Names of clients come from outside. In Slack and Teams they travel in elements that know no markup (`plain_text`, and
the text runs of a RichTextBlock), so that a client called `<!channel>` or `[x](https://...)` calls nobody and links
nowhere. An e-mail is plain text.
"""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

from seatsync_pipeline.notices.notice import Notice

VERSION = 1
_SLACK_HEADER, _SLACK_TEXT, _SLACK_FIELDS = (
    150,
    3000,
    10,
)  # Slack's limits for a header, a text, fields per section
_TEAMS_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_CLIENTS = "Clients and texts"


def webhook_document(notice: Notice, sent_at: datetime) -> dict[str, Any]:
    """The JSON of the generic webhook. `sent_at` is UTC. Keys are only ever added under the same `version`."""
    return {
        "version": VERSION,
        "event": notice.event,
        "id": notice.notice_id,
        "sent_at": f"{sent_at:%Y-%m-%dT%H:%M:%SZ}",
        "title": notice.title,
        "happened": notice.happened,
        "means": notice.means,
        "next_step": notice.next_step,
        "url": notice.url,
        "facts": dict(notice.facts),
        "clients": list(notice.clients),
    }


def slack_message(notice: Notice) -> dict[str, Any]:
    """For a Slack incoming webhook. `text` is what a phone's notification shows; it never holds a client's name."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _slack_text(notice.title, _SLACK_HEADER)},
        *({"type": "section", "text": _slack_text(text)} for text in _paragraphs(notice)),
    ]
    if notice.facts:
        fields = [_slack_text(f"{label}: {value}") for label, value in notice.facts]
        blocks.append({"type": "section", "fields": fields[:_SLACK_FIELDS]})
    if notice.clients:
        blocks.append({"type": "section", "text": _slack_text("\n".join((f"{_CLIENTS}:", *notice.clients)))})
    if notice.url:
        link = {"type": "mrkdwn", "text": f"<{_slack_escaped(notice.url)}|Open in Dagster>"}
        blocks.append({"type": "context", "elements": [link]})
    return {"text": _slack_escaped(f"SeatSync: {notice.title}"), "blocks": blocks}


def _slack_text(text: str, longest: int = _SLACK_TEXT) -> dict[str, Any]:
    escaped = _slack_escaped(text)
    while len(escaped) > longest:  # cut what is meant, never an entity in two
        text = f"{text[: min(longest, len(text)) - 10]}…"
        escaped = _slack_escaped(text)
    return {"type": "plain_text", "text": escaped, "emoji": False}


def _slack_escaped(text: str) -> str:
    """Slack's own three entities, wanted in every text of a message."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams_message(notice: Notice) -> dict[str, Any]:
    """For a Teams webhook made with Workflows, which takes a message with one Adaptive Card."""
    body = [_teams_text(notice.title, weight="Bolder", size="Large")]
    body += [_teams_text(text) for text in _paragraphs(notice)]
    body += [_teams_text(f"{label}: {value}", subtle=True) for label, value in notice.facts]
    body += [_teams_text(text) for text in ((f"{_CLIENTS}:", *notice.clients) if notice.clients else ())]
    card: dict[str, Any] = {
        "$schema": _TEAMS_SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if notice.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open in Dagster", "url": notice.url}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _teams_text(
    text: str, *, weight: str = "Default", size: str = "Default", subtle: bool = False
) -> dict[str, Any]:
    """A TextBlock would read Markdown; a text run reads none."""
    run = {"type": "TextRun", "text": text, "weight": weight, "size": size, "isSubtle": subtle}
    return {"type": "RichTextBlock", "inlines": [run]}


def mail_message(
    notice: Notice, *, sender: str, recipients: tuple[str, ...], sent_at: datetime
) -> EmailMessage:
    """A plain-text e-mail. `sent_at` is aware."""
    message = EmailMessage()
    message["Subject"] = f"[SeatSync] {notice.title}"
    message["From"] = Address(addr_spec=sender)
    message["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message["X-SeatSync-Id"] = notice.notice_id
    message.set_content(mail_text(notice))
    return message


def mail_text(notice: Notice) -> str:
    """The body of the e-mail."""
    parts = [*_paragraphs(notice)]
    if notice.url:
        parts.append(notice.url)
    if notice.facts:
        parts.append("\n".join(f"{label}: {value}" for label, value in notice.facts))
    if notice.clients:
        parts.append("\n".join((f"{_CLIENTS}:", *notice.clients)))
    return "\n\n".join(parts) + "\n"


def _paragraphs(notice: Notice) -> tuple[str, str, str]:
    return notice.happened, f"What it means: {notice.means}", f"Next: {notice.next_step}"
