"""Ids made by SeatSync.

Each begins with its kind, so that a person knows what it is and a spreadsheet cannot take it for a number,
and is lower-case base32. Generated ids carry their time in front: sorting them is sorting by age.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time


class _Clock:
    """Microseconds since 1970 that never stand still, so that ids of one process sort by their making."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def tick(self) -> int:
        with self._lock:
            self._last = max(time.time_ns() // 1000, self._last + 1)
            return self._last


_clock = _Clock()


def _base32(data: bytes) -> str:
    # The "hex" alphabet keeps the order of the bytes, which plain base32 does not.
    return base64.b32hexencode(data).decode("ascii").rstrip("=").lower()


def new_id(kind: str) -> str:
    """A new, unique, time-ordered id such as `snap_06bkq...`; strictly increasing within a process."""
    return f"{kind}_{_base32(_clock.tick().to_bytes(8, 'big') + secrets.token_bytes(7))}"


def stable_id(kind: str, *parts: str) -> str:
    """An id that the same parts always give, so that one line keeps its id from preview to preview."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{kind}_{_base32(digest[:10])}"
