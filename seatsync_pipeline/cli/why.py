"""`seatsync why`: one row of the latest preview, and the ordered rules behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import click

from seatsync_pipeline.cli.options import json_option, source_argument
from seatsync_pipeline.cli.output import clean, finish
from seatsync_pipeline.cli.session import Session
from seatsync_pipeline.errors import InputRefused, NotFound

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.reconcile.store import Preview
    from seatsync_pipeline.sources.base import Source

_SHOWN_APART = frozenset(
    {
        "accounts",
        "additions",
        "candidates",
        "agreements",
        "flags",
        "guards",
        "reason",
        "row_id",
        "status",
        "fingerprint",
    }
)


@click.command("why")
@source_argument
@click.argument("row_id")
@json_option
def why_command(*, source: str, row_id: str, as_json: bool) -> None:
    """Show why ROW_ID of the latest SOURCE preview has its status: the ordered rules and what each found.

    ROW_ID may be shortened to what tells it apart from the other rows.
    """
    from seatsync_pipeline.reconcile.store import load_trace

    session = Session()
    preview = session.preview(cast("Source", source))
    row = find_row(preview, row_id)
    with session.warehouse.read() as connection:
        trace = load_trace(connection, preview.preview_id, row["row_id"]) or []
    document = {"preview_id": preview.preview_id, "source": source, "row": row, "trace": trace}
    finish(document, lambda console: _show(console, row, trace), as_json=as_json)


def find_row(preview: Preview, row_id: str) -> Mapping[str, Any]:
    """The row of that id, or of the only id that begins so. Raises NotFound, InputRefused for several."""
    from seatsync_pipeline.reconcile.suggest import did_you_mean

    tried = f"looking up the row {row_id!r} in the latest {preview.source} preview"
    wanted = row_id.strip().lower()
    by_id = {row["row_id"]: row for row in preview.rows}
    if wanted in by_id:
        return by_id[wanted]
    near = [i for i in by_id if wanted and i.startswith((wanted, f"row_{wanted}"))]
    if len(near) == 1:
        return by_id[near[0]]
    if near:
        raise InputRefused(tried, f"{len(near)} rows begin so", f"Give more of it: {', '.join(near[:3])} ...")
    remedy = (
        f"`seatsync preview {preview.source} --all` lists the rows; an older preview may have had others."
    )
    raise NotFound(tried, f"{preview.preview_id} has no such row", did_you_mean(wanted, by_id, remedy))


def _show(console: Console, row: Mapping[str, Any], trace: list[dict[str, str]]) -> None:
    from rich import box
    from rich.table import Table

    console.print(f"{row['status']}  {row['row_id']}", style="bold")
    console.print(clean(row["reason"]))
    console.print()
    rules = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rules.add_column("", justify="right")
    rules.add_column("Rule", overflow="fold", max_width=32)
    rules.add_column("Found", overflow="fold")
    for number, step in enumerate(trace, 1):
        rules.add_row(str(number), clean(step["rule"]), clean(step["found"]))
    console.print(rules)
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column("", style="dim", no_wrap=True)
    facts.add_column("", overflow="fold")
    for name, value in _facts(row):
        facts.add_row(name, clean(value))
    console.print(facts)


def _facts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from seatsync_pipeline.reconcile.rows import Flag

    meanings = {flag.value: flag.meaning for flag in Flag}
    for flag in row["flags"]:
        yield f"flag: {flag}", meanings.get(flag, "")
    for guard in row["guards"]:
        yield f"guard: {guard['guard']}", f"{guard['observed']}, limit {guard['limit']}"
    for heading in ("accounts", "additions", "candidates", "agreements"):
        for item in row[heading]:
            yield heading[:-1], ", ".join(f"{k} {_text(v)}" for k, v in item.items() if v is not None)
    for name, value in row.items():
        if name not in _SHOWN_APART and value is not None:
            yield name.replace("_", " "), _text(value)


def _text(value: Any) -> str:
    from seatsync_pipeline.exact_json import plain

    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return plain(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)
