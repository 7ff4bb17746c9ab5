"""Billed, but used by no present account: the other half of every preview.

An orphan is never proved by one look. It needs an accepted snapshot; it is blocked while an unresolved account
could be that client under another name; and it carries its evidence, so that an operator can tell an account
that is gone from one that SeatSync never knew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import itemgetter

from seatsync_pipeline.connectwise.records import Addition, Agreement
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.reconcile.book import (
    Book,
    Line,
    LineKey,
    Timing,
    invoices_between,
    last_billed_day,
)
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.lines import addition_flags, amount_delta, billing
from seatsync_pipeline.reconcile.placement import NoRow, Placed, Placement
from seatsync_pipeline.reconcile.rows import (
    Action,
    Flag,
    Row,
    Status,
    Step,
    addition_row_id,
    seats_text,
)

EXPIRED_IN_SOURCE = "expired in source"
ABSENT_ONCE = "absent once"
NEVER_SEEN = "never seen"


@dataclass(frozen=True)
class Evidence:
    """How strongly the snapshots speak for an absence, and its first day; None when that is not known.

    `remapped`: accounts that are present and were this line's until their license was mapped otherwise.
    """

    strength: str
    since: date | None = None
    remapped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unused:
    """The rows of what no present account uses, and the additions left unjudged without an accepted snapshot."""

    rows: tuple[Row, ...]
    not_checked: int


def unused_lines(inputs: Inputs, placement: Placement, book: Book) -> Unused:
    """One row per counting addition of this source's products to whose line no present account contributes."""
    contributed = placement.contributed()
    open_lines = {key: line for key, line in book.lines(inputs.setup.products) if key not in contributed}
    if inputs.not_accepted is not None:
        return Unused((), sum(len(line.additions) for line in open_lines.values()))
    unresolved = placement.unresolved()
    evidence = _Evidence(inputs, placement)
    rows = []
    for key, line in sorted(open_lines.items(), key=itemgetter(0)):
        for addition in line.additions:
            row = _base(inputs.source, key, addition, line, book)
            if line.coming or book.timing(addition) is Timing.ENDING:
                rows.append(_left_alone(row, coming=line.coming))
            else:
                blockers = unresolved.get(key[0], [])
                rows.append(_orphaned(row, addition, evidence.of(key), blockers, book))
    return Unused(tuple(rows), 0)


def _base(source: str, key: LineKey, addition: Addition, line: Line, book: Book) -> Row:
    company_id, product_id = key
    own = Line((addition,), coming=line.coming)
    return Row(
        source=source,
        row_id=addition_row_id(source, addition.addition_id),
        status=Status.ORPHANED,
        reason="",
        trace=(
            Step("additions in scope", f"addition {addition.addition_id} bills this line"),
            Step("present accounts", "none contributes to it"),
        ),
        company_id=company_id,
        company_name=book.company_name(company_id),
        product_id=product_id,
        product_identifier=book.product_identifier(product_id),
        flags=tuple(addition_flags(own)),
        billing=billing(own, book),
    )


def _left_alone(row: Row, *, coming: bool) -> Row:
    when = "it has not begun to bill" if coming else "it has a cancelled date already and ends by itself"
    return row.changed(
        status=Status.NO_CHANGE,
        new_quantity=row.billing.current_quantity,
        amount_delta=Decimal(0),
        reason=f"{row.company_name}: no account uses {row.product_identifier}, but {when}.",
        trace=(*row.trace, Step("status", f"{Status.NO_CHANGE}: {when}")),
    )


def _orphaned(
    row: Row, addition: Addition, evidence: Evidence, blockers: Sequence[Placed], book: Book
) -> Row:
    agreement = book.agreements[addition.agreement_id]
    day, invoiced = last_billed_day(addition, agreement, book.today)
    saved = amount_delta(addition, Decimal(0))
    flags = list(row.flags)
    if not invoiced:
        flags.append(Flag.NOT_INVOICED)
    found = f"{seats_text(addition.quantity)} billed, no account uses them ({evidence.strength})"
    trace = [*row.trace, Step("evidence", evidence.strength)]
    if evidence.remapped:
        said = f"{', '.join(evidence.remapped)} used them until the license was mapped otherwise"
        found += f"; {said}"
        trace.append(Step("license mapping", said))
    elif evidence.since is not None:
        absence = (
            f"absent since {evidence.since}{_billed_since(evidence.since, agreement, saved, book.today)}"
        )
        found += f"; {absence}"
        trace.append(Step("first day of absence", absence))
    if blockers:
        flags.append(Flag.POSSIBLE_RENAME)
        names = ", ".join(dict.fromkeys(placed.observation.account_name for placed in blockers))
        found += f"; resolve first what could be this client: {names}"
        trace.append(Step("unresolved accounts", names))
    return row.changed(
        action=Action.CANCEL,
        blocked=bool(blockers),
        needs_reason=evidence.strength == NEVER_SEEN and not blockers,
        new_quantity=Decimal(0),
        amount_delta=saved,
        planned_date=day,
        flags=tuple(flags),
        evidence=evidence.strength,
        reason=f"{row.company_name}: {found}.",
        trace=(*trace, Step("status", f"{Status.ORPHANED}: {evidence.strength}")),
    )


def _billed_since(since: date, agreement: Agreement, saved: Decimal | None, today: date) -> str:
    """What the line has cost since, at today's quantity and price; empty where invoice dates are not known."""
    invoices = invoices_between(agreement, since, today)
    if not invoices or not saved:
        return ""
    times = "1 invoice" if invoices == 1 else f"{invoices} invoices"
    return f", billed on {times} since: {plain(-saved * invoices)} at today's quantity and price"


class _Evidence:
    """How strongly the snapshots speak for a line's being gone.

    `expired in source`: an account of the line is listed, with an ended contract. `absent on N days` / `absent
    once`: it was present in an earlier accepted snapshot, and in none on the N days since. `never seen`: no
    snapshot ever had it; it may be sold by another route.
    """

    def __init__(self, inputs: Inputs, placement: Placement) -> None:
        self._expired = {
            line
            for bucket, placed in placement.no_row
            if bucket is NoRow.EXPIRED
            for line in _lines_of(placed, inputs.setup.formerly)
        }
        self._remapped: dict[LineKey, list[str]] = defaultdict(list)
        present = [placed for shares in placement.lines.values() for placed in shares]
        present += [placed for bucket, placed in placement.no_row if bucket is NoRow.NO_CHARGE]
        for placed in present:
            seen = placed.observation
            if (seen.account_key, seen.license) in inputs.history.last_seen:
                for line in _lines_of(placed, inputs.setup.formerly):
                    self._remapped[line].append(seen.account_name)
        self._seen = _last_days(inputs)
        self._days = {*inputs.history.days, inputs.snapshot_day}

    def of(self, line: LineKey) -> Evidence:
        seen = self._seen.get(line)
        absent = [day for day in self._days if seen is not None and day > seen]
        since = min(absent, default=None)
        if line in self._expired:
            return Evidence(EXPIRED_IN_SOURCE, since)
        if seen is None:
            return Evidence(NEVER_SEEN)
        strength = ABSENT_ONCE if len(absent) <= 1 else f"absent on {len(absent)} days"
        return Evidence(strength, since, tuple(dict.fromkeys(self._remapped.get(line, ()))))


def _lines_of(placed: Placed, formerly: Mapping[str, frozenset[int]]) -> list[LineKey]:
    if placed.match.company is None:
        return []
    products = formerly.get(placed.observation.license, frozenset())
    return [(placed.match.company.company_id, product) for product in products]


def _last_days(inputs: Inputs) -> dict[LineKey, date]:
    """Line -> the last earlier day on which a present account contributed to it, by today's links."""
    setup = inputs.setup
    last: dict[LineKey, date] = {}
    for (account_key, license_name), day in inputs.history.last_seen.items():
        link = setup.links.get(account_key)
        if link is None or link.company_id is None:
            continue
        for product in setup.formerly.get(license_name, frozenset()):
            line = (link.company_id, product)
            last[line] = max(day, last.get(line, day))
    return last
