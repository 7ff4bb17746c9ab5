"""Bringing a backup back, without forgetting in silence what was pushed since.

What belongs here: what may be replaced, what a restore would forget, and the exchange itself. What does not: the
backup's form (`warehouse/archive.py`).

ConnectWise keeps what was written to it; the journal that knows of it does not survive an older database. So each
operation that the live journal knows more about has to be named, the live data is kept beside, and the restored
audit log begins with an entry that says all this. Everything is scanned anew before the next approval counts.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from seatsync_pipeline.errors import InputRefused, WarehouseBusy, WarehouseError, WarehouseFull
from seatsync_pipeline.push import audit, operate
from seatsync_pipeline.push.backup import chain, unfinished
from seatsync_pipeline.push.records import noted_heads
from seatsync_pipeline.warehouse import Connection, Warehouse
from seatsync_pipeline.warehouse.archive import DATABASE, FILES, FOLDERS, read
from seatsync_pipeline.warehouse.copy import row_counts, verify_copy
from seatsync_pipeline.warehouse.files import private_files, sync

UNKNOWN = "unknown"
"""What to name instead of operations when the live database cannot be read."""


@dataclass(frozen=True)
class Forgotten:
    """An operation that the live journal knows more about than the backup's, or that the backup does not have."""

    operation_id: str
    source: str
    approved_by: str
    started_at: datetime
    rows_settled: int
    in_backup: bool


@dataclass(frozen=True)
class Restored:
    """What a restore did. `fewer` is table -> rows that were in the live database and are not in the restored one."""

    home: Path
    former: Path | None
    forgotten: tuple[Forgotten, ...]
    fewer: dict[str, int]
    manifest: dict[str, Any]
    audit_head: str
    unfinished: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The document of `seatsync restore --json`."""
        return {
            "home": str(self.home),
            "former": None if self.former is None else str(self.former),
            "forgotten": [asdict(one) for one in self.forgotten],
            "fewer_rows": self.fewer,
            "backup": {name: value for name, value in self.manifest.items() if name != "files"},
            "files": len(self.manifest["files"]),
            "audit_head": self.audit_head,
            "unfinished": list(self.unfinished),
        }


@dataclass(frozen=True)
class _Live:
    """What stands in the home now. `readable` is False for a database that cannot be opened."""

    operations: dict[str, tuple[Any, ...]]
    rows: dict[str, int]
    heads: frozenset[str]
    readable: bool = True


_NOTHING = _Live({}, {}, frozenset())


def restore(
    warehouse: Warehouse, path: Path, *, by: str, replace: bool = False, forget: Iterable[str] = ()
) -> Restored:
    """Put a backup into the home of `warehouse`, and tell what that forgets.

    `replace` allows a home with data, which is kept in a folder beside it; `forget` names every operation that the
    live journal knows and the backup does not (`unknown` when the live database cannot be read). Raises InputRefused
    for each of these and for a damaged backup, while a push runs, and WarehouseError.
    """
    tried = f"restoring {path}"
    home = warehouse.path.parent
    _refuse_a_full_home(home, tried, replace=replace)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = home / f".restore-{secrets.token_hex(8)}"
    try:
        staging.mkdir(mode=0o700)
        with private_files():
            manifest = read(path, tried, into=staging)
        staged = Warehouse(staging / DATABASE)
        _verify(staged, manifest, tried)
        with operate.exclusive(home, tried=tried), _live(warehouse, tried) as live:
            return _exchange(home, staged, live, manifest, by=by, forget=frozenset(forget), tried=tried)
    except OSError as error:
        raise InputRefused(
            tried, error.strerror or str(error), "Free space or correct the permissions, then try again."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _refuse_a_full_home(home: Path, tried: str, *, replace: bool) -> None:
    there = [name for name in (DATABASE, *FILES) if (home / name).exists()]
    there += [f"{name}/" for name in FOLDERS if (home / name).is_dir() and any((home / name).iterdir())]
    if there and not replace:
        raise InputRefused(
            tried,
            f"{home} holds data already: {', '.join(there)}",
            "Name an empty SEATSYNC_HOME, or give --replace: what is there is kept in a folder beside it.",
        )


def _verify(staged: Warehouse, manifest: dict[str, Any], tried: str) -> None:
    verify_copy(staged.path, manifest["tables"], tried)
    with staged.read() as connection:  # brings an older schema up to this version
        if chain(connection) != manifest["audit"]:
            raise WarehouseError(
                tried, "the audit log is not the one that was backed up", "Use another backup."
            )


@contextmanager
def _live(warehouse: Warehouse, tried: str) -> Iterator[_Live]:
    """What stands there; nobody else opens it until the end."""
    if not warehouse.path.exists():
        yield _NOTHING
        return
    unreadable = _Live({}, {}, frozenset(), readable=False)
    try:
        with warehouse.read():
            pass
    except (WarehouseBusy, WarehouseFull):
        raise
    except WarehouseError:
        yield unreadable
        return
    with warehouse.frozen(tried) as connection:
        try:
            live = _Live(
                _operations(connection),
                row_counts(connection),
                frozenset({audit.head(connection), *noted_heads(connection).values()}),
            )
        except duckdb.Error:
            live = (
                unreadable  # it opens, and is damaged further in: the operator has to say that this is known
            )
        yield live


_OPERATIONS = """
    select o.operation_id, o.source, o.approved_by, o.started_at,
           (select count(*) from outcome u where u.operation_id = o.operation_id),
           (select count(*) from intent i where i.operation_id = o.operation_id),
           (select count(*) from operation_event e where e.operation_id = o.operation_id)
    from operation o
    order by o.started_at, o.operation_id
"""


def _operations(connection: Connection) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in connection.execute(_OPERATIONS).fetchall()}


def _exchange(
    home: Path,
    staged: Warehouse,
    live: _Live,
    manifest: dict[str, Any],
    *,
    by: str,
    forget: frozenset[str],
    tried: str,
) -> Restored:
    with staged.read() as connection:
        kept, rows = _operations(connection), row_counts(connection)
        known = {entry.hash for entry in audit.load(connection)} | {audit.GENESIS}
        open_operations = tuple(unfinished(connection))
    forgotten = tuple(
        Forgotten(name, facts[0], facts[1], facts[2], facts[3], in_backup=name in kept)
        for name, facts in live.operations.items()
        if kept.get(name) != facts
    )
    _require_named(forgotten, live, forget, tried)
    former = _former(home)
    content = {
        "by": by,
        "backup_made_at": manifest["made_at"],
        "backup_head": manifest["audit"]["head"],
        "forgotten_operations": [one.operation_id for one in forgotten],
        "forgotten_heads": sorted(live.heads - known),
        "former_readable": live.readable,
        "former": None if former is None else former.name,
    }
    with staged.write() as connection:
        head = audit.append(connection, [(audit.RESTORED, content)])
    _swap(home, staged.path.parent, former)
    fewer = {name: n - rows.get(name, 0) for name, n in live.rows.items() if n > rows.get(name, 0)}
    return Restored(home, former, forgotten, fewer, manifest, head, open_operations)


def _require_named(forgotten: tuple[Forgotten, ...], live: _Live, forget: frozenset[str], tried: str) -> None:
    needed = {one.operation_id for one in forgotten} | (set() if live.readable else {UNKNOWN})
    if needed <= forget:
        return
    flags = " ".join(f"--forget {name}" for name in sorted(needed))
    if not live.readable:
        raise InputRefused(
            tried,
            "the live database cannot be read, so nobody can tell what was pushed since the backup",
            f"Compare with the audit heads you kept elsewhere and with ConnectWise; to go on, add: {flags}",
        )
    told = ", ".join(
        f"{one.operation_id} ({one.source}, approved by {one.approved_by}, {one.started_at:%Y-%m-%d %H:%M} UTC, "
        f"{one.rows_settled} rows settled{', known in part' if one.in_backup else ''})"
        for one in forgotten
    )
    raise InputRefused(
        tried,
        f"SeatSync would forget what it has pushed since: {told}. ConnectWise keeps these changes",
        f"Use a newer backup; to forget them all the same, add: {flags}",
    )


def _former(home: Path) -> Path | None:
    if not any(os.path.lexists(home / name) for name in (DATABASE, *FILES, *FOLDERS)):
        return None
    stem = f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    taken = [home / stem, *(home / f"{stem}-{number}" for number in range(2, 100))]
    return next(path for path in taken if not path.exists())


def _swap(home: Path, staging: Path, former: Path | None) -> None:
    """Files first, the database last and at once: it is never missing, since an empty one would be made then."""
    if former is not None:
        former.mkdir(mode=0o700)
        for name in (*FOLDERS, *FILES):
            if os.path.lexists(home / name):
                (home / name).rename(former / name)
    for name in (*FOLDERS, *FILES):
        if (staging / name).exists():
            (staging / name).rename(home / name)
    live, log = home / DATABASE, f"{DATABASE}.wal"
    if former is not None and live.exists():
        if (home / log).exists():  # of a database that cannot be opened: it must not meet the new one
            (home / log).rename(former / log)
        _keep(live, former / DATABASE)
    sync(staging / DATABASE)
    (staging / DATABASE).replace(live)
    sync(home)


def _keep(file: Path, kept: Path) -> None:
    """The same file under a second name, or a copy where the file system has no such thing."""
    try:
        os.link(file, kept)
    except OSError:
        shutil.copy2(file, kept)
