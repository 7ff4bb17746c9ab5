"""The check that asks of each preview whether somebody has to decide something before it can be pushed whole.

It blocks nothing, and what it lists is also on the preview's page: here it is a yes or no, beside the asset's name.
"""

from collections import defaultdict
from collections.abc import Iterable

import dagster as dg

from seatsync_pipeline.orchestration.checks import answered_anew
from seatsync_pipeline.orchestration.failures import refusals_as_failures
from seatsync_pipeline.orchestration.jobs import preview_key
from seatsync_pipeline.orchestration.metadata import brief_table
from seatsync_pipeline.orchestration.preview_page import blocked_table, commands
from seatsync_pipeline.orchestration.stored import previews_of
from seatsync_pipeline.reconcile.review import blockers
from seatsync_pipeline.reconcile.review.row_words import PreviewRow, who
from seatsync_pipeline.reconcile.store import Preview, load_preview
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.warehouse import Warehouse

CHECK = "does_anything_need_a_decision"


def decision_check(source: Source) -> dg.AssetChecksDefinition:
    """Whether the newest preview of a source has blocked rows, or rows that only a reason lets through."""

    @dg.asset_check(
        asset=preview_key(source),
        name=CHECK,
        description="Is a row blocked, or does a guard ask for a reason? If so, the other rows can be approved all the "
        "same; what would unblock the rest is listed.",
        blocking=False,
    )
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        with refusals_as_failures():
            with warehouse.read() as connection:
                preview_id = previews_of(source).latest(connection, context.run.run_id)
            if preview_id is None:
                return dg.AssetCheckResult(passed=True, description="No preview was made yet.")
            return decision_result(load_preview(warehouse, preview_id))

    return check


def decision_answered_anew(preview: Preview) -> dg.AssetCheckEvaluation:
    """The check's answer for a run without checks that made this preview: an op job, after somebody's decision."""
    return answered_anew(preview_key(preview.source), decision_result(preview), check=CHECK)


def decision_result(preview: Preview) -> dg.AssetCheckResult:
    """What the check says of one preview."""
    found = blockers(preview.preview_id, preview.source, preview.rows)
    guarded = [row for row in preview.rows if row["guards"]]
    said = []
    if found:
        said.append(
            f"{_rows(sum(blocker.rows for blocker in found))} blocked. First: {found[0].cause}, "
            f"{found[0].about}. {found[0].next_step} Job: {found[0].job}."
        )
    if guarded:
        said.append(
            f"Guards tripped on {len(guarded)} {'row' if len(guarded) == 1 else 'rows'}: look at them, and approve "
            "those that are right with a reason."
        )
    return dg.AssetCheckResult(
        passed=not said,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(said) or "Nothing: no row is blocked, and no guard tripped.",
        metadata={
            "blocked": dg.MetadataValue.md(blocked_table(found)),
            **({"unblock_by_command": dg.MetadataValue.md(commands(found))} if found else {}),
            "guards": dg.MetadataValue.md(_guards(guarded)),
            "preview_id": preview.preview_id,
            "rows_blocked": sum(blocker.rows for blocker in found),
            "rows_guarded": len(guarded),
        },
    )


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def _guards(rows: Iterable[PreviewRow]) -> str:
    """Each guard with how many rows it holds, whom first, and what it saw there against its limit."""
    tripped: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for row in rows:
        for guard in row["guards"]:
            tripped[guard["guard"]].append((who(row), guard["observed"], guard["limit"]))
    if not tripped:
        return "None tripped."
    table = [(name, len(held), *held[0]) for name, held in sorted(tripped.items())]
    return brief_table(("guard", "rows", "first of them", "observed", "limit"), table)
