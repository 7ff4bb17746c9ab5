"""`seatsync doctor`: is everything in place to work with the real systems? One line each, with what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from seatsync_pipeline.cli.options import json_option
from seatsync_pipeline.cli.output import clean, finish, working

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.cli.checks import Check

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command("doctor")
@json_option
def doctor_command(*, as_json: bool) -> int:
    """Check settings, folders, database, time, and what the credentials may read.

    Reads only. The exit code is 1 when a check failed.
    """
    from seatsync_pipeline.cli.checks import all_checks

    with working("Checking"):
        found = all_checks()
    failed = [check for check in found if check.state == "fail"]
    document = {
        "ok": not failed,
        "checks": [
            {"name": c.name, "state": c.state, "found": c.found, "remedy": c.remedy or None} for c in found
        ],
    }
    finish(document, lambda console: _show(console, found), as_json=as_json)
    return 1 if failed else 0


def _show(console: Console, checks: Iterable[Check]) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for check in checks:
        told = clean(check.found) + (f". {clean(check.remedy)}" if check.remedy else "")
        table.add_row(
            check.state, check.name, told, style=_STYLES[check.state] if check.state != "ok" else None
        )
    console.print(table)
