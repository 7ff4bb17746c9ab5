"""A process that has its children write to the database, kills them there, and looks at what they left.

Run as `python -m tests.warehouse.killed HOME`. The children are forked, so that a kill costs milliseconds and not a
start of the interpreter; no database is open at that moment. Prints how often what was being written is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.sources import store
from seatsync_pipeline.sources.base import SourceSnapshot
from seatsync_pipeline.sources.store import latest_snapshot_id, load_snapshot, save_snapshot
from seatsync_pipeline.warehouse import Warehouse, insert_columns, insert_rows
from tests.warehouse.together import TODAY, check, marked

Work = Callable[[int], None]
_INSERTS = 3  # of a snapshot: its header, its accounts, its observations


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(work: Work, *, after: float | None = None) -> str:
    """Fork, have the child work, and kill it `after` seconds from its first word (None: it kills itself).

    The child writes to the given descriptor; returns all that it said.
    """
    mouth_read, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(mouth_read)
        work(mouth)
        os._exit(0)
    os.close(mouth)
    said = os.read(mouth_read, 100)
    if after is not None:
        until = time.perf_counter() + after
        while time.perf_counter() < until:  # a sleep is too coarse to hit a commit
            pass
        os.kill(child, signal.SIGKILL)
    said += os.read(mouth_read, 100) if said else b""
    os.close(mouth_read)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or after is not None, "the child was to die, and ended"
    return said.decode()


def writing(home: Path, fresh: SourceSnapshot, die_at_insert: int | None) -> Work:
    """A child that saves a snapshot. It says the snapshot's id just before its last insert."""

    def work(mouth: int) -> None:
        calls = 0

        def dying(real: Callable[..., Any], id_of: Callable[[Any], str]) -> Callable[..., Any]:
            def insert(connection: Any, table: str, incoming: Any) -> Any:
                nonlocal calls
                calls += 1
                content = incoming if isinstance(incoming, Mapping) else list(incoming)
                if calls == die_at_insert:
                    os.write(mouth, id_of(content).encode())
                    die()
                done = real(connection, table, content)
                if calls == _INSERTS:
                    os.write(mouth, id_of(content).encode())
                    if die_at_insert == _INSERTS + 1:
                        die()  # all inserted, nothing committed
                return done

            return insert

        store.insert_rows = dying(insert_rows, lambda rows: rows[0]["snapshot_id"])  # type: ignore[attr-defined]
        store.insert_columns = dying(  # type: ignore[attr-defined]
            insert_columns, lambda columns: columns["snapshot_id"][0]
        )
        save_snapshot(Warehouse(home / "seatsync.duckdb"), fresh, run_id=None)

    return work


def previewing(home: Path, event: str) -> Work:
    """A child that reconciles, and dies when Python reports that event for the sheet."""

    def work(mouth: int) -> None:
        def hook(name: str, arguments: tuple[Any, ...]) -> None:
            if name == event and any("duo-prev_" in str(a) for a in arguments):
                os.write(mouth, b"at the sheet")
                die()

        sys.addaudithook(hook)
        reconcile(Warehouse(home / "seatsync.duckdb"), "duo", today=TODAY)

    return work


def births(folder: Path, delays: list[float]) -> int:
    """Kill the first opening of a database that does not exist yet; the next one always works."""
    for number, delay in enumerate(delays):
        path = folder / f"born{number}" / "seatsync.duckdb"

        def work(mouth: int, path: Path = path) -> None:
            os.write(mouth, b"now")
            with Warehouse(path).read():
                pass

        killed(work, after=delay)
        with Warehouse(path).read() as connection:
            (applied,) = connection.execute("select count(*) from schema_migration").fetchall()[0]
            assert connection.execute("select count(*) from audit").fetchone() == (0,)
        assert applied >= 4
    return len(delays)


def main(home_path: str) -> None:
    home = Path(home_path)
    warehouse = Warehouse(home / "seatsync.duckdb")
    chance = random.Random(4)  # noqa: S311  # a seed, not a secret
    with warehouse.read() as connection:
        known = check(connection)
        latest = latest_snapshot_id(connection, "duo")
        assert latest is not None
        given = load_snapshot(connection, latest)

    def verify(doubtful: str, *, may_be_there: bool) -> bool:
        """Exactly what was committed is there, whole; and the next write works."""
        with warehouse.read() as connection:
            found = check(connection)
        new = found - known
        assert known <= found, f"lost: {known - found}"
        assert new <= ({doubtful} if may_be_there else set()), new
        known.update(new)
        known.add(save_snapshot(warehouse, marked(given, chance), run_id=None))
        return bool(new)

    result: dict[str, Any] = {}
    for at in range(1, _INSERTS + 2):
        said = killed(writing(home, marked(given, chance), at))
        assert said.startswith("snap_"), said
        verify(said, may_be_there=False)
    committing = Counter(
        verify(killed(writing(home, marked(given, chance), None), after=step * 0.008), may_be_there=True)
        for step in range(12)
    )
    result["inserting"], result["committing"] = _INSERTS + 1, {str(k): n for k, n in committing.items()}

    for event in ("tempfile.mkstemp", "os.rename"):
        before = set((home / "previews").glob("*.csv"))
        assert killed(previewing(home, event)) == "at the sheet"
        assert set((home / "previews").glob("*.csv")) == before, "half a sheet"
        with warehouse.read() as connection:
            made = check(connection) - known
        assert len(made) == 1  # the preview is committed before its sheet is written
        known.update(made)
        known.add(reconcile(warehouse, "duo", today=TODAY))
        assert len(set((home / "previews").glob("*.csv")) - before) == 1
    result["born"] = births(home.parent, [step * 0.03 for step in range(8)])
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
