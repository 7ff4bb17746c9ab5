"""`seatsync push`: what an approved selection would do, and with a yes, the doing."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatsync_pipeline.cli.operations import exit_code, load_report, show_report
from seatsync_pipeline.cli.options import json_option
from seatsync_pipeline.cli.output import clean, console, finish, working, write_json
from seatsync_pipeline.cli.session import Session, plural
from seatsync_pipeline.cli.summary import say
from seatsync_pipeline.errors import InputRefused, NotFound, WarehouseError

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.orchestration.run import RunResult

_PUSH = "connectwise/push"


@click.command("push")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Write to ConnectWise, without asking.")
@json_option
def push_command(*, file: Path, yes: bool, as_json: bool) -> int:
    """Push the approved selection FILE to ConnectWise.

    Without --yes it only reports what would be written and what skipped, and asks on a terminal. Every live value
    is read again before it is changed, every change read back. An interrupted push is resumed by running it again.
    """
    if not file.is_file():
        raise InputRefused(f"pushing {file}", "there is no such file", "Name a selection file.")
    session = Session()
    session.require_database(f"pushing {file}")
    if not yes:
        rehearsal = rehearse(session, file)
        if as_json:
            write_json(rehearsal)
            return 0
        screen = console()
        _show_rehearsal(screen, rehearsal)
        if not sys.stdin.isatty():
            screen.print("\nNothing was written. To write: add --yes.")
            return 0
        if not _agreed(screen):
            screen.print("Nothing was written.")
            return 0
    report = carry_out(session, file)
    finish(report, lambda screen: show_report(screen, session, report), as_json=as_json)
    return exit_code(report)


def _agreed(screen: Console) -> bool:
    # Not `input`, which asks on stderr: a person who keeps the progress in a file would never see the question.
    screen.print("\nWrite this to ConnectWise? [y/N]: ", end="")
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def rehearse(session: Session, file: Path) -> dict[str, Any]:
    """What the push would do now. Raises the typed refusal of the gate."""
    from seatsync_pipeline import exact_json

    result = _run(session, file, confirm=False)
    if result.error is not None:
        raise result.error
    found: dict[str, Any] = exact_json.loads(result.observations[_PUSH]["rehearsal"])
    return found


def carry_out(session: Session, file: Path) -> dict[str, Any]:
    """Push, and return the operation's report; an operation that stopped has one too."""
    from seatsync_pipeline.orchestration.push import TERMINATED

    before = _journal_of(session, file)
    try:
        result = _run(session, file, confirm=True)
        pushed = result.materializations.get(_PUSH)
        if pushed is None and result.error is not None:
            raise result.error
    except WarehouseError as error:
        # A full disk, say, ends the run in the middle of the push: what was written by then is no refusal.
        report = _journal_of(session, file)
        if report is None or report == before or report["state"] == "running":
            raise
        return report | {"note": report["note"] or f"{error.tried}: {error.found}. {error.remedy}"}
    if pushed is None:
        raise InputRefused(f"pushing {file}", "no operation was recorded", "See the run in the Dagster UI.")
    if pushed["note"] == TERMINATED:
        raise KeyboardInterrupt
    return load_report(session, pushed["operation_id"])


def _journal_of(session: Session, file: Path) -> dict[str, Any] | None:
    """What is on record of this selection's operation; None where it has none, or the file is no selection."""
    from seatsync_pipeline.push.selection import read_selection

    try:
        return load_report(session, read_selection(file).operation_id)
    except (InputRefused, NotFound):
        return None


def _run(session: Session, file: Path, *, confirm: bool) -> RunResult:
    doing = f"Pushing {file}" if confirm else f"Checking what {file} would do"
    with working(doing):
        from seatsync_pipeline.definitions import defs
        from seatsync_pipeline.orchestration.push import push_config
        from seatsync_pipeline.orchestration.run import run_job

        return run_job(
            "push_to_connectwise",
            definitions=defs,
            settings=session.settings,
            run_config=push_config(file.absolute(), confirm=confirm),
        )


def _show_rehearsal(screen: Console, rehearsal: dict[str, Any]) -> None:
    from seatsync_pipeline.push.plan import sentence

    items = rehearsal["items"]
    would = Counter(item["would"] for item in items)
    screen.print(
        f"Operation {rehearsal['operation_id']}, approved by {rehearsal['approved_by']}", style="bold"
    )
    say(screen, "approved  ", sentence(rehearsal["summary"]))
    say(
        screen,
        "now       ",
        f"{plural(would['write'], 'row')} would be written, {would['skip']} skipped"
        + (f", {would['fail']} cannot be checked" if would["fail"] else ""),
    )
    for item in items:
        whom = f"{item['company_name']}, {item['product_identifier']}"
        if item["would"] != "write":
            word = f"{item['would']:<8}"
            say(screen, word, f"{item['action']} {whom}: {item['reason']}", style="yellow")
        else:
            before = "" if item["current_quantity"] is None else f"{item['current_quantity']} -> "
            day = f" on {item['planned_date']}" if item["planned_date"] else ""
            screen.print(
                clean(f"  {item['action']:<7} {whom}: {before}{item['new_quantity']}{day}"), soft_wrap=True
            )
