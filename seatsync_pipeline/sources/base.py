"""What every source delivers: a snapshot of observations with a verdict.

A new source is one function from its settings or its file to a `SourceSnapshot`. Nothing else of the
pipeline knows where seats come from: storing, matching and classifying see only the records of this module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal

Source = Literal["duo", "avanan"]
SOURCES: tuple[Source, ...] = ("duo", "avanan")


class State(StrEnum):
    """What an observation is: billable seats, a proof of concept, an ended contract, or a failed read."""

    COUNTED = "counted"
    POC = "poc"
    EXPIRED = "expired"
    FAILED = "failed"


NOT_BILLED: Final = frozenset({State.POC, State.EXPIRED})
"""States that are billed for nothing, whatever else is wrong with an observation: it may lack its number."""


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


# `Account` and `Observation` are made by the million: `Final` keeps mypy's promise that no record changes, and making
# one takes a quarter of the time that a frozen dataclass takes.
@dataclass(slots=True)
class Account:
    """One Duo subaccount or one Avanan tenant. `key` is what links are saved against.

    `details["unidentified"]` marks one whose key or name was missing: it is never linked by itself.
    """

    key: Final[str]
    name: Final[str]
    domain: Final[str | None] = None
    details: Final[dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Observation:
    """Seats of one license of one account. `seats` is None when `state` is failed: never zero instead.

    Also a proof of concept or an ended contract may lack its number: neither is billed whatever the number is.
    `evidence` says what the number was made from (JSON scalars, lists and objects); `reason` why it failed.
    """

    account_key: Final[str]
    account_name: Final[str]
    license: Final[str]
    seats: Final[Decimal | None]
    state: Final[State]
    reason: Final[str | None] = None
    evidence: Final[dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.state is (State.COUNTED if self.seats is None else State.FAILED):
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
