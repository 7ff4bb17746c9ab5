"""What became of the rows between two previews of one source: after a mapping, a link, a pull or a month."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from seatsync_pipeline.reconcile.review.row_words import PreviewRow, number, what, who
from seatsync_pipeline.reconcile.rows import Status
from seatsync_pipeline.reconcile.store import Preview

_NUMBERS = ("current_quantity", "new_quantity", "unit_price", "amount_delta")
_OTHERS = ("status", "action", "blocked", "company_id", "agreement_id", "addition_id")


@dataclass(frozen=True)
class RowChange:
    """One row before and after. `before` None: it appeared; `after` None: it went. `columns`: those that differ."""

    row_id: str
    who: str
    what: str
    before: PreviewRow | None
    after: PreviewRow | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class StatusChange:
    """How many rows a status had, and has."""

    status: Status
    before: int
    after: int


@dataclass(frozen=True)
class Comparison:
    """Two previews of a source. Rows keep the order of their preview; `statuses` are those that differ."""

    source: str
    before_id: str
    after_id: str
    appeared: tuple[RowChange, ...]
    gone: tuple[RowChange, ...]
    changed: tuple[RowChange, ...]
    statuses: tuple[StatusChange, ...]

    def sentence(self) -> str:
        """`Ready 12 -> 13, Unmatched 3 -> 2`, or that no status has another number of rows."""
        moved = (f"{change.status} {change.before} -> {change.after}" for change in self.statuses)
        return ", ".join(moved) or "the same statuses as before"


def compare(before: Preview, after: Preview) -> Comparison:
    """The rows that appeared, went, or have another status, number, block or place. Words alone are no change.

    Raises ValueError for previews of different sources.
    """
    if before.source != after.source:
        raise ValueError(f"a {before.source} preview cannot be compared with a {after.source} preview")
    was = {row["row_id"]: row for row in before.rows}
    now = {row["row_id"]: row for row in after.rows}
    both = [(was[row_id], row) for row_id, row in now.items() if row_id in was]
    return Comparison(
        source=after.source,
        before_id=before.preview_id,
        after_id=after.preview_id,
        appeared=tuple(_change(None, row) for row_id, row in now.items() if row_id not in was),
        gone=tuple(_change(row, None) for row_id, row in was.items() if row_id not in now),
        changed=tuple(change for old, new in both if (change := _change(old, new)).columns),
        statuses=_statuses(before, after),
    )


def _change(before: PreviewRow | None, after: PreviewRow | None) -> RowChange:
    row = after or before
    if row is None:
        raise ValueError("a row that is in neither preview has not changed")
    columns: tuple[str, ...] = ()
    if before is not None and after is not None:
        differing = [name for name in _NUMBERS if number(before[name]) != number(after[name])]
        columns = (*(name for name in _OTHERS if before[name] != after[name]), *differing)
    return RowChange(row["row_id"], who(row), what(row), before, after, columns)


def _statuses(before: Preview, after: Preview) -> tuple[StatusChange, ...]:
    was, now = (Counter(Status(row["status"]) for row in preview.rows) for preview in (before, after))
    return tuple(
        StatusChange(status, was[status], now[status]) for status in Status if was[status] != now[status]
    )
