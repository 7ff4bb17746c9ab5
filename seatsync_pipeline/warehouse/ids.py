"""Ids made by SeatSync.

Each begins with its kind, so that a person knows what it is and a spreadsheet cannot take it for a number,
and is lower-case base32. Generated ids carry their time in front: sorting them is sorting by age.
"""

from __future__ import annotations

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


def stable_id(kind: str, *parts: str) -> str:
    """An id that the same parts always give, so that one line keeps its id from preview to preview."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{kind}_{_base32(digest[:10])}"
