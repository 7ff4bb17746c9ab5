"""The notices that docs/alerts.md shows, made from facts as they occur."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from seatsync_pipeline.exact_json import dumps
from seatsync_pipeline.notices.compose import Voice, preview_needs_you, run_failed, source_stale
from seatsync_pipeline.notices.facts import PreviewFacts, RunFailure, SourceAge
from seatsync_pipeline.notices.formats import mail_message, slack_message, teams_message, webhook_document
from seatsync_pipeline.notices.notice import Notice

SENT_AT = datetime(2026, 11, 28, 6, 12, 40, tzinfo=UTC)
VOICE = Voice("https://dagster.example.com")


def failed() -> Notice:
    failure = RunFailure(
        run_id="3f6f3a52-6a1c-4c1f-9f0c-0b8a5a1b7d11",
        job="duo_pull",
        step="duo__enrolled_users",
        error="CredentialsRefused",
        status=401,
        text="reading Duo's account list: 401 (40103 Invalid signature). Check DUO_SKEY.",
    )
    return run_failed(failure, VOICE)


def needs_you() -> Notice:
    preview = PreviewFacts(
        preview_id="prev_00361l7oj3llnjaq28ce38bn",
        source="duo",
        snapshot_id="snap_00361l7nveje3vfa2clk5s82",
        verdict="complete",
        rows={"Ready": 41, "No change": 188, "Unmatched": 2},
        billed=Decimal(3120),
        up=Decimal(301),
        down=Decimal(96),
        amount=Decimal("615.00"),
        without_company={"DA1": "Initech", "DA2": "Hooli"},
    )
    notice = preview_needs_you(preview, None, drift_limit=Decimal(10), voice=VOICE)
    if notice is None:
        raise ValueError("this preview needs somebody")
    return notice


def stale() -> Notice:
    read = datetime(2026, 10, 21, 9, 0, tzinfo=UTC)
    age = SourceAge("avanan", read, read)
    return source_stale(age, days=age.days(SENT_AT), limit=35, voice=VOICE)


def shown() -> dict[str, str]:
    """Each example of the page by the channel it is of."""
    mail = mail_message(
        stale(), sender="seatsync@example.com", recipients=("ops@example.com",), sent_at=SENT_AT
    )
    headers = "\n".join(f"{name}: {mail[name]}" for name in ("Subject", "From", "To", "X-SeatSync-Id"))
    return {
        "webhook": dumps(webhook_document(failed(), SENT_AT), indent=2),
        "slack": dumps(slack_message(needs_you()), indent=2),
        "teams": dumps(teams_message(failed()), indent=2),
        "e-mail": f"{headers}\n\n{mail.get_content().rstrip()}",
    }
