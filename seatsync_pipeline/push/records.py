"""What the journal holds of an operation, and reading it back.

What belongs here: the records and their tables. How they are written, and when, is `journal.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise.records import Addition
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.warehouse import Connection

DONE = ("created", "updated", "cancelled")
ENDED = ("finished", "finished_with_failures")


@dataclass(frozen=True)
class Intent:
    """A write that was about to be made. `live` is the addition just before, `known_ids` a create's agreement's.

    `made` is the id of the new addition as ConnectWise acknowledged it; None where no answer was heard.
    """

    row_id: str
    made_at: datetime
    request: dict[str, Any]
    live: Addition | None
    known_ids: frozenset[int]
    made: int | None = None


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


def operation_of_run(connection: Connection, run_id: str) -> str | None:
    """The operation that a run of Dagster's began or carried on; None when it did neither, and so wrote nothing."""
    found = connection.execute(
        "select operation_id from operation_event where run_id = ? order by event_id desc limit 1", [run_id]
    ).fetchone()
    return str(found[0]) if found else None


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
    receipts = connection.execute(
        "select row_id, addition_id from receipt where operation_id = ? order by receipt_id", [operation_id]
    ).fetchall()
    made = dict(receipts)
    return {
        row_id: Intent(
            row_id,
            made_at,
            exact_json.loads(request),
            _addition(live),
            frozenset(exact_json.loads(known_ids or "[]")),
            made.get(row_id),
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
            row_id,
            outcome,
            reason,
            agreement_id,
            addition_id,
            _addition(before),
            _addition(after),
        )
        for row_id, outcome, reason, agreement_id, addition_id, before, after in rows
    }


def addition_to_json(addition: Addition | None) -> str | None:
    """An addition as an intent and an outcome keep it."""
    return None if addition is None else exact_json.dumps(asdict(addition))


def _addition(text: str | None) -> Addition | None:
    if text is None:
        return None
    values = exact_json.loads(text)
    for name in ("quantity", "less_included", "unit_price", "unit_cost"):
        values[name] = None if values[name] is None else Decimal(values[name])
    for name in ("effective_date", "cancelled_date"):
        values[name] = None if values[name] is None else date.fromisoformat(values[name])
    return Addition(**values)
