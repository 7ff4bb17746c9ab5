"""The journal of operations: what was approved, what was about to be sent, what came of it.

Every function is one short transaction, or works in the caller's. An intent is committed before its call is made
and an outcome with its audit entry in one transaction, so that a crash at any point leaves either nothing, or an
open intent that says exactly what may have happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise.records import Addition
from seatsync_pipeline.push import audit
from seatsync_pipeline.push.group_commit import GroupCommit, Work
from seatsync_pipeline.push.plan import Change, Plan
from seatsync_pipeline.warehouse import Connection, Warehouse, insert_rows, new_id

DONE = ("created", "updated", "cancelled")
ENDED = ("finished", "finished_with_failures")


@dataclass(frozen=True)
class Intent:
    """A write that was about to be made. `live` is the addition just before, `known_ids` a create's agreement's."""

    row_id: str
    made_at: datetime
    request: dict[str, Any]
    live: Addition | None
    known_ids: frozenset[int]


@dataclass(frozen=True)
class Outcome:
    """What became of one row. `before` and `after` are the addition's fields that matter."""

    row_id: str
    outcome: str
    reason: str
    agreement_id: int | None = None
    addition_id: int | None = None
    before: Addition | None = None
    after: Addition | None = None


@dataclass(frozen=True)
class OperationRecord:
    """One operation as it stands. `state` is its last event's; None of them is ever overwritten."""

    operation_id: str
    source: str
    preview_id: str
    snapshot_id: str
    selection_digest: str
    approved_by: str
    server: str
    agreement_types: frozenset[str]
    started_at: datetime
    state: str
    last_event_at: datetime
    note: str | None
    audit_head: str | None
    changes: tuple[Change, ...]
    intents: dict[str, Intent]
    outcomes: dict[str, Outcome]

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def open_rows(self) -> list[Change]:
        """Changes with an intent and no outcome: nobody knows yet."""
        return [c for c in self.changes if c.row_id in self.intents and c.row_id not in self.outcomes]


class Journal:
    """Writes and reads operations in one warehouse. `run_by` and `run_id` sign every event."""

    def __init__(self, warehouse: Warehouse, *, run_by: str, run_id: str | None) -> None:
        self.warehouse = warehouse
        self.run_by = run_by
        self.run_id = run_id
        self._group: GroupCommit | None = None
        self._broken: BaseException | None = None

    @contextmanager
    def grouped(self) -> Iterator[None]:
        """Let threads share transactions meanwhile: an intent is committed when `intend` returns, outcomes follow
        in the background, in order. Leaving waits for all of them; `unsettled` then tells what went wrong.
        """
        group = GroupCommit(self.warehouse)
        try:
            with group:
                self._group = group
                try:
                    yield
                finally:
                    self._group = None
        finally:
            self._broken = group.broken

    def wait(self) -> None:
        """Return when every outcome so far is committed, or cannot be: `unsettled` tells."""
        if self._group is not None:
            self._group.wait()

    def unsettled(self) -> BaseException | None:
        """Why outcomes could not be committed, as far as it is known now; None when there is nothing to tell."""
        return self._broken if self._group is None else self._group.broken

    def _commit(self, work: Work) -> Future[None]:
        if self._group is not None:
            return self._group.submit(work)
        done: Future[None] = Future()
        with self.warehouse.write() as connection:
            work(connection)
        done.set_result(None)
        return done

    def start(self, plan: Plan, server: str) -> None:
        """Put a plan on record, before anything is sent."""
        now = _now()
        operation = {
            "operation_id": plan.operation_id,
            "source": plan.source,
            "preview_id": plan.preview_id,
            "snapshot_id": plan.snapshot_id,
            "selection_digest": plan.digest,
            "approved_by": plan.approved_by,
            "server": server,
            "agreement_types": exact_json.dumps(sorted(plan.agreement_types)),
            "started_at": now,
        }
        items = [
            {
                "operation_id": plan.operation_id,
                "position": position,
                "row_id": change.row_id,
                "action": change.action,
                "change": change.to_json(),
            }
            for position, change in enumerate(plan.changes, 1)
        ]
        content = {**operation, "run_by": self.run_by, "run_id": self.run_id}
        content["changes"] = [asdict(change) for change in plan.changes]
        with self.warehouse.write() as connection:
            insert_rows(connection, "operation", [operation])
            insert_rows(connection, "operation_item", items)
            head = audit.append(connection, [("started", content)])
            self._event(connection, plan.operation_id, "running", None, head)

    def resume(self, operation_id: str) -> None:
        with self.warehouse.write() as connection:
            self._event(connection, operation_id, "running", "resumed", audit.head(connection))

    def intend(
        self,
        operation_id: str,
        change: Change,
        request: dict[str, Any],
        *,
        live: Addition | None,
        known_ids: Iterable[int] = (),
    ) -> Intent:
        """Commit what is about to be sent. Only when this has returned may the call be made."""
        intent = Intent(change.row_id, _now(), request, live, frozenset(known_ids))
        row = {
            "intent_id": new_id("int"),
            "operation_id": operation_id,
            "row_id": change.row_id,
            "made_at": intent.made_at,
            "request": exact_json.dumps(request),
            "live": _to_json(live),
            "known_ids": exact_json.dumps(sorted(intent.known_ids)),
        }
        self._commit(lambda connection: insert_rows(connection, "intent", [row])).result()
        return intent

    def settle(self, operation_id: str, change: Change, outcome: Outcome) -> None:
        """Commit what became of a row, together with its audit entry; inside `grouped`, soon and in order."""
        row = {
            "outcome_id": new_id("out"),
            "operation_id": operation_id,
            "row_id": outcome.row_id,
            "made_at": _now(),
            "outcome": outcome.outcome,
            "reason": outcome.reason,
            "agreement_id": outcome.agreement_id,
            "addition_id": outcome.addition_id,
            "before": _to_json(outcome.before),
            "after": _to_json(outcome.after),
        }
        content = {
            "operation_id": operation_id,
            "run_by": self.run_by,
            "action": change.action,
            "company": f"{change.company_name} ({change.company_id})",
            "product": change.product_identifier,
            "approved": asdict(change),
            **{name: row[name] for name in ("row_id", "outcome", "reason", "agreement_id", "addition_id")},
            "before": None if outcome.before is None else asdict(outcome.before),
            "after": None if outcome.after is None else asdict(outcome.after),
        }

        def record(connection: Connection) -> None:
            insert_rows(connection, "outcome", [row])
            audit.append(connection, [("item", content)])

        self._commit(record)

    def end(self, operation_id: str, state: str, note: str | None) -> str:
        """Record how a run of the operation ended and return the audit log's head."""
        content = {
            "operation_id": operation_id,
            "state": state,
            "note": note,
            "run_by": self.run_by,
            "run_id": self.run_id,
        }
        with self.warehouse.write() as connection:
            head = audit.append(connection, [("ended", content)])
            self._event(connection, operation_id, state, note, head)
        return head

    def _event(
        self, connection: Connection, operation_id: str, state: str, note: str | None, head: str
    ) -> None:
        insert_rows(
            connection,
            "operation_event",
            [
                {
                    "event_id": new_id("evt"),
                    "operation_id": operation_id,
                    "state": state,
                    "made_at": _now(),
                    "by_whom": self.run_by,
                    "run_id": self.run_id,
                    "note": note,
                    "audit_head": head,
                }
            ],
        )


_OPERATIONS = """
    select o.operation_id, o.source, o.preview_id, o.snapshot_id, o.selection_digest, o.approved_by,
           o.server, o.agreement_types, o.started_at, e.state, e.made_at, e.note, e.audit_head
    from operation o
    join operation_event e on e.operation_id = o.operation_id
    where e.event_id = (
        select max(l.event_id) from operation_event l where l.operation_id = o.operation_id
    )
    order by o.started_at, o.operation_id
"""


def load_operations(connection: Connection, operation_id: str | None = None) -> list[OperationRecord]:
    """Operations, oldest first, each with its changes, intents and outcomes; or only the one named."""
    rows = connection.execute(_OPERATIONS).fetchall()
    return [_operation(connection, row) for row in rows if operation_id in {None, row[0]}]


def _operation(connection: Connection, row: tuple[Any, ...]) -> OperationRecord:
    names = [field.name for field in fields(OperationRecord)]
    known = dict(zip(names, row, strict=False))
    known["agreement_types"] = frozenset(exact_json.loads(known["agreement_types"]))
    return OperationRecord(
        **known,
        changes=_changes(connection, row[0]),
        intents=_intents(connection, row[0]),
        outcomes=_outcomes(connection, row[0]),
    )


def noted_heads(connection: Connection) -> dict[str, str]:
    """The audit heads that operations have noted: where -> hash."""
    rows = connection.execute(
        "select operation_id, state, audit_head from operation_event"
        " where audit_head is not null order by event_id"
    ).fetchall()
    return {f"operation {operation_id} ({state})": noted for operation_id, state, noted in rows}


def _changes(connection: Connection, operation_id: str) -> tuple[Change, ...]:
    rows = connection.execute(
        "select change from operation_item where operation_id = ? order by position", [operation_id]
    ).fetchall()
    return tuple(Change.from_json(text) for (text,) in rows)


def _intents(connection: Connection, operation_id: str) -> dict[str, Intent]:
    """The last intent of each row: an earlier one was refused, and the refusal led to it."""
    rows = connection.execute(
        "select row_id, made_at, request, live, known_ids from intent"
        " where operation_id = ? order by intent_id",
        [operation_id],
    ).fetchall()
    return {
        row_id: Intent(
            row_id,
            made_at,
            exact_json.loads(request),
            _from_json(live),
            frozenset(exact_json.loads(known_ids or "[]")),
        )
        for row_id, made_at, request, live, known_ids in rows
    }


def _outcomes(connection: Connection, operation_id: str) -> dict[str, Outcome]:
    rows = connection.execute(
        "select row_id, outcome, reason, agreement_id, addition_id, before, after from outcome"
        " where operation_id = ?",
        [operation_id],
    ).fetchall()
    return {
        row_id: Outcome(
            row_id, outcome, reason, agreement_id, addition_id, _from_json(before), _from_json(after)
        )
        for row_id, outcome, reason, agreement_id, addition_id, before, after in rows
    }


def _to_json(addition: Addition | None) -> str | None:
    return None if addition is None else exact_json.dumps(asdict(addition))


def _from_json(text: str | None) -> Addition | None:
    if text is None:
        return None
    values = exact_json.loads(text)
    for name in ("quantity", "less_included", "unit_price", "unit_cost"):
        values[name] = None if values[name] is None else Decimal(values[name])
    for name in ("effective_date", "cancelled_date"):
        values[name] = None if values[name] is None else date.fromisoformat(values[name])
    return Addition(**values)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
