"""Where each observation goes: the rules in their order, every meeting of license, account and state once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.matching import Link, match_accounts
from seatsync_pipeline.reconcile.placement import Placement, place_observations
from seatsync_pipeline.reconcile.rows import Share
from seatsync_pipeline.sources.base import State
from tests.reconcile.worlds import ACME, linked, seen, world

LICENSES = {"mapped": "Duo MFA", "free": "Free", "unmapped": "New"}
ACCOUNTS = {
    "linked": ("A1", linked()),
    "not billed": ("A1", linked(company_id=None)),
    "ambiguous": ("Acme Dental 2", {}),
    "unmatched": ("Zen", {}),
}
COMPANIES = [ACME, Company(2, "a3", "Acme Dental 3")]


def inputs_of(license_name: str, account: str, state: State) -> Inputs:
    name, links = ACCOUNTS[account]
    return world(
        [seen(5, name=name, state=state, license_name=license_name)],
        links=links,
        companies=COMPANIES,
        mappings={"Duo MFA": 10, "Free": None},
    )


def placed(inputs: Inputs) -> Placement:
    matches = match_accounts(inputs.accounts, inputs.scan.companies, inputs.setup.links)
    return place_observations(inputs.observations, matches, inputs.setup)


def where(result: Placement) -> str:
    places = [str(bucket) for bucket, _ in result.no_row]
    places += [str(status) for status, _ in result.alone]
    places += [f"line {company}/{product}" for company, product in result.lines]
    (place,) = places
    return place


# License, account: where a counted, a proof of concept, an expired and a failed observation of them goes.
PLACES = {
    ("mapped", "linked"): ("line 1/10", "Skipped", "expired", "line 1/10"),
    ("mapped", "not billed"): ("not_billed", "not_billed", "not_billed", "not_billed"),
    ("mapped", "ambiguous"): ("Ambiguous", "Skipped", "expired", "Source error"),
    ("mapped", "unmatched"): ("Unmatched", "Skipped", "expired", "Source error"),
    ("free", "linked"): ("no_charge", "no_charge", "no_charge", "no_charge"),
    ("free", "not billed"): ("no_charge", "no_charge", "no_charge", "no_charge"),
    ("free", "ambiguous"): ("no_charge", "no_charge", "no_charge", "no_charge"),
    ("free", "unmatched"): ("no_charge", "no_charge", "no_charge", "no_charge"),
    ("unmapped", "linked"): ("License unmapped", "Skipped", "expired", "Source error"),
    ("unmapped", "not billed"): ("not_billed", "not_billed", "not_billed", "not_billed"),
    ("unmapped", "ambiguous"): ("License unmapped", "Skipped", "expired", "Source error"),
    ("unmapped", "unmatched"): ("License unmapped", "Skipped", "expired", "Source error"),
}


@pytest.mark.parametrize(("license_name", "account"), PLACES)
def test_the_first_rule_that_fits_decides(license_name: str, account: str) -> None:
    states = (State.COUNTED, State.POC, State.EXPIRED, State.FAILED)
    found = [where(placed(inputs_of(LICENSES[license_name], account, state))) for state in states]
    assert found == list(PLACES[license_name, account])


@pytest.mark.parametrize(
    ("license_name", "account", "state", "companies"),
    [
        ("mapped", "linked", State.COUNTED, set()),
        ("mapped", "linked", State.FAILED, {1}),  # what it has is not known
        ("mapped", "linked", State.POC, set()),
        ("unmapped", "linked", State.POC, {1}),  # which line it uses is not known
        ("unmapped", "linked", State.COUNTED, {1}),
        ("mapped", "ambiguous", State.COUNTED, {1, 2}),
        ("mapped", "ambiguous", State.POC, {1, 2}),
        ("mapped", "unmatched", State.COUNTED, set()),
        ("mapped", "ambiguous", State.EXPIRED, set()),
        ("free", "ambiguous", State.COUNTED, set()),
    ],
)
def test_whose_lines_an_open_account_holds_back(
    license_name: str, account: str, state: State, companies: set[int]
) -> None:
    assert set(placed(inputs_of(LICENSES[license_name], account, state)).unresolved()) == companies


def test_the_lines_of_a_company_that_is_gone_are_held_back_with_those_of_its_likes() -> None:
    inputs = world(
        [seen(5, name="Acme Dental 2")],
        links={"A1": Link("A1", "Acme Dental 2", 7)},
        companies=COMPANIES,
    )
    assert set(placed(inputs).unresolved()) == {1, 2, 7}


def test_a_trial_that_holds_nothing_back_hides_no_other_account() -> None:
    trial = seen(5, "A0", State.POC)
    open_one = seen(5, "A1", name="Acme Dental 2")
    inputs = world([trial, open_one], links=linked("A0"), companies=COMPANIES)
    assert set(placed(inputs).unresolved()) == {1, 2}


@pytest.mark.parametrize(
    ("account", "state", "lines"),
    [
        ("linked", State.COUNTED, {(1, 10)}),
        ("linked", State.POC, {(1, 10)}),
        ("linked", State.FAILED, {(1, 10)}),
        ("linked", State.EXPIRED, set()),
        ("unmatched", State.COUNTED, set()),
    ],
)
def test_who_is_present_uses_its_line(account: str, state: State, lines: set[tuple[int, int]]) -> None:
    assert placed(inputs_of("Duo MFA", account, state)).contributed() == lines


@pytest.mark.parametrize(
    ("license_name", "said"),
    [("Duo MFA", "mapped to product 10"), ("Free", "marked no charge"), ("New", "not mapped")],
)
def test_what_is_said_of_a_license(license_name: str, said: str) -> None:
    result = placed(inputs_of(license_name, "unmatched", State.COUNTED))
    (only,) = [p for _, p in [*result.no_row, *result.alone]]
    assert only.steps[1].found == f"{license_name}: {said}"


def test_what_an_observation_brings_to_its_row() -> None:
    inputs = world([seen(7, "A1"), seen(5, "A0", name="Zoe")], links=linked("A1") | linked("A0"))
    ((line, (one, other)),) = placed(inputs).lines.items()
    assert line == one.line == (1, 10)
    assert one.share == Share("A0", "Zoe", "Duo MFA", Decimal(5))
    assert other.share == Share("A1", "A1", "Duo MFA", Decimal(7))
