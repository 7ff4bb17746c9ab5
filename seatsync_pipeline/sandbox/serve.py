"""Serving the sandbox until it is told to stop, for `seatsync sandbox`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from seatsync_pipeline.sandbox import SampleMonth, Sandbox


def run(
    print_settings: Callable[[dict[str, str]], None],
    stop: threading.Event,
    *,
    month: SampleMonth | None = None,
) -> None:
    """Serve `month` (the sample month) and call `print_settings` once it listens; return after `stop` is set."""
    with Sandbox(month) as sandbox:
        print_settings(sandbox.settings())
        stop.wait()
