"""The push from the outside: a selection file goes in, an operation or a refusal comes out.

What belongs here: gathering what the gate judges by, telling a new operation from one to resume, and wiring
reader, writer and journal together. Used by the op job and, through it, by the command line and the sensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatsync_pipeline.connectwise.access import Retries
from seatsync_pipeline.connectwise.client import ConnectWiseReader, reader_from
from seatsync_pipeline.connectwise.store import load_scan
from seatsync_pipeline.connectwise.writer import ConnectWiseWriter, writer_from
from seatsync_pipeline.errors import ConfigurationError, FileRefused, InputRefused, NotFound, WarehouseError
from seatsync_pipeline.push import audit, gate, operate
from seatsync_pipeline.push.apply import RowRunner
from seatsync_pipeline.push.crew import carry_out
from seatsync_pipeline.push.journal import Journal
from seatsync_pipeline.push.look import OutcomeUnknown, Patience
from seatsync_pipeline.push.plan import Change, Plan, Summary, summarise
from seatsync_pipeline.push.records import OperationRecord, load_operations, operation_of_run
from seatsync_pipeline.push.rehearsal import Rehearsal, foresee
from seatsync_pipeline.push.selection import Selection, read_selection
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.guards import Limits
from seatsync_pipeline.reconcile.load import last_setup_change, load_setup
from seatsync_pipeline.reconcile.store import Preview, latest_preview_id, load_preview
from seatsync_pipeline.settings import Settings, missing
from seatsync_pipeline.sources.store import latest_snapshot_id, snapshot_facts
from seatsync_pipeline.warehouse import Connection, Warehouse


class Push:
    """One push of one selection file under one MSP's settings. Use it inside `opened`."""

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse,
        reader: ConnectWiseReader,
        *,
        run_by: str,
        run_id: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._reader = reader
        self._journal = Journal(warehouse, run_by=run_by, run_id=run_id)
        self._patience = patience or Patience()

    def rehearse(self, path: Path) -> Rehearsal:
        """Steps 1 and 2 alone: what would be written, and what skipped. Writes nothing, here or there."""
        plan, record = self._admit(path)
        runner = self._runner(plan, None)
        return Rehearsal(
            plan,
            summarise(plan.changes),
            foresee(
                record.changes if record else plan.changes, lambda c: _settled(record, c) or runner.why_not(c)
            ),
            resumes=record is not None,
        )

    def run(
        self,
        path: Path,
        progress: operate.Progress = lambda *_: None,
        announce: Callable[[Summary], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Carry the selection out, or on, and return the operation's report.

        `announce` is told what was approved before anything is written, `progress` about each row.
        """
        with operate.exclusive(self._settings.home):
            plan, record = self._admit(path)
            announce(summarise(plan.changes))
            if record is None:
                self._journal.start(plan, self._server)
            else:
                self._journal.resume(record.operation_id)
            record = load_operation(self._warehouse, plan.operation_id)
            try:
                with writer_from(self._settings, self._reader, timeout=self._patience.answer) as writer:
                    ending = carry_out(
                        record,
                        self._runner(plan, writer),
                        self._journal,
                        progress,
                        in_parallel=self._settings.push_concurrency,
                    )
                record = load_operation(self._warehouse, plan.operation_id)
            except WarehouseError as error:
                raise WarehouseError(
                    f"recording what operation {plan.operation_id} has done",
                    f"it was interrupted: {error.found}",
                    "Close what holds the database, then run the same selection again: SeatSync looks first what "
                    "ConnectWise has taken.",
                ) from error
        return operate.report(record, state=ending.state) | {"note": ending.note}

    def begun(self) -> dict[str, Any] | None:
        """The report of what this run began or carried on before it was broken off; None when it wrote nothing."""
        with self._warehouse.read() as connection:
            own = operation_of_run(connection, self._journal.run_id or "")
        if own is None:
            return None
        record = load_operation(self._warehouse, own)
        return operate.report(record, state=operate.state_of(record, running=False))

    def abandon(self, operation_id: str, *, reason: str) -> dict[str, Any]:
        """Give an unfinished operation up; its open rows are settled by reading alone."""
        with operate.exclusive(self._settings.home):
            record = load_operation(self._warehouse, operation_id)
            tried = f"abandoning operation {operation_id}"
            if record.ended:
                raise InputRefused(tried, f"it has ended ({record.state})", "There is nothing to abandon.")
            self._same_server(record, tried)
            try:
                operate.abandon(record, self._runner(_plan_of(record), None), self._journal, reason=reason)
            except OutcomeUnknown as error:
                raise InputRefused(
                    tried,
                    f"{error.tried} cannot be settled by reading: {error.found}",
                    "Try again when ConnectWise answers.",
                ) from error
            record = load_operation(self._warehouse, operation_id)
        return operate.report(record, state=record.state)

    def _admit(self, path: Path) -> tuple[Plan, OperationRecord | None]:
        """The plan of a selection, and the operation it resumes, if it does. Raises FileRefused with all faults."""
        selection = read_selection(path)
        with self._warehouse.read() as connection:
            operations = load_operations(connection)
        own = next((o for o in operations if o.selection_digest == selection.digest), None)
        tried = f"pushing the selection {path}"
        if own is not None and not own.ended:
            self._same_server(own, tried)
            return _plan_of(own), own
        outcome = gate.judge(selection, self._known(selection, operations))
        if isinstance(outcome, Plan):
            return outcome, None
        count = f"{len(outcome)} fault{'' if len(outcome) == 1 else 's'}"
        raise FileRefused(
            tried, f"{count}: {outcome[0].rule}", "Nothing was written. Correct all of them.", outcome
        )

    def _known(self, selection: Selection, operations: list[OperationRecord]) -> gate.Known:
        settings = self._settings
        named = {row.preview_id for row in selection.rows if row.approved}
        preview = self._preview(named.pop()) if len(named) == 1 else None
        ended = [o.last_event_at for o in operations if o.ended]
        own = next((o for o in operations if o.selection_digest == selection.digest), None)
        unfinished = next((o for o in operations if not o.ended), None)
        facts: dict[str, Any] = {}
        if preview is not None:
            with self._warehouse.read() as connection:
                facts = _scan_facts(connection, preview)
                facts["latest"] = latest_preview_id(connection, preview.source)
                ended += audit.restored_at(connection)  # its journal does not know what was pushed before
            if facts["latest"] == preview.preview_id:
                facts["latest"] = preview
            else:
                facts["latest"] = load_preview(self._warehouse, facts["latest"])
        return gate.Known(
            now=datetime.now(UTC).replace(tzinfo=None),
            today=settings.today(),
            timezone_set=settings.timezone is not None,
            approvers=settings.approvers,
            limits=Limits.of(settings),
            configured=gate.Server(self._reader.server, settings.connectwise_company_id or ""),
            preview=preview,
            latest=facts.get("latest"),
            book=facts.get("book"),
            scanned=facts.get("scanned"),
            agreement_types=facts.get("agreement_types", frozenset()),
            last_operation=max(ended, default=None),
            finished=own.operation_id if own and own.ended else None,
            unfinished=unfinished.operation_id if unfinished else None,
            snapshot_id=facts.get("snapshot_id"),
            setup_change=facts.get("setup_change"),
            counted_by=facts.get("counted_by"),
            count_basis=settings.duo_count_basis if facts.get("counted_by") else None,
        )

    def _preview(self, preview_id: str) -> Preview | None:
        try:
            return load_preview(self._warehouse, preview_id)
        except NotFound:
            return None

    @property
    def _server(self) -> str:
        """The ConnectWise that is written to: its address and the company that logs in there."""
        return f"{self._reader.server} ({self._reader.company})"

    def _same_server(self, record: OperationRecord, tried: str) -> None:
        if record.server != self._server:
            raise ConfigurationError(
                tried,
                f"it writes to {record.server}, and the settings name {self._server}",
                "Set CONNECTWISE_URL and CONNECTWISE_COMPANY_ID back to those the operation began with.",
            )
        if missing(self._settings, "timezone"):
            raise ConfigurationError(
                tried,
                "SEATSYNC_TIMEZONE is not set, so nobody knows which day it is for your invoices",
                "Set it to your IANA zone, e.g. America/New_York.",
            )

    def _runner(self, plan: Plan, writer: ConnectWiseWriter | None) -> RowRunner:
        return RowRunner(
            self._reader,
            writer,
            self._journal,
            plan.operation_id,
            agreement_types=plan.agreement_types,
            changes=plan.changes,
            today=self._settings.today,
            patience=self._patience,
        )


@contextmanager
def opened(
    settings: Settings,
    warehouse: Warehouse,
    *,
    run_by: str,
    run_id: str | None = None,
    patience: Patience | None = None,
    retries: Retries | None = None,
) -> Iterator[Push]:
    """A push with its connection to ConnectWise; closed when the body ends."""
    with reader_from(settings, retries=retries) as reader:
        yield Push(settings, warehouse, reader, run_by=run_by, run_id=run_id, patience=patience)


def load_operation(warehouse: Warehouse, operation_id: str) -> OperationRecord:
    """One operation. Raises NotFound."""
    with warehouse.read() as connection:
        found = load_operations(connection, operation_id)
    if not found:
        raise NotFound(
            f"opening the operation {operation_id}", "there is none", "`seatsync operations` lists them."
        )
    return found[0]


def _scan_facts(connection: Connection, preview: Preview) -> dict[str, Any]:
    """The scan behind a preview as a book, the ConnectWise it was made from, and what is the newest of its source."""
    scan = load_scan(connection, preview.scan["id"])
    setup = load_setup(connection, preview.source)
    snapshot_id = latest_snapshot_id(connection, preview.source)
    return {
        "book": Book(scan, setup.agreement_types, preview.today),
        "scanned": gate.Server(str(scan.details.get("server")), str(scan.details.get("company"))),
        "agreement_types": setup.agreement_types,
        "snapshot_id": snapshot_id,
        "counted_by": snapshot_facts(connection, snapshot_id).details.get("basis") if snapshot_id else None,
        "setup_change": last_setup_change(connection, preview.source),
    }


def _plan_of(record: OperationRecord) -> Plan:
    return Plan(
        record.operation_id,
        record.selection_digest,
        record.source,
        record.preview_id,
        record.snapshot_id,
        record.approved_by,
        record.agreement_types,
        record.changes,
    )


def _settled(record: OperationRecord | None, change: Change) -> str | None:
    """Why a row of an operation to be resumed has nothing left to do."""
    if record is None or change.row_id not in record.outcomes:
        return None
    return f"done in this operation already: {record.outcomes[change.row_id].outcome}"
