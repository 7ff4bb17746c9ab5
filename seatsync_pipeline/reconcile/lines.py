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
from decimal import Decimal
from typing import Any

from seatsync_pipeline.connectwise.records import Addition
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.reconcile.book import Book, Line, LineKey, Timing
from seatsync_pipeline.reconcile.placement import Placed
from seatsync_pipeline.reconcile.rows import (
    Action,
    AgreementChoice,
    Flag,
    Row,
    Status,
    Step,
    line_row_id,
    seats_text,
)
from seatsync_pipeline.sources.base import State

MONTHLY = "monthly"
_NONE = Decimal(0)


def billable(addition: Addition) -> bool:
    return addition.bill_customer.strip().casefold() == "billable"


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


def carried(line: Line | None, book: Book) -> dict[str, Any]:
    """The columns that the additions of a row fill; one addition fills more of them than several."""
    if line is None or not line.additions:
        return {}
    columns: dict[str, Any] = {
        "additions": tuple(book.billed(addition) for addition in line.additions),
        "current_quantity": sum((a.quantity for a in line.additions), _NONE),
    }
    if len(line.additions) == 1:
        (addition,) = line.additions
        agreement = book.agreements[addition.agreement_id]
        columns |= {
            "agreement_id": agreement.agreement_id,
            "agreement_name": agreement.name,
            "addition_id": addition.addition_id,
            "less_included": addition.less_included,
            "unit_price": addition.unit_price,
            "billing_cycle": agreement.billing_cycle,
            "next_invoice_date": agreement.next_invoice_date,
        }
    return columns


def addition_flags(line: Line, book: Book) -> list[Flag]:
    """What the line's additions themselves give reason to flag."""
    flags = []
    if any(book.timing(addition) is Timing.ENDING for addition in line.additions):
        flags.append(Flag.ENDING)
    if line.coming:
        flags.append(Flag.COMING)
    if len(line.additions) == 1 and not billable(line.additions[0]):
        flags.append(Flag.NOT_BILLABLE)
    return flags


def line_row(source: str, key: LineKey, shares: Sequence[Placed], book: Book) -> Row:
    """The one row of a line, before guards."""
    company_id, product_id = key
    line = book.line(key)
    match_flags = dict.fromkeys(flag for placed in shares for flag in placed.match.flags)
    steps = [step for placed in shares for step in placed.steps]
    row = Row(
        source=source,
        row_id=line_row_id(source, company_id, product_id),
        status=Status.NO_CHANGE,
        reason="",
        trace=(*steps, _what_is_billed(line, book)),
        accounts=tuple(placed.share for placed in shares),
        company_id=company_id,
        company_name=book.company_name(company_id),
        product_id=product_id,
        product_identifier=book.product_identifier(product_id),
        flags=(*match_flags, *addition_flags(line, book)),
        **carried(line, book),
    )
    failed = [placed for placed in shares if placed.observation.state is State.FAILED]
    if failed:
        names = ", ".join(f"{p.observation.account_name} ({p.observation.reason})" for p in failed)
        return _decided(row, Status.SOURCE_ERROR, f"the seats of {names} could not be read", blocked=True)
    seats = sum((placed.observation.seats or _NONE for placed in shares), _NONE)
    row = row.changed(new_quantity=seats)
    match line.additions:
        case ():
            return _without_addition(row, key, seats, book)
        case (addition,):
            return _with_addition(row, addition, seats)
        case several:
            found = f"{len(several)} additions bill {row.product_identifier}: resolve it in ConnectWise"
            return _decided(row, Status.MULTIPLE_ADDITIONS, found, blocked=True)


def _with_addition(row: Row, addition: Addition, seats: Decimal) -> Row:
    if seats == addition.quantity:
        found = f"{seats_text(seats)} in use and billed"
        return _decided(row, Status.NO_CHANGE, found, amount_delta=_NONE)
    flags = (*row.flags, Flag.DECREASE_TO_ZERO) if seats == 0 else row.flags
    return _decided(
        row,
        Status.READY,
        f"{seats_text(seats)} in use, {plain(addition.quantity)} billed",
        action=Action.UPDATE,
        selected_by_default=Flag.ENDING not in flags,
        amount_delta=amount_delta(addition, seats),
        flags=flags,
    )


def _without_addition(row: Row, key: LineKey, seats: Decimal, book: Book) -> Row:
    if seats == 0:
        return _decided(row, Status.NO_CHANGE, "no seat in use and none billed", amount_delta=_NONE)
    company_id, product_id = key
    agreements = book.agreements_of(company_id)
    product = book.products.get(product_id)
    price = product.price if product else None
    found = f"{seats_text(seats)} in use and no addition bills {row.product_identifier}"
    if not agreements:
        return _decided(
            row,
            Status.NO_ADDITION,
            f"{found}, and the company has no agreement in scope",
            action=Action.CREATE,
            blocked=True,
            planned_date=book.today,
            unit_price=price,
            amount_delta=amount(seats, _NONE, price),
        )
    flags = list(row.flags)
    elsewhere = book.elsewhere(key)
    if elsewhere:
        flags.append(Flag.BILLED_ELSEWHERE)
        names = dict.fromkeys(book.agreements[a.agreement_id].name for a in elsewhere)
        found += f"; but {', '.join(names)}, outside the scope, bills it"
    cycle_of_product = product.billing_cycle if product else None
    odd = [a.name for a in agreements if _odd_cycle(a.billing_cycle, cycle_of_product)]
    if odd:
        flags.append(Flag.BILLING_CYCLE)
        found += f"; check the price for the billing cycle of {', '.join(odd)}"
    only = agreements[0] if len(agreements) == 1 else None
    if only is None:
        found += f"; name one of the {len(agreements)} agreements in scope"
    return _decided(
        row,
        Status.NO_ADDITION,
        found,
        action=Action.CREATE,
        needs_reason=bool(elsewhere or odd),
        agreement_id=only.agreement_id if only else None,
        agreement_name=only.name if only else None,
        agreements=()
        if only
        else tuple(AgreementChoice(a.agreement_id, a.name, a.billing_cycle) for a in agreements),
        billing_cycle=only.billing_cycle if only else None,
        next_invoice_date=only.next_invoice_date if only else None,
        planned_date=book.today,
        unit_price=price,
        amount_delta=amount(seats, _NONE, price),
        flags=tuple(flags),
    )


def _odd_cycle(agreement_cycle: str | None, product_cycle: str | None) -> bool:
    """Not monthly, or not the product's own: a monthly price on an annual agreement bills a twelfth."""
    cycle = (agreement_cycle or "").strip().casefold()
    own = (product_cycle or "").strip().casefold()
    return cycle != MONTHLY or (own not in {"", cycle})


def _what_is_billed(line: Line, book: Book) -> Step:
    if not line.additions:
        return Step("additions in scope", "none")
    listed = "; ".join(
        f"addition {a.addition_id} of {book.agreements[a.agreement_id].name}: {plain(a.quantity)} "
        f"({book.timing(a)}, {a.bill_customer})"
        for a in line.additions
    )
    return Step("additions in scope", listed)


def _decided(row: Row, status: Status, found: str, **columns: Any) -> Row:
    return row.changed(
        status=status,
        reason=f"{row.company_name}: {found}.",
        trace=(*row.trace, Step("status", f"{status}: {found}")),
        **columns,
    )
