"""The additions of a whole ConnectWise before and after: which changed, in which fields, and what was asked for.

What belongs here: comparing sandbox states and reading its log of writes. What does not: bringing the change about.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Final

from seatsync_pipeline.sandbox import Sandbox

Record = dict[str, Any]
Additions = dict[int, Record]

DERIVED: Final = frozenset({"billedQuantity", "extPrice", "extCost", "margin", "_info"})
"""What ConnectWise computes by itself when an addition is written."""
_WRITES: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})


@dataclass(frozen=True)
class Write:
    """A write as it was asked for. `status` is None where no answer was sent."""

    method: str
    path: str
    body: bytes
    status: int | None


@dataclass(frozen=True)
class Changes:
    """How the additions of a whole ConnectWise differ: what is new, what is gone, and old and new of each field.

    What ConnectWise derives is left out of `changed`; `written` are the ids that were written to at all, also
    with the value they had. A field that is missing and one that is null are the same.
    """

    created: Additions
    removed: frozenset[int]
    changed: dict[int, dict[str, tuple[Any, Any]]]
    written: frozenset[int]

    @property
    def none(self) -> bool:
        return not (self.created or self.removed or self.changed or self.written)


def additions_of(sandbox: Sandbox) -> Additions:
    """A copy of every addition that ConnectWise has now, by id."""
    state = sandbox.connectwise.state
    with state.lock:
        return copy.deepcopy(state.additions)


def changes(before: Additions, after: Additions) -> Changes:
    """What became of `before`."""
    both = sorted(before.keys() & after.keys())
    differences = {key: _differences(before[key], after[key]) for key in both}
    return Changes(
        created={key: after[key] for key in sorted(after.keys() - before.keys())},
        removed=frozenset(before.keys() - after.keys()),
        changed={key: fields for key, fields in differences.items() if fields},
        written=frozenset(key for key in both if before[key].get("_info") != after[key].get("_info")),
    )


def writes_of(sandbox: Sandbox) -> list[Write]:
    """Every write that ConnectWise was asked for, also those that it refused or never answered, in order."""
    return [
        Write(one.method, one.path, one.body, one.status)
        for one in sandbox.connectwise.requests
        if one.method in _WRITES
    ]


def _differences(before: Record, after: Record) -> dict[str, tuple[Any, Any]]:
    names = sorted((before.keys() | after.keys()) - DERIVED)
    return {
        name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    }
