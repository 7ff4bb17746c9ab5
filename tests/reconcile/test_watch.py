"""The watch: what links, mappings and prices have become since they were set, and what that does to a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatsync_pipeline.connectwise.records import Company, Product
from seatsync_pipeline.reconcile import watch
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.preview import draft_preview
from seatsync_pipeline.reconcile.rows import Action, Flag, Row, Status
from seatsync_pipeline.sources.base import State
from tests.reconcile.worlds import (
    ACME,
    MAIL,
    MFA,
    TODAY,
    addition,
    agreement,
    draft,
    linked,
    only_row,
    seen,
    world,
    worlds,
)

WATCHED = {
    Flag.PRODUCT_INACTIVE,
    Flag.PRODUCT_BUNDLE,
    Flag.PRODUCT_GONE,
    Flag.DID_YOU_MEAN,
    Flag.NO_PRICE,
    Flag.BELOW_COST,
    Flag.UNUSUAL_PRICE,
}


def with_catalog(inputs: Inputs, *products: Product) -> Inputs:
    return replace(inputs, scan=replace(inputs.scan, products=products))


def clients(prices: Sequence[str | None], **changes: Any) -> dict[str, Any]:
    """Companies 2, 3 ... of one agreement each, with an MFA addition at each of these prices."""
    numbers = range(2, len(prices) + 2)
    return {
        "additions": [
            addition(
                10,
                addition_id=1000 + n,
                agreement_id=100 + n,
                unit_price=None if price is None else Decimal(price),
                **changes,
            )
            for n, price in zip(numbers, prices, strict=True)
        ],
        "agreements": [agreement(), *(agreement(100 + n, company_id=n) for n in numbers)],
        "companies": [ACME, *(Company(n, f"c{n}", f"Client {n}") for n in numbers)],
    }


def row_of(inputs: Inputs, company_id: int = 1) -> Row:
    return next(row for row in draft(inputs).rows if row.company_id == company_id)


def explained(row: Row, flag: Flag, *words: str) -> None:
    """The flag is there once, the sentence is one, and both it and the trace say what was found."""
    (step,) = [step for step in row.trace if step.rule == f"watch: {flag}"]
    assert row.flags.count(flag) == 1
    assert step.found in row.reason
    assert row.reason.endswith(".")
    assert ".;" not in row.reason
    for word in words:
        assert word in step.found


class TestProduct:
    INACTIVE = replace(MFA, inactive=True)
    BUNDLE = replace(MFA, product_class=" bundle ")

    @pytest.mark.parametrize(
        ("catalog", "flag"),
        [
            ((INACTIVE,), Flag.PRODUCT_INACTIVE),
            ((BUNDLE,), Flag.PRODUCT_BUNDLE),
            ((replace(BUNDLE, inactive=True),), Flag.PRODUCT_BUNDLE),
            ((MAIL,), Flag.PRODUCT_GONE),
        ],
    )
    def test_nothing_is_created_of_a_product_that_cannot_be_added(
        self, catalog: tuple[Product, ...], flag: Flag
    ) -> None:
        row = only_row(with_catalog(world([seen(12)]), *catalog))
        assert (row.status, row.action) == (Status.NO_ADDITION, Action.CREATE)
        assert (row.blocked, row.needs_reason, row.selected_by_default) == (True, False, False)
        explained(row, flag, "map the license to")

    @pytest.mark.parametrize(
        ("catalog", "flag", "blocked"),
        [
            ((INACTIVE,), Flag.PRODUCT_INACTIVE, False),
            ((BUNDLE,), Flag.PRODUCT_BUNDLE, True),
            ((MAIL,), Flag.PRODUCT_GONE, False),
        ],
    )
    def test_an_update_is_flagged_and_blocked_for_a_bundle_only(
        self, catalog: tuple[Product, ...], flag: Flag, *, blocked: bool
    ) -> None:
        row = only_row(with_catalog(world([seen(12)], [addition(10)]), *catalog))
        assert (row.status, row.action, row.new_quantity) == (Status.READY, Action.UPDATE, Decimal(12))
        assert (row.blocked, row.selected_by_default) == (blocked, not blocked)
        explained(row, flag)

    def test_a_guarded_update_of_a_bundle_asks_for_no_reason_that_would_not_help(self) -> None:
        row = only_row(with_catalog(world([seen(0)], [addition(10)]), self.BUNDLE))
        assert row.guards
        assert (row.blocked, row.needs_reason) == (True, False)

    def test_what_is_right_is_told_all_the_same(self) -> None:
        row = only_row(with_catalog(world([seen(10)], [addition(10)]), self.BUNDLE))
        assert (row.status, row.blocked) == (Status.NO_CHANGE, False)
        explained(row, Flag.PRODUCT_BUNDLE)

    def test_a_line_of_a_bundle_can_be_cancelled(self) -> None:
        inputs = world([seen(5, license_name="Mail")], [addition(10)], mappings={"Duo MFA": 10, "Mail": 11})
        rows = {row.status: row for row in draft(with_catalog(inputs, self.BUNDLE, MAIL)).rows}
        assert not rows[Status.ORPHANED].blocked
        explained(rows[Status.ORPHANED], Flag.PRODUCT_BUNDLE)
        assert not WATCHED & {*rows[Status.NO_ADDITION].flags}

    def test_the_old_product_of_a_license_is_nobodys_business(self) -> None:
        inputs = world(
            [seen(10)], [addition(10)], mappings={"Duo MFA": 11}, formerly={"Duo MFA": frozenset({10, 11})}
        )
        for row in draft(with_catalog(inputs, self.INACTIVE, MAIL)).rows:
            assert not WATCHED & {*row.flags}


class TestLicense:
    @pytest.mark.parametrize(
        "spelling",
        [
            "email & collaboration protect",
            "  Email  &\u00a0Collaboration Protect ",
            "Email and Collaboration Protect",
            "Email&Collaboration Protect",
            "Email\u2122 & Collaboration Protect\u00ae",
            "Email (TM) & Collaboration (r) Protect TM",
            "Email\u200b & Collaboration Protect",
            "Email \uff06 Collaboration Protect",
        ],
    )
    def test_another_spelling_of_a_mapped_license_is_asked_about_and_never_mapped(
        self, spelling: str
    ) -> None:
        name = "Email & Collaboration Protect"
        row = only_row(world([seen(7, license_name=spelling)], mappings={name: 11}))
        assert (row.status, row.action, row.blocked) == (Status.LICENSE_UNMAPPED, Action.NONE, True)
        assert row.product_id is None
        explained(row, Flag.DID_YOU_MEAN, "did you mean", name, "MAIL-SEAT")

    @pytest.mark.parametrize(
        "other",
        ["Email & Collaboration Protect 2", "Email + Collaboration Protect", "Email Protect", "TM", "&"],
    )
    def test_another_license_is_not(self, other: str) -> None:
        row = only_row(world([seen(7, license_name=other)], mappings={"Email & Collaboration Protect": 11}))
        assert row.status is Status.LICENSE_UNMAPPED
        assert not WATCHED & {*row.flags}

    def test_all_that_it_may_be_are_named(self) -> None:
        mappings = {"DUO MFA": 10, "Duo mfa": None}
        row = only_row(world([seen(7, license_name="duo mfa")], mappings=mappings))
        explained(
            row,
            Flag.DID_YOU_MEAN,
            "'DUO MFA', which is billed as MFA-SEAT",
            "'Duo mfa', which is marked no charge",
        )

    def test_it_counts_as_new_so_that_its_old_line_is_neither_used_nor_cancelled(self) -> None:
        rows = {r.status: r for r in draft(world([seen(12, license_name="DUO MFA")], [addition(10)])).rows}
        assert set(rows) == {Status.LICENSE_UNMAPPED, Status.ORPHANED}
        assert rows[Status.ORPHANED].blocked
        assert Flag.POSSIBLE_RENAME in rows[Status.ORPHANED].flags

    @pytest.mark.parametrize("state", [State.POC, State.FAILED])
    def test_what_is_not_about_the_license_is_not_asked_it(self, state: State) -> None:
        row = only_row(world([seen(7, license_name="DUO MFA", state=state)]))
        assert Flag.DID_YOU_MEAN not in row.flags


class TestPrice:
    @pytest.mark.parametrize(
        ("price", "cost", "flag"),
        [
            (None, None, Flag.NO_PRICE),
            ("0", "1.2", Flag.NO_PRICE),
            ("1.19", "1.2", Flag.BELOW_COST),
            ("1.2", "1.2", None),
            ("1.19", None, None),
            ("3", "0", None),
        ],
    )
    @pytest.mark.parametrize("existing", [True, False])
    def test_without_a_price_or_below_cost(
        self, price: str | None, cost: str | None, flag: Flag | None, *, existing: bool
    ) -> None:
        amounts = [None if text is None else Decimal(text) for text in (price, cost)]
        catalog = MFA if existing else replace(MFA, price=amounts[0], cost=amounts[1])
        billed = [addition(10, unit_price=amounts[0], unit_cost=amounts[1])] if existing else []
        row = only_row(with_catalog(world([seen(12)], billed), catalog))
        assert WATCHED & {*row.flags} == ({flag} if flag else set())
        # The price of a line that bills already is the operator's; a new one would be ours.
        assert row.needs_reason is (flag is not None and not existing)
        assert row.selected_by_default is existing
        if flag:
            explained(row, flag)

    def test_a_line_without_a_cost_of_its_own_has_the_catalogs(self) -> None:
        inputs = world([seen(12)], [addition(10, unit_price=Decimal(1))])
        row = only_row(with_catalog(inputs, replace(MFA, cost=Decimal(2))))
        explained(row, Flag.BELOW_COST, "1 is below the cost 2")

    @pytest.mark.parametrize("flags", [("NoCharge"), ("DoNotBill")])
    def test_what_is_not_billable_has_no_price_to_judge(self, flags: str) -> None:
        row = only_row(world([seen(12)], [addition(10, unit_price=Decimal(0), bill_customer=flags)]))
        assert not WATCHED & {*row.flags}

    @pytest.mark.parametrize(
        ("price", "unusual"), [("1.99", True), ("2", False), ("4", False), ("6", False), ("6.01", True)]
    )
    def test_further_than_half_from_the_median_of_five(self, price: str, *, unusual: bool) -> None:
        around = clients(["3", "4", "4", "50", price])  # with or without the odd one, the median is 4
        row = row_of(world([seen(1)], **around), company_id=6)
        assert (Flag.UNUSUAL_PRICE in row.flags) is unusual
        if unusual:
            explained(row, Flag.UNUSUAL_PRICE, price, "usual 4", "5 additions")

    def test_four_do_not_say_what_is_usual(self) -> None:
        inputs = world([seen(1)], **clients(["4", "4", "4", "50"]))
        assert not any(Flag.UNUSUAL_PRICE in row.flags for row in draft(inputs).rows)

    @pytest.mark.parametrize(
        "changes",
        [
            {"bill_customer": "NoCharge"},
            {"unit_price": Decimal(0)},
            {"unit_price": None},
            {"product_id": MAIL.product_id},
            {"effective_date": date(2026, 12, 1)},
            {"cancelled_date": date(2026, 10, 31)},
            {"agreement_id": 200},
        ],
    )
    def test_only_current_billable_additions_in_scope_with_a_price_say_what_is_usual(
        self, changes: dict[str, Any]
    ) -> None:
        around = clients(["4", "4", "4", "4", "50"])
        for n in (2, 3):  # three are left
            around["additions"][n - 2] = replace(around["additions"][n - 2], **changes)
        around["agreements"].append(agreement(200, company_id=3, type_name="Projects"))
        inputs = world([seen(1)], types=frozenset({"Managed Services"}), **around)
        assert not any(Flag.UNUSUAL_PRICE in row.flags for row in draft(inputs).rows)

    def test_a_new_line_takes_the_catalogs_price_and_needs_a_reason_where_others_pay_far_less(self) -> None:
        inputs = world([seen(12)], **clients(["1", "1", "1", "1", "1"]))
        row = row_of(inputs)
        assert (row.status, row.needs_reason, row.blocked) == (Status.NO_ADDITION, True, False)
        explained(row, Flag.UNUSUAL_PRICE, "3.5", "usual 1")

    def test_a_coming_addition_is_judged_where_it_is_the_line(self) -> None:
        coming = addition(12, 1001, unit_price=Decimal(0), effective_date=date(2026, 12, 1))
        explained(only_row(world([seen(12)], [coming])), Flag.NO_PRICE, "addition 1001")
        assert not WATCHED & {*only_row(world([seen(12)], [addition(12), coming])).flags}

    def test_of_several_additions_each_odd_one_is_named(self) -> None:
        additions = [addition(4, unit_price=Decimal(0)), addition(6, addition_id=1001, unit_price=None)]
        row = only_row(world([seen(10)], additions))
        assert row.flags == (Flag.NO_PRICE,)
        assert "addition 1000 is 0" in row.reason
        assert "addition 1001 is not set" in row.reason


def test_a_renamed_account_is_told_with_both_names() -> None:
    inputs = world([seen(12, name="Acme Orthodontics")], [addition(10)], links=linked(name="Acme Dental"))
    row = only_row(inputs)
    assert row.selected_by_default
    explained(row, Flag.ACCOUNT_RENAMED, "Acme Orthodontics", "Acme Dental")


prices = st.none() | st.sampled_from(["0", "0.5", "3", "4", "50"]).map(Decimal)


@st.composite
def unsound_worlds(draw: st.DrawFn) -> Inputs:
    """Any world with any catalog and any prices, and licenses spelt almost as the mapped ones."""
    inputs = draw(worlds())
    catalog = [
        replace(
            product,
            price=draw(prices),
            cost=draw(prices),
            inactive=draw(st.booleans()),
            product_class=draw(st.sampled_from(["Bundle", "Service", None])),
        )
        for product in inputs.scan.products
        if draw(st.integers(0, 3))
    ]
    additions = [replace(a, unit_price=draw(prices), unit_cost=draw(prices)) for a in inputs.scan.additions]
    observations = [
        replace(o, license=draw(st.sampled_from([o.license, o.license.upper()]))) for o in inputs.observations
    ]
    return replace(
        inputs,
        observations=tuple(observations),
        scan=replace(inputs.scan, products=tuple(catalog), additions=tuple(additions)),
    )


@given(unsound_worlds())
@settings(max_examples=150)
def test_the_watch_changes_nothing_but_what_it_documents(inputs: Inputs) -> None:
    made = draft_preview(inputs)
    assert made.totals.adds_up, made.totals.as_dict()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seatsync_pipeline.reconcile.preview.watch_rows", lambda rows, *_: rows)
        unwatched = draft_preview(inputs)
    assert made.totals == unwatched.totals
    allowed = {"blocked", "needs_reason", "selected_by_default", "flags", "reason", "trace"}
    for row, before in zip(made.rows, unwatched.rows, strict=True):
        assert {f.name for f in fields(row) if getattr(row, f.name) != getattr(before, f.name)} <= allowed
        assert row.fingerprint == before.fingerprint
        assert row.flags[: len(before.flags)] == before.flags
        assert row.blocked >= before.blocked
        assert row.selected_by_default <= before.selected_by_default
        assert not (row.blocked and row.needs_reason)
        new = {*row.flags} - {*before.flags}
        assert new <= WATCHED
        steps = {step.rule for step in row.trace[len(before.trace) :]}
        assert {f"watch: {flag}" for flag in new} <= steps
        _only_as_documented(row, before, new)


def _only_as_documented(row: Row, before: Row, new: set[Flag]) -> None:
    states = {Flag.PRODUCT_INACTIVE, Flag.PRODUCT_BUNDLE, Flag.PRODUCT_GONE}
    blocking = {Action.CREATE: states, Action.UPDATE: {Flag.PRODUCT_BUNDLE}}.get(row.action, set())
    assert row.blocked is (before.blocked or bool(new & blocking))
    asking = {Flag.NO_PRICE, Flag.BELOW_COST, Flag.UNUSUAL_PRICE} if row.action is Action.CREATE else set()
    assert row.needs_reason is ((before.needs_reason or bool(new & asking)) and not row.blocked)
    assert row.selected_by_default is (before.selected_by_default and not row.blocked and not new & asking)


def test_the_usual_price_is_exact() -> None:
    from seatsync_pipeline.reconcile.book import Book

    around = clients(["3", "4", "5", "6", "7", "8"])
    other = [
        replace(a, addition_id=a.addition_id + 100, product_id=MAIL.product_id) for a in around["additions"]
    ]
    around["additions"] += other
    inputs = world([], **around)
    book = Book(inputs.scan, (), TODAY)
    assert watch.usual_prices(book, {10}) == {10: watch.UsualPrice(Decimal("5.5"), 6)}
