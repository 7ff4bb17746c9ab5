"""What became of a write whose answer was lost, by looking: pure rules over an intent and what is there now.

Nothing here is ever guessed. Exactly at the target: done. Exactly as before: not written. Anything else:
unresolved, for a person to look at, and never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from enum import StrEnum

from seatsync_pipeline.connectwise.records import Addition
from seatsync_pipeline.connectwise.writer import calendar_text
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.push.recheck import at_target, unlike_new
from seatsync_pipeline.push.records import Intent
from seatsync_pipeline.reconcile.rows import Action

AS_BEFORE = "the addition is as it was before"


class Finding(StrEnum):
    """`done`: it was taken. `not written`: it was not. `unresolved`: nobody can tell what belongs to whom."""

    DONE = "done"
    NOT_WRITTEN = "not written"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True)
class Found:
    finding: Finding
    why: str
    addition: Addition | None = None


def of_addition(change: Change, intent: Intent, live: Addition | None) -> Found:
    """An update or cancel: compare the addition with the target and with what it was."""
    if live is None:
        return Found(Finding.UNRESOLVED, f"addition {change.addition_id} is not there any more")
    if at_target(change, live):
        return Found(Finding.DONE, "ConnectWise had taken it", live)
    if intent.live is not None and live == intent.live:
        return Found(Finding.NOT_WRITTEN, AS_BEFORE, live)
    was, now = _value(change, intent.live), _value(change, live)
    why = f"it was {was}, should be {_aim(change)}, and is {now}"
    if was == now:
        why += "; something else of it was changed meanwhile"
    return Found(
        Finding.UNRESOLVED, f"{why}: somebody has edited it, or ConnectWise keeps it otherwise", live
    )


def of_create(change: Change, intent: Intent, listed: Mapping[int, Addition]) -> Found:
    """A create: look for an addition that was not there before, with the product, quantity and date sent."""
    new = [a for key, a in sorted(listed.items()) if key not in intent.known_ids]
    same_product = [a for a in new if a.product_id == change.product_id]
    ours = [a for a in same_product if _as_sent(change, a, intent)]
    if len(ours) == 1 and len(same_product) == 1:
        (made,) = ours
        price = intent.request.get("unitPrice")
        if others := unlike_new(made, None if price is None else Decimal(price)):
            why = f"addition {made.addition_id} was added, and not as it was sent: {', '.join(others)}"
            return Found(Finding.UNRESOLVED, why, made)
        return Found(Finding.DONE, f"ConnectWise had taken it as addition {made.addition_id}", made)
    if not same_product:
        return Found(Finding.NOT_WRITTEN, "the agreement has no new addition of this product")
    names = ", ".join(f"{a.addition_id} ({plain(a.quantity)} from {a.effective_date})" for a in same_product)
    return Found(
        Finding.UNRESOLVED,
        f"new since then: {names}; sent was {plain(change.after)} from {intent.request['effectiveDate'][:10]}",
    )


def unchanged_but_for(change: Change, before: Addition, after: Addition) -> list[str]:
    """What differs between the record before and the record read back, beyond what was written."""
    field = "cancelled_date" if change.action is Action.CANCEL else "quantity"
    expected = replace(before, **{field: getattr(after, field)}, last_updated=after.last_updated)
    now = asdict(after)
    return [name for name, value in asdict(expected).items() if now[name] != value]


def _as_sent(change: Change, addition: Addition, intent: Intent) -> bool:
    day = addition.effective_date
    return (
        addition.agreement_id == change.agreement_id
        and addition.quantity == Decimal(intent.request["quantity"])
        and day is not None
        and calendar_text(day) == intent.request["effectiveDate"]
    )


def _value(change: Change, addition: Addition | None) -> str:
    if addition is None:
        return "unknown"
    if change.action is Action.CANCEL:
        return f"cancelled on {addition.cancelled_date}" if addition.cancelled_date else "not cancelled"
    return plain(addition.quantity)


def _aim(change: Change) -> str:
    return f"cancelled on {change.planned_date}" if change.action is Action.CANCEL else plain(change.after)
