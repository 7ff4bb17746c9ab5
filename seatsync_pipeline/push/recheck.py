"""Whether what was approved is still true: one pure function per row, over what ConnectWise says now.

Already at its target: nothing to write. Anything else that changed since the preview: not written either, and
both values are named. Only a row that is exactly as it was approved goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal

from seatsync_pipeline.connectwise.records import Addition, Agreement, Product
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.reconcile.book import Book, Timing, is_active, last_billed_day, timing
from seatsync_pipeline.reconcile.rows import Action

ALREADY_APPLIED = "already applied"
CHANGED = "changed in ConnectWise since the preview"
MOVED = "billing period moved"


def at_target(change: Change, live: Addition) -> bool:
    """Whether an addition is already what an update or cancel would make of it."""
    if live.product_id != change.product_id:
        return False
    if change.action is Action.CANCEL:
        return live.cancelled_date is not None and live.cancelled_date == change.planned_date
    return live.quantity == change.after


def why_not(
    change: Change,
    book: Book,
    live: Addition | None,
    product: Product | None,
    today: date,
    *,
    ours: Collection[int] = (),
) -> str | None:
    """Why the row must be skipped; None when it is still as approved.

    `live` is the addition just read by id (updates and cancels), `product` the catalog's (creates). `ours` are
    the additions that other rows of this operation change: that they end is no drift.
    """
    if change.action is Action.CREATE:
        return _why_not_create(change, book, product, today)
    if live is None:
        return f"{CHANGED}: addition {change.addition_id} is not there any more"
    if at_target(change, live):
        return f"{ALREADY_APPLIED}: {_target(change)}"
    differences = [*_of_addition(change, live), *_of_company(change, book, ours)]
    if differences:
        return f"{CHANGED}: {'; '.join(differences)}"
    return _moved_cancel(change, book, live, today) if change.action is Action.CANCEL else None


def why_not_beside(change: Change, listed: Iterable[Addition], today: date) -> str | None:
    """Why a create must be skipped for what its agreement bills at the last look before it is sent."""
    billing = {Timing.CURRENT, Timing.ENDING, Timing.COMING}
    found = tuple(
        a.addition_id
        for a in listed
        if (a.agreement_id, a.product_id) == (change.agreement_id, change.product_id)
        and timing(a, today) in billing
        and a.addition_id not in (*change.line_additions, *change.elsewhere)
    )
    return f"{CHANGED}: {_differs('additions of this line', 'none', _ids(found))}" if found else None


def _why_not_create(change: Change, book: Book, product: Product | None, today: date) -> str | None:
    line = book.line((change.company_id, change.product_id)).additions
    if len(line) == 1 and (line[0].agreement_id, line[0].quantity) == (change.agreement_id, change.after):
        return _why_not_beside_its_like(change, line[0])
    differences = _of_company(change, book, ())
    agreement = book.agreements.get(change.agreement_id)
    if agreement is not None and change.billing_cycle not in {None, agreement.billing_cycle}:
        # A monthly price on an annual agreement bills a twelfth.
        differences.append(_differs("billing cycle", change.billing_cycle, agreement.billing_cycle))
    if product is None:
        differences.append(f"product {change.product_identifier} is not in the catalog any more")
    else:
        differences += _of_product(change, product)
    if differences:
        return f"{CHANGED}: {'; '.join(differences)}"
    planned = change.planned_date
    if planned is None or (planned.year, planned.month) != (today.year, today.month):
        month = f"{planned:%Y-%m}" if planned else "no month"
        return f"{MOVED}: planned for {month}, and it is {today:%Y-%m} now"
    return None


def _why_not_beside_its_like(change: Change, there: Addition) -> str:
    """Somebody else has added this quantity: it stands for the new line only where it bills as that one would."""
    bills = f"addition {there.addition_id} bills {plain(change.after)}"
    others = unlike_new(there, change.unit_price)
    return f"{CHANGED}: {bills}, but {'; '.join(others)}" if others else f"{ALREADY_APPLIED}: {bills}"


def unlike_new(addition: Addition, price: Decimal | None) -> list[str]:
    """What decides the amount beside the quantity and is not as in a new addition at this price, with both values.

    A price that nobody tells is let pass.
    """
    if price is None or addition.unit_price is None:
        price = addition.unit_price
    pairs = [
        ("price", _number(price), _number(addition.unit_price)),
        ("bill customer", "Billable", addition.bill_customer),
        ("less included", "0", _number(addition.less_included)),
        ("cancelled date", None, addition.cancelled_date),
    ]
    return [
        f"{name} should be {'none' if aim is None else aim}, and is {'none' if now is None else now}"
        for name, aim, now in pairs
        if aim != now
    ]


def _of_addition(change: Change, live: Addition) -> list[str]:
    pairs = [
        ("quantity", _number(change.before), _number(live.quantity)),
        ("product", change.product_id, live.product_id),
        ("price", _number(change.unit_price), _number(live.unit_price)),
        ("less included", _number(change.less_included), _number(live.less_included)),
        ("bill customer", change.bill_customer, live.bill_customer),
        ("effective date", change.effective_date, live.effective_date),
        ("cancelled date", change.cancelled_date, live.cancelled_date),
        ("agreement", change.agreement_id, live.agreement_id),
    ]
    return [_differs(name, was, now) for name, was, now in pairs if was != now]


def _of_company(change: Change, book: Book, ours: Collection[int]) -> list[str]:
    """The agreement, and which additions bill this line now."""
    agreement = book.agreements.get(change.agreement_id)
    if agreement is None:
        return [f"agreement {change.agreement_id} is not there any more"]
    found = []
    if agreement.company_id != change.company_id:
        found.append(_differs("the agreement's company", change.company_id, agreement.company_id))
    if not is_active(agreement, book.today):
        found.append(f"agreement {agreement.name} was active and {_not_active(agreement, book.today)}")
    elif not found and agreement not in book.agreements_of(change.company_id):
        found.append(f"agreement {agreement.name} was in scope and is of type {agreement.type_name} now")
    key = (change.company_id, change.product_id)
    now = tuple(a.addition_id for a in book.line(key).additions if a.addition_id not in ours)
    was = tuple(addition_id for addition_id in change.line_additions if addition_id not in ours)
    if now != was and not found:
        found.append(_differs("additions of this line", _ids(was), _ids(now)))
    if change.action is Action.CREATE:
        elsewhere = tuple(addition.addition_id for addition in book.elsewhere(key))
        if elsewhere != change.elsewhere:
            found.append(_differs("additions on other agreements", _ids(change.elsewhere), _ids(elsewhere)))
    return found


def _not_active(agreement: Agreement, today: date) -> str:
    if agreement.cancelled:
        return "is cancelled"
    if agreement.start_date is not None and agreement.start_date > today:
        return f"starts on {agreement.start_date}"
    if agreement.end_date is not None and agreement.end_date < today:
        return f"ended on {agreement.end_date}"
    return f"has the status {agreement.status}"


def _of_product(change: Change, product: Product) -> list[str]:
    found = []
    if _number(product.price) != _number(change.unit_price):
        found.append(_differs("catalog price", _number(change.unit_price), _number(product.price)))
    if product.inactive:
        found.append(f"product {product.identifier} was active and is inactive")
    if product.is_bundle:
        found.append(f"product {product.identifier} is a bundle now")
    return found


def _moved_cancel(change: Change, book: Book, live: Addition, today: date) -> str | None:
    day, _ = last_billed_day(live, book.agreements[change.agreement_id], today)
    if change.planned_date is None or change.planned_date < today:
        return f"{MOVED}: the last billed day {change.planned_date} is past"
    if day != change.planned_date:
        return f"{MOVED}: the last billed day was {change.planned_date} and would be {day} now"
    return None


def _target(change: Change) -> str:
    if change.action is Action.CANCEL:
        return f"its cancelled date is {change.planned_date}"
    return f"its quantity is {plain(change.after)}"


def _differs(what: str, was: object, now: object) -> str:
    return f"{what} was {'none' if was is None else was} and is {'none' if now is None else now}"


def _number(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _ids(ids: tuple[int, ...]) -> str:
    return ", ".join(map(str, ids)) or "none"
