"""The check that asks what an operator would ask of each reading: can it be trusted?

It blocks nothing: an odd snapshot is stored and shown, proves no absence, and waits for a better one or for a
named acceptance. What must not be built upon at all is `soundness`.
"""

import dagster as dg

from seatsync_pipeline.orchestration.checks import answered_anew
from seatsync_pipeline.orchestration.failures import refusals_as_failures
from seatsync_pipeline.orchestration.metadata import brief_table
from seatsync_pipeline.sources.acceptance import acceptance_of
from seatsync_pipeline.sources.base import Source, Verdict
from seatsync_pipeline.sources.store import SnapshotFacts, snapshot_facts
from seatsync_pipeline.warehouse import Warehouse

CHECK = "can_this_reading_be_trusted"
_NEWEST = "select max(snapshot_id) from snapshot where source = ?"


def trust_check(asset: dg.AssetKey, source: Source) -> dg.AssetChecksDefinition:
    """Whether the newest snapshot of a source is complete or accepted; each finding with its limit."""

    @dg.asset_check(
        asset=asset,
        name=CHECK,
        description="Is the newest reading complete? If it is not, no orphans are looked for and no decrease is "
        "selected by default, until a complete one is read or a named person accepts it.",
        blocking=False,
    )
    def check(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        with refusals_as_failures():
            return judged_now(warehouse, source)

    return check


def trust_answered_anew(warehouse: Warehouse, asset: dg.AssetKey, source: Source) -> dg.AssetCheckEvaluation:
    """The check's answer for a run that does not read, after somebody's acceptance. Raises WarehouseError."""
    return answered_anew(asset, judged_now(warehouse, source), check=CHECK)


def judged_now(warehouse: Warehouse, source: Source) -> dg.AssetCheckResult:
    """What the check says of the newest snapshot as things are now. Raises WarehouseError."""
    with warehouse.read() as connection:
        row = connection.execute(_NEWEST, [source]).fetchone()
        if row is None or row[0] is None:
            return dg.AssetCheckResult(passed=True, description="Nothing was read yet.")
        facts, accepted = snapshot_facts(connection, row[0]), acceptance_of(connection, row[0])
    by = f" Accepted by {accepted.accepted_by}: {accepted.reason}" if accepted else ""
    trusted = facts.verdict is Verdict.COMPLETE or accepted is not None
    severity = (
        dg.AssetCheckSeverity.ERROR if facts.verdict is Verdict.INCOMPLETE else dg.AssetCheckSeverity.WARN
    )
    return dg.AssetCheckResult(
        passed=trusted,
        severity=severity,
        description=f"The reading is {facts.verdict}.{by}{'' if trusted else _next(source, facts)}",
        metadata={"findings": dg.MetadataValue.md(_findings(facts)), "snapshot_id": facts.snapshot_id},
    )


def _next(source: str, facts: SnapshotFacts) -> str:
    return (
        f" {facts.reasons[0].message} Read it again; if it is right, run the job accept_snapshot with source {source}, "
        f"snapshot_id {facts.snapshot_id}, your name and the reason."
    )


def _findings(facts: SnapshotFacts) -> str:
    if not facts.reasons:
        return "None: every account was read, and nothing speaks against it."
    rows = [(finding.verdict, finding.rule, finding.observed, finding.limit) for finding in facts.reasons]
    return brief_table(("verdict", "finding", "observed", "limit"), rows)
