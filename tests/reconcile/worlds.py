"""Small worlds to classify: builders with sensible defaults, and a generator of arbitrary ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from seatsync_pipeline.connectwise.records import (
    Addition,
    Agreement,
    AgreementType,
    Company,
    Product,
    Scan,
)
from seatsync_pipeline.reconcile.inputs import History, Inputs, Setup
from seatsync_pipeline.reconcile.matching import Link
from seatsync_pipeline.reconcile.preview import Draft, draft_preview
from seatsync_pipeline.reconcile.rows import Row
from seatsync_pipeline.sources.base import Account, Observation, State

TODAY = date(2026, 11, 20)
LONG_AGO = date(2025, 1, 1)
MFA = Product(10, "MFA-SEAT", price=Decimal("3.5"), billing_cycle="Monthly")
MAIL = Product(11, "MAIL-SEAT", price=Decimal(4), billing_cycle="Monthly")
ACME = Company(1, "acme", "Acme Dental")


def agreement(agreement_id: int = 100, company_id: int = 1, **changes: Any) -> Agreement:
    defaults: dict[str, Any] = {
        "name": f"Agreement {agreement_id}",
        "type_name": "Managed Services",
        "start_date": LONG_AGO,
        "billing_cycle": "Monthly",
        "next_invoice_date": date(2026, 12, 1),
    }
    return Agreement(agreement_id=agreement_id, company_id=company_id, **(defaults | changes))


def addition(
    quantity: float = 10, addition_id: int = 1000, agreement_id: int = 100, **changes: Any
) -> Addition:
    defaults: dict[str, Any] = {
        "product_id": MFA.product_id,
        "product_identifier": MFA.identifier,
        "unit_price": Decimal("3.5"),
        "effective_date": LONG_AGO,
    }
    return Addition(
        addition_id=addition_id,
        agreement_id=agreement_id,
        quantity=Decimal(str(quantity)),
        **(defaults | changes),
    )


def seen(
    seats: int | None = 10,
    key: str = "A1",
    state: State = State.COUNTED,
    license_name: str = "Duo MFA",
    name: str | None = None,
) -> Observation:
    if state is State.FAILED:
        seats = None
    return Observation(
        key,
        name or key,
        license_name,
        None if seats is None else Decimal(seats),
        state,
        reason="403" if state is State.FAILED else None,
    )


def linked(key: str = "A1", company_id: int | None = 1, name: str | None = None) -> dict[str, Link]:
    return {key: Link(key, name or key, company_id, reason=None if company_id else "internal")}


def world(
    observations: list[Observation],
    additions: list[Addition] | None = None,
    *,
    agreements: list[Agreement] | None = None,
    companies: list[Company] | None = None,
    links: dict[str, Link] | None = None,
    mappings: dict[str, int | None] | None = None,
    formerly: dict[str, frozenset[int]] | None = None,
    types: frozenset[str] = frozenset(),
    history: History = History(),  # noqa: B008  # frozen
    not_accepted: str | None = None,
    unlinked: Mapping[str, int | None] | None = None,
) -> Inputs:
    """One company with one agreement, Duo MFA mapped to MFA-SEAT, account A1 linked to it: unless said otherwise."""
    mappings = {"Duo MFA": MFA.product_id} if mappings is None else mappings
    known = {name: frozenset({product}) for name, product in mappings.items() if product is not None}
    scan = Scan(
        companies=tuple([ACME] if companies is None else companies),
        agreement_types=(AgreementType(1, "Managed Services"), AgreementType(2, "Projects")),
        agreements=tuple([agreement()] if agreements is None else agreements),
        additions=tuple(additions or ()),
        products=(MFA, MAIL),
        taken_at=datetime(2026, 11, 20, 8, 0),  # noqa: DTZ001  # stored times are naive UTC
    )
    return Inputs(
        source="duo",
        today=TODAY,
        snapshot_day=TODAY,
        accounts=tuple(
            {o.account_key: Account(o.account_key, o.account_name) for o in observations}.values()
        ),
        observations=tuple(observations),
        scan=scan,
        setup=Setup(mappings, formerly or known, linked() if links is None else links, unlinked or {}, types),
        history=history,
        not_accepted=not_accepted,
    )


def only_row(inputs: Inputs) -> Row:
    (row,) = draft(inputs).rows
    return row


def draft(inputs: Inputs) -> Draft:
    made = draft_preview(inputs)
    assert made.totals.adds_up, made.totals.as_dict()
    return made


_ids = st.integers(1, 4)
_quantities = st.decimals(min_value=0, max_value=60, places=1, allow_nan=False)
_days = st.integers(-70, 40).map(lambda offset: TODAY + timedelta(days=offset))
_names = st.sampled_from(
    ["Acme", "Acme Inc", "ACME, Inc.", "Bolt 2", "Bolt 3", "Northwind Traders", "Northwind Tradrs", "Zen"]
)
_licenses = st.sampled_from(["Duo MFA", "Mail", "Free", "Unknown"])


@st.composite
def _observations(draw: st.DrawFn) -> list[Observation]:
    keys = draw(st.lists(st.tuples(_ids, _licenses), unique=True, max_size=8))
    names = {key: draw(_names) for key in {key for key, _ in keys}}
    result = []
    for key, license_name in keys:
        state = draw(st.sampled_from(State))
        seats = int(draw(st.integers(0, 80)))
        result.append(seen(seats, f"A{key}", state, license_name, names[key]))
    return result


@st.composite
def worlds(draw: st.DrawFn) -> Inputs:
    """Any setup, any snapshot and any scan, with everything that may overlap overlapping."""
    companies = [
        Company(
            i, f"c{i}", draw(_names), draw(st.sampled_from([None, "Active", "Inactive"])), draw(st.booleans())
        )
        for i in range(1, draw(st.integers(2, 5)))
    ]
    agreements = [
        agreement(
            100 + i,
            draw(_ids),
            type_name=draw(st.sampled_from(["Managed Services", "Projects"])),
            start_date=draw(_days),
            end_date=draw(st.none() | _days),
            cancelled=draw(st.booleans()),
            billing_cycle=draw(st.sampled_from(["Monthly", "Annual", None])),
            next_invoice_date=draw(st.none() | _days),
        )
        for i in range(draw(st.integers(0, 5)))
    ]
    additions = [
        addition(
            addition_id=1000 + i,
            agreement_id=draw(st.sampled_from(agreements)).agreement_id,
            product_id=draw(st.sampled_from([10, 11, 12])),
            quantity=float(draw(_quantities)),
            effective_date=draw(st.none() | _days),
            cancelled_date=draw(st.none() | _days),
            bill_customer=draw(st.sampled_from(["Billable", "NoCharge"])),
        )
        for i in range(draw(st.integers(0, 8)) if agreements else 0)
    ]
    links = {
        f"A{i}": Link(f"A{i}", draw(_names), company, None if company else "internal")
        for i in draw(st.sets(_ids))
        for company in [draw(st.none() | _ids)]
    }
    mappings: dict[str, int | None] = draw(
        st.fixed_dictionaries(
            {}, optional={"Duo MFA": st.just(10), "Mail": st.sampled_from([10, 11]), "Free": st.none()}
        )
    )
    return world(
        draw(_observations()),
        additions,
        agreements=agreements,
        companies=companies,
        links=links,
        mappings=mappings,
        formerly={"Duo MFA": frozenset({10}), "Mail": frozenset({10, 11})},
        types=draw(st.sampled_from([frozenset(), frozenset({"Managed Services"})])),
        not_accepted=draw(st.sampled_from([None, "the snapshot is incomplete"])),
    )
