"""An end for each request of `duo_client`, whose time-out holds for each socket operation alone.

An answer that drips in, one byte every few seconds, never meets such a time-out: it would be read for ever.
What does not belong here: how often is tried again (`duo_api.py`).
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Attempt = Callable[..., tuple[Any, bytes]]


@dataclass(eq=False)
class _Watched:
    """One request on its way: the socket it uses, and the moment at which that is hung up."""

    line: socket.socket
    until: float
    too_late: bool = False


class Deadline:
    """Hangs up every request that takes longer than `seconds` as a whole; for any number of threads.

    One thread watches them all, as long as there are any: a timer for each request would be a thread for each, which
    costs a pull a tenth of its time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._watched: list[_Watched] = []  # the oldest first
        self._watching = False

    def guard(self, attempt: Attempt) -> Attempt:
        """`duo_client`'s way to send one request, with an end: TimeoutError when it takes too long."""

        def attempt_in_time(
            connection: http.client.HTTPConnection, *request: Any, **options: Any
        ) -> tuple[Any, bytes]:
            # Here and not on the first send: the connection forgets its socket before a body that ends with it is
            # read.
            connection.connect()
            watched = self._watch(connection.sock)
            try:
                answer = attempt(connection, *request, **options)
            except (OSError, http.client.HTTPException):
                if not watched.too_late:
                    raise
            else:
                if not watched.too_late:
                    return answer
            finally:
                self._release(watched)
            raise TimeoutError

        return attempt_in_time

    def _watch(self, line: socket.socket) -> _Watched:
        watched = _Watched(line, time.monotonic() + self._seconds)
        with self._lock:
            self._watched.append(watched)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._look, name="duo-deadline", daemon=True).start()
        return watched

    def _release(self, watched: _Watched) -> None:
        with self._lock:
            if watched in self._watched:
                self._watched.remove(watched)

    def _look(self) -> None:
        """Nobody has to wake this thread: a request that comes later is due later than those it sleeps for."""
        while True:
            with self._lock:
                now = time.monotonic()
                while self._watched and self._watched[0].until <= now:
                    late = self._watched.pop(0)
                    late.too_late = True
                    with suppress(OSError):  # it was hung up already
                        late.line.shutdown(socket.SHUT_RDWR)
                if not self._watched:
                    self._watching = False
                    return
                rest = self._watched[0].until - now
            time.sleep(rest)
