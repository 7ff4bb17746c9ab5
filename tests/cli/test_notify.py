"""`seatsync notify` and doctor's line about notices, against real receivers."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from seatsync_pipeline.settings import Settings
from tests.cli.conftest import Run
from tests.notices.servers import hook


def test_a_test_message_goes_to_every_channel_and_tells_which_took_it(run: Run) -> None:
    with hook() as webhook, hook(404) as slack:
        said = run(
            "notify",
            "--json",
            SEATSYNC_NOTICE_WEBHOOK_URL=webhook.url,
            SEATSYNC_NOTICE_SLACK_URL=slack.url,
        )
    assert said.code == 1
    channels = {one["channel"]: one for one in said.json["channels"]}
    assert (channels["webhook"]["delivered"], channels["slack"]["delivered"]) == (True, False)
    assert "answered 404" in channels["slack"]["error"]
    assert webhook.got[0]["event"] == "test"
    assert "secret" not in said.out + said.err


def test_without_a_channel_there_is_nothing_to_test(run: Run) -> None:
    said = run("notify")
    assert said.code == 2
    assert "SEATSYNC_NOTICE_SLACK_URL" in said.err


@pytest.mark.parametrize(
    ("environment", "state", "text"),
    [
        ({}, "ok", "no channel is set"),
        (
            {"SEATSYNC_NOTICE_SLACK_URL": "https://hooks.slack.com/services/secret"},
            "ok",
            "slack (hooks.slack.com)",
        ),
        ({"SEATSYNC_NOTICE_MAIL_TO": "ops@example.com"}, "fail", "SEATSYNC_SMTP_HOST"),
    ],
)
def test_doctor_tells_who_is_told(run: Run, *, environment: dict[str, str], state: str, text: str) -> None:
    said = run("doctor", "--json", CONNECTWISE_URL="http://127.0.0.1:9", **environment)
    [found] = [check for check in said.json["checks"] if check["name"] == "notices"]
    assert found["state"] == state
    assert text in found["found"]
    assert "secret" not in said.out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEATSYNC_NOTICE_SLACK_URL", "http://hooks.slack.com/services/secret"),
        ("SEATSYNC_NOTICE_TEAMS_URL", "https://me:secret@example.com/"),
        ("SEATSYNC_NOTICE_WEBHOOK_URL", "secret"),
        ("SEATSYNC_NOTICE_WEBHOOK_URL", "https://[secret/"),
        ("SEATSYNC_NOTICE_MAIL_TO", "ops@example.com, nobody"),
        ("SEATSYNC_NOTICE_MAIL_FROM", "Ops <ops@example.com>"),
        ("SEATSYNC_SMTP_SECURITY", "none"),
        ("SEATSYNC_UI_URL", "dagster.example.com"),
    ],
)
def test_a_wrong_setting_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({name: value})
    assert "secret" not in str(
        refused.value.errors(include_input=False, include_url=False, include_context=False)
    )
