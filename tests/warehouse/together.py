"""One of many processes at one database: scans, imports, reconciles and queries, and checks all that it reads.

Run as `python -m tests.warehouse.together HOME NAME ROUNDS SECONDS`: at least that many rounds, for at least that
long. Prints one JSON document: the snapshots and previews it committed, and its longest wait for the file.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise.store import latest_scan_id, load_scan, save_scan
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.store import latest_preview_id, load_preview
from seatsync_pipeline.sources.base import SourceSnapshot
from seatsync_pipeline.sources.store import load_snapshot, save_snapshot
from seatsync_pipeline.warehouse import Connection, Warehouse
from seatsync_pipeline.warehouse.files import Held

TODAY = date(2026, 11, 20)


class TimedWarehouse(Warehouse):
    """Remembers how long it waited for the file at most."""

    longest_wait = 0.0

    def _in_turn(self, tried: str, connect: Callable[[], Connection]) -> tuple[Held, Connection]:
        began = time.monotonic()
        opened = super()._in_turn(tried, connect)
        self.longest_wait = max(self.longest_wait, time.monotonic() - began)
        return opened


def seats_of(snapshot: SourceSnapshot) -> Decimal:
    return sum((o.seats for o in snapshot.observations if o.seats is not None), Decimal(0))


def marked(snapshot: SourceSnapshot, chance: random.Random) -> SourceSnapshot:
    """The snapshot with other seats, and in its header what belongs to it."""
    observations = tuple(
        o if o.seats is None else replace(o, seats=Decimal(chance.randrange(1, 500)))
        for o in snapshot.observations
    )
    fresh = replace(snapshot, observations=observations, taken_at=datetime.now(UTC))
    written = {"accounts": len(fresh.accounts), "observations": len(observations), "seats": seats_of(fresh)}
    return replace(fresh, details={**snapshot.details, "written": written})


_SNAPSHOTS = """
    select s.snapshot_id, s.details,
           (select count(*) from account a where a.snapshot_id = s.snapshot_id),
           (select count(*) from observation o where o.snapshot_id = s.snapshot_id),
           (select sum(o.seats) from observation o where o.snapshot_id = s.snapshot_id),
           (select count(*) from addition d where d.snapshot_id = s.snapshot_id),
           (select sum(d.quantity) from addition d where d.snapshot_id = s.snapshot_id)
    from snapshot s
    order by s.snapshot_id
"""

_PREVIEWS = """
    select h.preview_id, h.totals, count(p.row_id)
    from preview_header h
    left join preview p on p.preview_id = h.preview_id
    group by h.preview_id, h.totals
"""


def check(connection: Connection) -> set[str]:
    """Every snapshot and preview that stands in the database is whole; return their ids."""
    ids = set()
    for snapshot_id, details, accounts, observations, seats, additions, quantity in connection.execute(
        _SNAPSHOTS
    ).fetchall():
        ids.add(snapshot_id)
        written = exact_json.loads(details).get("written")
        if written is None:
            continue  # of the sample month, before the race
        found: dict[str, Any] = (
            {"additions": additions, "quantity": quantity}
            if "additions" in written
            else {"accounts": accounts, "observations": observations, "seats": seats}
        )
        assert {k: Decimal(v) for k, v in written.items()} == found, f"{snapshot_id} is not whole: {found}"
    for preview_id, totals, rows in connection.execute(_PREVIEWS).fetchall():
        ids.add(preview_id)
        counted = sum(Decimal(status["rows"]) for status in exact_json.loads(totals)["by_status"].values())
        assert rows == counted > 0, f"{preview_id} is not whole: {rows} of {counted} rows"
    return ids


def scan(warehouse: Warehouse, chance: random.Random) -> str:
    with warehouse.read() as connection:
        scan_id = latest_scan_id(connection)
        assert scan_id is not None
        last = load_scan(connection, scan_id)
    additions = tuple(replace(a, quantity=Decimal(chance.randrange(1, 500))) for a in last.additions)
    written = {"additions": len(additions), "quantity": str(sum(a.quantity for a in additions))}
    details: dict[str, Any] = {**last.details, "written": written}
    fresh = replace(last, additions=additions, taken_at=datetime.now(UTC), details=details)
    return save_scan(warehouse, fresh, run_id=None)


def round_of(
    warehouse: Warehouse, given: dict[str, SourceSnapshot], chance: random.Random, committed: set[str]
) -> None:
    """All four kinds of work, in any order; after each, everything that is stored has to be whole."""
    works = ["scan", "import", "reconcile", "query"]
    chance.shuffle(works)
    source: Any = chance.choice(("duo", "avanan"))
    for work in works:
        if work == "scan":
            committed.add(scan(warehouse, chance))
        elif work == "import":
            committed.add(save_snapshot(warehouse, marked(given[source], chance), run_id=None))
        elif work == "reconcile":
            committed.add(reconcile(warehouse, source, today=TODAY))
        else:
            with warehouse.read() as connection:
                latest = latest_preview_id(connection, source)
            assert latest is not None
            assert load_preview(warehouse, latest).rows
        with warehouse.read() as connection:
            ids = check(connection)
        assert committed <= ids, f"lost: {committed - ids}"


def rounds(warehouse: Warehouse, name: str, committed: set[str], *, rounds: int, seconds: float = 0.0) -> int:
    """At least that many rounds, for at least that long; how many it were."""
    chance = random.Random(name)  # noqa: S311  # a seed, not a secret
    given = {}
    with warehouse.read() as connection:
        for source in ("duo", "avanan"):
            row = connection.execute(
                "select min(snapshot_id) from snapshot where source = ?", [source]
            ).fetchone()
            assert row is not None
            given[source] = load_snapshot(connection, row[0])
    done, until = 0, time.monotonic() + seconds
    while done < rounds or time.monotonic() < until:
        round_of(warehouse, given, chance, committed)
        done += 1
    return done


def main(home: str, name: str, at_least: str, seconds: str) -> None:
    warehouse = TimedWarehouse(Path(home) / "seatsync.duckdb")
    committed: set[str] = set()
    done = rounds(warehouse, name, committed, rounds=int(at_least), seconds=float(seconds))
    report = {"committed": sorted(committed), "rounds": done, "waited": warehouse.longest_wait}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
