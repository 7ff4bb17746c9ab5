"""The head of a preview for people: what it was made from, whether it adds up, and what to do next."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from seatsync_pipeline.cli.output import clean
from seatsync_pipeline.cli.session import FIRST_STEP, Session, age, age_text, plural
from seatsync_pipeline.exact_json import money, signed

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.reconcile.store import Preview

_ZERO = Decimal(0)
_BUCKETS = {"no_charge": "no charge", "not_billed": "not billed", "expired": "expired"}

_NEXT = {
    "Ready": "review each: seatsync preview {source} --status Ready",
    "No addition": "used, but not billed: opt in row by row, or leave it",
    "Orphaned": "billed, but not used: opt in row by row, or leave it",
    "Multiple additions": "cancel all but one in ConnectWise, then: seatsync scan",
    "Source error": "find the cause, then: {again}",
    "Unmatched": "seatsync link {source} ACCOUNT COMPANY, or --not-billed",
    "Ambiguous": "seatsync link {source} ACCOUNT COMPANY",
    "License unmapped": "seatsync map {source} LICENSE PRODUCT, or --no-charge",
    "Skipped": "nothing: a proof of concept is not billed",
    "No change": "nothing: ConnectWise bills what is used",
}


def summary_document(preview: Preview) -> dict[str, Any]:
    """The JSON document of a preview without its rows."""
    return {name: value for name, value in preview.as_dict().items() if name != "rows"}


def show_summary(console: Console, session: Session, preview: Preview) -> None:
    """Print the head and what to do about each status."""
    show_head(console, session, preview)
    console.print()
    show_statuses(console, preview)
    console.print(
        f"The rows: seatsync preview {preview.source}    One row explained: seatsync why {preview.source} ROW"
    )


def show_head(console: Console, session: Session, preview: Preview) -> None:
    """Print what the preview was made from, whether it adds up, and every warning."""
    console.print(
        f"{preview.source.capitalize()} preview {preview.preview_id}, made {session.local(preview.created_at)}",
        style="bold",
    )
    snapshot, scan = preview.snapshot, preview.scan
    taken = f"{session.local(snapshot['taken_at'])}, {age_text(snapshot['taken_at'])}"
    accepted = f", accepted by {snapshot['accepted_by']}" if snapshot["accepted_by"] else ""
    say(console, "snapshot  ", f"{snapshot['verdict']}{accepted}, {taken}")
    say(console, "scan      ", f"{session.local(scan['taken_at'])}, {age_text(scan['taken_at'])}")
    say(console, "totals    ", _totals(preview.totals))
    say(console, "money     ", _money(preview.rows))
    for warning in warnings(preview):
        say(console, "! ", warning, style="yellow")


def say(console: Console, label: str, text: str, *, style: str | None = None) -> None:
    """Print a labelled sentence, its further lines below its first word."""
    lines = textwrap.wrap(
        clean(text), console.width, initial_indent=f"  {label}", subsequent_indent=" " * (len(label) + 2)
    )
    console.print("\n".join(lines), style=style)


def warnings(preview: Preview) -> list[str]:
    """What an operator has to know before trusting the rows; empty when there is nothing."""
    from seatsync_pipeline.reconcile.store import SCAN_IS_OLD_AFTER

    found = []
    if not preview.totals["adds_up"]:
        found.append("THE TOTALS DO NOT ADD UP: this preview cannot be approved. Please report it.")
    again = f"seatsync scan, then: seatsync reconcile {preview.source}"
    if preview.stale:
        found.append(f"Stale: its scan was too old when it was made, so it cannot be approved. Run {again}")
    elif preview.overtaken:
        found.append(
            f"Stale: something was pushed, or a backup restored, since its scan, so it cannot be approved. Run {again}"
        )
    elif age(preview.scan["taken_at"]) > SCAN_IS_OLD_AFTER:
        found.append(f"The scan is {age_text(preview.scan['taken_at'])}. Run {again}")
    if preview.snapshot["accepted_by"] is None:
        verdict = preview.snapshot["verdict"]
        found += [f"Snapshot {verdict}: {reason['message']}" for reason in preview.snapshot["reasons"]]
    found += [
        f"{account} has no row ({why}): is it a client by now? Then: seatsync unlink {preview.source} ACCOUNT"
        for account, why in preview.totals.get("renamed", {}).items()
    ]
    if not preview.orphan_detection["ran"]:
        found.append(f"Orphan detection did not run: {preview.orphan_detection['why']}")
    return found


def _totals(totals: Mapping[str, Any]) -> str:
    observations, seats, additions = totals["observations"], totals["seats"], totals["additions"]
    parts = [f"{observations['rows']} in rows"]
    parts += [f"{observations[name]} {words}" for name, words in _BUCKETS.items() if observations.get(name)]
    not_checked = f", {additions['not_checked']} not checked" if additions.get("not_checked") else ""
    return (
        f"{'add up' if totals['adds_up'] else 'DO NOT ADD UP'}: "
        f"{plural(observations['in'], 'observation')} with {plural(seats['in'], 'seat')} ({', '.join(parts)}); "
        f"{plural(additions['in'], 'addition')}{not_checked}"
    )


def _money(rows: Iterable[Mapping[str, Any]]) -> str:
    amounts = [
        Decimal(row["amount_delta"]) for row in rows if row["status"] == "Ready" and row["amount_delta"]
    ]
    up, down = sum((a for a in amounts if a > 0), _ZERO), sum((a for a in amounts if a < 0), _ZERO)
    return f"all Ready rows: {money(up + down)} per billing cycle ({money(up)} up, {money(down)} down)"


def show_statuses(console: Console, preview: Preview) -> None:
    """Print a line for each status: how many rows, seats and money, and what to do about them."""
    from rich import box
    from rich.table import Table

    counts = Counter(str(row["status"]) for row in preview.rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Status", no_wrap=True)
    for heading in ("Rows", "Seats", "Money"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Next", overflow="fold")
    words = {"source": preview.source, "again": FIRST_STEP[preview.source]}
    for status, count in counts.items():
        of_status = [row for row in preview.rows if row["status"] == status]
        seats = sum((Decimal(row["delta"]) for row in of_status if row["delta"] is not None), _ZERO)
        amount = sum((Decimal(row["amount_delta"]) for row in of_status if row["amount_delta"]), _ZERO)
        table.add_row(
            status,
            str(count),
            signed(seats) if seats else "",
            money(amount) if amount else "",
            _NEXT.get(status, "").format(**words),
        )
    console.print(table)
