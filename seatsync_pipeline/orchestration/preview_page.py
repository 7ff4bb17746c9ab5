"""What the UI shows of a preview: charts, what is blocked and what unblocks it, the trend, the sheet to tick.

What belongs here: drawing. The numbers come from `reconcile.review`, and nothing is decided by them. Each table is
short enough for the UI to show it at once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg

from seatsync_pipeline.exact_json import money, signed
from seatsync_pipeline.orchestration.metadata import (
    SHOWN_AT_ONCE,
    Markup,
    bar,
    brief_table,
    cell,
    plain,
    plotted,
    utc_text,
)
from seatsync_pipeline.reconcile.review import Blocker, Drift, Month, blockers, drift, top_changes, trend
from seatsync_pipeline.reconcile.review.row_words import PreviewRow, number, who
from seatsync_pipeline.reconcile.rows import Status
from seatsync_pipeline.reconcile.store import Preview
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.warehouse import Warehouse

LOCATION = "seatsync"  # the code location's name in workspace.yaml, which links lead to
_ZERO = Decimal(0)
_NEEDS_A_PERSON = (
    Status.SOURCE_ERROR,
    Status.AMBIGUOUS,
    Status.UNMATCHED,
    Status.LICENSE_UNMAPPED,
    Status.MULTIPLE_ADDITIONS,
)


def preview_page(warehouse: Warehouse, settings: Settings, preview: Preview) -> dict[str, Any]:
    """The metadata of a stored preview's materialization. Raises WarehouseError."""
    with warehouse.read() as connection:
        months = trend(connection, preview.source, today=settings.today(), zone=settings.zone)
    return preview_metadata(
        preview, months=months, csv=settings.previews / f"{preview.source}-{preview.preview_id}.csv"
    )


def preview_metadata(preview: Preview, *, months: Sequence[Month], csv: Path) -> dict[str, Any]:
    """The same from what is loaded already: what to do next, charts, what is blocked, then numbers and details."""
    rows = preview.rows
    moves = drift(rows)
    found = blockers(preview.preview_id, preview.source, rows)
    return {
        "next": _next(preview),
        "approve_with": dg.MetadataValue.job("approve_preview", LOCATION),
        "preview_id": preview.preview_id,
        "csv": dg.MetadataValue.path(str(csv)),
        "rows_by_status": dg.MetadataValue.md(_statuses(preview, moves)),
        "seats_and_money": dg.MetadataValue.md(_directions(moves)),
        "largest_changes": dg.MetadataValue.md(_largest(rows)),
        "blocked": dg.MetadataValue.md(blocked_table(found)),
        **({"unblock_by_command": dg.MetadataValue.md(commands(found))} if found else {}),
        "needs_you": dg.MetadataValue.md(_needs_you(rows, preview.totals.get("renamed", {}))),
        "seats_by_month": dg.MetadataValue.md(_months(months)),
        "made_from": _made_from(preview),
        **_numbers(preview, moves),
        "snapshot_id": preview.snapshot["id"],
        "scan_id": preview.scan["id"],
        "verdict": plain(preview.snapshot["verdict"]),
        "adds_up": bool(preview.totals["adds_up"]),
        "by_status": {status.value: count for status, count in moves.by_status.items()},
        "orphan_detection": plain(preview.orphan_detection),
        "totals": plain(preview.totals),
    }


def _statuses(preview: Preview, moves: Drift) -> str:
    largest = Decimal(max(moves.by_status.values(), default=0))
    table = []
    for status, count in moves.by_status.items():
        rows = [row for row in preview.rows if row["status"] == status]
        seats, amount = _sum(rows, "delta"), _sum(rows, "amount_delta")
        table.append(
            (status, count, bar(Decimal(count), largest), _told(seats, signed), _told(amount, money))
        )
    orphans = preview.orphan_detection
    return brief_table(
        ("status", "rows", "", "seats", "money"),
        table,
        above="" if orphans["ran"] else f"Orphan detection did not run: {cell(orphans['why']).rstrip('.')}.",
    )


def _sum(rows: Sequence[PreviewRow], name: str) -> Decimal:
    return sum((number(row[name]) or _ZERO for row in rows), _ZERO)


def _told(value: Decimal, words: Callable[[Decimal], str]) -> str:
    """Nothing where nothing would change: a column of zeros hides the others."""
    return words(value) if value else ""


def _directions(moves: Drift) -> str:
    total = moves.total
    seats, amounts = (
        max(total.seats_up, total.seats_down),
        max(total.amount_up, total.amount_down),
    )
    lines = (
        ("up", total.seats_up, total.amount_up),
        ("down", -total.seats_down, -total.amount_down),
    )
    table = [
        (name, signed(up), bar(up, seats), money(amount), bar(amount, amounts)) for name, up, amount in lines
    ]
    net = (total.seats_up - total.seats_down, total.amount_up - total.amount_down)
    table.append(("together", signed(net[0]), Markup(), money(net[1]), Markup()))
    said = f"All {total.rows} rows that would change something, {total.blocked} blocked ones included."
    if moves.billed_seats:
        said += f" ConnectWise bills {plain(moves.billed_seats)} seats on these lines today."
    if total.unpriced:
        said += f" {total.unpriced} of them have no known price, and are not in the money."
    return brief_table(("", "seats", "", "money per billing cycle", ""), table, above=cell(said))


def _largest(rows: Sequence[PreviewRow]) -> str:
    table = [
        (
            change.who,
            change.what,
            f"{change.status}{', blocked' if change.blocked else ''}",
            signed(change.delta),
            money(change.amount_delta),
        )
        for change in top_changes(rows)
    ]
    return brief_table(("whom", "product", "status", "seats", "money"), table) if table else "None."


def blocked_table(found: Sequence[Blocker]) -> str:
    """What is blocked by cause, most seats first, and the job that unblocks it, as a link to its launchpad."""
    if not found:
        return "Nothing."
    table = [
        (f"{blocker.cause}: {blocker.about}", blocker.rows, blocker.seats, _remedy(blocker))
        for blocker in found
    ]
    return brief_table(("blocked by", "rows", "seats", "what unblocks it"), table)


def _remedy(blocker: Blocker) -> Markup:
    link = (
        f" [{cell(blocker.job)}](/locations/{LOCATION}/jobs/{blocker.job}/playground)" if blocker.job else ""
    )
    return Markup(f"{cell(blocker.next_step)}{link}")


def commands(found: Sequence[Blocker]) -> str:
    """The same for those with a terminal: one line for each cause, as many as the UI shows at once."""
    lines: list[str] = []
    for blocker in found:
        line = f"- {cell(blocker.command)}"
        if line not in lines and sum(map(len, lines)) + len(lines) + len(line) < SHOWN_AT_ONCE:
            lines.append(line)
    return "\n".join(lines)


def _needs_you(rows: Sequence[PreviewRow], renamed: Mapping[str, str]) -> str:
    """The rows that a person has to resolve, the most urgent first, and renamed accounts that have none."""
    found = [(row["status"], who(row), row["reason"]) for row in rows if row["status"] in _NEEDS_A_PERSON]
    found.sort(key=lambda row: _NEEDS_A_PERSON.index(Status(row[0])))
    found += [("no row", account, f"{why}: is it a client by now?") for account, why in renamed.items()]
    return brief_table(("status", "whom", "why"), found) if found else "Nothing."


def _next(preview: Preview) -> str:
    if not preview.totals["adds_up"]:
        return "It does not add up, so it cannot be approved. Please report it."
    if preview.stale or preview.overtaken:
        why = "its scan was too old" if preview.stale else "something was pushed since its scan"
        return f"It cannot be approved: {why}. Run connectwise_scan, then reconcile_{preview.source}, or seat_sync."
    return "Tick rows in the CSV below, or run approve_preview with the preview_id below; then push_to_connectwise."


def _months(months: Sequence[Month]) -> str:
    """The newest month first; a month without an accepted reading is unknown, never zero."""
    if not months:
        return "No accepted reading in the last 13 months."
    largest = max((month.seats or _ZERO for month in months), default=_ZERO)
    table = []
    before: Decimal | None = None
    for month in months:
        known = month.seats is not None
        change = "" if before is None or month.seats is None else signed(month.seats - before)
        failed = f"{month.failed_accounts} not read" if month.failed_accounts else ""
        table.append(
            (
                f"{month.month:%Y-%m}",
                month.seats if known else "?",
                change,
                bar(month.seats or _ZERO, largest),
                month.accounts if known else "?",
                failed,
            )
        )
        before = month.seats if known else before
    return brief_table(("month", "seats", "change", "", "accounts", ""), table[::-1])


def _made_from(preview: Preview) -> str:
    snapshot, scan, made = preview.snapshot, preview.scan, preview.created_at
    accepted = f", accepted by {snapshot['accepted_by']}" if snapshot["accepted_by"] else ""
    return (
        f"{preview.source.capitalize()} as read {_when(snapshot['taken_at'], made)}"
        f" ({snapshot['verdict']}{accepted}); ConnectWise as scanned {_when(scan['taken_at'], made)}."
    )


def _when(taken: datetime, made: datetime) -> str:
    """`2026-11-20T14:05:09Z, 3 hours before`."""
    seconds = (made - taken).total_seconds()
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{utc_text(taken)}, {count} {unit}{'' if count == 1 else 's'} before"
    return f"{utc_text(taken)}, just before"


def _numbers(preview: Preview, moves: Drift) -> Mapping[str, Any]:
    """Plain numbers under names that stay, since Dagster plots them from one preview to the next."""
    selected = [row for row in preview.rows if row["selected_by_default"]]
    total = moves.total
    return {
        "dagster/row_count": len(preview.rows),
        "rows_ready": moves.by_status.get(Status.READY, 0),
        "rows_blocked": sum(bool(row["blocked"]) for row in preview.rows),
        "rows_that_need_you": sum(row["status"] in _NEEDS_A_PERSON for row in preview.rows),
        "seats_billed": plotted(moves.billed_seats),
        "seats_up": plotted(total.seats_up),
        "seats_down": plotted(total.seats_down),
        "money_up": plotted(total.amount_up),
        "money_down": plotted(total.amount_down),
        "selected_by_default": len(selected),
        "selected_amount_delta": plain(_sum(selected, "amount_delta")),
    }
