"""`seatsync accept`: a named person releases a snapshot that was suspect or incomplete."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from seatsync_pipeline.cli.options import json_option, source_argument
from seatsync_pipeline.cli.output import finish
from seatsync_pipeline.cli.runs import run
from seatsync_pipeline.cli.session import Session
from seatsync_pipeline.cli.summary import say, show_summary, summary_document

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.sources.base import Source


@click.command("accept")
@source_argument
@click.argument("snapshot")
@click.option("--by", required=True, metavar="NAME", help="Who accepts it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why this reading is right.")
@json_option
def accept_command(*, source: str, snapshot: str, by: str, reason: str, as_json: bool) -> None:
    """Accept SNAPSHOT of SOURCE although it is suspect or incomplete; it becomes the baseline.

    For a real drop, such as clients that were sold. Orphans are looked for again, and later readings are compared
    with this one. A new preview is made at once; each of its rows still has to be approved. It is kept in the
    audit log.
    """
    from seatsync_pipeline.orchestration.acceptance import acceptance_config

    session = Session()
    doing = f"Accepting {snapshot} of {source}"
    session.require_database(doing)
    result = run(session, "accept_snapshot", doing, acceptance_config(source, snapshot, by, reason))
    preview = session.preview(cast("Source", source))
    document = {
        "run_id": result.run_id,
        "source": source,
        "snapshot_id": snapshot,
        "accepted_by": by,
        "reason": reason,
        "preview": summary_document(preview),
    }

    def show(console: Console) -> None:
        say(console, "", f"{snapshot} of {source} is accepted by {by}: {reason}")
        console.print()
        show_summary(console, session, preview)

    finish(document, show, as_json=as_json)
