"""`seatsync map` and `seatsync unmap`: which product a license is billed as."""

from __future__ import annotations

import click

from seatsync_pipeline.cli.options import by_option, json_option, source_argument
from seatsync_pipeline.cli.session import Session


@click.command("map")
@source_argument
@click.argument("license_name", metavar="LICENSE")
@click.argument("product", required=False)
@click.option("--no-charge", is_flag=True, help="This license is never billed.")
@by_option
@json_option
def map_command(
    *, source: str, license_name: str, product: str | None, no_charge: bool, by: str, as_json: bool
) -> int:
    """Have LICENSE of SOURCE billed as PRODUCT, a catalog id or identifier, or never (--no-charge).

    Licenses are compared exactly, case included. The latest preview is made anew at once.
    """
    from seatsync_pipeline.cli.changes import report
    from seatsync_pipeline.reconcile import setup

    if (product is None) == (not no_charge):
        raise click.UsageError("Give either PRODUCT or --no-charge.")
    session = Session()
    session.require_database(f"mapping {license_name!r} of {source}")
    if product is None:
        change = setup.mark_no_charge(session.warehouse, source, license_name, by=by)
        said = "never billed"
    else:
        change = setup.map_license(session.warehouse, source, license_name, product, by=by)
        said = f"billed as {product}"
    again = "" if change.changed else " already, nothing was changed"
    return report(session, [change], by, f"{license_name} of {source} is {said}{again}.", as_json=as_json)


@click.command("unmap")
@source_argument
@click.argument("license_name", metavar="LICENSE")
@by_option
@json_option
def unmap_command(*, source: str, license_name: str, by: str, as_json: bool) -> int:
    """Take the mapping of LICENSE of SOURCE away: its accounts become License unmapped."""
    from seatsync_pipeline.cli.changes import report
    from seatsync_pipeline.reconcile import setup

    session = Session()
    session.require_database(f"unmapping {license_name!r} of {source}")
    change = setup.unmap_license(session.warehouse, source, license_name, by=by)
    return report(
        session, [change], by, f"{license_name} of {source} is not mapped any more.", as_json=as_json
    )
