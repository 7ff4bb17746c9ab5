"""What the stored tables must look like: one pandera model for each.

They are used twice: a blocking check validates what was stored against them, and the UI shows them as the
columns of an asset. What a column means is written here once, for both. The DDL stays in the warehouse; these
models hold what DDL cannot say.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.engines import pandas_engine

from seatsync_pipeline.reconcile.rows import Action, Status
from seatsync_pipeline.sources.base import State

_Judgement = TypeVar("_Judgement")

_EXACT = {"precision": 18, "scale": 6}
_STEP = Decimal("0.000001")
_PLAINLY_FITS = Decimal(10) ** 11
_UNKNOWN = {Status.SKIPPED, Status.SOURCE_ERROR, Status.LICENSE_UNMAPPED, Status.UNMATCHED, Status.AMBIGUOUS}
_ACTIONS = {
    Status.READY: Action.UPDATE,
    Status.NO_ADDITION: Action.CREATE,
    Status.ORPHANED: Action.CANCEL,
}


# Where a type's check answers value by value, pandera prints a table of what failed even when nothing did: one answer
# for the whole column spares that. Which values fail is left to pandera's own check.
class Text(pandas_engine.STRING):  # type: ignore[misc]  # pandera is untyped here
    """pandera's text."""

    def check(self, pandera_dtype: Any, data_container: pd.Series | None = None) -> Any:
        found = super().check(pandera_dtype, data_container)
        return True if np.all(found) else found


class ExactDecimal(pandas_engine.Decimal):  # type: ignore[misc]  # pandera is untyped here
    """pandera's Decimal, which looks at every different number once: a million seats are a few hundred numbers."""

    def coerce(self, data_container: pd.Series) -> pd.Series:
        known = {value: self.coerce_value(value) for value in data_container.unique()}
        coerced = [known[value] for value in data_container]
        return pd.Series(coerced, index=data_container.index, name=data_container.name, dtype=object)

    def check(self, pandera_dtype: Any, data_container: pd.Series | None = None) -> Any:
        if data_container is not None and all(map(_is_plain, data_container.unique())):
            return True
        return super().check(pandera_dtype, data_container)


def _is_plain(value: Any) -> bool:
    """Whether pandera would take it without doubt: it counts digits in the text, a minus sign among them."""
    return value is pd.NA or (
        isinstance(value, Decimal) and value.same_quantum(_STEP) and abs(value) < _PLAINLY_FITS
    )


def whole_row(rule: str) -> Callable[[_Judgement], _Judgement]:
    """A rule over several columns of a row; `rule` says what should hold, as an operator reads it."""
    return cast(Callable[[_Judgement], _Judgement], pa.dataframe_check(error=rule))


class StoredTable(pa.DataFrameModel):  # type: ignore[misc]  # pandera is untyped here
    """A table of the warehouse, one snapshot's or preview's rows of it."""

    class Config:
        coerce = True
        strict = True  # a column that nobody described is a finding, too


class CompanyTable(StoredTable):
    snapshot_id: Text = pa.Field(description="the agreement scan")
    company_id: int = pa.Field(unique=True, gt=0, description="ConnectWise's id")
    identifier: Text = pa.Field(description="ConnectWise's short name")
    name: Text = pa.Field(description="name, as accounts are matched with it")
    status: Text = pa.Field(nullable=True, description="company status, e.g. Active")
    deleted: bool = pa.Field(description="deletedFlag: kept by ConnectWise, not billed")
    website: Text = pa.Field(nullable=True, description="evidence when a tenant carries a domain")

    class Config:
        name = "company"


class AgreementTable(StoredTable):
    snapshot_id: Text = pa.Field(description="the agreement scan")
    agreement_id: int = pa.Field(unique=True, gt=0, description="ConnectWise's id")
    name: Text = pa.Field(description="name of the agreement")
    company_id: int = pa.Field(gt=0, description="company that is billed")
    type_name: Text = pa.Field(description="agreement type, as the operator's filter names it")
    parent_agreement_id: pd.Int64Dtype = pa.Field(nullable=True, description="parent agreement, if any")
    status: Text = pa.Field(nullable=True, description="agreement status; only Active ones are in scope")
    cancelled: bool = pa.Field(description="cancelledFlag")
    start_date: pandas_engine.Date = pa.Field(nullable=True, description="first day")
    end_date: pandas_engine.Date = pa.Field(nullable=True, description="last day; empty: no end")
    bill_start_date: pandas_engine.Date = pa.Field(nullable=True, description="first billed day")
    next_invoice_date: pandas_engine.Date = pa.Field(nullable=True, description="next invoice, if known")
    billing_cycle: Text = pa.Field(nullable=True, description="billing cycle, e.g. Monthly")
    prorate: bool = pa.Field(description="whether ConnectWise bills part months")
    additions_read: bool = pa.Field(description="false for ended and cancelled agreements")

    class Config:
        name = "agreement"


class AdditionTable(StoredTable):
    snapshot_id: Text = pa.Field(description="the agreement scan")
    addition_id: int = pa.Field(unique=True, gt=0, description="ConnectWise's id")
    agreement_id: int = pa.Field(gt=0, description="agreement that carries it")
    product_id: int = pa.Field(gt=0, description="catalog product")
    product_identifier: Text = pa.Field(description="the product's identifier")
    quantity: ExactDecimal = pa.Field(dtype_kwargs=_EXACT, description="quantity, exact")
    less_included: ExactDecimal = pa.Field(
        dtype_kwargs=_EXACT, description="quantity that the agreement includes without charge"
    )
    unit_price: ExactDecimal = pa.Field(
        nullable=True, dtype_kwargs=_EXACT, description="price of one, per billing cycle"
    )
    unit_cost: ExactDecimal = pa.Field(nullable=True, dtype_kwargs=_EXACT, description="cost of one")
    bill_customer: Text = pa.Field(description="Billable, DoNotBill or NoCharge")
    effective_date: pandas_engine.Date = pa.Field(nullable=True, description="first billed day")
    cancelled_date: pandas_engine.Date = pa.Field(nullable=True, description="last billed day")
    description: Text = pa.Field(nullable=True, description="text on the invoice")
    last_updated: Text = pa.Field(nullable=True, description="_info.lastUpdated, as ConnectWise wrote it")

    class Config:
        name = "addition"


class ProductTable(StoredTable):
    snapshot_id: Text = pa.Field(description="the agreement scan")
    product_id: int = pa.Field(unique=True, gt=0, description="ConnectWise's id")
    identifier: Text = pa.Field(description="catalog identifier")
    description: Text = pa.Field(nullable=True, description="catalog description")
    product_class: Text = pa.Field(nullable=True, description="Agreement, Bundle, Inventory ...")
    inactive: bool = pa.Field(description="inactiveFlag")
    price: ExactDecimal = pa.Field(nullable=True, dtype_kwargs=_EXACT, description="catalog price")
    cost: ExactDecimal = pa.Field(nullable=True, dtype_kwargs=_EXACT, description="catalog cost")
    taxable: pd.BooleanDtype = pa.Field(nullable=True, description="taxableFlag")
    billing_cycle: Text = pa.Field(nullable=True, description="the product's own cycle, if it has one")

    class Config:
        name = "product"


class ObservationTable(StoredTable):
    snapshot_id: Text = pa.Field(description="the pull or import")
    position: int = pa.Field(unique=True, gt=0, description="order in the source, from 1")
    account_key: Text = pa.Field(description="what links are saved against")
    account_name: Text = pa.Field(description="name of the subaccount or tenant")
    license: Text = pa.Field(description="what is mapped to a catalog product")
    seats: ExactDecimal = pa.Field(
        nullable=True, dtype_kwargs=_EXACT, description="seats, exact; empty when the read failed, never zero"
    )
    state: Text = pa.Field(
        isin=[state.value for state in State], description="counted, poc, expired or failed"
    )
    reason: Text = pa.Field(nullable=True, description="why it failed")
    evidence: Text = pa.Field(str_startswith="{", description="what the number was made from (JSON)")

    class Config:
        name = "observation"

    @whole_row("seats are empty when the read failed, and otherwise at most for a proof of concept")
    @classmethod
    def failed_is_no_number(cls, rows: pd.DataFrame) -> pd.Series:
        empty, failed = rows["seats"].isna(), rows["state"] == State.FAILED.value
        return (empty == failed) | (empty & (rows["state"] == State.POC.value))

    @whole_row("a failed read says why")
    @classmethod
    def failed_has_a_reason(cls, rows: pd.DataFrame) -> pd.Series:
        return (rows["state"] != State.FAILED.value) | rows["reason"].notna()

    @whole_row("a row with a number names its account and its license")
    @classmethod
    def number_has_an_owner(cls, rows: pd.DataFrame) -> pd.Series:
        return rows["seats"].isna() | ((rows["account_key"] != "") & (rows["license"] != ""))

    @whole_row("seats are zero or more")
    @classmethod
    def no_negative_seats(cls, rows: pd.DataFrame) -> pd.Series:
        known = rows["seats"].dropna()
        return pd.Series(~rows.index.isin(known.index[known < 0]), index=rows.index)


class PreviewTable(StoredTable):
    preview_id: Text = pa.Field(description="the preview")
    source: Text = pa.Field(isin=["duo", "avanan"], description="duo or avanan")
    row_id: Text = pa.Field(
        unique=True, str_startswith="row_", description="stays with its line from preview to preview"
    )
    fingerprint: Text = pa.Field(str_startswith="fp_", description="what an approval is bound to")
    position: int = pa.Field(unique=True, description="order on the screen")
    status: Text = pa.Field(isin=[status.value for status in Status], description="what the row is")
    action: Text = pa.Field(isin=[action.value for action in Action], description="what a push would do")
    selected_by_default: bool = pa.Field(description="ticked without a decision")
    blocked: bool = pa.Field(description="cannot be approved")
    needs_reason: bool = pa.Field(description="can be approved with a reason only")
    accounts: Text = pa.Field(str_startswith="[", description="what each account contributed (JSON)")
    company_id: pd.Int64Dtype = pa.Field(nullable=True, description="ConnectWise company")
    company_name: Text = pa.Field(nullable=True, description="its name")
    agreement_id: pd.Int64Dtype = pa.Field(nullable=True, description="agreement, when there is one")
    agreement_name: Text = pa.Field(nullable=True, description="its name")
    addition_id: pd.Int64Dtype = pa.Field(nullable=True, description="addition, when there is one")
    additions: Text = pa.Field(str_startswith="[", description="every addition the row carries (JSON)")
    product_id: pd.Int64Dtype = pa.Field(nullable=True, description="catalog product")
    product_identifier: Text = pa.Field(nullable=True, description="its identifier")
    current_quantity: ExactDecimal = pa.Field(
        nullable=True, dtype_kwargs=_EXACT, description="what ConnectWise bills"
    )
    new_quantity: ExactDecimal = pa.Field(
        nullable=True, dtype_kwargs=_EXACT, description="what the source counts; empty when unknown"
    )
    delta: ExactDecimal = pa.Field(
        nullable=True, dtype_kwargs=_EXACT, description="new less current quantity"
    )
    less_included: ExactDecimal = pa.Field(
        nullable=True, dtype_kwargs=_EXACT, description="included without charge"
    )
    unit_price: ExactDecimal = pa.Field(
        nullable=True, dtype_kwargs=_EXACT, description="price of one, per billing cycle"
    )
    amount_delta: ExactDecimal = pa.Field(
        nullable=True, dtype_kwargs=_EXACT, description="change of the invoice, per billing cycle"
    )
    billing_cycle: Text = pa.Field(nullable=True, description="the agreement's billing cycle")
    next_invoice_date: pandas_engine.Date = pa.Field(
        nullable=True, description="the agreement's next invoice"
    )
    planned_date: pandas_engine.Date = pa.Field(
        nullable=True, description="first or last billed day of the change"
    )
    paired_row_id: Text = pa.Field(nullable=True, description="the other row of a move")
    flags: Text = pa.Field(str_startswith="[", description="what to know about the row (JSON)")
    guards: Text = pa.Field(str_startswith="[", description="guards that tripped (JSON)")
    candidates: Text = pa.Field(str_startswith="[", description="companies it could belong to (JSON)")
    agreements: Text = pa.Field(str_startswith="[", description="agreements to choose from (JSON)")
    evidence: Text = pa.Field(nullable=True, description="why a line counts as orphaned")
    reason: Text = pa.Field(str_length={"min_value": 1}, description="one sentence for people")
    trace: Text = pa.Field(str_startswith="[", description="the ordered rules behind the status (JSON)")

    class Config:
        name = "preview"

    @whole_row("the action is the one of the status")
    @classmethod
    def action_fits_status(cls, rows: pd.DataFrame) -> pd.Series:
        expected = {status.value: action.value for status, action in _ACTIONS.items()}
        return rows["action"] == rows["status"].map(lambda status: expected.get(status, Action.NONE.value))

    @whole_row("a blocked row is neither selected nor asks for a reason")
    @classmethod
    def blocked_is_blocked(cls, rows: pd.DataFrame) -> pd.Series:
        return ~(rows["blocked"] & (rows["selected_by_default"] | rows["needs_reason"]))

    @whole_row("only a Ready row that needs no reason is selected by default")
    @classmethod
    def default_is_harmless(cls, rows: pd.DataFrame) -> pd.Series:
        harmless = (rows["status"] == Status.READY.value) & ~rows["needs_reason"]
        return ~rows["selected_by_default"] | harmless

    @whole_row("a row whose seats are unknown proposes no quantity")
    @classmethod
    def unknown_is_no_number(cls, rows: pd.DataFrame) -> pd.Series:
        unknown = rows["status"].isin([status.value for status in _UNKNOWN])
        return ~unknown | rows["new_quantity"].isna()

    @whole_row("delta is the new quantity less the current one")
    @classmethod
    def delta_adds_up(cls, rows: pd.DataFrame) -> pd.Series:
        numbers = zip(rows["new_quantity"], rows["current_quantity"], rows["delta"], strict=True)
        return pd.Series([_delta_adds_up(*three) for three in numbers], index=rows.index, dtype=bool)

    @whole_row("a row that would be written has a company, a product and a new quantity")
    @classmethod
    def writable_is_whole(cls, rows: pd.DataFrame) -> pd.Series:
        written = rows["action"] != Action.NONE.value
        return ~written | rows[["company_id", "product_id", "new_quantity"]].notna().all(axis=1)


def _delta_adds_up(new: Any, current: Any, delta: Any) -> bool:
    if pd.isna(new) or pd.isna(delta):
        return bool(pd.isna(new) and pd.isna(delta))
    return bool(delta == new - (Decimal(0) if pd.isna(current) else current))
