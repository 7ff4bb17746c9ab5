"""What the UI shows of a materialization: a short table for people, scalars, a breakdown.

The UI keeps the order, so the table stands first: behind the details nobody would scroll to it.

Dagster refuses anything but plain Python values in metadata, so `plain` is the one place that makes them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import dagster as dg

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise.records import Scan
from seatsync_pipeline.orchestration.tables import StoredTable
from seatsync_pipeline.sources.base import Observation, SourceSnapshot, State

OWNERS = ["team:data-ops"]
SHOWN = 20  # rows of a table for people
SHOWN_AT_ONCE = 950  # characters of Markdown; the UI hides 1,000 and more behind a link

# Emphasis, code, links, images and cells.
_MARKUP = re.compile(r"[\\`*_\[\]()!~|]")
_NEEDS_A_PERSON = ("Source error", "Ambiguous", "Unmatched", "License unmapped", "Multiple additions")


def plain(value: Any) -> Any:
    """A value that JSON and Dagster take: whole decimals as int, others as text, never as float."""
    match value:
        case Enum():
            return plain(value.value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else exact_json.plain(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def utc_text(moment: datetime) -> str:
    """`2026-11-20T14:05:09Z`; a naive time is UTC, as the warehouse keeps it."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, shown: int = SHOWN) -> str:
    """A Markdown table of the first rows, which says how many more there are."""
    lines = [_line(headings), _line(["---"] * len(headings)), *(_line(row) for row in rows[:shown])]
    if len(rows) > shown:
        lines.append(f"\n... and {len(rows) - shown} more.")
    return "\n".join(lines)


def brief_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, above: str = "") -> str:
    """As many of the first rows as the UI shows at once: longer Markdown it hides behind a link.

    `above` is Markdown that stands over the table; it counts as well.
    """
    head = f"{above}\n\n" if above else ""
    for shown in range(min(len(rows), SHOWN), 0, -1):
        table = head + markdown_table(headings, rows, shown=shown)
        if len(table) <= SHOWN_AT_ONCE:
            return table
    return head + markdown_table(headings, rows, shown=1 if rows else 0)


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: Any) -> str:
    """Names come from outside: none may end its cell or become markup."""
    text = "" if value is None else str(plain(value))
    text = "".join(c if c.isprintable() else " " for c in text).replace("&", "&amp;").replace("<", "&lt;")
    return " ".join(_MARKUP.sub(r"\\\g<0>", text).split())


def table_metadata(model: type[StoredTable]) -> dict[str, Any]:
    """What an asset's definition says of its table: its name and its columns."""
    name = str(model.to_schema().name)
    return {"dagster/column_schema": column_schema(model), "dagster/table_name": f"seatsync.main.{name}"}


def column_schema(model: type[StoredTable]) -> dg.TableSchema:
    """The columns of a pandera model as Dagster shows them, with the rules that DDL cannot say."""
    schema = model.to_schema()
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=str(column.dtype).lower().removesuffix("[python]"),
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable),
                    unique=bool(column.unique),
                    other=[str(check.error or check.name) for check in column.checks],
                ),
            )
            for name, column in schema.columns.items()
        ],
        constraints=dg.TableConstraints(other=[str(check.error) for check in schema.checks]),
    )


def scan_metadata(snapshot_id: str, scan: Scan) -> dict[str, Any]:
    """Of an agreement scan: its counts, and what was read for each agreement type."""
    unread = [agreement for agreement in scan.agreements if not agreement.additions_read]
    return {
        "table": dg.MetadataValue.md(_scan_table(scan)),
        "dagster/row_count": len(scan.additions),
        "snapshot_id": snapshot_id,
        "taken_at": utc_text(scan.taken_at),
        "verdict": "complete",
        "companies": len(scan.companies),
        "agreements": len(scan.agreements),
        "agreements_not_read": len(unread),
        "additions": len(scan.additions),
        "products": len(scan.products),
        "by_status": dict(Counter(agreement.status or "(none)" for agreement in scan.agreements)),
        "details": plain(scan.details),
    }


def _scan_table(scan: Scan) -> str:
    additions = Counter(addition.agreement_id for addition in scan.additions)
    types: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for agreement in scan.agreements:
        count = types[agreement.type_name]
        count[0] += 1
        count[1] += agreement.additions_read
        count[2] += additions[agreement.agreement_id]
    rows = [(name, *count) for name, count in sorted(types.items())]
    return brief_table(("agreement type", "agreements", "of them read", "additions"), rows)


def snapshot_metadata(snapshot_id: str, snapshot: SourceSnapshot) -> dict[str, Any]:
    """Of a pull or import: what speaks against it, then its accounts with the failed ones first; verdict, seats."""
    states = Counter(observation.state for observation in snapshot.observations)
    failed = {o.account_key for o in snapshot.observations if o.state is State.FAILED}
    seats = sum(
        (o.seats or Decimal(0) for o in snapshot.observations if o.state is State.COUNTED), Decimal(0)
    )
    findings = [f"{finding.rule}: {finding.message}" for finding in snapshot.findings]
    return {
        **({"findings": findings} if findings else {}),
        "table": dg.MetadataValue.md(_snapshot_table(snapshot)),
        "dagster/row_count": len(snapshot.observations),
        "snapshot_id": snapshot_id,
        "taken_at": utc_text(snapshot.taken_at),
        "verdict": snapshot.verdict.value,
        "accounts": len(snapshot.accounts),
        "failed_accounts": len(failed),
        "seats_counted": plain(seats),
        "by_status": {state.value: states[state] for state in State if states[state]},
        "digest": snapshot.digest,
        "details": plain(snapshot.details),
    }


def _snapshot_table(snapshot: SourceSnapshot) -> str:
    order = {State.FAILED: 0, State.POC: 1, State.EXPIRED: 2, State.COUNTED: 3}

    def rank(observation: Observation) -> tuple[int, Decimal, str]:
        return order[observation.state], -(observation.seats or Decimal(0)), observation.account_name

    rows = [
        (o.account_name, o.license, "?" if o.seats is None else o.seats, o.state.value, o.reason)
        for o in sorted(snapshot.observations, key=rank)
    ]
    return brief_table(("account", "license", "seats", "state", "why"), rows)


def preview_metadata(preview: Mapping[str, Any], csv: Path) -> dict[str, Any]:
    """Of a preview, as its public JSON document: the statuses, and the rows that need a person."""
    rows: Sequence[Mapping[str, Any]] = preview["rows"]
    statuses = Counter(str(row["status"]) for row in rows)
    selected = [row for row in rows if row["selected_by_default"]]
    return {
        "table": dg.MetadataValue.md(_preview_table(preview, statuses)),
        "needs_you": dg.MetadataValue.md(_needs_you(rows)),
        "next": "Tick rows in the CSV below, or run approve_preview with this preview_id; then push_to_connectwise.",
        "dagster/row_count": len(rows),
        "preview_id": preview["preview_id"],
        "snapshot_id": preview["snapshot"]["id"],
        "scan_id": preview["scan"]["id"],
        "verdict": plain(preview["snapshot"]["verdict"]),
        "by_status": dict(statuses),
        "adds_up": bool(preview["totals"]["adds_up"]),
        "selected_by_default": len(selected),
        "selected_amount_delta": plain(_sum(selected, "amount_delta")),
        "orphan_detection": plain(preview["orphan_detection"]),
        "totals": plain(preview["totals"]),
        "csv": dg.MetadataValue.path(str(csv)),
    }


def _sum(rows: Iterable[Mapping[str, Any]], column: str) -> Decimal:
    return sum((Decimal(str(row[column] or 0)) for row in rows), Decimal(0))


def _preview_table(preview: Mapping[str, Any], statuses: Counter[str]) -> str:
    rows = preview["rows"]
    summary = [
        (
            status,
            count,
            _sum((row for row in rows if row["status"] == status), "delta"),
            _sum((row for row in rows if row["status"] == status), "amount_delta"),
        )
        for status, count in statuses.items()
    ]
    orphans = preview["orphan_detection"]
    return brief_table(
        ("status", "rows", "change of seats", "change per billing cycle"),
        summary,
        above="" if orphans["ran"] else f"Orphan detection did not run: {_cell(orphans['why']).rstrip('.')}.",
    )


def _needs_you(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows that a person has to resolve, the most urgent first."""
    found = [(row["status"], _who(row), row["reason"]) for row in rows if row["status"] in _NEEDS_A_PERSON]
    found.sort(key=lambda row: _NEEDS_A_PERSON.index(row[0]))
    return brief_table(("status", "whom", "why"), found) if found else "Nothing."


def _who(row: Mapping[str, Any]) -> str:
    accounts = ", ".join(str(account["account_name"]) for account in row["accounts"])
    return str(row["company_name"] or accounts)
