"""Lists that lag behind a write: a new addition is there by its id, and not yet in the lists.

What belongs here: which new additions a list leaves out. What does not: everything else about lists (listing.py).
ConnectWise was seen to answer lists right after a create without the new record; by default nothing lags here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from seatsync_pipeline.sandbox.records import Record


@dataclass
class ListLag:
    """How long a new addition stays out of the lists and counts that would have it.

    It is missing from the first `requests` of them, and from all for `seconds`; changing either takes effect at
    once, also for additions made before. `clock` counts seconds, and may be a test's own.
    """

    requests: int = 0
    seconds: float = 0.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _born: dict[int, float] = field(default_factory=dict, init=False, repr=False)
    _missed: dict[int, int] = field(default_factory=dict, init=False, repr=False)

    def set(self, requests: int = 0, seconds: float = 0.0) -> None:
        """Set both at once, as `POST /_sandbox/list_lag` does. Raises TypeError for what is no number."""
        self.requests, self.seconds = int(requests), float(seconds)

    def created(self, addition_id: int) -> None:
        """Remember that an addition was made now."""
        self._born[addition_id] = self.clock()

    def listed(self, additions: Iterable[Record]) -> list[Record]:
        """Those of `additions` that a list shows now. One call is one list."""
        return [addition for addition in additions if not self._lags(addition["id"])]

    def _lags(self, addition_id: int) -> bool:
        if addition_id not in self._born:
            return False
        missed = self._missed.get(addition_id, 0)
        if missed >= self.requests and self.clock() - self._born[addition_id] >= self.seconds:
            return False
        self._missed[addition_id] = missed + 1
        return True
