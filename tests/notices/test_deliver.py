"""Notices over real HTTP and SMTP: what arrives, what is tried again, and that no channel stops another."""

from __future__ import annotations

import email
import logging
import ssl
import threading
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme

from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.notices.channels import channels_from, faults_of
from seatsync_pipeline.notices.deliver import Delivery, deliver, undelivered
from seatsync_pipeline.notices.notice import Notice
from seatsync_pipeline.settings import Settings
from tests.notices.servers import Mailbox, hook, mail_server

EVIL = "<!channel> @everyone [click](https://evil.example) *Acme* & Söhne <at>all</at>"
NOTICE = Notice(
    event="preview_needs_you",
    notice_id="preview_needs_you:prev_1",
    title="Duo preview needs you",
    happened="Two accounts are new.",
    means="Nothing changes by itself.",
    next_step="Look.",
    facts=(("rows", "3"),),
    clients=(EVIL,),
    url="https://ui.example/assets/duo/preview?a=1&b=2",
)


def settings_of(**values: object) -> Settings:
    return Settings.model_validate({name: str(value) for name, value in values.items()})


def sent(**values: object) -> tuple[Delivery, ...]:
    return deliver(NOTICE, channels_from(settings_of(**values)))


def error_of(deliveries: tuple[Delivery, ...]) -> SeatSyncError:
    [delivery] = deliveries
    assert delivery.error is not None
    return delivery.error


def mail_settings(box: Mailbox, **values: object) -> dict[str, Any]:
    return {
        "SEATSYNC_NOTICE_MAIL_TO": "ops@example.com, billing@example.com",
        "SEATSYNC_NOTICE_MAIL_FROM": "seatsync@example.com",
        "SEATSYNC_SMTP_HOST": "127.0.0.1",
        "SEATSYNC_SMTP_PORT": box.port,
    } | values


def parsed(message: bytes) -> EmailMessage:
    found = email.message_from_bytes(message, policy=default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS; whoever reads SSL_CERT_FILE trusts it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_the_webhook_gets_the_documented_json() -> None:
    with hook() as webhook:
        assert [one.error for one in sent(SEATSYNC_NOTICE_WEBHOOK_URL=webhook.url)] == [None]
    [document] = webhook.got
    assert document.pop("sent_at").endswith("Z")
    assert document == {
        "version": 1,
        "event": "preview_needs_you",
        "id": "preview_needs_you:prev_1",
        "title": "Duo preview needs you",
        "happened": "Two accounts are new.",
        "means": "Nothing changes by itself.",
        "next_step": "Look.",
        "url": "https://ui.example/assets/duo/preview?a=1&b=2",
        "facts": {"rows": "3"},
        "clients": [EVIL],
    }


def test_a_name_calls_nobody_in_slack() -> None:
    with hook() as slack:
        sent(SEATSYNC_NOTICE_SLACK_URL=slack.url)
    [message] = slack.got
    raw = slack.raw[0].decode()
    assert EVIL not in message["text"]  # what a phone shows before it is unlocked
    assert raw.count("<") == raw.count(">") == 1  # our own link
    marked = [block for block in message["blocks"] if '"mrkdwn"' in str(block).replace("'", '"')]
    assert marked == [message["blocks"][-1]]
    assert marked[0]["elements"][0]["text"] == (
        "<https://ui.example/assets/duo/preview?a=1&amp;b=2|Open in Dagster>"
    )
    told = [
        block["text"] for block in message["blocks"] if "text" in block and "Acme" in block["text"]["text"]
    ]
    assert [(text["type"], text["emoji"]) for text in told] == [("plain_text", False)]


def test_a_long_list_fits_slack_whatever_has_to_be_escaped() -> None:
    many = Notice("test", "t", "&" * 200, "h", "m", "n", clients=("<" * 1000, "&" * 1000, "x" * 900))
    with hook() as slack:
        deliver(many, channels_from(settings_of(SEATSYNC_NOTICE_SLACK_URL=slack.url)))
    header, *_, clients = slack.got[0]["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert 2900 < len(clients["text"]["text"]) <= 3000
    assert clients["text"]["text"].endswith("…")
    assert clients["text"]["text"].replace("&lt;", "").replace("&amp;", "").count("&") == 0


def test_teams_gets_an_adaptive_card_without_markdown() -> None:
    with hook(202) as teams:
        assert [one.error for one in sent(SEATSYNC_NOTICE_TEAMS_URL=teams.url)] == [None]
    [message] = teams.got
    [attachment] = message["attachments"]
    assert message["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {element["type"] for element in card["body"]} == {"RichTextBlock"}
    assert EVIL in [element["inlines"][0]["text"] for element in card["body"]]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open in Dagster", "url": NOTICE.url}]


@pytest.mark.parametrize("security", ["starttls", "implicit"])
def test_mail_is_encrypted_and_logs_in(certificate: ssl.SSLContext, security: str) -> None:
    login = {"SEATSYNC_SMTP_USER": "me", "SEATSYNC_SMTP_PASSWORD": "hush"}
    with mail_server(context=certificate, implicit=security == "implicit") as box:
        assert [
            one.error for one in sent(**mail_settings(box, SEATSYNC_SMTP_SECURITY=security, **login))
        ] == [None]
    [message] = map(parsed, box.messages)
    assert (box.tls, box.login) == (True, "AG1lAGh1c2g=")
    assert message["Subject"] == "[SeatSync] Duo preview needs you"
    assert message["To"] == "ops@example.com, billing@example.com"
    assert message["X-SeatSync-Id"] == NOTICE.notice_id
    assert message.get_content_type() == "text/plain"
    assert EVIL in message.get_content()
    assert "What it means: Nothing changes by itself." in message.get_content()


@pytest.mark.parametrize("security", ["starttls", "implicit"])
def test_an_unknown_certificate_is_not_trusted(tmp_path: Path, security: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with mail_server(context=context, implicit=security == "implicit") as box:
        error = error_of(sent(**mail_settings(box, SEATSYNC_SMTP_SECURITY=security)))
    assert "CERTIFICATE_VERIFY_FAILED" in error.found
    assert box.messages == []


def test_a_server_without_starttls_gets_nothing() -> None:
    with mail_server() as box:
        error = error_of(sent(**mail_settings(box)))
    assert "STARTTLS" in error.found
    assert box.messages == []


def test_plain_mail_only_where_it_was_asked_for() -> None:
    with mail_server() as box:
        assert [one.error for one in sent(**mail_settings(box, SEATSYNC_SMTP_SECURITY="plain"))] == [None]
    assert len(box.messages) == 1

    abroad = mail_settings(
        box,
        SEATSYNC_SMTP_SECURITY="plain",
        SEATSYNC_SMTP_HOST="mail.example",
        SEATSYNC_SMTP_USER="me",
        SEATSYNC_SMTP_PASSWORD="hush",
    )
    assert "without encryption" in error_of(sent(**abroad)).found
    assert "without encryption" in str(faults_of(settings_of(**abroad)))


def test_a_refused_recipient_is_loud_and_the_other_gets_it_once() -> None:
    with mail_server(refuse=frozenset({"billing@example.com"})) as box:
        error = error_of(sent(**mail_settings(box, SEATSYNC_SMTP_SECURITY="plain")))
    assert "1 of 2 recipients (550)" in error.found
    assert len(box.messages) == 1


def test_a_busy_mail_server_is_asked_again() -> None:
    with mail_server(busy=1) as box:
        assert [one.error for one in sent(**mail_settings(box, SEATSYNC_SMTP_SECURITY="plain"))] == [None]
    assert len(box.messages) == 1


@pytest.mark.parametrize(
    ("statuses", "tries", "delivered"),
    [
        ((503, 200), 2, True),
        ((429, 200), 2, True),
        ((500,), 3, False),
        ((404,), 1, False),
        ((302,), 1, False),
    ],
)
def test_what_may_pass_is_tried_again_and_the_rest_is_not(
    statuses: tuple[int, ...], tries: int, *, delivered: bool
) -> None:
    with hook(*statuses, Retry_After="0", Location="https://evil.example/") as webhook:
        [delivery] = sent(SEATSYNC_NOTICE_WEBHOOK_URL=webhook.url)
    assert webhook.tries == tries
    assert (delivery.error is None) == delivered
    if delivery.error:
        assert f"answered {statuses[-1]}" in delivery.error.found


def test_a_long_retry_after_is_not_waited_for() -> None:
    with hook(429, Retry_After="600") as webhook:
        error_of(sent(SEATSYNC_NOTICE_WEBHOOK_URL=webhook.url))
    assert webhook.tries == 1


def test_a_failing_channel_stops_no_other_and_is_named() -> None:
    with hook() as webhook, hook(410) as slack, hook() as teams:
        deliveries = sent(
            SEATSYNC_NOTICE_WEBHOOK_URL=webhook.url,
            SEATSYNC_NOTICE_SLACK_URL=slack.url,
            SEATSYNC_NOTICE_TEAMS_URL=teams.url,
            SEATSYNC_NOTICE_MAIL_TO="ops@example.com",
        )
    assert [one.channel for one in deliveries if one.error] == ["slack", "e-mail"]
    assert (len(webhook.got), len(teams.got)) == (1, 1)
    error = undelivered(NOTICE, deliveries)
    assert error is not None
    assert "NOT DELIVERED to 2 of 4 channels" in error.found
    assert "answered 410" in error.found
    assert "SEATSYNC_SMTP_HOST, SEATSYNC_NOTICE_MAIL_FROM" in error.found


def test_a_channel_that_hangs_is_given_up_and_the_others_are_done() -> None:
    with hook() as slow, hook() as quick:
        slow.hang = threading.Event()
        channels = channels_from(
            settings_of(SEATSYNC_NOTICE_SLACK_URL=slow.url, SEATSYNC_NOTICE_WEBHOOK_URL=quick.url)
        )
        done, hung = deliver(NOTICE, channels, deadline=0.5)
    assert done.error is None
    assert hung.error is not None
    assert "0.5 s" in hung.error.found


def test_no_log_line_and_no_error_shows_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with hook() as good, hook(500) as bad:
        urls = {"SEATSYNC_NOTICE_SLACK_URL": good.url, "SEATSYNC_NOTICE_TEAMS_URL": bad.url}
        nowhere = "http://127.0.0.1:9/hooks/top-secret-token"
        deliveries = sent(SEATSYNC_NOTICE_WEBHOOK_URL=nowhere, **urls)
    assert [one.error is None for one in deliveries] == [False, True, False]
    said = caplog.text + str(undelivered(NOTICE, deliveries)) + repr(settings_of(**urls))
    assert "secret" not in said
