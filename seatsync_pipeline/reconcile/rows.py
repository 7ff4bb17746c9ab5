"""The rows of a preview: their statuses, columns and identity.

What belongs here: the vocabulary every other module of this package shares. What a status means is decided in
`placement`, `lines`, `lone_rows` and `orphans`; how rows become columns in `columns`, how they are kept in `store`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

from seatsync_pipeline import exact_json
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.warehouse.ids import stable_id


class Status(StrEnum):
    """What a row is, in the order in which a preview shows them."""

    __hash__ = str.__hash__  # an enum's own is written in Python, and every row is filed by its status

    READY = "Ready"
    NO_ADDITION = "No addition"
    ORPHANED = "Orphaned"
    MULTIPLE_ADDITIONS = "Multiple additions"
    SOURCE_ERROR = "Source error"
    UNMATCHED = "Unmatched"
    AMBIGUOUS = "Ambiguous"
    LICENSE_UNMAPPED = "License unmapped"
    SKIPPED = "Skipped"
    NO_CHANGE = "No change"


class Action(StrEnum):
    """What a push would do."""

    UPDATE = "update"
    CREATE = "create"
    CANCEL = "cancel"
    NONE = "none"


class Flag(StrEnum):
    """What an operator should know about a row. The values are public; the meanings are documentation."""

    ENDING = "ending"
    COMING = "coming"
    DECREASE_TO_ZERO = "decrease to zero"
    BILLED_WHILE_POC = "billed while POC"
    BILLED_ELSEWHERE = "billed elsewhere"
    ONE_TIME_CHARGE = "one-time charge"
    BILLING_CYCLE = "billing cycle"
    ACCOUNT_RENAMED = "account renamed"
    COMPANY_GONE = "company gone"
    SECOND_ACCOUNT = "second account"
    POSSIBLE_RENAME = "possible rename"
    NOT_INVOICED = "not invoiced"
    NOT_BILLABLE = "not billable"
    PAIRED = "paired"
    PRODUCT_INACTIVE = "product inactive"
    PRODUCT_BUNDLE = "product is a bundle"
    PRODUCT_GONE = "product gone"
    DID_YOU_MEAN = "did you mean"
    NO_PRICE = "no price"
    BELOW_COST = "below cost"
    UNUSUAL_PRICE = "unusual price"

    @property
    def meaning(self) -> str:
        return _FLAG_MEANINGS[self]


_FLAG_MEANINGS = {
    Flag.ENDING: "The addition has a cancelled date: it bills until then and no longer.",
    Flag.COMING: "The addition takes effect in the future; nothing bills this line today.",
    Flag.DECREASE_TO_ZERO: "The source counts no seats any more; the quantity would become 0.",
    Flag.BILLED_WHILE_POC: "The tenant is a proof of concept, yet ConnectWise bills this line.",
    Flag.BILLED_ELSEWHERE: "Another agreement of the company bills this product already.",
    Flag.ONE_TIME_CHARGE: "An addition for one month alone still bills this line: a new one bills beside it.",
    Flag.BILLING_CYCLE: "The agreement is not billed monthly, or not in the product's cycle: check the price.",
    Flag.ACCOUNT_RENAMED: "The account was named otherwise when it was linked: check that it is the same client.",
    Flag.COMPANY_GONE: "The linked company was deleted or made inactive (merged?): link it anew.",
    Flag.SECOND_ACCOUNT: "The nearest company has an account of this source already: link by hand.",
    Flag.POSSIBLE_RENAME: "An unresolved account could be this client under a new name: resolve it first.",
    Flag.NOT_INVOICED: "No next invoice date is ahead; the cancel falls on the last day of this month.",
    Flag.NOT_BILLABLE: "The addition is not Billable: a change of quantity changes no invoice.",
    Flag.PAIRED: "An Orphaned and a No addition row of one company: probably one client that moved.",
    Flag.PRODUCT_INACTIVE: "The mapped product is inactive in the catalog: no addition can be made of it.",
    Flag.PRODUCT_BUNDLE: "The mapped product is a bundle now: nothing is created or updated, map what is inside it.",
    Flag.PRODUCT_GONE: "The mapped product is not in the catalog any more: no addition can be made of it.",
    Flag.DID_YOU_MEAN: "A mapped license differs only in case, spaces, &/and or a trade-mark sign: map this one too?",
    Flag.NO_PRICE: "The price is 0 or not set, so nothing would be billed; a new addition needs a reason.",
    Flag.BELOW_COST: "The price is below the cost; a new addition needs a reason.",
    Flag.UNUSUAL_PRICE: "The price is far from the median of the product's additions; a new addition needs a reason.",
}


class Guard(StrEnum):
    """A rule that keeps a row from being selected by default and asks for a reason, or blocks it."""

    DECREASE_TO_ZERO = "decrease to zero"
    LARGE_DECREASE = "large decrease"
    LARGE_INCREASE = "large increase"
    UNACCEPTED_DECREASE = "decrease on unaccepted snapshot"
    POSSIBLE_MISSING_ACCOUNT = "possible missing account"
    ACCOUNTS_CHANGED = "accounts changed"
    ORPHAN_SHARE = "orphan share"


@dataclass(frozen=True)
class GuardResult:
    """One guard that tripped: its name, what it saw, its limit."""

    guard: Guard
    observed: str
    limit: str


@dataclass(frozen=True)
class Candidate:
    """A company an account could belong to. `score` is 0 to 100; `note` names other evidence."""

    company_id: int
    company_name: str
    score: Decimal
    note: str | None = None


_NONE = Decimal(0)


# What a preview has by the hundred thousand: `Final` keeps mypy's promise that no record changes, and making one takes
# a quarter of the time that a frozen dataclass takes; without a dictionary each takes a fifth of the room.
@dataclass(slots=True)
class Share:
    """What one observation contributes to a row. `seats` None: its read failed."""

    account_key: Final[str]
    account_name: Final[str]
    license: Final[str]
    seats: Final[Decimal | None]


@dataclass(slots=True)
class BilledAddition:
    """One addition a row carries, with what a person needs to find it in ConnectWise."""

    addition_id: Final[int]
    agreement_id: Final[int]
    agreement_name: Final[str]
    quantity: Final[Decimal]
    less_included: Final[Decimal]
    unit_price: Final[Decimal | None]
    bill_customer: Final[str]
    effective_date: Final[date | None]
    cancelled_date: Final[date | None]


@dataclass(frozen=True)
class AgreementChoice:
    """An agreement the operator may name for a new addition."""

    agreement_id: int
    agreement_name: str
    billing_cycle: str | None = None


class Billing(NamedTuple):
    """What bills a row, or would: one addition with its agreement fills more of these columns than several."""

    additions: tuple[BilledAddition, ...] = ()
    current_quantity: Decimal | None = None
    agreement_id: int | None = None
    agreement_name: str | None = None
    addition_id: int | None = None
    less_included: Decimal | None = None
    unit_price: Decimal | None = None
    billing_cycle: str | None = None
    next_invoice_date: date | None = None
    agreements: tuple[AgreementChoice, ...] = ()


NOT_BILLED: Final = Billing()


@dataclass(slots=True)
class Step:
    """One rule of the ordered trace: which rule, and what it found."""

    rule: Final[str]
    found: Final[str]


@dataclass(slots=True)
class Row:
    """One line of the preview; the public columns under their public names, those of what bills it in `billing`.

    Quantities are seats; `amount_delta` is money per billing cycle. `reason` is one sentence for people,
    `trace` the ordered rules behind it.
    """

    source: Final[str]
    row_id: Final[str]
    status: Final[Status]
    reason: Final[str]
    trace: Final[tuple[Step, ...]]
    accounts: Final[tuple[Share, ...]] = ()
    action: Final[Action] = Action.NONE
    selected_by_default: Final[bool] = False
    blocked: Final[bool] = False
    needs_reason: Final[bool] = False
    company_id: Final[int | None] = None
    company_name: Final[str | None] = None
    product_id: Final[int | None] = None
    product_identifier: Final[str | None] = None
    billing: Final[Billing] = NOT_BILLED
    new_quantity: Final[Decimal | None] = None
    amount_delta: Final[Decimal | None] = None
    planned_date: Final[date | None] = None
    paired_row_id: Final[str | None] = None
    flags: Final[tuple[Flag, ...]] = ()
    guards: Final[tuple[GuardResult, ...]] = ()
    candidates: Final[tuple[Candidate, ...]] = ()
    evidence: Final[str | None] = None

    def changed(self, **columns: Any) -> Self:
        """A copy with these columns: `dataclasses.replace`, without its looking at every field."""
        return type(self)(**dict(zip(_COLUMNS, _VALUES(self), strict=True)) | columns)

    @property
    def delta(self) -> Decimal | None:
        if self.new_quantity is None:
            return None
        return self.new_quantity - (self.billing.current_quantity or _NONE)

    @property
    def fingerprint(self) -> str:
        """sha256 over what an approval is bound to: change any of it, and the approval no longer holds.

        A create is bound to the calendar month it was planned in, not to the day: it takes effect on the day
        of the push, and only the month decides what is invoiced.
        """
        billing = self.billing
        addition = billing.additions[0] if len(billing.additions) == 1 else None
        planned = self.planned_date.isoformat() if self.planned_date else None
        bound: list[Any] = [
            self.source,
            self.row_id,
            self.action,
            billing.agreement_id,
            billing.addition_id,
            self.product_id,
            billing.current_quantity,
            self.new_quantity,
            billing.unit_price,
            planned[:7] if planned and self.action is Action.CREATE else planned,
            billing.next_invoice_date,
            addition.effective_date if addition else None,
            addition.cancelled_date if addition else None,
        ]
        text = f"[{','.join(map(exact_json.scalar, bound))}]"
        return f"fp_{hashlib.sha256(text.encode()).hexdigest()}"


_COLUMNS = tuple(field.name for field in fields(Row))
_VALUES = attrgetter(*_COLUMNS)


@lru_cache(maxsize=4096)  # said twice in every row, of the same few numbers
def seats_text(number: Decimal | None) -> str:
    """`1 seat`, `12 seats`, or `an unknown number of seats`."""
    if number is None:
        return "an unknown number of seats"
    return f"{plain(number)} seat{'' if number == 1 else 's'}"


def line_row_id(source: str, company_id: int, product_id: int) -> str:
    return stable_id("row", source, "line", str(company_id), str(product_id))


def account_row_id(source: str, account_key: str, license_name: str) -> str:
    return stable_id("row", source, "account", account_key, license_name)


def addition_row_id(source: str, addition_id: int) -> str:
    return stable_id("row", source, "addition", str(addition_id))
