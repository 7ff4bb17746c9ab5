"""`seatsync demo`: the whole cycle on the sandbox's sample month, in a folder of its own.

What belongs here: the steps, in the order in which an operator takes them. What does not: which rows are chosen
and which invoices compared (`demo_choice`), and how it is told (`demo_story`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatsync_pipeline.cli.approve import approve
from seatsync_pipeline.cli.demo_choice import invoices_of, one_of_each, paired, with_totals
from seatsync_pipeline.cli.options import json_option
from seatsync_pipeline.cli.output import finish, working
from seatsync_pipeline.cli.push import carry_out
from seatsync_pipeline.cli.runs import import_export, read_source, run, scan_now
from seatsync_pipeline.cli.session import Session
from seatsync_pipeline.errors import InputRefused

if TYPE_CHECKING:
    from seatsync_pipeline.push.approve import Choice
    from seatsync_pipeline.reconcile.store import Preview
    from seatsync_pipeline.sandbox import SampleMonth, Sandbox
    from seatsync_pipeline.sources.base import Source

_OURS = ("SEATSYNC_", "CONNECTWISE_", "DUO_", "DAGSTER_HOME")
_APPROVER = "Dana (demo)"


@click.command("demo")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="A new or empty folder for the demo's data; by default a temporary one.",
)
@json_option
def demo_command(*, home: Path | None, as_json: bool) -> int:
    """Run the whole cycle on the built-in sandbox: scan, pull, import, preview, approve, push, and prove it.

    Your own settings and data are not touched, and nothing leaves this machine. The exit code is 1 when a push
    did not finish or the second previews still want to change what was pushed.
    """
    from seatsync_pipeline.cli.demo_story import tell

    folder = _folder(home)
    with working("Starting the sandbox"):
        from seatsync_pipeline.orchestration.instance import shared_instance
        from seatsync_pipeline.sandbox import Sandbox

        sandbox = Sandbox()
    with sandbox, _only(sandbox.settings() | {"SEATSYNC_HOME": str(folder)}, folder):
        session = Session()
        with shared_instance(session.settings):
            document = Demo(session, sandbox, folder).cycle()
        finish(document, lambda console: tell(console, document), as_json=as_json)
    return 0 if document["proven"] else 1


@dataclass(frozen=True)
class Demo:
    """One MSP that works on the sandbox."""

    session: Session
    sandbox: Sandbox
    folder: Path

    def cycle(self) -> dict[str, Any]:
        """Go through it once and return what was seen on the way: the command's document."""
        read = self._read(self.sandbox.month)
        first = self._previews()
        duo = self._approve_and_push(first["duo"], one_of_each(first["duo"]))
        # Something was pushed: every preview from before is stale, and cannot be approved any more.
        scan_now(self.session)
        run(self.session, "reconcile_avanan", "Previewing Avanan again")
        between = self.session.preview("avanan")
        pair = self._approve_and_push(between, paired(between))
        run(self.session, "seat_sync", "Scanning, pulling and previewing again")
        last = self._previews()
        pushed = [*duo["operation"]["items"], *pair["operation"]["items"]]
        after = {row["row_id"]: row["status"] for preview in last.values() for row in preview.rows}
        again = {item["row_id"]: after.get(item["row_id"]) for item in pushed}
        return {
            "home": str(self.folder),
            **read,
            "previews": {source: preview.as_dict() for source, preview in first.items()},
            "selection": duo["selection"],
            "operation": duo["operation"],
            "second_selection": pair["selection"],
            "second_operation": pair["operation"],
            "invoices": [*duo["invoices"], *pair["invoices"]],
            "second_previews": {source: preview.as_dict() for source, preview in last.items()},
            "status_after": again,
            "proven": _finished(duo, pair) and set(again.values()) == {"No change"},
        }

    def _read(self, month: SampleMonth) -> dict[str, Any]:
        from seatsync_pipeline.reconcile.setup import import_setup

        setup, export = self.folder / "sample-setup.csv", self.folder / "sample-export.csv"
        setup.write_bytes(month.setup)
        export.write_bytes(month.avanan_export)
        scan = scan_now(self.session)
        decisions = import_setup(self.session.warehouse, setup, by="demo")
        pulled = read_source(self.session, "duo", "duo_pull", "Reading Duo")
        imported = import_export(self.session, export)
        return {
            "scan": scan,
            "setup": len(decisions),
            "pull": pulled.document,
            "import": imported.document,
        }

    def _previews(self) -> dict[Source, Preview]:
        return {"duo": self.session.preview("duo"), "avanan": self.session.preview("avanan")}

    def _approve_and_push(self, preview: Preview, choice: Choice) -> dict[str, Any]:
        file = self.folder / f"approved-{preview.source}.csv"
        selection = approve(preview, choice, by=_APPROVER, file=file)
        rows = [row for row in preview.rows if row["row_id"] in selection["rows"]]
        before = invoices_of(self.sandbox, rows)
        operation = carry_out(self.session, file)
        return {
            "selection": selection,
            "operation": operation,
            "invoices": with_totals(before, invoices_of(self.sandbox, rows)),
        }


def _finished(*pushes: Mapping[str, Any]) -> bool:
    return all(push["operation"]["state"] == "finished" for push in pushes)


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
