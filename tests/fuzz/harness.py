"""How the fuzz tests run: a few examples each with all other tests, many in `make fuzz`.

What belongs here: the number of examples, and counting them. What does not: what is damaged (`damage.py`).
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatsync_pipeline.errors import FileRefused, SeatSyncError

SHORT = 30
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", SHORT))
RAN: Counter[str] = Counter()
REFUSED: Counter[str] = Counter()
_running = [""]

Test = Callable[..., None]


def told(error: SeatSyncError) -> None:
    """An error of our own can be printed, and a refused file says what is wrong with it."""
    REFUSED[_running[0]] += 1
    assert str(error).encode()
    assert not isinstance(error, FileRefused) or error.faults


def fuzzed(cost: int = 1, **strategies: st.SearchStrategy[Any]) -> Callable[[Test], Test]:
    """Run a test on many inputs; one whose example costs ten times as much gets a tenth of them."""

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def counted(*args: Any, **kwargs: Any) -> None:
            _running[0] = test.__name__
            RAN[test.__name__] += 1
            test(*args, **kwargs)

        quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
        runs = settings(max_examples=max(10, EXAMPLES // cost), suppress_health_check=quiet, print_blob=True)
        return runs(given(**strategies)(counted))

    return decorate
