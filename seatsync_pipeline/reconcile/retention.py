"""What may go after SEATSYNC_KEEP_MONTHS, and what stays whatever its age.

What belongs here: which snapshots and previews are old and referred to by nothing, and removing them. What does not:
giving the space back (`warehouse/copy.py`).

A snapshot goes whole or not at all, and its header stays: it counts the days on which a source was read, which the
evidence of orphans rests on, and knows files that were imported before. The audit log, operations, acceptances,
links, mappings and filters are never touched.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from seatsync_pipeline.warehouse import Connection, Warehouse

CONTENT = ("company", "agreement_type", "agreement", "addition", "product", "account", "observation")
"""The tables of a snapshot's content, all keyed by `snapshot_id`."""


@dataclass(frozen=True)
class Old:
    """What is older than `before` and needed by nothing.

    `previews` and `snapshots` are ids with their source; `rows` is table -> rows that go with them; `kept` is how many
    snapshots are as old and stay, because something refers to them.
    """

    before: date
    previews: tuple[tuple[str, str], ...]
    snapshots: tuple[tuple[str, str], ...]
    rows: dict[str, int]
    kept: int

    def as_dict(self) -> dict[str, object]:
        return {
            "before": self.before,
            "previews": dict(Counter(source for _, source in self.previews)),
            "snapshots": dict(Counter(source for _, source in self.snapshots)),
            "rows": self.rows,
            "kept_although_old": self.kept,
        }


def months_ago(today: date, months: int) -> date:
    """The same day of an earlier month, or that month's last day."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


_OLD_PREVIEWS = """
    create or replace temp table old_preview as
    select h.preview_id, h.source, h.snapshot_id, h.scan_id
    from preview_header h
    where h.created_at < $before
      and h.preview_id not in (select preview_id from operation)
      and h.preview_id not in (select max(preview_id) from preview_header group by source)
"""

_NEEDED = """
    create or replace temp table needed as
    -- by previews that stay, and by operations
    select snapshot_id from preview_header where preview_id not in (select preview_id from old_preview)
    union select scan_id from preview_header where preview_id not in (select preview_id from old_preview)
    union select snapshot_id from operation
    -- the newest of each source, the newest that lists anybody, and the newest that counts as proof
    union select max(snapshot_id) from snapshot group by source
    union select max(s.snapshot_id) from snapshot s where exists (
        select 1 from account a where a.snapshot_id = s.snapshot_id
    ) group by s.source
    union select max(snapshot_id) from accepted_snapshot group by source
    -- where an account was last seen with a license: without it an orphan would be `never seen`
    union select arg_max(s.snapshot_id, s.taken_at)
    from accepted_snapshot s
    join observation o on o.snapshot_id = s.snapshot_id
    where o.state <> 'expired'
    group by s.source, o.account_key, o.license
    -- where a linked company last lived: its name, and which agreements it had
    union select max(c.snapshot_id)
    from company c
    join link l on l.company_id = c.company_id
    where not c.deleted
    group by c.company_id
"""

_OLD_SNAPSHOTS = """
    select s.snapshot_id, s.source, s.snapshot_id in (select snapshot_id from needed)
    from snapshot s
    where s.taken_at < $before
      and s.snapshot_id not in (select snapshot_id from pruning)
    order by s.snapshot_id
"""


def find_old(connection: Connection, before: date) -> Old:
    """What would go if everything older than `before` (a UTC day) went. Changes nothing."""
    bound = {"before": datetime.combine(before, datetime.min.time())}
    connection.execute(_OLD_PREVIEWS, bound)
    connection.execute(_NEEDED)
    previews = connection.execute("select preview_id, source from old_preview order by preview_id").fetchall()
    snapshots = connection.execute(_OLD_SNAPSHOTS, bound).fetchall()
    going = [snapshot_id for snapshot_id, _, needed in snapshots if not needed]
    rows = {table: _count(connection, table, "snapshot_id", going) for table in CONTENT}
    rows["preview"] = _count(connection, "preview", "preview_id", [preview_id for preview_id, _ in previews])
    return Old(
        before,
        tuple((preview_id, source) for preview_id, source in previews),
        tuple((snapshot_id, source) for snapshot_id, source, needed in snapshots if not needed),
        {table: count for table, count in rows.items() if count},
        sum(1 for _, _, needed in snapshots if needed),
    )


def remove_old(warehouse: Warehouse, before: date, *, by: str) -> Old:
    """Remove it, in one transaction, and the sheets of the previews that went; return what went."""
    with warehouse.write() as connection:
        old = find_old(connection, before)
        snapshots = [snapshot_id for snapshot_id, _ in old.snapshots]
        previews = [preview_id for preview_id, _ in old.previews]
        for table in CONTENT:
            _delete(connection, table, "snapshot_id", snapshots)
        for table in ("preview", "preview_header"):
            _delete(connection, table, "preview_id", previews)
        connection.execute(
            "insert into pruning select unnest(?::varchar[]), ?, ?",
            [snapshots, datetime.now(UTC).replace(tzinfo=None), by],
        )
    for preview_id, source in old.previews:
        _sheet(warehouse.path.parent, source, preview_id).unlink(missing_ok=True)
    return old


def _count(connection: Connection, table: str, key: str, ids: list[str]) -> int:
    row = connection.execute(
        f'select count(*) from "{table}" where {key} in (select unnest(?::varchar[]))',  # noqa: S608
        [ids],
    ).fetchone()
    return 0 if row is None else int(row[0])


def _delete(connection: Connection, table: str, key: str, ids: list[str]) -> None:
    connection.execute(f'delete from "{table}" where {key} in (select unnest(?::varchar[]))', [ids])  # noqa: S608


def _sheet(home: Path, source: str, preview_id: str) -> Path:
    return home / "previews" / f"{source}-{preview_id}.csv"
