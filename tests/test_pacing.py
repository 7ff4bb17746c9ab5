"""The ceiling per minute: never exceeded, never wasted, shared by all threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from seatsync_pipeline.pacing import Pacer


class Clock:
    """A clock that moves only when somebody sleeps or a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


@given(
    per_minute=st.integers(1, 12),
    gaps=st.lists(st.floats(0, 90, allow_nan=False), min_size=1, max_size=60),
)
def test_no_sixty_seconds_hold_more_than_the_ceiling_and_none_waits_without_need(
    per_minute: int, gaps: list[float]
) -> None:
    clock = Clock()
    pacer = Pacer(per_minute, clock=clock, sleep=clock.sleep)
    started: list[float] = []
    for gap in gaps:
        clock.now += gap
        wanted = clock.now
        pacer.wait()
        if len(started) < per_minute or wanted - started[-per_minute] > 62:
            assert clock.now == wanted
        started.append(clock.now)
    for first, beyond in zip(started, started[per_minute:], strict=False):
        assert beyond - first > 60


def test_a_burst_up_to_the_ceiling_starts_at_once_and_the_next_one_a_minute_later() -> None:
    clock = Clock()
    pacer = Pacer(600, clock=clock, sleep=clock.sleep)
    for _ in range(600):
        pacer.wait()
    assert clock.now == 1_000.0
    pacer.wait()
    assert 1_060 < clock.now < 1_062


def test_threads_share_one_ceiling() -> None:
    clock = Clock()
    pacer = Pacer(40, clock=clock, sleep=clock.sleep)
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(pacer.wait) for _ in range(40)]:
            future.result()
    assert clock.now == 1_000.0
    pacer.wait()
    assert clock.now > 1_060


def test_a_pause_stops_everybody_and_a_shorter_one_does_not_cut_it() -> None:
    clock = Clock()
    pacer = Pacer(100, clock=clock, sleep=clock.sleep)
    pacer.pause(30)
    pacer.pause(5)
    pacer.wait()
    assert 1_030 <= clock.now < 1_030.1
