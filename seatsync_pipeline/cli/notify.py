"""`seatsync notify`: does a notice get through? A test message to every channel that is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seatsync_pipeline.cli.options import json_option
from seatsync_pipeline.cli.output import clean, finish, working
from seatsync_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.notices.deliver import Delivery


@click.command("notify")
@json_option
def notify_command(*, as_json: bool) -> int:
    """Send a test message through every channel for notices that is set.

    Tells of each channel whether it took the message. The exit code is 1 when one did not.
    """
    from datetime import UTC, datetime

    from seatsync_pipeline.notices.channels import channels_from, voice_of
    from seatsync_pipeline.notices.compose import trial
    from seatsync_pipeline.notices.deliver import deliver
    from seatsync_pipeline.settings import load_settings

    settings = load_settings()
    channels = channels_from(settings)
    if not channels:
        raise ConfigurationError(
            "sending a test message",
            "no channel for notices is set",
            "Set one or more of SEATSYNC_NOTICE_WEBHOOK_URL, SEATSYNC_NOTICE_SLACK_URL, SEATSYNC_NOTICE_TEAMS_URL and "
            "SEATSYNC_NOTICE_MAIL_TO.",
        )
    with working("Sending"):
        moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        deliveries = deliver(trial(moment, voice_of(settings)), channels)
    failed = [delivery for delivery in deliveries if delivery.error]
    document = {
        "ok": not failed,
        "channels": [
            {
                "channel": one.channel,
                "where": one.where,
                "delivered": one.error is None,
                "error": str(one.error) if one.error else None,
            }
            for one in deliveries
        ],
    }
    finish(document, lambda console: _show(console, deliveries), as_json=as_json)
    return 1 if failed else 0


def _show(console: Console, deliveries: tuple[Delivery, ...]) -> None:
    for one in deliveries:
        said = f"NOT DELIVERED: {one.error}" if one.error else "delivered"
        console.print(clean(f"{one.channel} ({one.where}): {said}"), style="bold red" if one.error else None)
