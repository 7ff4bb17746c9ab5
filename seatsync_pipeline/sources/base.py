"""What every source delivers: a snapshot of observations with a verdict.

A new source is one function from its settings or its file to a `SourceSnapshot`. Nothing else of the
pipeline knows where seats come from: storing, matching and classifying see only the records of this module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

Source = Literal["duo", "avanan"]
SOURCES: tuple[Source, ...] = ("duo", "avanan")


class State(StrEnum):
    """What an observation is: billable seats, a proof of concept, an ended contract, or a failed read."""

    COUNTED = "counted"
    POC = "poc"
    EXPIRED = "expired"
    FAILED = "failed"


class Verdict(StrEnum):
    """How far a snapshot can be trusted."""

    COMPLETE = "complete"
    SUSPECT = "suspect"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Finding:
    """One rule that spoke against a snapshot: its name, what it saw, its limit, and a sentence for people."""

    rule: str
    observed: str
    limit: str
    message: str
    verdict: Verdict = Verdict.INCOMPLETE


@dataclass(frozen=True, slots=True)
class Account:
    """One Duo subaccount or one Avanan tenant. `key` is what links are saved against.

    `details["unidentified"]` marks one whose key or name was missing: it is never linked by itself.
    """

    key: str
    name: str
    domain: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """Seats of one license of one account. `seats` is None when `state` is failed: never zero instead.

    Also a proof of concept may lack its number, since it is not billed whatever the number is.
    `evidence` says what the number was made from (JSON scalars, lists and objects); `reason` why it failed.
    """

    account_key: str
    account_name: str
    license: str
    seats: Decimal | None
    state: State
    reason: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        may_lack = {State.FAILED, State.POC}
        if (self.seats is None and self.state not in may_lack) or (
            self.seats is not None and self.state is State.FAILED
        ):
            raise ValueError(f"seats and state disagree: {self.seats!r} with {self.state}")


@dataclass(frozen=True)
class SourceSnapshot:
    """One pull or import, not yet stored.

    `digest` is the sha256 (hex) of what was read: the file's bytes, or the canonical observations.
    `findings` of the reading itself (a failed account list, bad rows); comparing with the last accepted
    snapshot happens where the history is known. `details` are JSON values for people.
    """

    source: Source
    taken_at: datetime
    accounts: tuple[Account, ...]
    observations: tuple[Observation, ...]
    digest: str
    findings: tuple[Finding, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        found = {finding.verdict for finding in self.findings}
        if Verdict.INCOMPLETE in found:
            return Verdict.INCOMPLETE
        return Verdict.SUSPECT if found else Verdict.COMPLETE
