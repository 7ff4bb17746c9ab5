"""What the demo tells a person: the cycle step by step, short enough to be read in one go.

What belongs here: words and tables over the demo's document. What does not: doing any of it (`demo`).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from seatsync_pipeline.cli.operations import outcome_line
from seatsync_pipeline.cli.output import clean
from seatsync_pipeline.cli.session import plural
from seatsync_pipeline.cli.summary import say
from seatsync_pipeline.exact_json import money, signed

if TYPE_CHECKING:
    from rich.console import Console

Document = Mapping[str, Any]

_FIGURES_WIDTH = 56  # of the five columns of an invoice


def tell(console: Console, document: Document) -> None:
    """Print the whole story of `seatsync demo`."""
    scan, pulled, imported = document["scan"], document["pull"], document["import"]
    console.print(
        f"A sample month: {scan['companies']} companies, {plural(scan['agreements'], 'agreement')} and "
        f"{plural(scan['additions'], 'addition')} in ConnectWise, {plural(pulled['accounts'], 'subaccount')} in Duo, "
        f"{plural(imported['accounts'], 'tenant')} in Avanan's export; {plural(document['setup'], 'decision')} of "
        "setup.",
        soft_wrap=True,
    )
    _tell_previews(console, document["previews"])
    _tell_push(console, "2. Approve the defaults, one create and one cancel, and push", document)
    _tell_pair(console, document)
    _tell_invoices(console, document["invoices"])
    _tell_proof(console, document)
    _tell_next(console, document)


def _head(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold")


def _tell_previews(console: Console, previews: Mapping[str, Document]) -> None:
    from rich import box
    from rich.table import Table

    _head(console, "1. Scan, pull, import and preview: what should change. Nothing is written")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("  Status", no_wrap=True)
    for source in previews:
        for heading in (source.capitalize(), "seats", "money"):
            table.add_column(heading, justify="right", no_wrap=True)
    statuses = {row["status"]: None for preview in previews.values() for row in preview["rows"]}
    for status in _in_order(statuses):
        cells = [cell for preview in previews.values() for cell in _figures(preview["rows"], status)]
        table.add_row(f"  {status}", *cells)
    console.print(table)
    for source, preview in previews.items():
        adds_up = preview["totals"]["adds_up"]
        say(
            console,
            f"{source.capitalize()}: ",
            f"preview {preview['preview_id']}; its control totals {'add up' if adds_up else 'DO NOT ADD UP'}",
        )


def _in_order(statuses: Iterable[str]) -> list[str]:
    from seatsync_pipeline.reconcile.rows import Status

    known = [status.value for status in Status]
    return sorted(statuses, key=known.index)


def _figures(rows: Sequence[Document], status: str) -> tuple[str, str, str]:
    mine = [row for row in rows if row["status"] == status]
    seats = sum((Decimal(row["delta"]) for row in mine if row["delta"] is not None), Decimal(0))
    amount = sum((Decimal(row["amount_delta"]) for row in mine if row["amount_delta"]), Decimal(0))
    return (
        str(len(mine)) if mine else "",
        signed(seats) if seats else "",
        money(amount) if amount else "",
    )


def _tell_push(console: Console, heading: str, document: Document, which: str = "") -> None:
    from seatsync_pipeline.push.plan import sentence

    selection, operation = document[f"{which}selection"], document[f"{which}operation"]
    _head(console, heading)
    say(console, "approved  ", f"by {selection['approved_by']}: {sentence(selection['summary'])}")
    counts = ", ".join(
        f"{count} {name.replace('_', ' ')}" for name, count in operation["counts"].items() if count
    )
    say(console, "pushed    ", f"operation {operation['operation_id']}: {operation['state']}; {counts}")
    for item in operation["items"]:
        console.print(clean(f"    {outcome_line(item)}"), soft_wrap=True)
    say(console, "audit     ", f"head {operation['audit_head']}")


def _tell_pair(console: Console, document: Document) -> None:
    items = document["second_operation"]["items"]
    pair = [item["action"] for item in items] == ["create", "cancel"]
    heading = "3. Scan, preview again and push Avanan's defaults"
    if pair:
        new, old = (item["product_identifier"] for item in items)
        heading = (
            f"3. Scan, preview again and push a pair: {items[0]['company_name']} changes from {old} to {new}; "
            "it is cancelled only after it is created"
        )
    _tell_push(console, heading, document, "second_")


def _tell_invoices(console: Console, invoices: Sequence[Document]) -> None:
    from rich import box
    from rich.table import Table

    _head(console, "4. The next invoice of each agreement, before and after")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    name_width = max(16, min(50, console.width - _FIGURES_WIDTH))
    table.add_column("  Company (agreement)", overflow="ellipsis", no_wrap=True, width=name_width)
    for heading in ("From", "Before", "After", "Change", "Previewed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in invoices:
        table.add_row(
            clean(f"  {one['company_name']} ({one['agreement_id']})"),
            str(one["first_day"]),
            f"{one['before']:.2f}",
            f"{one['after']:.2f}",
            money(one["change"]),
            money(one["previewed"]),
        )
    console.print(table)


def _tell_proof(console: Console, document: Document) -> None:
    after = Counter(str(status) for status in document["status_after"].values())
    told = ", ".join(f"{count} {status}" for status, count in after.items())
    _head(console, "5. Scan, pull and preview once more")
    say(console, "pushed  ", f"{plural(sum(after.values()), 'row')}, now: {told}")
    for source, preview in document["second_previews"].items():
        before = Counter(row["status"] for row in document["previews"][source]["rows"])
        now = Counter(row["status"] for row in preview["rows"])
        moved = [f"{s} {before[s]} -> {now[s]}" for s in _in_order(before | now) if before[s] != now[s]]
        say(console, f"{source.capitalize():<8}", ", ".join(moved) or "as before")


def _tell_next(console: Console, document: Document) -> None:
    home = document["home"]
    row = document["operation"]["items"][0]["row_id"]
    say(
        console,
        "rest    ",
        "waits for a person: `seatsync preview SOURCE` says what each row needs",
    )
    _head(console, f"Everything is kept in {home}. Look around:")
    for command in (
        "preview duo --all",
        f"why duo {row}",
        f"operations {document['operation']['operation_id']}",
        "audit --verify",
    ):
        console.print(f"  SEATSYNC_HOME={home} {_program()} {command}", soft_wrap=True)
    console.print(f"\nFor your own data: fill in .env, then run: {_program()} doctor", soft_wrap=True)


def _program() -> str:
    """How to call SeatSync from here: by its path, unless the shell finds this very one by its name."""
    called = sys.argv[0]
    if Path(called).name != "seatsync" or Path(called).absolute() == Path(which("seatsync") or "").absolute():
        return "seatsync"
    return called
