"""What became of a write: looking at ConnectWise, as often and as long as its lists may lag behind.

What belongs here: where to look, how often, and when to give up. What does not: judging what is there (`settle`),
and writing (`apply`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.records import Addition
from seatsync_pipeline.connectwise.writer import TIMEOUT_SECONDS
from seatsync_pipeline.errors import SeatSyncError, VendorError
from seatsync_pipeline.push import live, settle
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.records import Intent
from seatsync_pipeline.push.settle import Finding, Found
from seatsync_pipeline.reconcile.rows import Action

_LOOKS_AT_A_LAG = 2  # after the first; each holds up the row, and the write was accepted


@dataclass(frozen=True)
class Patience:
    """How long the answer to a write is waited for, and a create looked for whose answer was lost, in seconds.

    ConnectWise has no idempotency key and its lists may lag behind a write: `looks` times, `pause` apart; only a
    later run that still finds nothing `repost_after` the intent may send it again.
    """

    looks: int = 6
    pause: float = 6.0
    repost_after: float = 65.0
    answer: float = TIMEOUT_SECONDS


class OutcomeUnknown(SeatSyncError):
    """Nobody can tell yet whether a write was taken: the row stays open and the operation is interrupted."""


class Lookout:
    """Looks for what an intent would have changed. Raises OutcomeUnknown when ConnectWise cannot be read."""

    def __init__(self, reader: ConnectWiseReader, patience: Patience) -> None:
        self._reader = reader
        self._patience = patience

    def once(self, change: Change, intent: Intent) -> Found:
        """What is there now."""
        try:
            if change.action is Action.CREATE:
                return self._created(change, intent)
            return settle.of_addition(change, intent, live.read_addition(self._reader, change))
        except VendorError as error:
            raise unknown(change, f"ConnectWise could not be read: {error.found}") from error

    def until_shown(self, change: Change, intent: Intent) -> Found:
        """Read a create back, or look for one whose answer was lost. Raises OutcomeUnknown when it does not show."""
        found = self._again(change, intent, self._patience.looks - 1)
        if found.finding is Finding.NOT_WRITTEN:
            raise unknown(change, found.why)
        return found

    def read_back(self, change: Change, intent: Intent) -> Found:
        """Prove a write that was accepted by a GET on the id, never by its own answer or a list; what still shows
        the old value may lag behind.
        """
        found = self._again(change, intent, _LOOKS_AT_A_LAG)
        if found.finding is not Finding.NOT_WRITTEN:
            return found
        why = f"ConnectWise accepted the write, but the addition reads back as before ({found.why})"
        return replace(found, finding=Finding.UNRESOLVED, why=why)

    def until_sure(self, change: Change, intent: Intent) -> Found:
        """What became of an open row; a create that does not show is looked for until no list can lag behind it."""
        found = self.once(change, intent)
        while found.finding is Finding.NOT_WRITTEN and change.action is Action.CREATE:
            if _age(intent) >= self._patience.repost_after:
                break
            time.sleep(self._patience.pause)
            found = self.once(change, intent)
        return found

    def _again(self, change: Change, intent: Intent, times: int) -> Found:
        """Look, and so many times more while nothing shows."""
        found = self.once(change, intent)
        for _ in range(times):
            if found.finding is not Finding.NOT_WRITTEN:
                break
            time.sleep(self._patience.pause)
            found = self.once(change, intent)
        return found

    def _created(self, change: Change, intent: Intent) -> Found:
        """By the id that ConnectWise gave it, and in the list where there is none or nothing stands there yet."""
        if intent.made is not None:
            made = live.read_addition_by_id(self._reader, change.agreement_id, intent.made, change)
            if made is not None:
                return settle.of_create(change, intent, {**self._beside(change), made.addition_id: made})
        found = settle.of_create(
            change, intent, live.read_agreement_additions(self._reader, change.agreement_id)
        )
        if found.finding is Finding.NOT_WRITTEN and intent.made is not None:
            why = f"ConnectWise said that it had made addition {intent.made}, and shows none"
            return replace(found, why=why)
        return found

    def _beside(self, change: Change) -> dict[int, Addition]:
        """What the agreement itself lists: a request that was repeated on its way adds the line a second time, and
        its answer names one of the two.
        """
        listed = live.read_agreement_additions(self._reader, change.agreement_id)
        return {key: each for key, each in listed.items() if each.agreement_id == change.agreement_id}


def unknown(change: Change, why: str) -> OutcomeUnknown:
    """The error for a row whose write may or may not have been taken."""
    return OutcomeUnknown(
        f"the {change.action} for {change.company_name}, {change.product_identifier}",
        f"its outcome is unknown: {why}",
        "Run the same selection again: SeatSync looks first, and writes only what provably was not written.",
    )


def _age(intent: Intent) -> float:
    """Seconds since it was put on record."""
    return (datetime.now(UTC).replace(tzinfo=None) - intent.made_at).total_seconds()
