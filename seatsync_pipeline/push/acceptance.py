"""Accepting a snapshot: a named person says that an odd reading is true, and why; the audit log keeps it.

The acceptance makes the snapshot the baseline that later ones are compared with, and lets it prove absences. It
releases no single row: what a preview of it proposes is approved like any other.
"""

from __future__ import annotations

from datetime import UTC, datetime

from seatsync_pipeline.errors import InputRefused, NotFound
from seatsync_pipeline.push import audit
from seatsync_pipeline.push.approve import require_approver
from seatsync_pipeline.sources.acceptance import Acceptance, acceptance_of, record
from seatsync_pipeline.sources.base import Source, Verdict
from seatsync_pipeline.sources.store import SnapshotFacts, snapshot_facts
from seatsync_pipeline.warehouse import Connection, Warehouse


def accept_snapshot(
    warehouse: Warehouse,
    source: Source,
    snapshot_id: str,
    *,
    by: str,
    reason: str,
    approvers: tuple[str, ...] = (),
    run_id: str | None = None,
) -> Acceptance:
    """Accept a suspect or incomplete snapshot of a source, and write that into the audit log.

    `approvers` are the names that may (empty: any). Raises NotFound for an unknown snapshot; InputRefused when it
    is another source's, complete or accepted already, or overtaken by an accepted one, and without name or reason.
    """
    tried = f"accepting the snapshot {snapshot_id} of {source}"
    require_approver(approvers, by, tried)
    if not reason.strip():
        raise InputRefused(tried, "there is no reason", "Say why this reading is right.")
    acceptance = Acceptance(snapshot_id, source, by.strip(), datetime.now(UTC), " ".join(reason.split()))
    with warehouse.write() as connection:
        facts = _acceptable(connection, source, snapshot_id, tried)
        record(connection, acceptance, run_id=run_id)
        audit.append(connection, [("accepted", _entry(acceptance, facts))])
    return acceptance


def _acceptable(connection: Connection, source: Source, snapshot_id: str, tried: str) -> SnapshotFacts:
    try:
        facts = snapshot_facts(connection, snapshot_id)
    except NotFound as error:
        raise NotFound(
            tried, error.found, f"`seatsync preview {source} --json` names the snapshot in use."
        ) from error
    if facts.source != source:
        raise InputRefused(tried, f"it is a snapshot of {facts.source}", f"Name a snapshot of {source}.")
    if facts.verdict is Verdict.COMPLETE:
        raise InputRefused(tried, "it is complete, and needs no acceptance", "There is nothing to do.")
    earlier = acceptance_of(connection, snapshot_id)
    if earlier is not None:
        raise InputRefused(
            tried, f"{earlier.accepted_by} accepted it already ({earlier.reason})", "There is nothing to do."
        )
    newer = connection.execute(
        "select min(snapshot_id) from snapshot where source = ? and snapshot_id > ?", [source, snapshot_id]
    ).fetchone()
    if newer is not None and newer[0] is not None:
        raise InputRefused(
            tried,
            f"something newer was read since: {newer[0]}",
            "Accept the newest snapshot, if that one is right.",
        )
    return facts


def _entry(acceptance: Acceptance, facts: SnapshotFacts) -> dict[str, object]:
    return {
        "source": acceptance.source,
        "snapshot_id": acceptance.snapshot_id,
        "verdict": facts.verdict,
        "digest": facts.digest,
        "findings": [
            {"rule": f.rule, "observed": f.observed, "limit": f.limit, "verdict": f.verdict}
            for f in facts.reasons
        ],
        "accepted_by": acceptance.accepted_by,
        "reason": acceptance.reason,
    }
