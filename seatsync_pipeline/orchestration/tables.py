"""What the stored tables must look like: columns and rules, each with its meaning.

They are used twice: a blocking check validates what was stored against them (`schemas.py`), and the UI shows them as
the columns of an asset. What a column means is written here once, for both, and as plain data: pandas and pandera
take longer to import than all the rest of the code location. The DDL stays in the warehouse; these tables hold what
DDL cannot say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from seatsync_pipeline.reconcile.rows import Action, Status
from seatsync_pipeline.sources.base import NOT_BILLED, State

if TYPE_CHECKING:
    import pandas as pd

_UNKNOWN = {Status.SKIPPED, Status.SOURCE_ERROR, Status.LICENSE_UNMAPPED, Status.UNMATCHED, Status.AMBIGUOUS}
_ACTIONS = {
    Status.READY: Action.UPDATE,
    Status.NO_ADDITION: Action.CREATE,
    Status.ORPHANED: Action.CANCEL,
}

Kind = Literal["text", "number", "number_if_any", "exact", "day", "yes_or_no", "yes_or_no_if_any"]
"""What a value is. Whole numbers and truth values that may be empty are types of their own, as in pandas."""


@dataclass(frozen=True)
class Column:
    """One column: what its values are, what they mean, and what holds for each of them (None: nothing)."""

    kind: Kind
    description: str
    nullable: bool = False
    unique: bool = False
    above: int | None = None
    one_of: Sequence[str] | None = None
    begins: str | None = None
    min_length: int | None = None


@dataclass(frozen=True)
class Rule:
    """A rule over several columns of a row: what should hold, as an operator reads it, and where it does."""

    text: str
    holds: Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the warehouse, one snapshot's or preview's rows of it. A column that is not here is a finding, too."""

    name: str
    columns: dict[str, Column]
    rules: tuple[Rule, ...] = ()

    @property
    def key(self) -> str:
        """The column that names a row."""
        return next(name for name, column in self.columns.items() if column.unique)


def _failed_is_no_number(rows: pd.DataFrame) -> pd.Series:
    empty, failed = rows["seats"].isna(), rows["state"] == State.FAILED.value
    return (empty == failed) | (empty & rows["state"].isin(NOT_BILLED))


def _failed_has_a_reason(rows: pd.DataFrame) -> pd.Series:
    return (rows["state"] != State.FAILED.value) | rows["reason"].notna()


def _number_has_an_owner(rows: pd.DataFrame) -> pd.Series:
    return rows["seats"].isna() | ((rows["account_key"] != "") & (rows["license"] != ""))


def _no_negative_seats(rows: pd.DataFrame) -> pd.Series:
    import pandas as pd

    known = rows["seats"].dropna()
    return pd.Series(~rows.index.isin(known.index[known < 0]), index=rows.index)


def _action_fits_status(rows: pd.DataFrame) -> pd.Series:
    expected = {status.value: action.value for status, action in _ACTIONS.items()}
    return rows["action"] == rows["status"].map(lambda status: expected.get(status, Action.NONE.value))


def _blocked_is_blocked(rows: pd.DataFrame) -> pd.Series:
    return ~(rows["blocked"] & (rows["selected_by_default"] | rows["needs_reason"]))


def _default_is_harmless(rows: pd.DataFrame) -> pd.Series:
    harmless = (rows["status"] == Status.READY.value) & ~rows["needs_reason"]
    return ~rows["selected_by_default"] | harmless


def _unknown_is_no_number(rows: pd.DataFrame) -> pd.Series:
    unknown = rows["status"].isin([status.value for status in _UNKNOWN])
    return ~unknown | rows["new_quantity"].isna()


def _delta_adds_up(rows: pd.DataFrame) -> pd.Series:
    import pandas as pd

    numbers = zip(rows["new_quantity"], rows["current_quantity"], rows["delta"], strict=True)
    return pd.Series([_adds_up(*three) for three in numbers], index=rows.index, dtype=bool)


def _writable_is_whole(rows: pd.DataFrame) -> pd.Series:
    written = rows["action"] != Action.NONE.value
    return ~written | rows[["company_id", "product_id", "new_quantity"]].notna().all(axis=1)


def _adds_up(new: Any, current: Any, delta: Any) -> bool:
    import pandas as pd

    if pd.isna(new) or pd.isna(delta):
        return bool(pd.isna(new) and pd.isna(delta))
    return bool(delta == new - (Decimal(0) if pd.isna(current) else current))


COMPANY = Table(
    name="company",
    columns={
        "snapshot_id": Column("text", "the agreement scan"),
        "company_id": Column("number", "ConnectWise's id", unique=True, above=0),
        "identifier": Column("text", "ConnectWise's short name"),
        "name": Column("text", "name, as accounts are matched with it"),
        "status": Column("text", "company status, e.g. Active", nullable=True),
        "deleted": Column("yes_or_no", "deletedFlag: kept by ConnectWise, not billed"),
        "website": Column("text", "evidence when a tenant carries a domain", nullable=True),
    },
)


AGREEMENT = Table(
    name="agreement",
    columns={
        "snapshot_id": Column("text", "the agreement scan"),
        "agreement_id": Column("number", "ConnectWise's id", unique=True, above=0),
        "name": Column("text", "name of the agreement"),
        "company_id": Column("number", "company that is billed", above=0),
        "type_name": Column("text", "agreement type, as the operator's filter names it"),
        "parent_agreement_id": Column("number_if_any", "parent agreement, if any", nullable=True),
        "status": Column("text", "agreement status; only Active ones are in scope", nullable=True),
        "cancelled": Column("yes_or_no", "cancelledFlag"),
        "start_date": Column("day", "first day", nullable=True),
        "end_date": Column("day", "last day; empty: no end", nullable=True),
        "bill_start_date": Column("day", "first billed day", nullable=True),
        "next_invoice_date": Column("day", "next invoice, if known", nullable=True),
        "billing_cycle": Column("text", "billing cycle, e.g. Monthly", nullable=True),
        "prorate": Column("yes_or_no", "whether ConnectWise bills part months"),
        "additions_read": Column("yes_or_no", "false for ended and cancelled agreements"),
    },
)


ADDITION = Table(
    name="addition",
    columns={
        "snapshot_id": Column("text", "the agreement scan"),
        "addition_id": Column("number", "ConnectWise's id", unique=True, above=0),
        "agreement_id": Column("number", "agreement that carries it", above=0),
        "product_id": Column("number", "catalog product", above=0),
        "product_identifier": Column("text", "the product's identifier"),
        "quantity": Column("exact", "quantity, exact"),
        "less_included": Column("exact", "quantity that the agreement includes without charge"),
        "unit_price": Column("exact", "price of one, per billing cycle", nullable=True),
        "unit_cost": Column("exact", "cost of one", nullable=True),
        "bill_customer": Column("text", "Billable, DoNotBill or NoCharge"),
        "effective_date": Column("day", "first billed day", nullable=True),
        "cancelled_date": Column("day", "last billed day", nullable=True),
        "description": Column("text", "text on the invoice", nullable=True),
        "last_updated": Column("text", "_info.lastUpdated, as ConnectWise wrote it", nullable=True),
    },
)


PRODUCT = Table(
    name="product",
    columns={
        "snapshot_id": Column("text", "the agreement scan"),
        "product_id": Column("number", "ConnectWise's id", unique=True, above=0),
        "identifier": Column("text", "catalog identifier"),
        "description": Column("text", "catalog description", nullable=True),
        "product_class": Column("text", "Agreement, Bundle, Inventory ...", nullable=True),
        "inactive": Column("yes_or_no", "inactiveFlag"),
        "price": Column("exact", "catalog price", nullable=True),
        "cost": Column("exact", "catalog cost", nullable=True),
        "taxable": Column("yes_or_no_if_any", "taxableFlag", nullable=True),
        "billing_cycle": Column("text", "the product's own cycle, if it has one", nullable=True),
    },
)


OBSERVATION = Table(
    name="observation",
    columns={
        "snapshot_id": Column("text", "the pull or import"),
        "position": Column("number", "order in the source, from 1", unique=True, above=0),
        "account_key": Column("text", "what links are saved against"),
        "account_name": Column("text", "name of the subaccount or tenant"),
        "license": Column("text", "what is mapped to a catalog product"),
        "seats": Column("exact", "seats, exact; empty when the read failed, never zero", nullable=True),
        "state": Column("text", "counted, poc, expired or failed", one_of=[state.value for state in State]),
        "reason": Column("text", "why it failed", nullable=True),
        "evidence": Column("text", "what the number was made from (JSON)", begins="{"),
    },
    rules=(
        Rule(
            "seats are empty when the read failed, and otherwise at most for a proof of concept",
            _failed_is_no_number,
        ),
        Rule("a failed read says why", _failed_has_a_reason),
        Rule("a row with a number names its account and its license", _number_has_an_owner),
        Rule("seats are zero or more", _no_negative_seats),
    ),
)


PREVIEW = Table(
    name="preview",
    columns={
        "preview_id": Column("text", "the preview"),
        "source": Column("text", "duo or avanan", one_of=["duo", "avanan"]),
        "row_id": Column("text", "stays with its line from preview to preview", unique=True, begins="row_"),
        "fingerprint": Column("text", "what an approval is bound to", begins="fp_"),
        "position": Column("number", "order on the screen", unique=True),
        "status": Column("text", "what the row is", one_of=[status.value for status in Status]),
        "action": Column("text", "what a push would do", one_of=[action.value for action in Action]),
        "selected_by_default": Column("yes_or_no", "ticked without a decision"),
        "blocked": Column("yes_or_no", "cannot be approved"),
        "needs_reason": Column("yes_or_no", "can be approved with a reason only"),
        "accounts": Column("text", "what each account contributed (JSON)", begins="["),
        "company_id": Column("number_if_any", "ConnectWise company", nullable=True),
        "company_name": Column("text", "its name", nullable=True),
        "agreement_id": Column("number_if_any", "agreement, when there is one", nullable=True),
        "agreement_name": Column("text", "its name", nullable=True),
        "addition_id": Column("number_if_any", "addition, when there is one", nullable=True),
        "additions": Column("text", "every addition the row carries (JSON)", begins="["),
        "product_id": Column("number_if_any", "catalog product", nullable=True),
        "product_identifier": Column("text", "its identifier", nullable=True),
        "current_quantity": Column("exact", "what ConnectWise bills", nullable=True),
        "new_quantity": Column("exact", "what the source counts; empty when unknown", nullable=True),
        "delta": Column("exact", "new less current quantity", nullable=True),
        "less_included": Column("exact", "included without charge", nullable=True),
        "unit_price": Column("exact", "price of one, per billing cycle", nullable=True),
        "amount_delta": Column("exact", "change of the invoice, per billing cycle", nullable=True),
        "billing_cycle": Column("text", "the agreement's billing cycle", nullable=True),
        "next_invoice_date": Column("day", "the agreement's next invoice", nullable=True),
        "planned_date": Column("day", "first or last billed day of the change", nullable=True),
        "paired_row_id": Column("text", "the other row of a move", nullable=True),
        "flags": Column("text", "what to know about the row (JSON)", begins="["),
        "guards": Column("text", "guards that tripped (JSON)", begins="["),
        "candidates": Column("text", "companies it could belong to (JSON)", begins="["),
        "agreements": Column("text", "agreements to choose from (JSON)", begins="["),
        "evidence": Column("text", "why a line counts as orphaned", nullable=True),
        "reason": Column("text", "one sentence for people", min_length=1),
        "trace": Column("text", "the ordered rules behind the status (JSON)", begins="["),
    },
    rules=(
        Rule("the action is the one of the status", _action_fits_status),
        Rule("a blocked row is neither selected nor asks for a reason", _blocked_is_blocked),
        Rule("only a Ready row that needs no reason is selected by default", _default_is_harmless),
        Rule("a row whose seats are unknown proposes no quantity", _unknown_is_no_number),
        Rule("delta is the new quantity less the current one", _delta_adds_up),
        Rule("a row that would be written has a company, a product and a new quantity", _writable_is_whole),
    ),
)
