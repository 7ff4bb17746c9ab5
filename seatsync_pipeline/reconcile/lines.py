"""From a line (company, product) to its row: what the source counts against what ConnectWise bills.

    current additions   seats           status
    1                   differ          Ready
    1                   equal           No change
    0                   more than 0     No addition
    0                   0               No change
    2 or more           any             Multiple additions

One failed contribution makes the whole line a Source error: a sum with a hole is not a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from seatsync_pipeline.connectwise.records import Addition, Agreement
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.reconcile.book import Book, Line, LineKey, Timing, timing
from seatsync_pipeline.reconcile.placement import Placed
from seatsync_pipeline.reconcile.rows import (
    NOT_BILLED,
    Action,
    AgreementChoice,
    BilledAddition,
    Billing,
    Flag,
    Row,
    Status,
    Step,
    line_row_id,
    seats_text,
)

MONTHLY = "monthly"
_NONE = Decimal(0)


def billable(addition: Addition) -> bool:
    return _means_billable(addition.bill_customer)


@lru_cache(maxsize=256)  # ConnectWise has three such texts
def _means_billable(bill_customer: str) -> bool:
    return bill_customer.strip().casefold() == "billable"


def amount(quantity: Decimal, less_included: Decimal, price: Decimal | None) -> Decimal | None:
    """What a quantity bills per cycle: price x max(0, quantity - less included)."""
    return None if price is None else price * max(_NONE, quantity - less_included)


def amount_delta(addition: Addition, new_quantity: Decimal) -> Decimal | None:
    """The change in money per billing cycle; 0 unless the addition is Billable."""
    if not billable(addition):
        return _NONE
    after = amount(new_quantity, addition.less_included, addition.unit_price)
    before = amount(addition.quantity, addition.less_included, addition.unit_price)
    return None if after is None or before is None else after - before


def billing(line: Line, book: Book) -> Billing:
    """What bills a line; nothing does without additions."""
    if not line.additions:
        return NOT_BILLED
    additions = tuple([book.billed(addition) for addition in line.additions])
    quantity = _NONE
    for addition in line.additions:
        quantity += addition.quantity
    if len(additions) > 1:
        return Billing(additions=additions, current_quantity=quantity)
    (addition,) = line.additions
    agreement = book.agreements[addition.agreement_id]
    return Billing(
        additions=additions,
        current_quantity=quantity,
        agreement_id=agreement.agreement_id,
        agreement_name=agreement.name,
        addition_id=addition.addition_id,
        less_included=addition.less_included,
        unit_price=addition.unit_price,
        billing_cycle=agreement.billing_cycle,
        next_invoice_date=agreement.next_invoice_date,
    )


def addition_flags(line: Line) -> list[Flag]:
    """What the line's additions themselves give reason to flag."""
    flags = []
    if line.coming:
        flags.append(Flag.COMING)
    elif any(addition.cancelled_date is not None for addition in line.additions):
        flags.append(Flag.ENDING)
    if len(line.additions) == 1 and not billable(line.additions[0]):
        flags.append(Flag.NOT_BILLABLE)
    return flags


def _flags(line: Line, shares: Sequence[Placed], decided: _Decided) -> tuple[Flag, ...]:
    of_matches = [flag for placed in shares for flag in placed.match.flags]
    flags = [*of_matches, *addition_flags(line), *decided.flags]
    return tuple(dict.fromkeys(flags)) if flags else ()


def line_row(source: str, key: LineKey, shares: Sequence[Placed], book: Book) -> Row:
    """The one row of a line, before guards."""
    company_id, product_id = key
    line = book.line(key)
    company = book.company_name(company_id)
    decided = _decided(line, key, shares, book)
    billed = decided.billing
    steps = [step for placed in shares for step in placed.steps]
    in_scope = _what_is_billed(billed.additions, book.today)
    status = Step("status", f"{decided.status}: {decided.found}")
    return Row(
        source=source,
        row_id=line_row_id(source, company_id, product_id),
        status=decided.status,
        reason=f"{company}: {decided.found}.",
        trace=(*steps, in_scope, status),
        accounts=tuple([placed.share for placed in shares]),
        action=decided.action,
        selected_by_default=decided.selected_by_default,
        blocked=decided.blocked,
        needs_reason=decided.needs_reason,
        company_id=company_id,
        company_name=company,
        product_id=product_id,
        product_identifier=book.product_identifier(product_id),
        new_quantity=decided.new_quantity,
        amount_delta=decided.amount_delta,
        planned_date=decided.planned_date,
        flags=_flags(line, shares, decided),
        billing=billed,
    )


class _Decided(NamedTuple):
    """What a line is, why, what bills it, and the columns and flags that come with that."""

    status: Status
    found: str
    billing: Billing
    new_quantity: Decimal | None = None
    amount_delta: Decimal | None = None
    action: Action = Action.NONE
    selected_by_default: bool = False
    blocked: bool = False
    needs_reason: bool = False
    planned_date: date | None = None
    flags: Sequence[Flag] = ()


def _decided(line: Line, key: LineKey, shares: Sequence[Placed], book: Book) -> _Decided:
    billed = billing(line, book)
    seats, failed = _NONE, []
    for placed in shares:
        seen = placed.observation
        seats += seen.seats or _NONE
        if seen.seats is None:
            failed.append(seen)
    if failed:
        names = ", ".join(f"{seen.account_name} ({seen.reason})" for seen in failed)
        found = f"the seats of {names} could not be read"
        return _Decided(Status.SOURCE_ERROR, found, billed, blocked=True)
    if not line.additions:
        return _without_addition(key, seats, book)
    if len(line.additions) == 1:
        return _with_addition(line.additions[0], billed, seats, book)
    product = book.product_identifier(key[1])
    found = f"{len(line.additions)} additions bill {product}: resolve it in ConnectWise"
    return _Decided(Status.MULTIPLE_ADDITIONS, found, billed, new_quantity=seats, blocked=True)


def _with_addition(addition: Addition, billed: Billing, seats: Decimal, book: Book) -> _Decided:
    if seats == addition.quantity:
        found = f"{seats_text(seats)} in use and billed"
        return _Decided(Status.NO_CHANGE, found, billed, new_quantity=seats, amount_delta=_NONE)
    return _Decided(
        Status.READY,
        f"{seats_text(seats)} in use, {plain(addition.quantity)} billed",
        billed,
        new_quantity=seats,
        amount_delta=amount_delta(addition, seats),
        action=Action.UPDATE,
        selected_by_default=book.timing(addition) is not Timing.ENDING,
        flags=() if seats else (Flag.DECREASE_TO_ZERO,),
    )


def _without_addition(key: LineKey, seats: Decimal, book: Book) -> _Decided:
    if seats == 0:
        nothing = "no seat in use and none billed"
        return _Decided(Status.NO_CHANGE, nothing, NOT_BILLED, new_quantity=seats, amount_delta=_NONE)
    company_id, product_id = key
    agreements = book.agreements_of(company_id)
    product = book.products.get(product_id)
    price = product.price if product else None
    found = [f"{seats_text(seats)} in use and no addition bills {book.product_identifier(product_id)}"]
    flags: list[Flag] = []
    elsewhere = book.elsewhere(key)
    if not agreements:
        found.append(", and the company has no agreement in scope")
    if elsewhere:
        flags.append(Flag.BILLED_ELSEWHERE)
        names = dict.fromkeys(book.agreements[a.agreement_id].name for a in elsewhere)
        found.append(f"; but {', '.join(names)}, outside the scope, bills it")
    if once := book.one_time(key):
        flags.append(Flag.ONE_TIME_CHARGE)
        told = [f"addition {a.addition_id} bills {plain(a.quantity)} until {a.cancelled_date}" for a in once]
        found.append(f"; but {', '.join(told)}")
    cycle_of_product = product.billing_cycle if product else None
    odd = [a.name for a in agreements if _odd_cycle(a.billing_cycle, cycle_of_product)]
    if odd:
        flags.append(Flag.BILLING_CYCLE)
        found.append(f"; check the price for the billing cycle of {', '.join(odd)}")
    if len(agreements) > 1:
        found.append(f"; name one of the {len(agreements)} agreements in scope")
    return _Decided(
        Status.NO_ADDITION,
        "".join(found),
        _where_to_add(agreements, price),
        new_quantity=seats,
        amount_delta=amount(seats, _NONE, price),
        action=Action.CREATE,
        blocked=not agreements,
        needs_reason=bool(agreements and (elsewhere or odd)),
        planned_date=book.today,
        flags=flags,
    )


def _where_to_add(agreements: Sequence[Agreement], price: Decimal | None) -> Billing:
    """The only agreement in scope, or those to choose from."""
    if len(agreements) != 1:
        choices = [AgreementChoice(a.agreement_id, a.name, a.billing_cycle) for a in agreements]
        return Billing(unit_price=price, agreements=tuple(choices))
    (only,) = agreements
    return Billing(
        agreement_id=only.agreement_id,
        agreement_name=only.name,
        unit_price=price,
        billing_cycle=only.billing_cycle,
        next_invoice_date=only.next_invoice_date,
    )


def _odd_cycle(agreement_cycle: str | None, product_cycle: str | None) -> bool:
    """Not monthly, or not the product's own: a monthly price on an annual agreement bills a twelfth."""
    cycle = (agreement_cycle or "").strip().casefold()
    own = (product_cycle or "").strip().casefold()
    return cycle != MONTHLY or (own not in {"", cycle})


def _what_is_billed(additions: Sequence[BilledAddition], today: date) -> Step:
    listed = [
        f"addition {a.addition_id} of {a.agreement_name}: {plain(a.quantity)} "
        f"({timing(a, today)}, {a.bill_customer})"
        for a in additions
    ]
    return Step("additions in scope", "; ".join(listed) or "none")
