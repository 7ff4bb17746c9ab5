"""The facts behind notices: what failed, what a push left undone, what a preview would change, how old a source is.

Read from the warehouse as numbers, ids and keys. Names of clients are kept apart, in fields that say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from seatsync_pipeline import exact_json
from seatsync_pipeline.push.records import load_operations, operation_of_run
from seatsync_pipeline.reconcile.review import drift
from seatsync_pipeline.reconcile.rows import Status
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.warehouse import Connection

_HUNDRED = Decimal(100)
_WITHOUT_COMPANY = (Status.UNMATCHED, Status.AMBIGUOUS)


@dataclass(frozen=True)
class PushRun:
    """What a run of the push did. `begun` is the operation that it began or carried on, and without one it wrote
    nothing; `unfinished` is the one that is open now, whoever began it. `known`: the database could be asked.
    """

    rehearsal: bool
    begun: str | None = None
    unfinished: str | None = None
    known: bool = True

    @property
    def left_open(self) -> bool:
        return self.begun is not None and self.begun == self.unfinished


@dataclass(frozen=True)
class RunFailure:
    """A failed run. `error` is the class of what stopped it, `status` the vendor's HTTP status, `settings` those
    that the error names. `text` is the error's own text, which may name clients. `assets` are those that a run
    without a job was to make, `push` is for runs of the push.
    """

    run_id: str
    job: str
    step: str | None = None
    error: str | None = None
    status: int | None = None
    fault_count: int | None = None
    settings: tuple[str, ...] = ()
    text: str | None = None
    assets: tuple[str, ...] = ()
    push: PushRun | None = None


@dataclass(frozen=True)
class PushFacts:
    """A push that came to its end and did not write every row. The counts are of rows."""

    operation_id: str
    run_id: str
    written: int
    failed: int
    unresolved: int


@dataclass(frozen=True)
class PreviewFacts:
    """One preview in numbers. `rows` counts rows by status, `billed` the seats that ConnectWise bills on its lines;
    `up`, `down` (both positive) and `amount` are what pushing every row would change. `without_company` are the keys
    of accounts that belong to no company yet, with their names.
    """

    preview_id: str
    source: Source
    snapshot_id: str
    verdict: str
    rows: dict[str, int] = field(default_factory=dict)
    billed: Decimal = Decimal(0)
    up: Decimal = Decimal(0)
    down: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    without_company: dict[str, str] = field(default_factory=dict)

    def drifts(self, limit: Decimal) -> bool:
        """Whether more than `limit` per cent of the billed seats would change; exactly `limit` passes."""
        return (self.up + self.down) * _HUNDRED > limit * self.billed

    @property
    def drift_percent(self) -> Decimal | None:
        """Seats that would change, of those billed, in per cent with one place; None when none are billed."""
        if not self.billed:
            return None
        return ((self.up + self.down) * _HUNDRED / self.billed).quantize(Decimal("0.1"))


@dataclass(frozen=True)
class SourceAge:
    """When a source was last read well: `accepted_at` of its last accepted snapshot (UTC, aware), None when it has
    none; `first_at` of its first snapshot at all.
    """

    source: Source
    accepted_at: datetime | None
    first_at: datetime

    def days(self, now: datetime) -> int:
        """Whole days since then."""
        return (now - (self.accepted_at or self.first_at)).days


def push_run(connection: Connection, run_id: str) -> PushRun:
    """What a confirmed push did that ended before its time."""
    unfinished = (one.operation_id for one in load_operations(connection) if not one.ended)
    return PushRun(
        rehearsal=False, begun=operation_of_run(connection, run_id), unfinished=next(unfinished, None)
    )


_ROWS = """
    select status, action, blocked, accounts, current_quantity, delta, amount_delta
    from preview
    where preview_id = ?
"""


def preview_facts(connection: Connection, preview_id: str) -> PreviewFacts | None:
    """The facts of a stored preview; None when it is not, or no longer, in this database."""
    header = connection.execute(
        "select h.source, h.snapshot_id, s.verdict from preview_header h"
        " join snapshot s on s.snapshot_id = h.snapshot_id where h.preview_id = ?",
        [preview_id],
    ).fetchone()
    if header is None:
        return None
    source, snapshot_id, verdict = header
    found = connection.execute(_ROWS, [preview_id])
    names = [column[0] for column in found.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    moves = drift(rows)
    return PreviewFacts(
        preview_id,
        source,
        snapshot_id,
        verdict,
        {status.value: count for status, count in moves.by_status.items()},
        moves.billed_seats,
        moves.total.seats_up,
        moves.total.seats_down,
        moves.total.amount_up - moves.total.amount_down,
        {
            account["account_key"]: account["account_name"]
            for row in rows
            if row["status"] in _WITHOUT_COMPANY
            for account in exact_json.loads(row["accounts"])
        },
    )


_AGES = """
    select s.source,
           max(s.taken_at) filter (where s.snapshot_id in (select snapshot_id from accepted_snapshot)),
           min(s.taken_at)
    from snapshot s
    where s.source <> 'connectwise'
    group by s.source
    order by s.source
"""


def source_ages(connection: Connection) -> tuple[SourceAge, ...]:
    """The age of every source that was ever read; one that never was is not in use."""
    return tuple(
        SourceAge(source, accepted.replace(tzinfo=UTC) if accepted else None, first.replace(tzinfo=UTC))
        for source, accepted, first in connection.execute(_AGES).fetchall()
    )
