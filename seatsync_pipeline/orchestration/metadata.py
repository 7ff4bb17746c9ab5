"""What the UI shows of a scan and of a reading, and the tables and bars that all pages are made of.

The UI keeps the order, so the table for people stands first: behind the details nobody would scroll to it. What it
shows of a preview is in `preview_page`.

Dagster refuses anything but plain Python values in metadata, so `plain` is the one place that makes them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Any

import dagster as dg

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise.records import Scan
from seatsync_pipeline.orchestration.tables import Column, Kind, Table
from seatsync_pipeline.reconcile.store import SCAN_IS_OLD_AFTER
from seatsync_pipeline.sources.base import Observation, SourceSnapshot, State, Verdict

OWNERS = ["team:data-ops"]
SHOWN = 20  # rows of a table for people
SHOWN_AT_ONCE = 950  # characters of Markdown; the UI hides 1,000 and more behind a link

# Emphasis, code, links, images and cells.
_MARKUP = re.compile(r"[\\`*_\[\]()!~|]")
_FIGURE = re.compile(r"[+-]?\d[\d.]*|\?|")
_BAR = 12  # blocks of the longest bar


class Markup(str):
    """Markdown of ours, which a cell keeps as it is. Nothing from outside goes into it but through `cell`."""

    __slots__ = ()


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
    """A Markdown table of the first rows, which says how many more there are. Columns of figures are set right."""
    columns = zip(*rows[:shown], strict=True) if rows[:shown] else [()] * len(headings)
    rules = ["---:" if _figures(column) else "---" for column in columns]
    lines = [_line(headings), _line(rules), *(_line(row) for row in rows[:shown])]
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


def row_tables(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, dg.MarkdownMetadataValue]:
    """`table`, which the UI shows at once, and `all_rows` behind a link where that one was cut."""
    brief, whole = brief_table(headings, rows), markdown_table(headings, rows, shown=len(rows))
    return {"table": dg.MetadataValue.md(brief)} | (
        {"all_rows": dg.MetadataValue.md(whole)} if whole != brief else {}
    )


def bar(value: Decimal, largest: Decimal) -> Markup:
    """A bar of blocks as long as the value's part of the largest one. What is not zero has one block at least."""
    if not value or not largest:
        return Markup()
    blocks = (abs(value) * _BAR / abs(largest)).to_integral_value(ROUND_HALF_UP)
    return Markup("█" * max(1, int(blocks)))


def plotted(number: Decimal) -> int | float:
    """A number for Dagster's plots over time, which take no exact ones. Nothing is decided by it."""
    return int(number) if number == number.to_integral_value() else float(number)


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(cell(value) for value in cells)} |"


def _figures(column: Sequence[Any]) -> bool:
    texts = ["" if value is None else str(plain(value)) for value in column]
    return any(texts) and all(_FIGURE.fullmatch(text) for text in texts)


def cell(value: Any) -> str:
    """Names come from outside: none may end its cell or become markup."""
    if isinstance(value, Markup):
        return value
    text = "" if value is None else str(plain(value))
    text = "".join(c if c.isprintable() else " " for c in text).replace("&", "&amp;").replace("<", "&lt;")
    return " ".join(_MARKUP.sub(r"\\\g<0>", text).split())


_SHOWN_TYPES: dict[Kind, str] = {
    "text": "string",
    "number": "int64",
    "number_if_any": "int64",
    "exact": "exactdecimal(18, 6)",
    "day": "date",
    "yes_or_no": "bool",
    "yes_or_no_if_any": "boolean",
}


def table_metadata(table: Table) -> dict[str, Any]:
    """What an asset's definition says of its table: its name and its columns."""
    return {
        "dagster/column_schema": column_schema(table),
        "dagster/table_name": f"seatsync.main.{table.name}",
    }


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table as Dagster shows them, with the rules that DDL cannot say."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=_SHOWN_TYPES[column.kind],
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=column.unique, other=_shown_rules(column)
                ),
            )
            for name, column in table.columns.items()
        ],
        constraints=dg.TableConstraints(other=[rule.text for rule in table.rules]),
    )


def _shown_rules(column: Column) -> list[str]:
    """What holds for each value, in pandera's words, which a failed check shows too."""
    rules = {
        "greater_than({})": column.above,
        "isin({})": None if column.one_of is None else list(column.one_of),
        "str_startswith({!r})": column.begins,
        "str_length({}, None)": column.min_length,
    }
    return [text.format(value) for text, value in rules.items() if value is not None]


def scan_metadata(snapshot_id: str, scan: Scan) -> dict[str, Any]:
    """Of an agreement scan: until when it serves, its size, what it cost, and what was read by agreement type."""
    unread = [agreement for agreement in scan.agreements if not agreement.additions_read]
    cost = {name: scan.details[name] for name in ("requests", "retries", "seconds") if name in scan.details}
    return {
        "table": dg.MetadataValue.md(_scan_table(scan)),
        "serves": f"Previews made until {utc_text(scan.taken_at + SCAN_IS_OLD_AFTER)} can be approved, as long as "
        "nothing is pushed meanwhile. After that run connectwise_scan again.",
        **plain(cost),
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
    largest = Decimal(max((count[2] for count in types.values()), default=0))
    rows = [(name, *count, bar(Decimal(count[2]), largest)) for name, count in sorted(types.items())]
    return brief_table(("agreement type", "agreements", "of them read", "additions", ""), rows)


def snapshot_metadata(snapshot_id: str, snapshot: SourceSnapshot) -> dict[str, Any]:
    """Of a pull or import: what speaks against it, then its accounts with the failed ones first; verdict, seats."""
    states = Counter(observation.state for observation in snapshot.observations)
    failed = {o.account_key for o in snapshot.observations if o.state is State.FAILED}
    seats = sum(
        (o.seats or Decimal(0) for o in snapshot.observations if o.state is State.COUNTED), Decimal(0)
    )
    findings = [(finding.verdict, f"{finding.rule}: {finding.message}") for finding in snapshot.findings]
    return {
        **({"findings": dg.MetadataValue.md(brief_table(("verdict", "why"), findings))} if findings else {}),
        "table": dg.MetadataValue.md(_snapshot_table(snapshot)),
        "next": _next(snapshot_id, snapshot, len(failed)),
        "dagster/row_count": len(snapshot.observations),
        "snapshot_id": snapshot_id,
        "taken_at": utc_text(snapshot.taken_at),
        "verdict": snapshot.verdict.value,
        "accounts": len(snapshot.accounts),
        "failed_accounts": len(failed),
        "seats": plotted(seats),
        "by_status": {state.value: states[state] for state in State if states[state]},
        "digest": snapshot.digest,
        "details": plain(snapshot.details),
    }


def _next(snapshot_id: str, snapshot: SourceSnapshot, failed: int) -> str:
    said = []
    if failed:
        said.append(
            f"{failed} {'account' if failed == 1 else 'accounts'} could not be read: nothing of theirs is changed. "
            "Remove the cause that the table names, then read again."
        )
    if snapshot.verdict is not Verdict.COMPLETE:
        said.append(
            "No orphans are looked for, and no decrease is selected by default. Read again; if this reading is right, "
            f"run accept_snapshot with snapshot_id {snapshot_id}."
        )
    return " ".join(said) or f"Look at {snapshot.source}/preview, which is made from it."


def _snapshot_table(snapshot: SourceSnapshot) -> str:
    order = {State.FAILED: 0, State.POC: 1, State.EXPIRED: 2, State.COUNTED: 3}

    def rank(observation: Observation) -> tuple[int, Decimal, str]:
        return order[observation.state], -(observation.seats or Decimal(0)), observation.account_name

    rows = [
        (o.account_name, o.license, "?" if o.seats is None else o.seats, o.state.value, o.reason)
        for o in sorted(snapshot.observations, key=rank)
    ]
    return brief_table(("account", "license", "seats", "state", "why"), rows)
