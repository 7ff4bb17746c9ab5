"""Who an account belongs to: what links by itself, and what never does."""

from __future__ import annotations

import pytest

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.matching import Link, Match, Outcome, Rule, match_accounts
from seatsync_pipeline.reconcile.rows import Flag
from seatsync_pipeline.sources.base import Account


def companies(*names: str) -> list[Company]:
    return [Company(i, f"c{i}", name, "Active") for i, name in enumerate(names, 1)]


def match(name: str, *company_names: str) -> Match:
    return match_accounts([Account("A1", name)], companies(*company_names), {})["A1"]


@pytest.mark.parametrize(
    ("account", "names", "rule"),
    [
        ("Acme Dental", ("Acme Dental", "Acme Dental, Inc."), Rule.EXACT),
        ("acme dental", ("Acme Dental, Inc.", "Bolt"), Rule.NORMALISED),
        ("Smith & Jones", ("The Smith and Jones Co.", "Bolt"), Rule.NORMALISED),
        ("Northwind Tradrs", ("Northwind Traders Ltd", "Bolt"), Rule.CLOSE),
    ],
)
def test_a_name_beyond_doubt_links(account: str, names: tuple[str, ...], rule: Rule) -> None:
    found = match(account, *names)
    assert (found.outcome, found.made_by) == (Outcome.LINKED, rule)
    assert found.company is not None
    assert found.company.company_id == 1


@pytest.mark.parametrize(
    ("account", "names"),
    [
        ("Acme", ("Acme", "Acme")),  # twins, to the letter
        ("acme", ("Acme Inc", "Acme LLC")),  # twins after normalisation
        ("Harbor Family Clinic 2", ("Harbor Family Clinic 3",)),  # a number
        ("Westfield Orthopedics North", ("Westfield Orthopedics South",)),  # a direction
        ("Riverside First Baptist Church", ("Riverside Frist Baptist Church",)),  # an ordinal
        ("Contoso Healthcare Partners", ("Contoso Wealthcare Partners",)),  # an exchanged letter
        ("Northwind Tradrs", ("Northwind Traders", "Northwind Trader")),  # two equally near
    ],
)
def test_what_looks_alike_is_left_to_the_operator(account: str, names: tuple[str, ...]) -> None:
    found = match(account, *names)
    assert found.outcome is Outcome.AMBIGUOUS
    assert [c.company_id for c in found.candidates][:1] == [1]
    assert found.company is None


def test_nothing_near_is_unmatched_and_far_candidates_are_not_shown() -> None:
    assert match("Zenith Bakery", "Acme Dental", "Bolt").candidates == ()
    near = match("Blue River Dental", "Blue River Dental Group", "Acme Dental")
    assert near.outcome is Outcome.UNMATCHED
    assert [c.company_name for c in near.candidates] == ["Blue River Dental Group"]


def test_at_most_three_candidates_best_first() -> None:
    found = match("Harbor Clinic 1", *(f"Harbor Clinic {i}" for i in (2, 3, 4, 5)))
    assert [c.company_id for c in found.candidates] == [1, 2, 3]


def test_deleted_and_inactive_companies_are_no_candidates() -> None:
    gone = [Company(1, "a", "Acme", "Active", deleted=True), Company(2, "b", "Acme", "Inactive")]
    assert match_accounts([Account("A1", "Acme")], gone, {})["A1"].outcome is Outcome.UNMATCHED


def test_two_accounts_never_share_a_company_by_themselves() -> None:
    accounts = [
        Account("A1", "Acme"),
        Account("A2", "Acme Inc"),
        Account("A3", "Bolt"),
        Account("A4", "Bolt"),
    ]
    found = match_accounts(accounts, companies("Acme", "Bolt"), {})
    assert found["A1"].outcome is Outcome.LINKED  # the exact name goes first
    for key in ("A2", "A3", "A4"):
        assert found[key].outcome is Outcome.AMBIGUOUS
        assert found[key].flags == (Flag.SECOND_ACCOUNT,)


def test_a_company_with_a_saved_account_takes_no_second_one_by_itself() -> None:
    links = {"OLD": Link("OLD", "Acme", 1)}
    found = match_accounts([Account("A1", "Acme")], companies("Acme"), links)["A1"]
    assert (found.outcome, found.flags) == (Outcome.AMBIGUOUS, (Flag.SECOND_ACCOUNT,))


def test_a_saved_link_wins_over_a_better_name() -> None:
    links = {"A1": Link("A1", "Bolt", 2)}
    found = match_accounts([Account("A1", "Bolt")], companies("Bolt", "Acme"), links)["A1"]
    assert found.company is not None
    assert (found.company.company_id, found.made_by) == (2, None)


def test_a_renamed_account_keeps_its_link_and_is_flagged() -> None:
    links = {"A1": Link("A1", "Acme", 1)}
    found = match_accounts([Account("A1", "Bolt")], companies("Acme", "Bolt"), links)["A1"]
    assert (found.outcome, found.flags) == (Outcome.LINKED, (Flag.ACCOUNT_RENAMED,))


@pytest.mark.parametrize("state", ["deleted", "inactive", "missing"])
def test_a_link_to_a_company_that_is_gone_is_unmatched_and_never_replaced(state: str) -> None:
    old = Company(1, "old", "Acme", "Inactive" if state == "inactive" else "Active", state == "deleted")
    new = Company(2, "new", "Acme", "Active")
    listed = [new] if state == "missing" else [old, new]
    found = match_accounts([Account("A1", "Acme")], listed, {"A1": Link("A1", "Acme", 1)})["A1"]
    assert (found.outcome, found.flags) == (Outcome.UNMATCHED, (Flag.COMPANY_GONE,))
    assert [c.company_id for c in found.candidates] == [2]


def test_an_unlinked_account_is_not_linked_again_by_the_machine() -> None:
    found = match_accounts([Account("A1", "Acme")], companies("Acme"), {}, unlinked={"A1"})["A1"]
    assert found.outcome is Outcome.AMBIGUOUS
    assert [c.company_id for c in found.candidates] == [1]


def test_an_account_without_a_key_of_its_own_is_never_linked_by_itself() -> None:
    account = Account("(no portal, line 7)", "Acme", details={"unidentified": True})
    found = match_accounts([account], companies("Acme"), {})[account.key]
    assert found.outcome is Outcome.AMBIGUOUS


def test_a_website_that_agrees_makes_a_candidate_but_never_a_link() -> None:
    company = Company(1, "z", "Zebra Holdings", "Active", website="https://www.acme-dental.com/")
    account = Account("A1", "Acme Dental", domain="acme-dental.com")
    found = match_accounts([account], [company], {})["A1"]
    assert found.outcome is Outcome.UNMATCHED
    assert [(c.company_id, c.note is not None) for c in found.candidates] == [(1, True)]
