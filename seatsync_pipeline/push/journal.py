"""The journal of operations: what was approved, what was about to be sent, what came of it.

Every function is one short transaction, or works in the caller's. An intent is committed before its call is made
and an outcome with its audit entry in one transaction, so that a crash at any point leaves either nothing, or an
open intent that says exactly what may have happened. The records, and reading them back, are `records.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise.records import Addition
from seatsync_pipeline.push import audit
from seatsync_pipeline.push.group_commit import GroupCommit, Work
from seatsync_pipeline.push.plan import Change, Plan
from seatsync_pipeline.push.records import Intent, Outcome, addition_to_json
from seatsync_pipeline.warehouse import Connection, Warehouse, insert_rows, new_id


class Journal:
    """Writes operations into one warehouse. `run_by` and `run_id` sign every event."""

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
            "live": addition_to_json(live),
            "known_ids": exact_json.dumps(sorted(intent.known_ids)),
        }
        self._commit(lambda connection: insert_rows(connection, "intent", [row])).result()
        return intent

    def acknowledge(self, operation_id: str, intent: Intent, addition_id: int) -> Intent:
        """Commit the id that ConnectWise gave a new addition: from here on it is never sent again."""
        row = {
            "receipt_id": new_id("rcp"),
            "operation_id": operation_id,
            "row_id": intent.row_id,
            "made_at": _now(),
            "addition_id": addition_id,
        }
        self._commit(lambda connection: insert_rows(connection, "receipt", [row])).result()
        return replace(intent, made=addition_id)

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
            "before": addition_to_json(outcome.before),
            "after": addition_to_json(outcome.after),
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


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
