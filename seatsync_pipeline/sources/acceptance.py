"""Which snapshots count as proof: complete ones, and those that a named person accepted.

What belongs here: the table `acceptance`, the last accepted snapshot of a source, and judging a new snapshot by
it before it is stored. What does not: the rules themselves (`verdict.py`) and the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from seatsync_pipeline.settings.guards import GuardSettings
from seatsync_pipeline.sources.base import Source, SourceSnapshot, Verdict
from seatsync_pipeline.sources.duo_counts import recounted
from seatsync_pipeline.sources.store import SnapshotFacts, load_snapshot
from seatsync_pipeline.sources.verdict import COMPARISONS, Earlier, compared
from seatsync_pipeline.warehouse import Connection, Warehouse, insert_rows


@dataclass(frozen=True)
class Acceptance:
    """Who released a snapshot that was not complete, when (UTC) and why."""

    snapshot_id: str
    source: Source
    accepted_by: str
    accepted_at: datetime
    reason: str


def record(connection: Connection, acceptance: Acceptance, *, run_id: str | None) -> None:
    """Store an acceptance in the caller's transaction. One for a snapshot that has one is a duplicate key."""
    row = vars(acceptance) | {
        "accepted_at": acceptance.accepted_at.astimezone(UTC).replace(tzinfo=None),
        "run_id": run_id,
    }
    insert_rows(connection, "acceptance", [row])


def acceptance_of(connection: Connection, snapshot_id: str) -> Acceptance | None:
    row = connection.execute(
        "select snapshot_id, source, accepted_by, accepted_at, reason from acceptance where snapshot_id = ?",
        [snapshot_id],
    ).fetchone()
    return None if row is None else Acceptance(row[0], row[1], row[2], row[3].replace(tzinfo=UTC), row[4])


def why_not_accepted(connection: Connection, facts: SnapshotFacts) -> str | None:
    """Why a snapshot proves no absence, as a sentence; None when it is complete or accepted."""
    if facts.verdict is Verdict.COMPLETE or acceptance_of(connection, facts.snapshot_id) is not None:
        return None
    reasons = "; ".join(finding.message for finding in facts.reasons)
    return f"the snapshot is {facts.verdict}: {reasons}"


_LAST_ACCEPTED = """
    select max(snapshot_id)
    from accepted_snapshot
    where source = $source
      and ($before is null or snapshot_id < $before)
"""


def last_accepted_id(connection: Connection, source: Source, *, before: str | None = None) -> str | None:
    """The newest accepted snapshot of a source (older than `before`, a snapshot id); None when there is none."""
    row = connection.execute(_LAST_ACCEPTED, {"source": source, "before": before}).fetchone()
    return row[0] if row else None


def judged(
    warehouse: Warehouse, snapshot: SourceSnapshot, limits: GuardSettings, *, zone: tzinfo
) -> SourceSnapshot:
    """The snapshot with what history says against it among its findings; call it before storing one.

    `zone` is the MSP's.
    """
    with warehouse.read() as connection:
        earlier = _earlier(connection, snapshot)
    own = tuple(finding for finding in snapshot.findings if finding.rule not in COMPARISONS)
    return replace(snapshot, findings=(*own, *compared(snapshot, earlier, limits, zone=zone)))


def _earlier(connection: Connection, snapshot: SourceSnapshot) -> Earlier:
    accepted_id = last_accepted_id(connection, snapshot.source)
    accepted = None if accepted_id is None else load_snapshot(connection, accepted_id)
    basis = snapshot.details.get("basis")
    if accepted is not None and basis is not None and accepted.details.get("basis") != basis:
        # Counted by another rule, the same users would look like a fall.
        accepted = recounted(accepted, basis)
    row = connection.execute(
        "select min(taken_at) from snapshot where source = ? and digest = ?",
        [snapshot.source, snapshot.digest],
    ).fetchone()
    same = row[0].replace(tzinfo=UTC) if row and row[0] else None
    return Earlier(accepted, same)
