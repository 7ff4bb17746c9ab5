"""What was stored, judged as blocking asset checks, and the one factory that makes them.

Each check reads back what a run wrote, judges it, and shows the operator why in its metadata. A blocking check
stops what is downstream in its own run only, so a preview also asks `require_sound_inputs` about the scan and the
snapshot it is made from: a bad one cannot be used by a later run either.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from seatsync_pipeline.orchestration.failures import refusals_as_failures
from seatsync_pipeline.orchestration.metadata import markdown_table
from seatsync_pipeline.orchestration.stored import Judgement, Stored, StoredCheck, judge_stored
from seatsync_pipeline.warehouse import Warehouse


def blocking_checks(
    asset: dg.AssetKey, stored: Stored, checks: Sequence[StoredCheck]
) -> dg.AssetChecksDefinition:
    """Blocking asset checks of what the run stored for `asset`, all in one step.

    Run by themselves, without the asset, they judge what is newest. Nothing stored is nothing to object to.
    """
    specs = [
        dg.AssetCheckSpec(check.name, asset=asset, description=check.description, blocking=True)
        for check in checks
    ]

    @dg.multi_asset_check(specs=specs, name=f"{asset.to_python_identifier()}__checks")
    def check_stored(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        with refusals_as_failures():
            judgements = judge_stored(warehouse, stored, checks, run_id=context.run.run_id)
        for judgement in judgements:
            yield _result(asset, stored, judgement)
        for spec in specs if not judgements else ():
            yield dg.AssetCheckResult(
                asset_key=asset, check_name=spec.name, passed=True, description="Nothing is stored yet."
            )

    return check_stored


def _result(asset: dg.AssetKey, stored: Stored, judgement: Judgement) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        stored.id_column: judgement.stored_id,
        "why": judgement.why,
        "problem_count": len(judgement.problems),
    }
    if judgement.problems:
        rows = [(problem.rule, problem.row, problem.column, problem.value) for problem in judgement.problems]
        metadata["problems"] = dg.MetadataValue.md(markdown_table(("rule", "row", "column", "found"), rows))
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=judgement.check.name,
        passed=not judgement.problems,
        metadata=metadata,
        description=judgement.why,
    )


def answered_anew(asset: dg.AssetKey, result: dg.AssetCheckResult, *, check: str) -> dg.AssetCheckEvaluation:
    """A non-blocking check's answer for a run that has no checks: a person has decided, and the page must say so."""
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=check,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        blocking=False,
    )
