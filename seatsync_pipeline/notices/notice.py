"""One message, before it is dressed for a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Event = Literal["run_failed", "push_canceled", "push_left_rows", "preview_needs_you", "source_stale", "test"]


@dataclass(frozen=True)
class Notice:
    """What is told. All text is plain text.

    `notice_id` is the same whenever the same event is told again (after a crash), so that a receiver can drop the
    second one. `facts` are (label, value). `clients` are names and quotes that may carry names: empty unless
    SEATSYNC_NOTICE_CLIENT_NAMES allows them. `url` leads to the run or preview in the Dagster UI.
    """

    event: Event
    notice_id: str
    title: str
    happened: str
    means: str
    next_step: str
    facts: tuple[tuple[str, str], ...] = ()
    clients: tuple[str, ...] = ()
    url: str | None = None
