"""Which of a subaccount's users are billed, and the count under another rule without another crawl.

What belongs here: the breakdown by status and enrolment, and what `DUO_COUNT_BASIS` makes of it. What does not:
where the users come from (`duo_users.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from seatsync_pipeline.settings import CountBasis
from seatsync_pipeline.sources.base import Observation, SourceSnapshot, State

PENDING_DELETION = "pending deletion"
DISABLED = "disabled"
KNOWN_STATUSES = frozenset({"active", "bypass", DISABLED, "locked out", PENDING_DELETION})

Category = tuple[str, bool]


@dataclass(frozen=True)
class UserCounts:
    """The users of one subaccount, by (status, is_enrolled)."""

    by_category: dict[Category, int]

    @classmethod
    def from_by_status(cls, by_status: Mapping[str, Mapping[str, int]]) -> Self:
        """The counts that `by_status` gave."""
        return cls(
            {
                (status, enrolled): int(numbers["enrolled" if enrolled else "not_enrolled"])
                for status, numbers in by_status.items()
                for enrolled in (True, False)
            }
        )

    @property
    def total(self) -> int:
        """Everyone in the list, those pending deletion too."""
        return sum(self.by_category.values())

    @property
    def enrolled(self) -> int:
        """The enrolled users that are not pending deletion."""
        return self._count("enrolled")

    @property
    def pending_deletion(self) -> int:
        return sum(n for (status, _), n in self.by_category.items() if status == PENDING_DELETION)

    def seats(self, basis: CountBasis) -> Decimal:
        """The billed users. Those in Duo's trash (pending deletion) never are; an unknown status is billed
        as active would be, so that a new word of Duo's never makes users disappear."""
        return Decimal(self._count(basis))

    def by_status(self) -> dict[str, dict[str, int]]:
        """`{status: {enrolled, not_enrolled}}`, by name."""
        return {
            status: {
                "enrolled": self.by_category.get((status, True), 0),
                "not_enrolled": self.by_category.get((status, False), 0),
            }
            for status in sorted({status for status, _ in self.by_category})
        }

    def unknown_statuses(self) -> list[str]:
        """Statuses that Duo's documentation does not name."""
        return sorted({status for status, _ in self.by_category} - KNOWN_STATUSES)

    def _count(self, basis: CountBasis) -> int:
        return sum(
            number
            for (status, enrolled), number in self.by_category.items()
            if _is_billed(basis, status, enrolled=enrolled)
        )


def _is_billed(basis: CountBasis, status: str, *, enrolled: bool) -> bool:
    if status == PENDING_DELETION:
        return False
    match basis:
        case "existing":
            return True
        case "enrolled":
            return enrolled
        case "enrolled_active":
            return enrolled and status != DISABLED


def recounted(snapshot: SourceSnapshot, basis: CountBasis) -> SourceSnapshot:
    """A stored pull, counted by `basis` from the breakdown it kept; failed accounts stay failed."""
    return replace(
        snapshot,
        observations=tuple(_recounted(seen, basis) for seen in snapshot.observations),
        details={**snapshot.details, "basis": basis, "counted_anew": True},
    )


def _recounted(seen: Observation, basis: CountBasis) -> Observation:
    evidence = {**seen.evidence, "basis": basis}
    if seen.state is not State.COUNTED:
        return replace(seen, evidence=evidence)
    counts = UserCounts.from_by_status(seen.evidence["by_status"])
    return replace(seen, seats=counts.seats(basis), evidence=evidence)
