"""`seatsync operations`: what was pushed, row by row, and giving up what cannot be finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seatsync_pipeline.cli.options import by_option, json_option
from seatsync_pipeline.cli.output import clean, finish
from seatsync_pipeline.cli.session import Session, plural
from seatsync_pipeline.cli.summary import say
from seatsync_pipeline.errors import InputRefused

if TYPE_CHECKING:
    from rich.console import Console

_NEXT = {
    "interrupted": "Push the same selection again: it looks first, and writes only what provably was not written.",
    "stopped": "Remove the cause, then push the same selection again: it carries on where it stopped.",
    "running": "It is being pushed at this moment.",
    "finished_with_failures": "Look at the rows above; for what is left, scan, make a new preview and approve that.",
    "finished": "For a proof: seatsync scan, then a new preview shows these rows as No change.",
}


@click.command("operations")
@click.argument("operation_id", metavar="[ID]", required=False)
@click.option("--abandon", is_flag=True, help="Give an unfinished operation up.")
@by_option
@click.option("--reason", default="", help="Why it is abandoned.")
@json_option
def operations_command(
    *, operation_id: str | None, abandon: bool, by: str, reason: str, as_json: bool
) -> int:
    """Show all operations, or one with its rows: what was written, what not, and why.

    --abandon gives an unfinished operation up: what became of its open rows is found out by reading alone.
    """
    if reason and not abandon:
        raise click.UsageError("--reason goes with --abandon; without it nothing is given up.")
    session = Session()
    session.require_database("listing the operations")
    if abandon:
        if operation_id is None:
            raise InputRefused("abandoning an operation", "none is named", "Give its id.")
        report = _abandon(session, operation_id, by=by, reason=reason)
        finish(report, lambda screen: show_report(screen, session, report), as_json=as_json)
        return 0
    if operation_id is None:
        reports = _all_reports(session)
        finish({"operations": reports}, lambda screen: _show_all(screen, session, reports), as_json=as_json)
        return 0
    report = load_report(session, operation_id)
    finish(report, lambda screen: show_report(screen, session, report), as_json=as_json)
    return 0


def load_report(session: Session, operation_id: str) -> dict[str, Any]:
    """One operation's document. Raises NotFound."""
    from seatsync_pipeline.push.operate import is_running, report, state_of
    from seatsync_pipeline.push.service import load_operation

    record = load_operation(session.warehouse, operation_id)
    return report(record, state=state_of(record, running=is_running(session.settings.home)))


def exit_code(report: dict[str, Any]) -> int:
    """0 for a finished operation, 1 for one with failures or one that did not come to its end."""
    return 0 if report["state"] == "finished" else 1


def show_report(screen: Console, session: Session, report: dict[str, Any]) -> None:
    """Print an operation: its state, its counts, every row that was not simply written, what to do next."""
    from seatsync_pipeline.push.records import DONE

    screen.print(f"Operation {report['operation_id']}: {report['state'].replace('_', ' ')}", style="bold")
    say(screen, "approved  ", f"by {report['approved_by']}, from preview {report['preview_id']}")
    say(screen, "started   ", session.local(report["started_at"]))
    counts = ", ".join(
        f"{count} {name.replace('_', ' ')}" for name, count in report["counts"].items() if count
    )
    say(screen, "rows      ", counts or "none")
    say(screen, "audit     ", f"head {report['audit_head']}")
    if report["note"]:
        say(screen, "! ", report["note"], style="yellow")
    screen.print()
    for item in report["items"]:
        if item["outcome"] in DONE:
            screen.print(clean(f"  {outcome_line(item)}"), soft_wrap=True)
        else:
            say(screen, "", outcome_line(item), style="yellow")
    screen.print(f"\n{_NEXT[report['state']]}")


def outcome_line(item: dict[str, Any]) -> str:
    """One row of an operation: what became of it, whose it is, and the values or the reason."""
    from seatsync_pipeline.push.records import DONE

    said = f"{item['outcome']:<13} {item['company_name']}, {item['product_identifier']}{_values(item)}"
    # An open row's write may have been taken; that it was begun is all that is on record.
    begun = item["outcome"] != "not_attempted"
    unsaid = "its write was begun, and not looked after yet" if begun else "not reached"
    return said if item["outcome"] in DONE else f"{said}: {item['reason'] or unsaid}"


def _values(item: dict[str, Any]) -> str:
    from seatsync_pipeline.exact_json import plain

    before, after = item["before"], item["after"]
    if item["outcome"] == "updated" and before and after:
        return f": {plain(before['quantity'])} -> {plain(after['quantity'])}"
    if item["outcome"] == "created" and after:
        return f": {plain(after['quantity'])} from {after['effective_date']} (addition {item['addition_id']})"
    if item["outcome"] == "cancelled" and after:
        return f": last billed day {after['cancelled_date']}"
    return ""


def _abandon(session: Session, operation_id: str, *, by: str, reason: str) -> dict[str, Any]:
    from seatsync_pipeline.push.service import opened

    if not reason.strip() or not by.strip():
        raise InputRefused(
            f"abandoning operation {operation_id}",
            "no reason is given" if by.strip() else "nobody is named",
            "Give --by NAME and --reason TEXT: both go into the audit log.",
        )
    with opened(session.settings, session.warehouse, run_by=by.strip()) as push:
        return push.abandon(operation_id, reason=reason.strip())


def _all_reports(session: Session) -> list[dict[str, Any]]:
    from seatsync_pipeline.push.operate import is_running, report, state_of
    from seatsync_pipeline.push.records import load_operations

    with session.warehouse.read() as connection:
        records = load_operations(connection)
    running = any(not record.ended for record in records) and is_running(session.settings.home)
    reports = [report(record, state=state_of(record, running=running)) for record in reversed(records)]
    return [{name: value for name, value in one.items() if name != "items"} for one in reports]


def _show_all(screen: Console, session: Session, reports: list[dict[str, Any]]) -> None:
    if not reports:
        screen.print("Nothing was pushed yet.")
        return
    screen.print(f"{plural(len(reports), 'operation')}, newest first", style="bold")
    for one in reports:
        counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in one["counts"].items() if n)
        screen.print(
            clean(
                f"  {one['operation_id']}  {session.local(one['started_at'])}  {one['source']:<7} "
                f"{one['state'].replace('_', ' ')}: {counts}"
            ),
            soft_wrap=True,
        )
