"""One approved row after another: re-check, intent, one write, read-back, outcome.

What belongs here: the order of those steps for one row, and what follows from each way they can end. What does
not: which rows there are and when to stop (`operate`), finding out what became of a write (`look`), and the rules
themselves (`recheck`, `settle`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.records import Addition, Product
from seatsync_pipeline.connectwise.writer import ConnectWiseWriter, calendar_text
from seatsync_pipeline.errors import AnswerLost, WriteRefused
from seatsync_pipeline.push import live, recheck, settle
from seatsync_pipeline.push.dates import effective_dates, first_accepted_day, refuses_the_date
from seatsync_pipeline.push.journal import Journal
from seatsync_pipeline.push.look import Lookout, Patience, unknown
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.records import Intent, Outcome
from seatsync_pipeline.push.settle import Finding, Found
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.rows import Action

_DONE = {Action.UPDATE: "updated", Action.CREATE: "created", Action.CANCEL: "cancelled"}


class RowRunner:
    """Carries out the rows of one operation. Reads go through `reader`, writes through `writer` alone.

    Without a writer it can only rehearse, and settle by reading.
    """

    def __init__(
        self,
        reader: ConnectWiseReader,
        writer: ConnectWiseWriter | None,
        journal: Journal,
        operation_id: str,
        *,
        agreement_types: frozenset[str],
        changes: tuple[Change, ...],
        today: Callable[[], date],
        patience: Patience,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._journal = journal
        self._operation_id = operation_id
        self._agreement_types = agreement_types
        self._changes = changes
        self._today = today
        self._lookout = Lookout(reader, patience)
        self._books: dict[int, Book] = {}

    def why_not(self, change: Change) -> str | None:
        """Steps 1 and 2 alone: why the row would be skipped now; None when it would be written."""
        return self._recheck(change)[0]

    def run(self, change: Change) -> Outcome:
        """Carry out a row that nothing was sent for yet."""
        why, addition, product = self._recheck(change)
        if why is not None:
            return self._skipped(change, why, addition)
        if change.action is Action.CREATE:
            return self._create(change, product)
        return self._change(change, addition)

    def resume(self, change: Change, intent: Intent) -> Outcome:
        """Carry on with a row whose intent is on record and whose outcome is not."""
        found = self._lookout.until_sure(change, intent)
        if found.finding is not Finding.NOT_WRITTEN:
            return self._outcome(change, intent, found)
        if intent.made is not None:  # that nothing shows it does not prove that it was not made
            return self._outcome(change, intent, replace(found, finding=Finding.UNRESOLVED))
        return self.run(change)  # checked once more: days may have passed, and with them the day of a cancel

    def settle_by_reading(self, change: Change, intent: Intent) -> Outcome:
        """What became of an open row, without ever writing: for an operation that is abandoned.

        A new addition that no list shows may still come: nobody will look again, so that it is left unresolved.
        """
        found = self._lookout.until_sure(change, intent)
        if found.finding is Finding.NOT_WRITTEN:
            return Outcome(
                change.row_id,
                "unresolved" if change.action is Action.CREATE else "failed",
                f"abandoned: {found.why}",
                change.agreement_id,
                change.addition_id,
                intent.live,
                found.addition,
            )
        return self._outcome(change, intent, found)

    def _pen(self) -> ConnectWiseWriter:
        if self._writer is None:
            raise RuntimeError("a rehearsal must not write")
        return self._writer

    def _recheck(self, change: Change) -> tuple[str | None, Addition | None, Product | None]:
        """Read what matters now; why the row must be skipped (or None), its addition, the catalog's product."""
        today = self._today()
        book = self._books.get(change.company_id)
        if book is None or book.today != today:
            mine = tuple(c for c in self._changes if c.company_id == change.company_id)
            book = live.read_company(self._reader, change.company_id, mine, self._agreement_types, today)
            self._books[change.company_id] = book
        addition = product = None
        if change.action is Action.CREATE:
            product = live.read_product(self._reader, change.product_id)
        else:
            addition = live.read_addition(self._reader, change)
        ours = {c.addition_id for c in self._changes if c.addition_id not in {None, change.addition_id}}
        why = recheck.why_not(change, book, addition, product, today, ours=ours)
        return why, addition, product

    def _change(self, change: Change, before: Addition | None) -> Outcome:
        """Update or cancel: intent, PATCH, read back."""
        intent = self._journal.intend(self._operation_id, change, _patch(change), live=before, known_ids=())
        return self._send(change, intent) or self._send_again(change, intent)

    def _send_again(self, change: Change, intent: Intent) -> Outcome:
        """The write provably was not taken: once more, under the same intent; then only looking is left."""
        outcome = self._send(change, intent)
        if outcome is None:
            raise unknown(change, settle.AS_BEFORE)
        return outcome

    def _send(self, change: Change, intent: Intent) -> Outcome | None:
        """PATCH once; None when the answer was lost and the write provably not taken."""
        with self._answer_may_be_lost() as answer:
            self._patch(change)
        if not answer.lost:
            return self._outcome(change, intent, self._lookout.read_back(change, intent))
        found = self._lookout.once(change, intent)
        return None if found.finding is Finding.NOT_WRITTEN else self._outcome(change, intent, found)

    def _patch(self, change: Change) -> None:
        if change.addition_id is None:
            raise ValueError(f"row {change.row_id} names no addition")
        if change.action is Action.CANCEL and change.planned_date is not None:
            self._pen().set_cancelled_date(change.agreement_id, change.addition_id, change.planned_date)
        else:
            self._pen().set_quantity(change.agreement_id, change.addition_id, change.after)

    def _create(self, change: Change, product: Product | None) -> Outcome:
        """Create: intent, POST, read back; once per day to try, while ConnectWise refuses only the day."""
        if product is None:
            raise ValueError(f"row {change.row_id} has no catalog product")
        agreement = self._books[change.company_id].agreements[change.agreement_id]
        refusal = ""
        tried = []
        for day in effective_dates(self._today(), agreement.next_invoice_date):
            known = live.read_agreement_additions(self._reader, change.agreement_id)
            if why := recheck.why_not_beside(change, known.values(), self._today()):
                return self._skipped(change, why, None)
            request = _post(change, product, day)
            intent = self._journal.intend(self._operation_id, change, request, live=None, known_ids=known)
            tried.append(day.isoformat())
            made: int | None = None
            try:
                with self._answer_may_be_lost() as answer:
                    made = self._pen().add(change.agreement_id, request)
            except WriteRefused as error:
                if not refuses_the_date(error.said):
                    return self._failed(change, error.found)
                refusal = error.found
                continue
            if made is not None and not answer.lost:
                intent = self._journal.acknowledge(self._operation_id, intent, made)
            return self._outcome(change, intent, self._lookout.until_shown(change, intent))
        works = first_accepted_day(agreement, self._today())
        untried = works is not None and works.isoformat() not in tried
        advice = f"; {works} would work, by the agreement's billing start and next invoice" if untried else ""
        return self._failed(change, f"{refusal} (tried {', '.join(tried)}{advice})")

    def _outcome(self, change: Change, intent: Intent, found: Found) -> Outcome:
        addition = found.addition
        return Outcome(
            row_id=change.row_id,
            outcome=_DONE[change.action] if found.finding is Finding.DONE else "unresolved",
            reason=_sentence(change, intent, found),
            agreement_id=change.agreement_id,
            addition_id=addition.addition_id if addition else change.addition_id or intent.made,
            before=intent.live,
            after=addition,
        )

    def _skipped(self, change: Change, why: str, addition: Addition | None) -> Outcome:
        return Outcome(
            change.row_id, "skipped", why, change.agreement_id, change.addition_id, addition, addition
        )

    def _failed(self, change: Change, why: str) -> Outcome:
        return Outcome(change.row_id, "failed", why, change.agreement_id, change.addition_id)

    @contextmanager
    def _answer_may_be_lost(self) -> Iterator[_Answer]:
        answer = _Answer()
        try:
            yield answer
        except AnswerLost:
            answer.lost = True


class _Answer:
    lost = False


def _sentence(change: Change, intent: Intent, found: Found) -> str:
    if found.finding is not Finding.DONE or found.addition is None:
        return found.why
    if intent.live is None:
        made = found.addition
        return f"added and read back: addition {made.addition_id}, which bills from {made.effective_date}"
    others = settle.unchanged_but_for(change, intent.live, found.addition)
    if others:
        return f"written and read back; also changed by somebody else meanwhile: {', '.join(others)}"
    return "written and read back"


def _patch(change: Change) -> dict[str, Any]:
    if change.action is Action.CANCEL and change.planned_date is not None:
        return {"cancelledDate": calendar_text(change.planned_date)}
    return {"quantity": change.after}


def _post(change: Change, product: Product, day: date) -> dict[str, Any]:
    """A new addition: catalog price, cost and taxable flag; no end, nothing derived."""
    body: dict[str, Any] = {
        "product": {"id": change.product_id},
        "quantity": change.after,
        "billCustomer": "Billable",
        "effectiveDate": calendar_text(day),
    }
    known = {"unitPrice": product.price, "unitCost": product.cost, "taxableFlag": product.taxable}
    return body | {name: value for name, value in known.items() if value is not None}
