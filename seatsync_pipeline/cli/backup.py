"""`seatsync backup` and `seatsync restore`: everything of one MSP as one file, and back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatsync_pipeline.cli.options import by_option, json_option
from seatsync_pipeline.cli.output import clean, finish
from seatsync_pipeline.cli.session import Session, plural
from seatsync_pipeline.cli.summary import say

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.push.backup import Backup
    from seatsync_pipeline.push.restore import Restored


@click.command("backup")
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE_OR_FOLDER")
@json_option
def backup_command(*, target: Path, as_json: bool) -> int:
    """Write database and files to FILE, or into FOLDER under a name with the time. Safe while runs go on.

    It is read back before it counts. Not in it: `.env`, the inboxes, Dagster's run history. The exit code is 1 when
    the audit log that was backed up is broken.
    """
    from seatsync_pipeline.push.backup import back_up

    session = Session()
    session.require_database(f"backing up to {target}")
    made = back_up(session.warehouse, target)
    finish(made.as_dict(), lambda screen: _show_backup(screen, made), as_json=as_json)
    return 0 if made.facts["audit"]["sound"] else 1


def _show_backup(screen: Console, made: Backup) -> None:
    screen.print(clean(f"{made.file}: {_megabytes(made.size)}, {plural(made.files, 'file')}, read back."))
    audit = made.facts["audit"]
    say(screen, "audit  ", f"{audit['entries']} entries, head {audit['head']}")
    if not audit["sound"]:
        say(screen, "! ", f"The audit log was broken already: {audit['found']}.", style="red")
    for operation in made.facts["unfinished"]:
        say(
            screen,
            "! ",
            f"Operation {operation} is unfinished: back up again when it has ended.",
            style="yellow",
        )
    screen.print("Copy it to another machine.")


@click.command("restore")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--replace", is_flag=True, help="Also where SEATSYNC_HOME holds data; that is kept in a folder beside."
)
@click.option(
    "--forget",
    "forget",
    multiple=True,
    metavar="OPERATION",
    help="An operation that the backup does not know, or knows less of; each has to be named.",
)
@by_option
@json_option
def restore_command(*, path: Path, replace: bool, forget: tuple[str, ...], by: str, as_json: bool) -> int:
    """Bring the backup PATH back into SEATSYNC_HOME, after checking all of it.

    What was pushed since the backup is in ConnectWise and not in its journal: each such operation is listed, and has
    to be given up by name. Every preview is stale afterwards, until ConnectWise was scanned again.
    """
    from seatsync_pipeline.push.restore import restore

    session = Session()
    done = restore(session.warehouse, path.absolute(), by=by, replace=replace, forget=forget)
    finish(done.as_dict(), lambda screen: _show_restored(screen, session, done), as_json=as_json)
    return 0


def _show_restored(screen: Console, session: Session, done: Restored) -> None:
    made_at = session.local(datetime.fromisoformat(done.manifest["made_at"]))
    screen.print(clean(f"{done.home} is what it was at {made_at}."))
    if done.former is not None:
        say(screen, "kept   ", f"what was there: {done.former}")
    for one in done.forgotten:
        said = f"FORGOTTEN: {one.operation_id}, {plural(one.rows_settled, 'row')} settled, of {one.source}"
        say(screen, "! ", f"{said}. ConnectWise keeps what it wrote.", style="red")
    if done.fewer:
        gone = ", ".join(f"{plural(count, 'row')} of {table}" for table, count in done.fewer.items())
        say(screen, "! ", f"Newer than the backup, and gone: {gone}.", style="yellow")
    for operation in done.unfinished:
        say(
            screen,
            "! ",
            f"Operation {operation} was unfinished. Look at its rows before you carry it on.",
            style="red",
        )
    say(screen, "audit  ", f"goes on with this restore, head {done.audit_head}")
    screen.print("Next: seatsync audit --verify, then seatsync scan, then new previews.")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
