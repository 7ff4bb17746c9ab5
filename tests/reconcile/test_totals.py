"""The control totals: counted from both ends, and what does not agree is seen."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.matching import match_accounts
from seatsync_pipeline.reconcile.placement import place_observations
from seatsync_pipeline.reconcile.preview import draft_preview
from seatsync_pipeline.reconcile.rows import Row
from seatsync_pipeline.reconcile.totals import Balance, Totals, control_totals
from seatsync_pipeline.sources.base import State
from tests.reconcile.worlds import ACME, addition, agreement, linked, seen, world

EVERYTHING = world(
    [
        seen(12, "A1"),
        seen(7, "A2", license_name="Free"),
        seen(5, "A3"),
        seen(3, "A4", State.EXPIRED),
        seen(2, "A5", State.POC),
        seen(None, "A6", State.FAILED),
        seen(4, "A7", name="Zen"),
    ],
    [
        addition(10, 1000),
        addition(9, 1001, 102),
        addition(1, 1002, 103),
        addition(1, 1003, product_id=11),  # another source's product
    ],
    companies=[ACME, Company(2, "bolt", "Bolt"), Company(3, "cube", "Cube")],
    agreements=[agreement(100, 1), agreement(102, 2), agreement(103, 3)],
    mappings={"Duo MFA": 10, "Free": None},
    links=linked("A1") | linked("A3", None) | linked("A4", 2) | linked("A5", 3),
)  # fmt: skip


def totals_of(inputs: Inputs, rows: tuple[Row, ...]) -> Totals:
    matches = match_accounts(inputs.accounts, inputs.scan.companies, inputs.setup.links)
    placement = place_observations(inputs.observations, matches, inputs.setup)
    return control_totals(inputs, placement, Book(inputs.scan, (), inputs.today), list(rows), 0)


ROWS = draft_preview(EVERYTHING).rows


def test_every_part_is_counted() -> None:
    totals = draft_preview(EVERYTHING).totals
    assert totals.adds_up
    assert totals.as_dict() == {
        "adds_up": True,
        "observations": {"in": 7, "rows": 4, "no_charge": 1, "not_billed": 1, "expired": 1},
        "seats": {"in": 33, "rows": 18, "no_charge": 7, "not_billed": 5, "expired": 3},
        "additions": {"in": 3, "rows": 3, "not_checked": 0},
        "failed": 1,
        "by_status": {
            "Ready": {"rows": 1, "seats": 12, "delta": 2, "amount_delta": 7},
            "Orphaned": {"rows": 1, "seats": 0, "delta": -9, "amount_delta": Decimal("-31.5")},
            "Unmatched": {"rows": 1, "seats": 4, "delta": 0, "amount_delta": 0},
            "Skipped": {"rows": 1, "seats": 2, "delta": 0, "amount_delta": 0},
            "Source error": {"rows": 1, "seats": 0, "delta": 0, "amount_delta": 0},
        },
        "twice": [],
        "renamed": {},
    }


def test_an_account_that_is_not_billed_and_was_renamed_is_told_although_it_has_no_row() -> None:
    """Its subaccount may have been given to a client, whom nobody would ever bill."""
    seats = [seen(5, "A3", name="New Client"), seen(6, "A4", name="Internal")]
    links = linked("A3", None, name="Spare") | linked("A4", None, name="Internal")
    draft = draft_preview(world(seats, [], links=links))
    assert draft.rows == ()
    assert draft.totals.as_dict()["renamed"] == {
        "New Client [A3]": "linked as not billed: internal; the account was named Spare then"
    }


def test_what_was_not_checked_is_counted_too() -> None:
    totals = draft_preview(replace(EVERYTHING, not_accepted="the snapshot is incomplete")).totals
    assert totals.adds_up
    assert totals.additions.as_dict() == {"in": 3, "rows": 2, "not_checked": 1}


@pytest.mark.parametrize("position", range(len(ROWS)))
def test_a_row_that_is_lost_or_stands_twice_is_seen(position: int) -> None:
    lost = totals_of(EVERYTHING, (*ROWS[:position], *ROWS[position + 1 :]))
    assert not lost.adds_up
    assert lost.as_dict()["adds_up"] is False
    again = totals_of(EVERYTHING, (*ROWS, ROWS[position]))
    assert not again.adds_up
    assert ROWS[position].row_id in again.twice


def test_one_that_stands_twice_does_not_hide_one_that_is_lost() -> None:
    """Number and seats agree, and the names do not."""
    ready = next(row for row in ROWS if row.billing.additions and row.accounts)
    poc = next(row for row in ROWS if row.accounts and row.accounts[0].account_key == "A5")
    swapped = replace(poc, accounts=(replace(ready.accounts[0], seats=Decimal(2)),), billing=ready.billing)
    rows = tuple(swapped if row is poc else row for row in ROWS)
    totals = totals_of(EVERYTHING, rows)
    assert totals.observations.adds_up
    assert totals.seats.adds_up
    assert totals.additions.adds_up
    assert totals.twice == ("A1, Duo MFA", "addition 1000")
    assert not totals.adds_up


def test_each_balance_alone_can_fail_the_totals() -> None:
    good = totals_of(EVERYTHING, ROWS)
    bad = Balance(Decimal(2), {"rows": Decimal(1)})
    assert good.adds_up
    assert not replace(good, observations=bad).adds_up
    assert not replace(good, seats=bad).adds_up
    assert not replace(good, additions=bad).adds_up


def test_seats_of_a_row_must_agree_with_what_came_in() -> None:
    ready = next(row for row in ROWS if row.accounts and row.accounts[0].seats == 12)
    more = replace(ready, accounts=(replace(ready.accounts[0], seats=Decimal(13)),))
    totals = totals_of(EVERYTHING, tuple(more if row is ready else row for row in ROWS))
    assert totals.observations.adds_up
    assert not totals.seats.adds_up
