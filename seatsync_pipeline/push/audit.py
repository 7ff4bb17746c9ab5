"""The audit log: append-only, each entry carrying the hash of the one before it.

Changing an entry breaks the chain at that entry; cutting the tail leaves the heads that operations (and their
Dagster materializations) have noted without an entry. The sequence number is the primary key and there is one
appender, so a fork is an error. Entries are canonical JSON with decimals as text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.warehouse import Connection, insert_rows

GENESIS = "0" * 64
RESTORED = "restored"
"""The kind of the entry with which the log of a restored backup goes on."""


@dataclass(frozen=True)
class Entry:
    """One line of the log. `made_at` is UTC; `entry` the canonical JSON."""

    seq: int
    made_at: datetime
    kind: str
    entry: str
    previous: str
    hash: str


@dataclass(frozen=True)
class Verification:
    """What `verify` found. `broken_at` is the first bad sequence number; `found` says what is wrong there."""

    entries: int
    head: str
    broken_at: int | None = None
    found: str | None = None

    @property
    def sound(self) -> bool:
        return self.found is None


def append(connection: Connection, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Append entries (kind, content) in the caller's transaction and return the new head's hash."""
    seq, previous = _head(connection)
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    rows = []
    for kind, content in entries:
        seq += 1
        text = canonical(content)
        digest = _hash(seq, now, kind, text, previous)
        rows.append(
            {
                "seq": seq,
                "made_at": now,
                "kind": kind,
                "entry": text,
                "previous": previous,
                "hash": digest,
            }
        )
        previous = digest
    insert_rows(connection, "audit", rows)
    return previous


def head(connection: Connection) -> str:
    """The hash of the last entry; 64 zeros for an empty log."""
    return _head(connection)[1]


def restored_at(connection: Connection) -> list[datetime]:
    """When backups were restored (UTC)."""
    rows = connection.execute("select made_at from audit where kind = ?", [RESTORED]).fetchall()
    return [made_at for (made_at,) in rows]


def load(connection: Connection, operation_id: str | None = None) -> list[Entry]:
    """The log in order; one operation's entries, or all."""
    rows = connection.execute(
        "select seq, made_at, kind, entry, previous, hash from audit order by seq"
    ).fetchall()
    entries = [Entry(*row) for row in rows]
    if operation_id is None:
        return entries
    return [e for e in entries if json.loads(e.entry).get("operation_id") == operation_id]


def verify(entries: Iterable[Entry], noted_heads: Mapping[str, str]) -> Verification:
    """Walk the chain and look for every head that was noted elsewhere (where -> hash).

    Names the first broken entry; a noted head without an entry means that the tail was cut off behind it. Heads that
    a restored backup could not know are named by the entry that the restore made.
    """
    previous, seq = GENESIS, 0
    hashes = {GENESIS}
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            return Verification(seq - 1, previous, seq, f"entry {seq} is missing; {entry.seq} follows")
        if entry.previous != previous:
            return Verification(seq - 1, previous, seq, f"entry {seq} does not follow entry {seq - 1}")
        if entry.hash != _hash(entry.seq, entry.made_at, entry.kind, entry.entry, entry.previous):
            return Verification(seq - 1, previous, seq, f"entry {seq} was changed after it was written")
        previous = entry.hash
        hashes.add(previous)
        if entry.kind == RESTORED:
            hashes.update(json.loads(entry.entry)["forgotten_heads"])
    for where, noted in noted_heads.items():
        if noted not in hashes:
            return Verification(
                seq,
                previous,
                seq + 1,
                f"the log ends before the entry that {where} has noted: its tail was cut",
            )
    return Verification(seq, previous)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; decimals, dates and times as text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_as_text)


def _as_text(value: object) -> str:
    match value:
        case Decimal():
            return plain(value)
        case date():
            return value.isoformat()
        case _:
            raise TypeError(f"{type(value).__name__} cannot be in the audit log")


def _hash(seq: int, made_at: datetime, kind: str, entry: str, previous: str) -> str:
    content = canonical([seq, made_at, kind, entry, previous])
    return hashlib.sha256(content.encode()).hexdigest()


def _head(connection: Connection) -> tuple[int, str]:
    row = connection.execute("select seq, hash from audit order by seq desc limit 1").fetchone()
    return (0, GENESIS) if row is None else (row[0], row[1])
