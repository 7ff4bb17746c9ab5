"""The ceiling per minute: how near SeatSync comes to a server's limit, and how often it trips it.

The limit is not lifted here: it is what is measured. The server counts a sliding minute, to the millisecond.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.harness import Figure, serving
from benchmarks.scan import AT_ONCE, settings_for, stats
from seatsync_pipeline.connectwise.client import reader_from

PER_MINUTE = 600
WINDOWS = 2  # how many full windows are waited for: the first one is a burst


def figures() -> list[Figure]:
    wanted = PER_MINUTE * WINDOWS + PER_MINUTE // 2
    with serving("connectwise", "--many", "10", "--each", "1", "--per-minute", str(PER_MINUTE)) as port:
        settings = settings_for(port).model_copy(update={"connectwise_requests_per_minute": PER_MINUTE})
        began = time.perf_counter()
        with reader_from(settings) as reader, ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda _: reader.get("/finance/agreements/1/additions"), range(wanted)))
        took = time.perf_counter() - began
        seen = stats(port)
    # Nobody could be quicker: window after window full at its start, and the rest of the last one at once.
    ideal = WINDOWS * 60.0
    at = f"{wanted:,} requests, {PER_MINUTE} a minute allowed and set"
    return [
        Figure("pacing: time", at, f"{ideal:.0f} s", f"{took:.1f} s", took / ideal, 1.1),
        Figure("pacing: limit tripped", at, "0 times", f"{seen['trips']} times", float(seen["trips"]), 1.0),
    ]
