"""Operations: one selection, carried out once, by one process at a time.

What belongs here: starting, resuming, stopping and abandoning an operation, the lock, and the report. What does
not: the single row (`apply`) and whether the selection may be pushed at all (`gate`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seatsync_pipeline.errors import (
    InputRefused,
)
from seatsync_pipeline.push.apply import RowRunner
from seatsync_pipeline.push.journal import Journal
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.records import OperationRecord

COUNTS = ("created", "updated", "cancelled", "skipped", "failed", "unresolved", "not_attempted")

Progress = Callable[[int, int, Change, str], None]


@dataclass(frozen=True)
class Ending:
    """How one run of an operation ended: `state`, and a sentence why unless it is finished."""

    state: str
    note: str | None
    audit_head: str | None


@contextmanager
def exclusive(home: Path, *, patience: float = 1.0, tried: str = "starting a push") -> Iterator[None]:
    """Hold the lock under which pushes run; the system frees it when the process dies, however it dies.

    `patience` (seconds) is for whoever only looks whether a push is running, and holds the lock for a moment.
    Raises InputRefused when another push holds it.
    """
    lock = FileLock(home / "push.lock", timeout=patience, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputRefused(
            tried,
            "another push is running",
            "Wait until it has ended: `seatsync operations` shows it.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def abandon(record: OperationRecord, runner: RowRunner, journal: Journal, *, reason: str) -> Ending:
    """Give an unfinished operation up: its open rows are settled by reading alone, the rest stays undone."""
    for change in record.open_rows():
        intent = record.intents[change.row_id]
        journal.settle(record.operation_id, change, runner.settle_by_reading(change, intent))
    note = f"abandoned by {journal.run_by}: {reason}"
    return _end(journal, record, "finished_with_failures", note)


def _end(journal: Journal, record: OperationRecord, state: str, note: str | None) -> Ending:
    return Ending(state, note, journal.end(record.operation_id, state, note))


def state_of(record: OperationRecord, *, running: bool) -> str:
    """The state for people: an operation that says `running` while nobody holds the lock was interrupted."""
    return "interrupted" if record.state == "running" and not running else record.state


def is_running(home: Path) -> bool:
    """Whether some process holds the push lock at this moment."""
    try:
        with exclusive(home, patience=0):
            return False
    except InputRefused:
        return True


def report(record: OperationRecord, *, state: str) -> dict[str, Any]:
    """The document of `seatsync operations ID --json`; numbers are Decimals, dates are dates."""
    counts = dict.fromkeys(COUNTS, 0)
    items = []
    for change in record.changes:
        outcome = record.outcomes.get(change.row_id)
        open_row = change.row_id in record.intents and outcome is None
        name = outcome.outcome if outcome else "outcome unknown" if open_row else "not_attempted"
        counts["unresolved" if open_row else name] += 1
        items.append(
            {
                "row_id": change.row_id,
                "action": change.action,
                "outcome": name,
                "reason": outcome.reason if outcome else None,
                "agreement_id": change.agreement_id,
                "addition_id": outcome.addition_id if outcome else change.addition_id,
                "before": asdict(outcome.before) if outcome and outcome.before else None,
                "after": asdict(outcome.after) if outcome and outcome.after else None,
                "company_name": change.company_name,
                "product_identifier": change.product_identifier,
            }
        )
    return {
        "operation_id": record.operation_id,
        "source": record.source,
        "preview_id": record.preview_id,
        "selection_digest": record.selection_digest,
        "approved_by": record.approved_by,
        "started_at": record.started_at,
        "finished_at": record.last_event_at if record.ended else None,
        "state": state,
        "note": record.note,
        "counts": counts,
        "audit_head": record.audit_head,
        "items": items,
    }
