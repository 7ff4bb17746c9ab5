"""The rows of an operation, several companies at a time.

What belongs here: which row starts when, and what ends an operation. What does not: the single row (`apply`), the
lock and the report (`operate`).

Rows start in their order, but two of one company never at once: what a row reads of its company stays true until it
has written. A push begins with one row at a time and takes a further company with every few writes that succeed, so
that what is wrong with all of them costs one refusal and not several. After a failure it goes row by row again, so
that five failures in a row are five and not eight.
"""

from __future__ import annotations

from bisect import bisect, insort
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import takewhile

from seatsync_pipeline.errors import CredentialsRefused, VendorError, WarehouseError
from seatsync_pipeline.push.apply import RowRunner
from seatsync_pipeline.push.journal import Journal
from seatsync_pipeline.push.look import OutcomeUnknown
from seatsync_pipeline.push.operate import Ending, Progress
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.recheck import ALREADY_APPLIED
from seatsync_pipeline.push.records import DONE, OperationRecord, Outcome

FAILURES_IN_A_ROW = 5
WRITES_PER_COMPANY_MORE = 3


def carry_out(
    record: OperationRecord,
    runner: RowRunner,
    journal: Journal,
    progress: Progress,
    *,
    in_parallel: int = 1,
) -> Ending:
    """Work off what is left of an operation, and record how it ended.

    A failed row never stops the others, but a refusal of the credentials or 5 failures in a row (in row order)
    stop the operation, and an unknown outcome or a journal that cannot be written interrupts it. Rows that are
    under way then are carried to their end; no further one starts.
    """
    with journal.grouped():
        crew = _Crew(record, runner, journal, progress, in_parallel)
        crew.work()
    return crew.ending()


@dataclass(frozen=True)
class _Row:
    position: int
    change: Change


class _Crew:
    def __init__(
        self,
        record: OperationRecord,
        runner: RowRunner,
        journal: Journal,
        progress: Progress,
        in_parallel: int,
    ) -> None:
        self._record = record
        self._runner = runner
        self._journal = journal
        self._progress = progress
        self._in_parallel = in_parallel
        self._outcomes = dict(record.outcomes)
        self._waiting = [
            _Row(position, change)
            for position, change in enumerate(record.changes)
            if change.row_id not in record.outcomes
        ]
        self._started: list[_Row] = []  # in row order
        self._written = 0
        self._at_work: dict[Future[Outcome], _Row] = {}
        self._unknown: list[str] = []
        self._stopped: list[str] = []
        self._unwritten: WarehouseError | None = None

    def work(self) -> None:
        """Start rows and take their outcomes until nothing is left, or nothing more may start."""
        with ThreadPoolExecutor(self._in_parallel, thread_name_prefix="push") as pool:
            while self._start(pool) or self._at_work:
                done, _ = wait(self._at_work, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda one: self._at_work[one].position):
                    self._take(self._at_work.pop(future), future)

    def ending(self) -> Ending:
        """How the operation ended, put on record; call it when all that was to be committed is."""
        error = self._unwritten or self._journal.unsettled()
        if error is not None:
            # The state is told by the open intents, so that nothing more has to be written now.
            return Ending("interrupted", str(error), None)
        if self._unknown:
            return self._end("interrupted", "; ".join([*self._unknown, *self._stopped]))
        if self._stopped:
            return self._end("stopped", "; ".join(self._stopped))
        bad = any(outcome.outcome in {"failed", "unresolved"} for outcome in self._outcomes.values())
        return self._end("finished_with_failures" if bad else "finished", None)

    def _end(self, state: str, note: str | None) -> Ending:
        return Ending(state, note, self._journal.end(self._record.operation_id, state, note))

    def _start(self, pool: ThreadPoolExecutor) -> bool:
        """Start what may start now, in row order; whether anything was started."""
        started = False
        if self._width() == 1:
            self._journal.wait()
        while not self._over() and len(self._at_work) < self._width():
            busy = {row.change.company_id for row in self._at_work.values()}
            row = next((row for row in self._waiting if row.change.company_id not in busy), None)
            if row is None:
                break
            self._waiting.remove(row)
            insort(self._started, row, key=_position)
            self._at_work[pool.submit(self._carry_out, row.change)] = row
            started = True
        return started

    def _over(self) -> bool:
        return bool(self._unknown or self._stopped or self._unwritten or self._journal.unsettled())

    def _width(self) -> int:
        """How many rows may be under way: few at the beginning, one after a failure."""
        last = next(filter(None, map(self._outcome, reversed(self._started))), None)
        if last == "failed":
            return 1
        return min(self._in_parallel, 1 + self._written // WRITES_PER_COMPANY_MORE)

    def _carry_out(self, change: Change) -> Outcome:
        """One row in a thread of its own; its outcome is on its way into the journal when this returns."""
        try:
            outcome = self._not_before_its_create(change) or self._run(change)
        except CredentialsRefused as error:
            self._journal.settle(self._record.operation_id, change, _failed(change, str(error)))
            raise
        except (OutcomeUnknown, WarehouseError):
            raise
        except VendorError as error:
            outcome = _failed(change, str(error))
        self._journal.settle(self._record.operation_id, change, outcome)
        return outcome

    def _run(self, change: Change) -> Outcome:
        intent = self._record.intents.get(change.row_id)
        return self._runner.run(change) if intent is None else self._runner.resume(change, intent)

    def _not_before_its_create(self, change: Change) -> Outcome | None:
        """The cancel of a pair waits for its create; both are of one company, so that one has ended by now."""
        first = change.after_row_id
        if first is None or change.row_id in self._record.intents:
            return None
        done = self._outcomes.get(first)
        if done is not None and _bills(done):
            return None
        found = "has no outcome" if done is None else f"was {done.outcome}"
        return Outcome(
            change.row_id,
            "skipped",
            f"the create it is paired with {found}: the old line stays until the new one bills",
            change.agreement_id,
            change.addition_id,
        )

    def _take(self, row: _Row, future: Future[Outcome]) -> None:
        change = row.change
        try:
            outcome = future.result()
        except OutcomeUnknown as error:
            self._unknown.append(str(error))
            return
        except CredentialsRefused as error:
            self._stopped.append(str(error))
            outcome = _failed(change, str(error))
        except WarehouseError as error:
            self._unwritten = error
            return
        self._outcomes[change.row_id] = outcome
        self._written += outcome.outcome in DONE
        self._progress(len(self._outcomes), len(self._record.changes), change, outcome.outcome)
        if not self._stopped and self._failures_around(row) >= FAILURES_IN_A_ROW:
            self._stopped.append(f"{FAILURES_IN_A_ROW} failures in a row")

    def _failures_around(self, row: _Row) -> int:
        """How many failures in a row this row ends or joins, in row order; a row under way breaks them."""
        after = bisect(self._started, row.position, key=_position)
        runs = (reversed(self._started[:after]), self._started[after:])
        here, more = (sum(1 for _ in takewhile(self._has_failed, run)) for run in runs)
        return here + more if here else 0

    def _has_failed(self, row: _Row) -> bool:
        return self._outcome(row) == "failed"

    def _outcome(self, row: _Row) -> str | None:
        outcome = self._outcomes.get(row.change.row_id)
        return None if outcome is None else outcome.outcome


def _bills(create: Outcome) -> bool:
    """Whether the new line of a pair is there. A failure may quote any words of ConnectWise."""
    there = create.outcome == "skipped" and create.reason.startswith(ALREADY_APPLIED)
    return there or create.outcome == "created"


def _position(row: _Row) -> int:
    return row.position


def _failed(change: Change, why: str) -> Outcome:
    return Outcome(change.row_id, "failed", why, change.agreement_id, change.addition_id)
