"""Pacing: how fast SeatSync may ask a vendor.

What belongs here: the ceiling per minute that all requests to one vendor share, and a common pause when the
vendor asks for one. What does not: retries and back-off, which each client decides for its own requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pyrate_limiter import InMemoryBucket, Rate, RateItem

# A request may take up to this much longer on its way to the vendor than the one a minute before it; without
# the margin the vendor would then count both within one minute.
_MARGIN_SECONDS = 1.0
_WINDOW_MS = round((60 + _MARGIN_SECONDS) * 1000)


class Pacer:
    """Lets at most `per_minute` requests start in any 60 seconds, over all threads.

    The window slides and bursts are allowed: up to `per_minute` requests may start at once, after which each
    waits until the one `per_minute` places before it is more than a minute old.

    `clock` (monotonic, seconds) and `sleep` are there for tests.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bucket = InMemoryBucket([Rate(per_minute, _WINDOW_MS)])
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._closed_until = 0

    def wait(self) -> None:
        """Return when the next request may start."""
        while delay := self._try():
            self._sleep(delay)

    def pause(self, seconds: float) -> None:
        """Let nobody through for `seconds`: the vendor said so to one thread and means all of them."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._now() + round(seconds * 1000))

    def _try(self) -> float:
        """Take a place, or say how many seconds to wait before trying again."""
        with self._lock:
            now = self._now()
            if now < self._closed_until:
                return (self._closed_until - now) / 1000
            # The bucket is used directly: the library's Limiter keeps a background thread for leaking, and
            # dates an item that had to wait by an estimate.
            self._bucket.leak(now)
            item = RateItem("request", now)
            if self._bucket.put(item):
                return 0.0
            waiting = self._bucket.waiting(item)
            if not isinstance(waiting, int):
                raise TypeError(f"an in-memory bucket answers at once, not with {waiting!r}")
            return max(waiting, 1) / 1000

    def _now(self) -> int:
        return int(self._clock() * 1000)
