"""Whether Ctrl-C was pressed, whatever became of it.

A KeyboardInterrupt can come out as anything: libraries swallow it while they import, Dagster replaces the
signal's handler during a run, and DuckDB wraps it into an error of its own. The wakeup descriptor sees the
signal in every case.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watched_interrupts() -> Iterator[Callable[[], bool]]:
    """A function that says whether SIGINT has arrived since. Outside the main thread it always says no."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    seen = False

    def arrived() -> bool:
        nonlocal seen
        try:
            seen = seen or signal.SIGINT in os.read(reader, 4096)
        except BlockingIOError:
            return seen
        return seen

    try:
        yield arrived
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
