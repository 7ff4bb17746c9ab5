"""`seatsync demo`: the whole cycle on the sandbox's sample month, in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatsync_pipeline.cli.options import json_option
from seatsync_pipeline.cli.output import finish, working
from seatsync_pipeline.cli.preview import changing_rows, show_rows
from seatsync_pipeline.cli.runs import import_export, read_source, scan_now
from seatsync_pipeline.cli.session import Session, plural
from seatsync_pipeline.cli.summary import show_statuses
from seatsync_pipeline.errors import InputRefused

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.reconcile.store import Preview
    from seatsync_pipeline.sandbox import SampleMonth

_OURS = ("SEATSYNC_", "CONNECTWISE_", "DUO_", "DAGSTER_HOME")


@click.command("demo")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="A new or empty folder for the demo's data; by default a temporary one.",
)
@json_option
def demo_command(*, home: Path | None, as_json: bool) -> None:
    """Run the whole cycle on the built-in sandbox: scan, pull, import, previews.

    Your own settings and data are not touched, and nothing leaves this machine.
    """
    folder = _folder(home)
    with working("Starting the sandbox"):
        from seatsync_pipeline.sandbox import Sandbox

        sandbox = Sandbox()
    with sandbox, _only(sandbox.settings() | {"SEATSYNC_HOME": str(folder)}, folder):
        session = Session()
        steps = _run_cycle(session, sandbox.month, folder)
        previews = [session.preview("duo"), session.preview("avanan")]
        document = {"home": str(folder), **steps, "previews": {p.source: p.as_dict() for p in previews}}
        finish(document, lambda console: _show(console, session, previews, steps, folder), as_json=as_json)


def _run_cycle(session: Session, month: SampleMonth, folder: Path) -> dict[str, Any]:
    from seatsync_pipeline.reconcile.setup import import_setup

    setup, export = folder / "sample-setup.csv", folder / "sample-export.csv"
    setup.write_bytes(month.setup)
    export.write_bytes(month.avanan_export)
    scan = scan_now(session)
    decisions = import_setup(session.warehouse, setup, by="demo")
    pulled, _ = read_source(session, "duo", "duo_pull", "Reading Duo")
    imported, _ = import_export(session, export)
    return {"scan": scan, "setup": len(decisions), "pull": pulled, "import": imported}


def _folder(home: Path | None) -> Path:
    if home is None:
        return Path(tempfile.mkdtemp(prefix="seatsync-demo-"))
    folder = home.expanduser().absolute()
    tried = f"preparing the demo in {folder}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        raise InputRefused(
            tried, error.strerror or str(error), "Name a folder that you may write to."
        ) from error
    if occupied:
        raise InputRefused(tried, "it is not empty", "Name a new or empty folder.")
    return folder


@contextmanager
def _only(settings: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Have these settings and none of the user's own, neither from the environment nor from `.env`."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(_OURS):
            del os.environ[name]
    os.environ.update(settings)
    try:
        with chdir(folder):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _show(
    console: Console, session: Session, previews: list[Preview], steps: Mapping[str, Any], folder: Path
) -> None:
    scan, pulled, imported = steps["scan"], steps["pull"], steps["import"]
    console.print(
        f"ConnectWise: {scan['companies']} companies, {plural(scan['agreements'], 'agreement')}, "
        f"{plural(scan['additions'], 'addition')}.  Duo: {plural(pulled['accounts'], 'subaccount')}.  "
        f"Avanan: {plural(imported['accounts'], 'tenant')}.  Setup: {plural(steps['setup'], 'decision')}.\n"
    )
    for preview in previews:
        show_rows(console, session, preview, changing_rows(preview.rows))
        console.print()
    for preview in previews:
        console.print(f"{preview.source.capitalize()}: what to do next", style="bold")
        show_statuses(console, preview)
    console.print(f"Everything is kept in {folder}. Look around:", style="bold")
    row = previews[0].rows[0]["row_id"] if previews[0].rows else "ROW"
    for command in ("preview duo --all", f"why duo {row}", "setup export setup.csv"):
        console.print(f"  SEATSYNC_HOME={folder} seatsync {command}", soft_wrap=True)
    console.print("\nFor your own data: fill in .env, then run: seatsync doctor")
