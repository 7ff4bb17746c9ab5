"""What a push would do now: steps 1 and 2 of every row, without a write here or there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seatsync_pipeline.errors import CredentialsRefused, VendorError
from seatsync_pipeline.push import operate
from seatsync_pipeline.push.crew import FAILURES_IN_A_ROW
from seatsync_pipeline.push.plan import Change, Plan, Summary

_OUTCOMES = {"write": "not_attempted", "skip": "skipped", "fail": "failed"}


@dataclass(frozen=True)
class Foreseen:
    """What would become of one row, and why; `fail`: what ConnectWise says about it now cannot be read."""

    change: Change
    would: Literal["write", "skip", "fail"]
    why: str | None = None

    def as_dict(self) -> dict[str, Any]:
        change = self.change
        return {
            "row_id": change.row_id,
            "action": change.action,
            "outcome": _OUTCOMES[self.would],
            "reason": self.why,
            "agreement_id": change.agreement_id,
            "addition_id": change.addition_id,
            "before": None,
            "after": None,
            "company_name": change.company_name,
            "product_identifier": change.product_identifier,
            "would": self.would,
            "current_quantity": change.before,
            "new_quantity": change.after,
            "planned_date": change.planned_date,
            "amount_delta": change.amount_delta,
        }


@dataclass(frozen=True)
class Rehearsal:
    """What a push would do with each of its rows, in their order."""

    plan: Plan
    summary: Summary
    rows: tuple[Foreseen, ...]
    resumes: bool

    def as_dict(self) -> dict[str, Any]:
        """The operation's document, had it been carried out: nothing is begun, and no row has a before or after."""
        items = [row.as_dict() for row in self.rows]
        counts = dict.fromkeys(operate.COUNTS, 0)
        for item in items:
            counts[item["outcome"]] += 1
        return {
            "operation_id": self.plan.operation_id,
            "source": self.plan.source,
            "preview_id": self.plan.preview_id,
            "selection_digest": self.plan.digest,
            "approved_by": self.plan.approved_by,
            "started_at": None,
            "finished_at": None,
            "state": None,
            "note": "nothing was written",
            "counts": counts,
            "audit_head": None,
            "confirmed": False,
            "resumes": self.resumes,
            "summary": self.summary.as_dict(),
            "items": items,
        }


def foresee(changes: Sequence[Change], why_not: Callable[[Change], str | None]) -> tuple[Foreseen, ...]:
    """Ask `why_not` of every change. One that cannot be read fails alone, as it would in the push.

    Raises VendorError where that would stop the push: refused credentials, and five failures in a row.
    """
    rows: list[Foreseen] = []
    failures = 0
    for change in changes:
        try:
            why = why_not(change)
        except CredentialsRefused:
            raise
        except VendorError as error:
            failures += 1
            if failures == FAILURES_IN_A_ROW:
                raise
            rows.append(Foreseen(change, "fail", str(error)))
        else:
            failures = 0
            rows.append(Foreseen(change, "skip" if why else "write", why))
    return tuple(rows)
