"""`seatsync link` and `seatsync unlink`: which company an account is billed to."""

from __future__ import annotations

import click

from seatsync_pipeline.cli.options import by_option, json_option, source_argument
from seatsync_pipeline.cli.session import Session


@click.command("link")
@source_argument
@click.argument("account")
@click.argument("company", required=False)
@click.option("--not-billed", is_flag=True, help="This account is never billed; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why; kept with the link.")
@by_option
@json_option
def link_command(
    *,
    source: str,
    account: str,
    company: str | None,
    not_billed: bool,
    reason: str | None,
    by: str,
    as_json: bool,
) -> int:
    """Have ACCOUNT of SOURCE billed to COMPANY, a company id, or never (--not-billed --reason TEXT).

    ACCOUNT is a key or an exact name. The latest preview is made anew at once.
    """
    from seatsync_pipeline.cli.changes import report
    from seatsync_pipeline.reconcile import setup

    if (company is None) == (not not_billed):
        raise click.UsageError("Give either COMPANY or --not-billed.")
    if not_billed and not (reason or "").strip():
        raise click.UsageError("--not-billed needs --reason TEXT.")
    session = Session()
    session.require_database(f"linking {account!r} of {source}")
    if company is None:
        change = setup.mark_not_billed(session.warehouse, source, account, by=by, reason=reason or "")
        said = "never billed"
    else:
        change = setup.link_account(session.warehouse, source, account, company, by=by, reason=reason)
        said = f"billed to company {company}"
    again = "" if change.changed else " already, nothing was changed"
    name = getattr(change.now, "account_name", account)
    return report(session, [change], by, f"{name} of {source} is {said}{again}.", as_json=as_json)


@click.command("unlink")
@source_argument
@click.argument("account")
@by_option
@json_option
def unlink_command(*, source: str, account: str, by: str, as_json: bool) -> int:
    """Take the link of ACCOUNT of SOURCE away. It is not linked automatically again."""
    from seatsync_pipeline.cli.changes import report
    from seatsync_pipeline.reconcile import setup

    session = Session()
    session.require_database(f"unlinking {account!r} of {source}")
    change = setup.unlink_account(session.warehouse, source, account, by=by)
    name = getattr(change.now, "account_name", account)
    return report(session, [change], by, f"{name} of {source} is not linked any more.", as_json=as_json)
