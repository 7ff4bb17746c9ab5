"""`seatsync preview`: the latest preview of a source, for people, programs and spreadsheets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from seatsync_pipeline.cli.options import json_option, source_argument
from seatsync_pipeline.cli.output import console, write, write_json
from seatsync_pipeline.cli.session import Session, plural
from seatsync_pipeline.errors import NotFound

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.reconcile.store import Preview
    from seatsync_pipeline.sources.base import Source


class StatusName(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    """A row status, whatever its case. An unknown one raises NotFound with what is near."""

    name = "status"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        from seatsync_pipeline.reconcile.rows import Status
        from seatsync_pipeline.reconcile.suggest import did_you_mean

        words = " ".join(str(value).replace("_", " ").split()).casefold()
        for status in Status:
            if status.value.casefold() == words:
                return status.value
        raise NotFound(
            "looking up the status",
            f"there is no status {value!r}",
            did_you_mean(
                words, [s.value for s in Status], f"There are: {', '.join(s.value for s in Status)}."
            ),
        )


@click.command("preview")
@source_argument
@click.option("--all", "everything", is_flag=True, help="Also the No change rows that carry no flag.")
@click.option(
    "--status", "statuses", type=StatusName(), multiple=True, help="Only rows of this status; repeatable."
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the preview's columns to this file.",
)
@json_option
def preview_command(
    *, source: str, everything: bool, statuses: tuple[str, ...], csv_file: Path | None, as_json: bool
) -> None:
    """Show the latest preview of SOURCE: what should change in ConnectWise.

    No change rows are hidden unless they carry a flag or are asked for; --json and --csv hold every row, or
    those of --status.
    """
    session = Session()
    preview = session.preview(cast("Source", source))
    chosen = [row for row in preview.rows if not statuses or row["status"] in statuses]
    if csv_file is not None:
        _write_csv(chosen, csv_file)
    if as_json:
        write_json(preview.as_dict() | {"rows": chosen})
        return
    shown = chosen if everything or statuses else changing_rows(chosen)
    screen = console()
    show_rows(screen, session, preview, shown)
    if len(shown) < len(chosen):
        hidden = plural(len(chosen) - len(shown), "No change row")
        screen.print(f"\n{hidden} not shown (--all shows them).")
    if csv_file is not None:
        screen.print(f"\n{plural(len(chosen), 'row')} written to {csv_file}")


def show_rows(screen: Console, session: Session, preview: Preview, rows: Sequence[Any]) -> None:
    """Print the head of a preview and these of its rows."""
    from seatsync_pipeline.cli.summary import show_head
    from seatsync_pipeline.cli.table import preview_lines

    show_head(screen, session, preview)
    ids = [row["row_id"] for row in preview.rows]
    styled = screen.is_terminal and not screen.no_color
    for line, is_heading in preview_lines(rows, ids, screen.width):
        write(f"{click.style(line, bold=True) if is_heading and styled else line}\n")


def changing_rows(rows: Sequence[Any]) -> list[Any]:
    """All but the No change rows that carry no flag."""
    return [row for row in rows if row["status"] != "No change" or row["flags"]]


def _write_csv(rows: Sequence[Any], path: Path) -> None:
    from seatsync_pipeline.reconcile.columns import COLUMNS
    from seatsync_pipeline.reconcile.sheet import write_preview_csv

    write_preview_csv(rows, COLUMNS, path.absolute())
