"""The algebra of classification: everything lands once, and order never matters."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.preview import draft_preview
from seatsync_pipeline.reconcile.rows import Action, Status
from tests.reconcile.worlds import worlds


@given(worlds())
@settings(max_examples=300)
def test_every_observation_and_addition_ends_in_exactly_one_bucket(inputs: Inputs) -> None:
    made = draft_preview(inputs)
    assert made.totals.adds_up, made.totals.as_dict()
    shares = [(s.account_key, s.license) for row in made.rows for s in row.accounts]
    assert len(shares) == len(set(shares))
    additions = [a.addition_id for row in made.rows for a in row.billing.additions]
    assert len(additions) == len(set(additions))
    assert len({row.row_id for row in made.rows}) == len(made.rows)


@given(worlds(), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_the_order_of_the_inputs_does_not_matter(inputs: Inputs, rng: random.Random) -> None:
    def mixed(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(rng.sample(items, len(items)))

    shuffled = replace(
        inputs,
        accounts=mixed(inputs.accounts),
        observations=mixed(inputs.observations),
        scan=replace(
            inputs.scan,
            companies=mixed(inputs.scan.companies),
            agreements=mixed(inputs.scan.agreements),
            additions=mixed(inputs.scan.additions),
        ),
    )
    assert draft_preview(shuffled).rows == draft_preview(inputs).rows


@given(worlds())
@settings(max_examples=300)
def test_what_may_be_pushed_is_bounded_by_what_is_known(inputs: Inputs) -> None:
    for row in draft_preview(inputs).rows:
        failed = any(share.seats is None for share in row.accounts)
        if failed:
            assert row.action is Action.NONE
            assert row.blocked
        if row.status is Status.ORPHANED:
            assert inputs.not_accepted is None
            assert not row.selected_by_default
            assert row.planned_date is not None
            assert row.planned_date >= inputs.today
        if row.selected_by_default:
            assert row.status is Status.READY
            assert not row.blocked
            assert not row.needs_reason
            assert row.new_quantity == sum(share.seats or 0 for share in row.accounts)
        if row.blocked:
            assert not row.needs_reason
