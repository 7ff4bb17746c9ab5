"""Settings of the whole test suite."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# A busy machine must not fail a property: timings belong to the benchmarks.
settings.register_profile("seatsync", deadline=None)
settings.load_profile("seatsync")

# Hundreds of processes are started: one that keeps no bytecode compiles all of SeatSync anew each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts what it runs in the background deaf to Ctrl-C, and its children inherit that: those whom tests stop
# with Ctrl-C would never hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
