"""`seatsync approve`: rows of a preview become a selection file, with a summary of what it would do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatsync_pipeline.cli.options import json_option, source_argument
from seatsync_pipeline.cli.output import finish
from seatsync_pipeline.cli.preview import StatusName
from seatsync_pipeline.cli.session import Session, plural
from seatsync_pipeline.cli.summary import say
from seatsync_pipeline.errors import InputRefused
from seatsync_pipeline.exact_json import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from seatsync_pipeline.push.approve import Choice
    from seatsync_pipeline.reconcile.store import Preview

_DECREASES_SHOWN = 20


class AgreementOfRow(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    """`ROW_ID=AGREEMENT_ID`."""

    name = "row=agreement"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        row, _, agreement = str(value).partition("=")
        if not row or not agreement.isdecimal():
            self.fail(f"{value!r} is not ROW_ID=AGREEMENT_ID", param, ctx)
        return row, int(agreement)


@click.command("approve")
@source_argument
@click.option("--preview", "preview_id", required=True, metavar="ID", help="The preview, prev_....")
@click.option("--by", "approved_by", required=True, metavar="NAME", help="Who approves it.")
@click.option("--defaults", is_flag=True, help="The rows that the preview selects by itself.")
@click.option(
    "--status", "statuses", type=StatusName(), multiple=True, help="Every selectable row of a status."
)
@click.option("--row", "rows", multiple=True, metavar="ID", help="This row; repeatable.")
@click.option(
    "--agreement",
    "agreements",
    type=AgreementOfRow(),
    multiple=True,
    metavar="ROW_ID=AGREEMENT_ID",
    help="The agreement of a new addition, where the company has several.",
)
@click.option("--override", "overrides", multiple=True, metavar="GUARD", help="Override a guard, by name.")
@click.option("--reason", default="", help="Why; for rows that need a reason.")
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The selection file to write.",
)
@json_option
def approve_command(
    *,
    source: str,
    preview_id: str,
    approved_by: str,
    defaults: bool,
    statuses: tuple[str, ...],
    rows: tuple[str, ...],
    agreements: tuple[tuple[str, int], ...],
    overrides: tuple[str, ...],
    reason: str,
    file: Path,
    as_json: bool,
) -> None:
    """Approve rows of a preview of SOURCE: write the selection file that `seatsync push` takes.

    Nothing is written to ConnectWise. The summary shows updates, creates, cancels and decreases, in seats and
    money; creates and cancels are taken only when you name their status or row.
    """
    from seatsync_pipeline.push.approve import Choice, require_approver
    from seatsync_pipeline.reconcile.store import load_preview

    session = Session()
    tried = f"approving rows of preview {preview_id}"
    session.require_database(tried)
    require_approver(session.settings.approvers, approved_by)
    preview = load_preview(session.warehouse, preview_id)
    if preview.source != source:
        raise InputRefused(tried, f"it is a preview of {preview.source}", f"Name a preview of {source}.")
    choice = Choice(defaults, statuses, rows, _one_for_each(agreements, tried), overrides, reason)
    document = approve(preview, choice, by=approved_by.strip(), file=file)
    picked = [row for row in preview.rows if row["row_id"] in document["rows"]]
    finish(document, lambda console: _show(console, document, picked, file), as_json=as_json)


def _one_for_each(named: Iterable[tuple[str, int]], tried: str) -> dict[str, int]:
    """Row id -> agreement id. Raises InputRefused where a row is given two: the wrong one could be billed."""
    agreements: dict[str, int] = {}
    for row_id, agreement_id in named:
        other = agreements.setdefault(row_id, agreement_id)
        if other != agreement_id:
            raise InputRefused(
                tried,
                f"{row_id} is given the agreements {other} and {agreement_id}",
                "Name one --agreement for it.",
            )
    return agreements


def approve(preview: Preview, choice: Choice, *, by: str, file: Path) -> dict[str, Any]:
    """Write the selection file and return the command's document. Raises what `choose` raises."""
    from seatsync_pipeline.push.approve import choose
    from seatsync_pipeline.push.plan import summarise_rows
    from seatsync_pipeline.push.selection import read_selection, write_selection

    now = datetime.now(UTC).replace(tzinfo=None)
    chosen = choose(preview, choice, now=now)
    write_selection(file.absolute(), chosen.approvals, approved_by=by, approved_at=now)
    picked = [approval.row for approval in chosen.approvals]
    return {
        "selection_file": str(file.absolute()),
        "operation_id": read_selection(file.absolute()).operation_id,
        "preview_id": preview.preview_id,
        "source": preview.source,
        "approved_by": by,
        "summary": summarise_rows(picked).as_dict(),
        "rows": [row["row_id"] for row in picked],
        "left_out": [{"row_id": row_id, "why": why} for row_id, why in chosen.left_out],
    }


def _show(console: Console, document: dict[str, Any], rows: Sequence[Any], file: Path) -> None:
    from seatsync_pipeline.exact_json import plain
    from seatsync_pipeline.push.plan import sentence

    console.print(f"{plural(len(rows), 'row')} approved by {document['approved_by']}:", style="bold")
    say(console, "", sentence(document["summary"]))
    decreases = [row for row in rows if row["delta"] < 0]
    for row in decreases[:_DECREASES_SHOWN]:
        amount = money(row["amount_delta"]) if row["amount_delta"] is not None else "unknown money"
        say(
            console,
            "- ",
            f"{row['action']} {row['company_name']}, {row['product_identifier']}: "
            f"{plain(row['current_quantity'])} -> {plain(row['new_quantity'])} ({amount})",
        )
    if len(decreases) > _DECREASES_SHOWN:
        say(console, "- ", f"and {len(decreases) - _DECREASES_SHOWN} more decreases")
    for row in document["left_out"]:
        say(console, "left out: ", f"{row['row_id']}: {row['why']}", style="yellow")
    console.print(f"\nWritten to {file}. See what it would do, then push it:", soft_wrap=True)
    console.print(f"  seatsync push {file}\n  seatsync push {file} --yes", soft_wrap=True)
