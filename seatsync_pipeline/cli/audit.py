"""`seatsync audit`: the append-only log of everything that was pushed, and its verification."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from seatsync_pipeline.cli.options import json_option
from seatsync_pipeline.cli.output import clean, finish
from seatsync_pipeline.cli.session import Session, plural

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.push.audit import Entry, Verification


@click.command("audit")
@click.option("--operation", "operation_id", metavar="ID", help="Only this operation's entries.")
@click.option("--verify", is_flag=True, help="Walk the hash chain, and look for every head noted elsewhere.")
@json_option
def audit_command(*, operation_id: str | None, verify: bool, as_json: bool) -> int:
    """Show the audit log: who approved, who ran, what, before, after, result.

    --verify checks that no entry of the whole log was changed, removed or cut off, and names the first broken one;
    the exit code is 1 then.
    """
    from seatsync_pipeline.push import audit
    from seatsync_pipeline.push.service import load_operation

    session = Session()
    session.require_database("reading the audit log")
    if operation_id is not None:
        load_operation(session.warehouse, operation_id)
    with session.warehouse.read() as connection:
        entries = audit.load(connection, operation_id)
        whole = audit.load(connection) if verify else []
    if verify:
        result = audit.verify(whole, _noted_heads(session))
        document = {
            "sound": result.sound,
            "entries": result.entries,
            "head": result.head,
            "broken_at": result.broken_at,
            "found": result.found,
        }
        finish(document, lambda screen: _show_verification(screen, result), as_json=as_json)
        return 0 if result.sound else 1
    found = [_document(entry) for entry in entries]
    finish({"entries": found}, lambda screen: _show(screen, session, entries), as_json=as_json)
    return 0


def _noted_heads(session: Session) -> dict[str, str]:
    """The heads that operations and their Dagster materializations have noted."""
    from seatsync_pipeline.orchestration.history import noted_audit_heads
    from seatsync_pipeline.push.records import noted_heads

    with session.warehouse.read() as connection:
        noted = noted_heads(connection)
    return noted | noted_audit_heads(session.settings)


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": entry.made_at,
        "kind": entry.kind,
        "entry": json.loads(entry.entry),
        "previous": entry.previous,
        "hash": entry.hash,
    }


def _show(screen: Console, session: Session, entries: list[Entry]) -> None:
    screen.print(f"{plural(len(entries), 'entry').replace('entrys', 'entries')}", style="bold")
    for entry in entries:
        content = json.loads(entry.entry)
        said = {
            "started": lambda c: f"started by {c['run_by']}, approved by {c['approved_by']}",
            "item": lambda c: f"{c['action']} {c['company']}, {c['product']}: {c['outcome']}, {c['reason']}",
            "accepted": lambda c: (
                f"{c['snapshot_id']} of {c['source']} accepted by {c['accepted_by']}: {c['reason']}"
            ),
            "ended": lambda c: f"{c['state']}{': ' + c['note'] if c.get('note') else ''}",
        }.get(entry.kind, json.dumps)(content)
        screen.print(
            clean(
                f"  {entry.seq:>5}  {session.local(entry.made_at)}  {content.get('operation_id', '')}  {said}"
            ),
            soft_wrap=True,
        )


def _show_verification(screen: Console, result: Verification) -> None:
    if result.sound:
        screen.print(f"The audit log is sound: {result.entries} entries, head {result.head}.")
    else:
        screen.print(
            clean(f"THE AUDIT LOG IS BROKEN at entry {result.broken_at}: {result.found}."), style="red"
        )
