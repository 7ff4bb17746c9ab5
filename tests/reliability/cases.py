"""What a case of the reliability table is: one fault, one command, and what must have come of it.

What belongs here: the two types that every file of cases imports. What does not: the place a case is run in
(`place.py`), looking at what is stored (`picture.py`), and the cases (`*_cases.py`, gathered by `table.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.reliability.place import Place

__all__ = ["Case", "Place", "Stores"]


class Stores(StrEnum):
    """What was stored, as `picture.stored` observes it in the database and in ConnectWise's own records.

    None of them leaves a number that differs from the one without the fault.
    """

    NOTHING = "nothing; what was read before stays in use"
    SAME = "the same numbers as without the fault"
    FAILED = (
        "those accounts as failed: their rows are Source error and have no number; all others are unchanged"
    )
    EVIDENCE = "an incomplete snapshot, as evidence; no preview is made from it"
    UNACCEPTED = (
        "a snapshot that is not accepted: none of its decreases is selected, nothing becomes Orphaned"
    )
    INTERRUPTED = "what was confirmed until then; the same selection carries on, and no other can"
    AS_APPROVED = "quantities as they were approved, each once; what was not written is told"


@dataclass(frozen=True)
class Case:
    """One fault. `injected` says in words how `arrange` brings it about; it runs before `command`.

    `{folder}` in `command` becomes the place's folder. `says` are words that must be in what the user sees; the
    line with the first of them is shown in the table, where it is no error. `stores` is what must be observed.
    """

    system: str
    fault: str
    injected: str
    arrange: Callable[[Place], None]
    command: tuple[str, ...]
    exit_code: int
    says: tuple[str, ...]
    stores: Stores

    @property
    def name(self) -> str:
        return f"{self.system}: {self.fault} ({self.injected})"
