"""`seatsync agreement-types`, and `seatsync setup` for the whole setup as one file."""

from __future__ import annotations

from pathlib import Path

import click

from seatsync_pipeline.cli.options import by_option, json_option, source_argument
from seatsync_pipeline.cli.output import finish
from seatsync_pipeline.cli.session import Session, plural


@click.command("agreement-types")
@source_argument
@click.argument("names", nargs=-1, metavar="[NAME]...")
@by_option
@json_option
def agreement_types_command(*, source: str, names: tuple[str, ...], by: str, as_json: bool) -> int:
    """Have SOURCE look at agreements of the types NAME only; without a NAME, at every agreement.

    The latest preview is made anew at once.
    """
    from seatsync_pipeline.cli.changes import report
    from seatsync_pipeline.reconcile import setup

    session = Session()
    session.require_database(f"setting the agreement types of {source}")
    change = setup.set_agreement_types(session.warehouse, source, names, by=by)
    said = ", ".join(change.now.value) or "every agreement"
    before = ", ".join(change.before.value) if change.before else ""
    was = f" (before: {before or 'every agreement'})" if change.changed else " already, nothing was changed"
    return report(session, [change], by, f"{source} looks at {said}{was}.", as_json=as_json)


@click.group("setup")
def setup_command() -> None:
    """Export or import all mappings, links and agreement types as one CSV file."""


@setup_command.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def export_command(*, file: Path, as_json: bool) -> None:
    """Write the whole setup to FILE; `setup import` reads it back."""
    from seatsync_pipeline.reconcile.setup import export_setup

    session = Session()
    session.require_database("exporting the setup")
    rows = export_setup(session.warehouse, file.absolute())
    finish(
        {"file": str(file.absolute()), "rows": rows},
        lambda console: console.print(f"{plural(rows, 'row')} written to {file}"),
        as_json=as_json,
    )


@setup_command.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@by_option
@json_option
def import_setup_command(*, file: Path, by: str, as_json: bool) -> int:
    """Apply every row of FILE, or none when anything is wrong with it.

    What FILE does not name stays as it is; the agreement types of a source that has rows of them become exactly
    the listed ones. The latest previews are made anew at once.
    """
    from seatsync_pipeline.cli.changes import report
    from seatsync_pipeline.reconcile.setup import import_setup

    session = Session()
    session.require_database(f"importing the setup {file}")
    changes = import_setup(session.warehouse, file, by=by)
    changed = sum(change.changed for change in changes)
    said = f"{plural(changed, 'decision')} changed, {len(changes) - changed} in force already."
    return report(session, changes, by, said, as_json=as_json)
