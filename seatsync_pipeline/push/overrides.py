"""Which guards an approval may override, and what is left of a row's block then.

An override is named, has a reason, and holds for its selection only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seatsync_pipeline.reconcile.guards import Limits, quantity_guards
from seatsync_pipeline.reconcile.rows import Flag, Guard, Status


def blocked_by(row: Mapping[str, Any], overrides: Iterable[str]) -> Guard | str | None:
    """What still blocks a row of a preview: the guard that may be overridden, else the row's own reason; or None."""
    if not row["blocked"]:
        return None
    by_guard_alone = Guard.ORPHAN_SHARE in tripped(row) and Flag.POSSIBLE_RENAME not in row["flags"]
    if not by_guard_alone:
        return str(row["reason"])
    return None if Guard.ORPHAN_SHARE in set(overrides) else Guard.ORPHAN_SHARE


def tripped(row: Mapping[str, Any]) -> list[str]:
    """The guards a row tripped when its preview was made."""
    return [guard["guard"] for guard in row["guards"]]


def newly_tripped(row: Mapping[str, Any], limits: Limits) -> list[str]:
    """Guards that today's limits add to those of the preview."""
    if row["status"] != Status.READY:
        return []
    found = quantity_guards(row["current_quantity"], row["new_quantity"], limits)
    stored = tripped(row)
    return [result.guard for result in found if result.guard not in stored]


def idle(overrides: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Overrides of guards that none of these rows has tripped."""
    known = {guard for row in rows for guard in tripped(row)}
    return [name for name in overrides if name not in known]
