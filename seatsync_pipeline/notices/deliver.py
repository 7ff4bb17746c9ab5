"""Sending one notice through every channel: side by side, patient for seconds, and never in each other's way.

A tick of a sensor has a minute for its notices, five at most, so that a notice has eight seconds. What fails after
that is not sent again: a notice is told at most once in normal life, and once more only when the process dies between
the sending and the note of it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import tenacity

from seatsync_pipeline.errors import NoticeUndelivered, SeatSyncError
from seatsync_pipeline.notices.channels import Channel
from seatsync_pipeline.notices.notice import Notice

DEADLINE_SECONDS = 8.0
_ATTEMPTS = 3
_LONGEST_WAIT = 4.0


@dataclass(frozen=True)
class Delivery:
    """What became of a notice in one channel; `error` is None when it got there."""

    channel: str
    where: str
    error: SeatSyncError | None = None


def deliver(
    notice: Notice, channels: tuple[Channel, ...], *, deadline: float = DEADLINE_SECONDS
) -> tuple[Delivery, ...]:
    """Send the notice through each channel; the result is in their order. Never raises for a channel that fails."""
    if not channels:
        return ()
    pool = ThreadPoolExecutor(len(channels), thread_name_prefix="notice")
    try:
        futures = [pool.submit(_persist, channel, notice, deadline) for channel in channels]
        wait(futures, timeout=deadline)
        return tuple(
            _outcome(channel, future, deadline) for channel, future in zip(channels, futures, strict=True)
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def undelivered(notice: Notice, deliveries: tuple[Delivery, ...]) -> NoticeUndelivered | None:
    """One error that names every channel that failed, and why; None when all got it."""
    failed = [delivery for delivery in deliveries if delivery.error is not None]
    if not failed:
        return None
    reasons = "; ".join(
        f"{one.channel}: {one.error.tried}: {one.error.found.rstrip('.')}" for one in failed if one.error
    )
    remedies = dict.fromkeys(one.error.remedy for one in failed if one.error)
    return NoticeUndelivered(
        f"telling about {notice.notice_id}",
        f"NOT DELIVERED to {len(failed)} of {len(deliveries)} channels ({reasons})",
        f"{' '.join(remedies)} It will not be sent again.",
    )


def _persist(channel: Channel, notice: Notice, deadline: float) -> None:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_passing),
        stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_before_delay(deadline * 0.8),
        wait=_pause,
        reraise=True,
    )
    retrying(channel.send, notice)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, NoticeUndelivered) and error.passing


_backing_off = tenacity.wait_exponential(0.5, max=_LONGEST_WAIT)


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, NoticeUndelivered) and error.retry_after is not None:
        return error.retry_after
    return _backing_off(state)


def _outcome(channel: Channel, future: Future[None], deadline: float) -> Delivery:
    if not future.done():
        late = NoticeUndelivered(
            f"sending a notice to {channel.where}",
            f"not done after {deadline:g} s; it may still get there",
            "Check that this machine may reach that host; `seatsync notify` tries again.",
        )
        return Delivery(channel.name, channel.where, late)
    error = future.exception()
    if error is None or isinstance(error, SeatSyncError):
        return Delivery(channel.name, channel.where, error)
    # A defect in one channel is told like a channel that fails, so that it stops no other. Its text is left out: a
    # library's message may quote an address that is a secret.
    defect = NoticeUndelivered(
        f"sending a notice to {channel.where}",
        f"a defect of SeatSync or of this machine's set-up ({type(error).__name__})",
        "Run `seatsync notify`; if it persists, please report this.",
    )
    return Delivery(channel.name, channel.where, defect)
