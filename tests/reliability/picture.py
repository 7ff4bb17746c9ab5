"""What is stored: the picture of a home and its ConnectWise before and after a command, and what became of it.

What belongs here: asking the database and the sandbox's own records. What does not: running anything.
`stored` never takes a case's word for it: it raises AssertionError where a number changed that had no right to.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from seatsync_pipeline.sources.base import SOURCES, Source
from seatsync_pipeline.warehouse import Warehouse
from tests.push.differences import Additions, additions_of, changes
from tests.reliability.cases import Stores
from tests.reliability.place import Place

Row = dict[str, Any]

# What a row proposes. Its fingerprint, flags and guards may differ from one preview to the next.
_PROPOSED = (
    *("row_id", "status", "action", "blocked", "accounts", "company_id", "product_id", "agreement_id"),
    *("addition_id", "current_quantity", "new_quantity", "amount_delta", "selected_by_default"),
)


@dataclass(frozen=True)
class Picture:
    """What is stored at one moment.

    `snapshots` are ids by source (and `connectwise`), oldest first; `digests` of the latest ones. `rows` are the latest
    preview's by row id, `failed` the accounts that the latest snapshot could not read, by source.
    `operations` are the states of what was pushed, and `open` counts intents without an outcome.
    """

    snapshots: dict[str, tuple[str, ...]]
    digests: dict[str, str]
    verdicts: dict[str, str]
    previews: dict[Source, tuple[str, ...]]
    rows: dict[Source, dict[str, Row]]
    failed: dict[Source, frozenset[str]]
    operations: tuple[str, ...]
    open: int
    additions: Additions


def take(place: Place) -> Picture:
    """The picture of a place as it is now."""
    with Warehouse(place.database).read() as connection:

        def ask(sql: str, *parameters: object) -> list[Any]:
            return connection.execute(sql, parameters).fetchall()

        snapshots = ask("select source, snapshot_id, digest, verdict from snapshot order by snapshot_id")
        previews = ask("select source, preview_id from preview_header order by preview_id")
        ids = {source: tuple(one for kind, one in previews if kind == source) for source in SOURCES}
        latest = {row[0]: row[1:] for row in snapshots}
        return Picture(
            snapshots={kind: tuple(row[1] for row in snapshots if row[0] == kind) for kind in latest},
            digests={kind: row[1] for kind, row in latest.items()},
            verdicts={kind: row[2] for kind, row in latest.items()},
            previews=ids,
            rows={source: _rows(ask(_ROWS, ids[source][-1])) for source in SOURCES},
            failed={
                source: frozenset(row[0] for row in ask(_FAILED, latest[source][0])) for source in SOURCES
            },
            operations=tuple(row[0] for row in ask(_STATES)),
            open=int(ask(_OPEN)[0][0]),
            additions=additions_of(place.sandbox),
        )


_ROWS = f"select {', '.join(_PROPOSED)} from preview where preview_id = ?"  # noqa: S608
_FAILED = "select account_key from observation where snapshot_id = ? and state = 'failed'"
_STATES = """
select state from operation_event
where event_id in (select max(event_id) from operation_event group by operation_id)
order by event_id
"""
_OPEN = """
select count(*) from intent i
where not exists (
    select 1 from outcome o where o.operation_id = i.operation_id and o.row_id = i.row_id
)
"""


def stored(before: Picture, after: Picture) -> Stores:
    """What became of `before`. Raises AssertionError where that is none of the states that a fault may leave."""
    if after.operations != before.operations:
        return _pushed(before, after)
    assert changes(before.additions, after.additions).none, "ConnectWise was written to without an operation"
    if after.snapshots == before.snapshots:
        assert (after.previews, after.rows) == (before.previews, before.rows), "a preview without a reading"
        return Stores.NOTHING
    new = [kind for kind in after.snapshots if after.snapshots[kind] != before.snapshots[kind]]
    sources = [source for source in SOURCES if source in new]
    if "connectwise" in new:
        assert after.digests["connectwise"] == before.digests["connectwise"], "the scan has other content"
    if not sources:
        assert after.rows == before.rows, "a scan alone changed a preview"
        return Stores.SAME
    (source,) = sources
    return _read(before, after, source)


def _read(before: Picture, after: Picture, source: Source) -> Stores:
    """What became of one reading of a source."""
    if after.previews == before.previews:
        assert after.verdicts[source] == "incomplete", "a complete snapshot without its preview"
        return Stores.EVIDENCE
    lost = after.failed[source] - before.failed[source]
    old, new = before.rows[source], after.rows[source]
    if lost:
        assert _others(new, lost) == _others(old, lost), "a row of another account changed"
        for row in new.values():
            if _accounts(row) & lost:
                assert row["status"] in {"Source error", "Skipped"}, row
                assert row["action"] == "none", row
                assert row["new_quantity"] is None, row
        assert lost <= {key for row in new.values() for key in _accounts(row)}, "a failed account has no row"
        return Stores.FAILED
    if new == old:
        return Stores.SAME
    assert after.verdicts[source] != "complete", "other numbers, taken as complete"
    assert not [row for row in new.values() if row["status"] == "Orphaned"], "Orphaned on a bad snapshot"
    bold = [row for row in new.values() if row["selected_by_default"] and _falls(row)]
    assert not bold, f"a decrease on a bad snapshot is selected: {bold}"
    return Stores.UNACCEPTED


def _pushed(before: Picture, after: Picture) -> Stores:
    """What became of one push: nothing was written but quantities that its preview had proposed."""
    assert len(after.operations) == len(before.operations) + 1, after.operations
    assert (after.snapshots, after.rows) == (before.snapshots, before.rows), "a push changed what was read"
    written = changes(before.additions, after.additions)
    proposed = {
        row["addition_id"]: row["new_quantity"] for rows in before.rows.values() for row in rows.values()
    }
    assert (written.created, written.removed) == ({}, frozenset()), "an addition came or went"
    for addition_id, fields in written.changed.items():
        assert fields.keys() == {"quantity"}, fields
        assert Decimal(str(fields["quantity"][1])) == proposed[addition_id], fields
    if after.operations[-1] in {"interrupted", "stopped"}:
        return Stores.INTERRUPTED
    assert after.open == 0, "finished with an open row"
    return Stores.AS_APPROVED


def _rows(found: list[Any]) -> dict[str, Row]:
    return {row[0]: dict(zip(_PROPOSED, row, strict=True)) for row in found}


def _accounts(row: Row) -> frozenset[str]:
    return frozenset(account["account_key"] for account in json.loads(row["accounts"]))


def _others(rows: dict[str, Row], lost: frozenset[str]) -> list[Row]:
    """The rows that none of those accounts contributes to, nor would (a line they may have left or joined)."""
    touched = {_line(row) for row in rows.values() if _accounts(row) & lost}
    keep: Callable[[Row], bool] = lambda row: not (_accounts(row) & lost or _line(row) in touched)  # noqa: E731
    return [row for row in rows.values() if keep(row)]


def _line(row: Row) -> tuple[Any, Any]:
    return row["company_id"], row["product_id"]


def _falls(row: Row) -> bool:
    current, new = row["current_quantity"], row["new_quantity"]
    return row["action"] == "cancel" or (current is not None and new is not None and new < current)
