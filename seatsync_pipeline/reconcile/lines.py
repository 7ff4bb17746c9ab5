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
from functools import lru_cache
from typing import Any, NamedTuple

from seatsync_pipeline.connectwise.records import Addition, Agreement
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


def carried(line: Line | None, book: Book) -> dict[str, Any]:
    """The columns that the additions of a row fill; one addition fills more of them than several."""
    if line is None or not line.additions:
        return {}
    additions = tuple([book.billed(addition) for addition in line.additions])
    quantity = sum([addition.quantity for addition in line.additions], _NONE)
    if len(additions) > 1:
        return {"additions": additions, "current_quantity": quantity}
    (addition,) = line.additions
    agreement = book.agreements[addition.agreement_id]
    return {
        "additions": additions,
        "current_quantity": quantity,
        "agreement_id": agreement.agreement_id,
        "agreement_name": agreement.name,
        "addition_id": addition.addition_id,
        "less_included": addition.less_included,
        "unit_price": addition.unit_price,
        "billing_cycle": agreement.billing_cycle,
        "next_invoice_date": agreement.next_invoice_date,
    }


def addition_flags(line: Line, book: Book) -> list[Flag]:
    """What the line's additions themselves give reason to flag."""
    flags = []
    for addition in line.additions:
        if book.timing(addition) is Timing.ENDING:
            flags.append(Flag.ENDING)
            break
    if line.coming:
        flags.append(Flag.COMING)
    if len(line.additions) == 1 and not billable(line.additions[0]):
        flags.append(Flag.NOT_BILLABLE)
    return flags


def line_row(source: str, key: LineKey, shares: Sequence[Placed], book: Book) -> Row:
    """The one row of a line, before guards."""
    company_id, product_id = key
    line = book.line(key)
    company, product = book.company_name(company_id), book.product_identifier(product_id)
    steps = [step for placed in shares for step in placed.steps]
    flags = list(dict.fromkeys([flag for placed in shares for flag in placed.match.flags]))
    decided = _decided(line, key, shares, book)
    return Row(
        source=source,
        row_id=line_row_id(source, company_id, product_id),
        status=decided.status,
        reason=f"{company}: {decided.found}.",
        trace=(*steps, _what_is_billed(line, book), Step("status", f"{decided.status}: {decided.found}")),
        accounts=tuple([placed.share for placed in shares]),
        company_id=company_id,
        company_name=company,
        product_id=product_id,
        product_identifier=product,
        flags=(*flags, *addition_flags(line, book), *decided.flags),
        **carried(line, book),
        **decided.columns,
    )


class _Decided(NamedTuple):
    """What a line is, why, and the columns and flags that come with it."""

    status: Status
    found: str
    columns: dict[str, Any]
    flags: Sequence[Flag] = ()


def _decided(line: Line, key: LineKey, shares: Sequence[Placed], book: Book) -> _Decided:
    failed = [placed.observation for placed in shares if placed.observation.state is State.FAILED]
    if failed:
        names = ", ".join(f"{seen.account_name} ({seen.reason})" for seen in failed)
        found = f"the seats of {names} could not be read"
        return _Decided(Status.SOURCE_ERROR, found, {"blocked": True})
    seats = sum([placed.observation.seats or _NONE for placed in shares], _NONE)
    if not line.additions:
        return _without_addition(key, seats, book)
    if len(line.additions) == 1:
        return _with_addition(line.additions[0], seats, book)
    product = book.product_identifier(key[1])
    found = f"{len(line.additions)} additions bill {product}: resolve it in ConnectWise"
    return _Decided(Status.MULTIPLE_ADDITIONS, found, {"new_quantity": seats, "blocked": True})


def _with_addition(addition: Addition, seats: Decimal, book: Book) -> _Decided:
    if seats == addition.quantity:
        found = f"{seats_text(seats)} in use and billed"
        return _Decided(Status.NO_CHANGE, found, {"new_quantity": seats, "amount_delta": _NONE})
    columns = {
        "new_quantity": seats,
        "action": Action.UPDATE,
        "selected_by_default": book.timing(addition) is not Timing.ENDING,
        "amount_delta": amount_delta(addition, seats),
    }
    found = f"{seats_text(seats)} in use, {plain(addition.quantity)} billed"
    return _Decided(Status.READY, found, columns, () if seats else (Flag.DECREASE_TO_ZERO,))


def _without_addition(key: LineKey, seats: Decimal, book: Book) -> _Decided:
    if seats == 0:
        columns: dict[str, Any] = {"new_quantity": seats, "amount_delta": _NONE}
        return _Decided(Status.NO_CHANGE, "no seat in use and none billed", columns)
    company_id, product_id = key
    agreements = book.agreements_of(company_id)
    product = book.products.get(product_id)
    price = product.price if product else None
    found = f"{seats_text(seats)} in use and no addition bills {book.product_identifier(product_id)}"
    columns = {
        "new_quantity": seats,
        "action": Action.CREATE,
        "planned_date": book.today,
        "unit_price": price,
        "amount_delta": amount(seats, _NONE, price),
    }
    if not agreements:
        found += ", and the company has no agreement in scope"
        return _Decided(Status.NO_ADDITION, found, columns | {"blocked": True})
    flags = []
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
    columns["needs_reason"] = bool(elsewhere or odd)
    if len(agreements) > 1:
        found += f"; name one of the {len(agreements)} agreements in scope"
    return _Decided(Status.NO_ADDITION, found, columns | _where_to_add(agreements), flags)


def _where_to_add(agreements: Sequence[Agreement]) -> dict[str, Any]:
    """The columns of the only agreement in scope, or of those to choose from."""
    if len(agreements) > 1:
        choices = [AgreementChoice(a.agreement_id, a.name, a.billing_cycle) for a in agreements]
        return {"agreements": tuple(choices)}
    (only,) = agreements
    return {
        "agreement_id": only.agreement_id,
        "agreement_name": only.name,
        "billing_cycle": only.billing_cycle,
        "next_invoice_date": only.next_invoice_date,
    }


def _odd_cycle(agreement_cycle: str | None, product_cycle: str | None) -> bool:
    """Not monthly, or not the product's own: a monthly price on an annual agreement bills a twelfth."""
    cycle = (agreement_cycle or "").strip().casefold()
    own = (product_cycle or "").strip().casefold()
    return cycle != MONTHLY or (own not in {"", cycle})


def _what_is_billed(line: Line, book: Book) -> Step:
    if not line.additions:
        return Step("additions in scope", "none")
    listed = [
        f"addition {a.addition_id} of {book.agreements[a.agreement_id].name}: {plain(a.quantity)} "
        f"({book.timing(a)}, {a.bill_customer})"
        for a in line.additions
    ]
    return Step("additions in scope", "; ".join(listed))
