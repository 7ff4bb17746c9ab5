"""`seatsync prune`: what is older than SEATSYNC_KEEP_MONTHS and needed by nothing, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seatsync_pipeline.cli.options import by_option, json_option
from seatsync_pipeline.cli.output import finish
from seatsync_pipeline.cli.session import Session, plural
from seatsync_pipeline.cli.summary import say

if TYPE_CHECKING:
    from rich.console import Console


@click.command("prune")
@click.option("--yes", is_flag=True, help="Remove it; without, only say what would go.")
@by_option
@json_option
def prune_command(*, yes: bool, by: str, as_json: bool) -> int:
    """Remove snapshots and previews older than SEATSYNC_KEEP_MONTHS, and give their space back.

    Whatever its age, what an operation, a kept preview or the evidence of an orphan rests on stays; so do all
    operations, the audit log, links, mappings and acceptances. Make a backup first: nothing brings it back.
    """
    session = Session()
    session.require_database("pruning the database")
    document = _prune(session, by) if yes else _look(session)
    finish(document, lambda screen: _show(screen, document), as_json=as_json)
    return 0


def _look(session: Session) -> dict[str, Any]:
    from seatsync_pipeline.reconcile.retention import find_old, months_ago

    months, size = session.settings.keep_months, session.settings.database.stat().st_size
    document: dict[str, Any] = {
        "keep_months": months,
        "done": False,
        "bytes_before": size,
        "bytes_after": None,
    }
    if months == 0:
        return document
    with session.warehouse.read() as connection:
        return document | find_old(connection, months_ago(session.settings.today(), months)).as_dict()


def _prune(session: Session, by: str) -> dict[str, Any]:
    from seatsync_pipeline.push.operate import exclusive
    from seatsync_pipeline.reconcile.retention import months_ago, remove_old
    from seatsync_pipeline.warehouse.copy import compact

    months = session.settings.keep_months
    if months == 0:
        return _look(session)
    # A push writes its journal between two requests: it must not have to wait for a large file to be copied.
    with exclusive(session.settings.home, tried="pruning the database"):
        old = remove_old(session.warehouse, months_ago(session.settings.today(), months), by=by)
        before, after = compact(session.warehouse)
    sizes = {"bytes_before": before, "bytes_after": after}
    return {"keep_months": months, "done": True, **sizes, **old.as_dict()}


def _show(screen: Console, found: dict[str, Any]) -> None:
    if found["keep_months"] == 0:
        screen.print("SEATSYNC_KEEP_MONTHS is 0: everything is kept for ever.")
        return
    verb = "removed" if found["done"] else "would go"
    screen.print(f"Older than {found['before']} ({found['keep_months']} months) and needed by nothing:")
    for kind in ("snapshots", "previews"):
        told = ", ".join(f"{count} of {source}" for source, count in sorted(found[kind].items())) or "none"
        say(screen, f"{kind:<10}", f"{told} {verb}")
    rows = ", ".join(f"{count} {table}" for table, count in found["rows"].items()) or "none"
    say(screen, "rows      ", rows)
    if found["kept_although_old"]:
        say(
            screen,
            "kept      ",
            f"{plural(found['kept_although_old'], 'older snapshot')}: something rests on them",
        )
    if found["done"]:
        sizes = (f"{found[name] / 1_000_000:.1f} MB" for name in ("bytes_before", "bytes_after"))
        say(screen, "database  ", " -> ".join(sizes))
    else:
        screen.print("Nothing was changed. Make a backup, then: seatsync prune --yes")
