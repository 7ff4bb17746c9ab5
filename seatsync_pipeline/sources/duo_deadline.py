"""An end for each request of `duo_client`, whose time-out holds for each socket operation alone.

An answer that drips in, one byte every few seconds, never meets such a time-out: it would be read for ever.
What does not belong here: how often is tried again (`duo_api.py`).
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Attempt = Callable[..., tuple[Any, bytes]]


def in_time(attempt: Attempt, seconds: float) -> Attempt:
    """`duo_client`'s way to send one request, with an end: TimeoutError when it takes longer as a whole."""

    def attempt_in_time(
        connection: http.client.HTTPConnection, *request: Any, **options: Any
    ) -> tuple[Any, bytes]:
        # Here and not on the first send: the connection forgets its socket before a body that ends with it is read.
        connection.connect()
        line: socket.socket = connection.sock
        too_late = threading.Event()

        def hang_up() -> None:
            too_late.set()
            with suppress(OSError):  # it was hung up already
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, hang_up)
        timer.daemon = True
        timer.start()
        try:
            answer = attempt(connection, *request, **options)
        except (OSError, http.client.HTTPException):
            if not too_late.is_set():
                raise
        else:
            if not too_late.is_set():
                return answer
        finally:
            timer.cancel()
        raise TimeoutError

    return attempt_in_time
