"""The push and the approval as op jobs: run by a person, never by an asset graph.

They stay out of the asset graph, so that no "materialize all" and no automation reaches them, and a required
config field keeps them from starting by a stray click. The push verifies everything itself; it runs in one
process, is never retried by Dagster, and logs a materialization so that the UI keeps its history.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from seatsync_pipeline import exact_json
from seatsync_pipeline.errors import FileRefused, InputRefused, SeatSyncError
from seatsync_pipeline.orchestration.failures import failure_from, refusals_as_failures
from seatsync_pipeline.orchestration.filing import archive, dropped, rejecting
from seatsync_pipeline.orchestration.metadata import plain, row_tables
from seatsync_pipeline.push.approve import Choice, choose, require_approver
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.records import DONE
from seatsync_pipeline.push.rehearsal import Rehearsal
from seatsync_pipeline.push.selection import read_selection, write_selection
from seatsync_pipeline.push.service import Push, opened
from seatsync_pipeline.reconcile.store import load_preview
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.system_user import system_user
from seatsync_pipeline.warehouse import Warehouse

PUSH = dg.AssetKey(["connectwise", "push"])
SELECTION = dg.AssetKey(["connectwise", "selection"])
# No retry of any kind, by any of Dagster's three systems.
_NEVER_RETRIED = {"dagster/max_retries": "0", "dagster/retry_on_asset_or_op_failure": "false"}

TERMINATED = "its run was terminated"
"""The note of a push that somebody broke off, with Terminate in the UI or with Ctrl-C."""
_CARRY_ON = "Remove the cause, then push the same selection again: it carries on, and writes no row twice."
_NEXT = {
    "finished": "Run seat_sync: what was pushed is No change then.",
    "finished_with_failures": "This selection does not try failed rows again. Remove what the table says of them, run "
    "seat_sync, and approve them from the new preview.",
}


class PushConfig(dg.Config):
    """What to push, and whether to write."""

    selection_file: str = Field(
        description="The approved selection: the full path of a ticked preview CSV, or of the file that "
        "`approve_preview` wrote."
    )
    confirm: bool = Field(
        default=False,
        description="true: write to ConnectWise. false: only report what would be written and what skipped.",
    )
    sha256: str = Field(
        default="",
        description="Leave it empty. Filled in by selection_drop: what the file held when it was seen whole; anything "
        "else is not pushed.",
    )


@dg.op(out={}, description="Carry out an approved selection, or only report what it would do.")
def push_selection(
    context: dg.OpExecutionContext,
    config: PushConfig,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
    # Events are yielded: what `log_event` notes is lost when the step fails, and a stopped push must be on record.
    path = Path(config.selection_file).expanduser().absolute()
    with (
        refusals_as_failures(),
        opened(settings, warehouse, run_by=system_user(), run_id=context.run.run_id) as push,
    ):
        if not config.selection_file.strip():
            raise InputRefused(
                "pushing a selection",
                "selection_file names no file",
                "Give it the full path of a ticked preview CSV, or of the file that approve_preview wrote.",
            )
        if not config.confirm:
            rehearsal = push.rehearse(path)
            context.log.info("%s", rehearsal.summary.sentence())
            yield dg.AssetObservation(PUSH, metadata=_rehearsal_metadata(rehearsal))
            return
        drop = dropped(path, settings.selections_inbox, config.sha256)
        with rejecting(drop, settings):
            read_selection(path)
        try:
            # Only faults of the selection speak against the file: another push that is running does not.
            with rejecting(drop, settings, FileRefused):
                report = push.run(
                    path, _progress(context), lambda summary: context.log.info("%s", summary.sentence())
                )
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            report = broken_off(push)
    yield dg.AssetMaterialization(PUSH, metadata=_report_metadata(report))
    if report["state"] in {"interrupted", "stopped"}:
        # A dropped file stays where it is: pushing it again carries the operation on.
        raise failure_from(_unfinished(report), operation_id=report["operation_id"])
    if drop is not None:
        with refusals_as_failures():
            for place in archive(drop, settings):
                context.log.info("The selection is now %s", place)
    if report["state"] == "finished_with_failures":
        context.log.warning("Finished with failures: look at the items of %s.", report["operation_id"])


def _progress(context: dg.OpExecutionContext) -> Callable[[int, int, Change, str], None]:
    """A line in the run's log for each row that is done."""

    def said(done: int, of: int, change: Change, outcome: str) -> None:
        whose = f"{change.company_name}, {change.product_identifier}"
        context.log.info("%d/%d %s %s: %s", done, of, change.action, whose, outcome)

    return said


@dg.job(
    executor_def=dg.in_process_executor,
    tags=_NEVER_RETRIED,
    description="Write an approved selection to ConnectWise.\n\nRe-checks every live value first, writes one row after "
    "another, reads each back, and keeps a journal and an audit log. Without `confirm` it only reports. An interrupted "
    "push is resumed by running the same selection again.",
)
def push_to_connectwise() -> None:
    push_selection()


class ApprovalConfig(dg.Config):
    """Which rows of which preview to approve, and in whose name."""

    preview_id: str = Field(description="The preview, e.g. prev_...: see the preview's materialization.")
    approved_by: str = Field(description="Your name, as it goes into the audit log.")
    defaults: bool = Field(default=True, description="Approve the rows that the preview selects by itself.")
    statuses: list[str] = Field(
        default=[], description="Also every selectable row of these statuses, e.g. No addition, Orphaned."
    )
    rows: list[str] = Field(default=[], description="Also these rows, by id (row_...).")
    agreements: dict[str, int] = Field(
        default={},
        description="For a new addition in a company with several agreements: row id -> agreement id.",
    )
    overrides: list[str] = Field(
        default=[], description="Guards to override, by name, for this selection only."
    )
    reason: str = Field(default="", description="Why; needed by rows that need a reason.")

    def choice(self) -> Choice:
        """The rows, without whose approval it is."""
        return Choice(
            defaults=self.defaults,
            statuses=self.statuses,
            rows=self.rows,
            agreements=self.agreements,
            overrides=self.overrides,
            reason=self.reason,
        )


@dg.op(description="Write the chosen rows of a preview as a selection file. Writes nothing to ConnectWise.")
def approve_rows(
    context: dg.OpExecutionContext,
    config: ApprovalConfig,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> None:
    with refusals_as_failures():
        require_approver(settings.approvers, config.approved_by)
        preview = load_preview(warehouse, config.preview_id.strip())
        now = datetime.now(UTC).replace(tzinfo=None)
        chosen = choose(preview, config.choice(), now=now)
        path = (
            settings.home
            / "selections"
            / f"{preview.source}-{now:%Y%m%d-%H%M%S}-{context.run.run_id[:8]}.csv"
        )
        write_selection(
            path,
            chosen.approvals,
            approved_by=config.approved_by.strip(),
            approved_at=now,
        )
    rows = [approval.row for approval in chosen.approvals]
    context.log.info("%d rows approved into %s", len(rows), path)
    context.log_event(
        dg.AssetMaterialization(
            SELECTION,
            metadata={
                "dagster/row_count": len(rows),
                "selection_file": dg.MetadataValue.path(str(path)),
                "left_out": plain([f"{row_id}: {why}" for row_id, why in chosen.left_out]),
                "next": f"Run push_to_connectwise with selection_file: {path}",
                **_approved_tables(rows),
            },
        )
    )


@dg.job(
    executor_def=dg.in_process_executor,
    tags=_NEVER_RETRIED,
    description="Approve rows of a preview: writes the selection file that push_to_connectwise takes.",
)
def approve_preview() -> None:
    approve_rows()


def push_config(selection_file: Path, *, confirm: bool, sha256: str = "") -> dict[str, Any]:
    """The run config of `push_to_connectwise` for that file; `sha256` binds it to what the file holds now."""
    config: dict[str, Any] = {"selection_file": str(selection_file), "confirm": confirm}
    config |= {"sha256": sha256} if sha256 else {}
    return {"ops": {"push_selection": {"config": config}}}


def broken_off(push: Push) -> dict[str, Any]:
    """How far a push came whose run was terminated; the rows under way were carried to their end.

    Raises SeatSyncError when nothing was begun, or nobody can tell now: Dagster's own error says nothing of either.
    """
    try:
        report = push.begun()
    except SeatSyncError as error:
        raise SeatSyncError(
            "looking up how far the push came",
            f"its run was terminated, and then: {error.found}",
            f"`seatsync operations` tells it. {_CARRY_ON}",
        ) from error
    if report is None:
        raise SeatSyncError(
            "pushing the selection",
            "its run was terminated before anything was written",
            "Push the same selection again, if it is still wanted.",
        )
    return report if report["state"] in _NEXT else report | {"note": TERMINATED}


def _unfinished(report: Mapping[str, Any]) -> SeatSyncError:
    done = sum(report["counts"][name] for name in DONE)
    return SeatSyncError(
        f"carrying out operation {report['operation_id']}",
        f"it was {report['state']} after {done} writes: {report['note']}",
        _CARRY_ON,
    )


def _report_metadata(report: Mapping[str, Any]) -> dict[str, Any]:
    items = [
        (
            item["action"],
            item["company_name"],
            item["product_identifier"],
            _quantity(item["before"]),
            _quantity(item["after"]),
            item["outcome"],
            item["reason"],
        )
        for item in sorted(report["items"], key=lambda item: item["outcome"] in DONE)
    ]
    headings = ("action", "company", "product", "before", "after", "outcome", "why")
    return {
        "state": report["state"],
        "note": report["note"] or "",
        "next": _NEXT.get(report["state"], _CARRY_ON),
        **row_tables(headings, items),
        "dagster/row_count": len(items),
        "operation_id": report["operation_id"],
        "approved_by": report["approved_by"],
        "audit_head": report["audit_head"] or "",
        **report["counts"],
        "report": dg.MetadataValue.json(plain(report)),
    }


def _quantity(addition: Mapping[str, Any] | None) -> str:
    """What an addition bills, and until when."""
    if addition is None:
        return ""
    until = addition["cancelled_date"]
    return f"{exact_json.plain(addition['quantity'])}{f' until {until}' if until else ''}"


def _rehearsal_metadata(rehearsal: Rehearsal) -> dict[str, Any]:
    rows = [
        (
            row.change.action,
            row.change.company_name,
            row.change.product_identifier,
            row.change.before,
            row.change.after,
            row.why or row.would,
        )
        for row in rehearsal.rows
    ]
    return {
        "summary": rehearsal.summary.sentence(),
        "next": "Nothing was written. Run it again with confirm: true to write.",
        **row_tables(("action", "company", "product", "now", "new", "would"), rows),
        "rehearsal": dg.MetadataValue.text(exact_json.dumps(rehearsal.as_dict())),
    }


def _approved_tables(rows: list[Mapping[str, Any]]) -> dict[str, dg.MarkdownMetadataValue]:
    return row_tables(
        ("action", "company", "product", "now", "new", "money"),
        [
            (
                row["action"],
                row["company_name"],
                row["product_identifier"],
                row["current_quantity"],
                row["new_quantity"],
                row["amount_delta"],
            )
            for row in rows
        ],
    )
