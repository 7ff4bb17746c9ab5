"""Ids made by SeatSync.

Each begins with its kind, so that a person knows what it is and a spreadsheet cannot take it for a number,
and is lower-case base32. Generated ids carry their time in front: sorting them is sorting by age,
also after the machine's clock was set back (`keep_ahead`), as long as they are made inside the write transaction.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable

from seatsync_pipeline.warehouse.schema import Connection


class _Clock:
    """Microseconds since 1970 that never stand still, so that ids of one process sort by their making."""

    def __init__(self, now: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._last = 0

    def tick(self) -> int:
        with self._lock:
            self._last = max(self._now(), self._last + 1)
            return self._last

    def pass_by(self, moment: int) -> None:
        """Tick later than that from now on."""
        with self._lock:
            self._last = max(self._last, moment)


_clock = _Clock()

# What `new_id` was asked for: each table and its column of such ids.
TIME_ORDERED = {
    "snapshot": "snapshot_id",
    "mapping_change": "change_id",
    "link_change": "change_id",
    "agreement_type_filter_change": "change_id",
    "preview_header": "preview_id",
    "operation_event": "event_id",
    "intent": "intent_id",
    "receipt": "receipt_id",
    "outcome": "outcome_id",
}
_NEWEST = " union all ".join(
    f"select max({column}) from {table}"  # noqa: S608
    for table, column in TIME_ORDERED.items()
)
_GENERATED = re.compile(r"[a-z]+_([0-7][0-9a-v]{23})")  # the first bit stays free: no moment is that far away

# The "hex" alphabet keeps the order of the bytes, which plain base32 does not.
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


def _base32(data: bytes) -> str:
    """A letter for each five bits of `data`, which is a multiple of five bytes.

    A quarter of the time of `base64.b32hexencode`: every row of a preview has such an id.
    """
    number = int.from_bytes(data, "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(len(data) * 8 - 10, -1, -10)])


def new_id(kind: str) -> str:
    """A new, unique, time-ordered id such as `snap_06bkq...`; strictly increasing within a process."""
    return f"{kind}_{_base32(_clock.tick().to_bytes(8, 'big') + secrets.token_bytes(7))}"


def keep_ahead(connection: Connection) -> None:
    """Make ids from now on sort behind all that are stored, whatever this machine's clock says meanwhile.

    The latest of anything is the one with the greatest id: after the clock was set back, a new decision would lose
    against the one it replaces.
    """
    for (newest,) in connection.execute(_NEWEST).fetchall():
        made = _GENERATED.fullmatch(newest or "")
        if made:
            _clock.pass_by(int(made[1], 32) >> 56)


def stable_id(kind: str, *parts: str) -> str:
    """An id that the same parts always give, so that one line keeps its id from preview to preview."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{kind}_{_base32(digest[:10])}"
