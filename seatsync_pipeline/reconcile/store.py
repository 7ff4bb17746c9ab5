"""Previews in the warehouse: saved whole in one transaction, loaded as the public document.

The automatic links of a preview are saved with it, so that no preview ever rests on a link that is not on
record; a link a person made in the meantime stays untouched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.collection import collection_paused
from seatsync_pipeline.errors import NotFound
from seatsync_pipeline.reconcile.columns import (
    COLUMNS,
    DECIMAL_COLUMNS,
    LIST_COLUMNS,
    as_columns,
    candidate_record,
    parsed,
)
from seatsync_pipeline.reconcile.matching import Match
from seatsync_pipeline.reconcile.preview import Draft
from seatsync_pipeline.reconcile.sheet import write_selection_sheet
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.warehouse import (
    Connection,
    Warehouse,
    exact_number,
    insert_columns,
    insert_rows,
    new_id,
)

SCAN_IS_OLD_AFTER = timedelta(days=1)
_PORTION = 10_000


@dataclass(frozen=True)
class PreviewOrigin:
    """What a preview was made from. `today` is the MSP's calendar day, `setup_change` the newest decision of a person
    that the setup rests on.
    """

    source: Source
    today: date
    run_id: str | None
    snapshot_id: str
    scan_id: str
    setup_change: str | None = None


@dataclass(frozen=True)
class Preview:
    """A stored preview. `rows` hold the public columns.

    `stale`: its scan was more than a day old when it was made. `overtaken`: something was pushed since that scan,
    as of the moment of loading. Neither can be approved; the public document tells both as `stale`. `setup_change` is
    the newest decision of a person that it was made with.
    """

    preview_id: str
    source: Source
    created_at: datetime
    today: date
    stale: bool
    snapshot: dict[str, Any]
    scan: dict[str, Any]
    orphan_detection: dict[str, Any]
    totals: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    overtaken: bool = False
    setup_change: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The document of `seatsync preview --json`; write it with `exact_json.dumps`."""
        return {
            "preview_id": self.preview_id,
            "source": self.source,
            "created_at": self.created_at,
            "stale": self.stale or self.overtaken,
            "snapshot": self.snapshot,
            "scan": self.scan,
            "orphan_detection": self.orphan_detection,
            "totals": self.totals,
            "rows": list(self.rows),
        }


@collection_paused()
def save_preview(warehouse: Warehouse, draft: Draft, origin: PreviewOrigin) -> str:
    """Store a preview and its automatic links in one transaction, then its sheet; return the preview id."""
    now = datetime.now(UTC).replace(tzinfo=None)
    header = {
        "source": origin.source,
        "created_at": now,
        "today": origin.today,
        "run_id": origin.run_id,
        "snapshot_id": origin.snapshot_id,
        "scan_id": origin.scan_id,
        "orphan_detection": exact_json.dumps(
            {
                "ran": draft.orphan_detection_why is None,
                "why": draft.orphan_detection_why,
                "lines_in_scope": draft.lines_in_scope,
            }
        ),
        "totals": exact_json.dumps(draft.totals.as_dict()),
        "adds_up": draft.totals.adds_up,
        "setup_change": origin.setup_change,
    }
    columns = as_columns("", draft.rows)  # slow: before the database is opened, and so before there is an id
    links = [_link_record(origin.source, match, now) for match in draft.matches.values() if match.made_by]
    with warehouse.write() as connection:
        preview_id = new_id("prev")
        columns["preview_id"] = [preview_id] * len(draft.rows)
        insert_rows(connection, "preview_header", [{"preview_id": preview_id, **header}])
        insert_columns(connection, "preview", columns)
        insert_rows(connection, "link_change", _still_open(connection, origin.source, links))
    del columns
    path = warehouse.path.parent / "previews" / f"{origin.source}-{preview_id}.csv"
    write_selection_sheet(_stored_rows(warehouse, preview_id, len(draft.rows)), path, COLUMNS)
    return preview_id


def _still_open(connection: Connection, source: str, links: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Automatic links, with ids, whose account nobody has decided about since the setup was read."""
    decided = {
        key
        for (key,) in connection.execute(
            "select distinct account_key from link_change where source = ?", [source]
        ).fetchall()
    }
    return [{"change_id": new_id("chg"), **link} for link in links if link["account_key"] not in decided]


def _link_record(source: str, match: Match, now: datetime) -> dict[str, Any]:
    if match.company is None:
        raise ValueError("an automatic link needs a company")
    others = [c for c in match.candidates if c.company_id != match.company.company_id]
    return {
        "source": source,
        "account_key": match.account.key,
        "account_name": match.account.name,
        "decision": "company",
        "company_id": match.company.company_id,
        "reason": None,
        "rule": match.made_by,
        "score": match.score,
        "evidence": exact_json.dumps(
            {
                "account_name": match.account.name,
                "company_name": match.company.name,
                "runner_up": candidate_record(others[0]) if others else None,
            }
        ),
        "changed_by": "seatsync",
        "changed_at": now,
        "previous": None,
    }


_HEADER = """
    select h.preview_id, h.source, h.created_at, h.today, h.orphan_detection, h.totals,
           s.snapshot_id, s.taken_at, s.verdict, s.reasons,
           c.snapshot_id, c.taken_at, a.accepted_by, h.setup_change
    from preview_header h
    join snapshot s on s.snapshot_id = h.snapshot_id
    join snapshot c on c.snapshot_id = h.scan_id
    left join acceptance a on a.snapshot_id = h.snapshot_id
    where h.preview_id = ?
"""


def latest_preview_id(connection: Connection, source: Source) -> str | None:
    row = connection.execute(
        "select max(preview_id) from preview_header where source = ?", [source]
    ).fetchone()
    return row[0] if row else None


def last_pushed_at(connection: Connection) -> datetime | None:
    """When an operation last began, ended or was broken off (UTC), or a backup was restored; None for never.

    A restored journal does not know what was pushed after it was backed up.
    """
    row = connection.execute(
        "select max(made_at) from (select made_at from operation_event"
        " union all select made_at from audit where kind = 'restored')"
    ).fetchone()
    return row[0] if row else None


@collection_paused()
def load_preview(warehouse: Warehouse, preview_id: str) -> Preview:
    """A stored preview with all its rows. Raises NotFound."""
    with warehouse.read() as connection:
        stored = _stored(connection, preview_id)
    return _preview(*stored)


@collection_paused()
def load_latest_preview(warehouse: Warehouse, source: Source) -> Preview | None:
    """The newest preview of a source with all its rows; None when there is none."""
    with warehouse.read() as connection:
        preview_id = latest_preview_id(connection, source)
        stored = None if preview_id is None else _stored(connection, preview_id)
    return None if stored is None else _preview(*stored)


def _stored(
    connection: Connection, preview_id: str
) -> tuple[tuple[Any, ...], list[dict[str, Any]], datetime | None]:
    """A preview's header, its rows as they are stored, and when something was pushed last."""
    header = connection.execute(_HEADER, [preview_id]).fetchone()
    if header is None:
        raise NotFound(
            f"opening the preview {preview_id}", "there is none", "Run `seatsync reconcile` to make one."
        )
    return header, _select(connection, preview_id), last_pushed_at(connection)


def _preview(header: tuple[Any, ...], rows: list[dict[str, Any]], pushed_at: datetime | None) -> Preview:
    created_at, scanned_at = header[2], header[11]
    return Preview(
        preview_id=header[0],
        source=header[1],
        created_at=created_at,
        today=header[3],
        stale=created_at - scanned_at > SCAN_IS_OLD_AFTER,
        snapshot={
            "id": header[6],
            "taken_at": header[7],
            "verdict": header[8],
            "reasons": exact_json.loads(header[9]),
            "accepted_by": header[12],
        },
        scan={"id": header[10], "taken_at": scanned_at},
        orphan_detection=exact_json.loads(header[4]),
        totals=exact_json.loads(header[5]),
        rows=tuple(map(parsed, rows)),
        overtaken=pushed_at is not None and scanned_at < pushed_at,
        setup_change=header[13],
    )


_ROWS = f"""
    select {", ".join(f"cast({name} as varchar)" if name in DECIMAL_COLUMNS else name for name in COLUMNS)}
    from preview
    where preview_id = $preview_id and position between $first and $last
    order by position
"""  # noqa: S608


def _select(
    connection: Connection, preview_id: str, first: int = 1, last: int = 2**31 - 1
) -> list[dict[str, Any]]:
    """The rows at these positions, by public column; lists are JSON text yet."""
    bound = {"preview_id": preview_id, "first": first, "last": last}
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in connection.execute(_ROWS, bound).fetchall()]
    for row in rows:
        for name in DECIMAL_COLUMNS:
            text = row[name]
            row[name] = None if text is None else exact_number(text)
    return rows


def _stored_rows(warehouse: Warehouse, preview_id: str, count: int) -> Iterator[dict[str, Any]]:
    """The rows as they are stored, a portion at a time: the file is free for others while they are written elsewhere.

    Lists are JSON text, and empty text when they are empty: the cells of a sheet.
    """
    for first in range(1, count + 1, _PORTION):
        with warehouse.read() as connection:
            rows = _select(connection, preview_id, first, first + _PORTION - 1)
        for row in rows:
            for name in LIST_COLUMNS:
                row[name] = "" if row[name] == "[]" else row[name]
            yield row


def load_trace(connection: Connection, preview_id: str, row_id: str) -> list[dict[str, str]] | None:
    """The ordered rules that gave a row its status; None when the preview has no such row."""
    row = connection.execute(
        "select trace from preview where preview_id = ? and row_id = ?", [preview_id, row_id]
    ).fetchone()
    return None if row is None else list(exact_json.loads(row[0]))
