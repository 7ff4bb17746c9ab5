"""Who an account belongs to: what links by itself, and what never does."""

from __future__ import annotations

from decimal import Decimal

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
    ("account", "company"),
    [("???", "!!!"), ("\N{BLACK STAR}", "***"), ("'", "\u2019"), (" ", ""), ("-", "--")],
)
def test_names_without_a_letter_are_not_one_name(account: str, company: str) -> None:
    found = match(account, company)
    assert (found.outcome, found.company, found.candidates) == (Outcome.UNMATCHED, None, ())


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
        ("Acme\u200b Dental", ("Acme Dental",)),  # a blank of no width
        ("Acme Dental", ("\u202eAcme Dental\u202c",)),  # marks of direction
        ("Acme Dental\ufeff", ("Acme Dental\ufeff",)),  # the same to the letter, and not what people see
        ("Acme Dental\x07", ("Acme Dental",)),  # a control
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


def test_a_company_that_one_account_takes_by_its_name_is_not_taken_by_a_mistyped_one() -> None:
    accounts = [Account("A1", "Northwind Tradrs"), Account("A2", "Northwind Traders")]
    found = match_accounts(accounts, companies("Northwind Traders"), {})
    assert (found["A2"].outcome, found["A2"].made_by) == (Outcome.LINKED, Rule.EXACT)
    assert (found["A1"].outcome, found["A1"].flags) == (Outcome.AMBIGUOUS, (Flag.SECOND_ACCOUNT,))


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


def test_nobody_knows_the_name_of_an_account_that_was_linked_before_it_was_read() -> None:
    links = {"A1": Link("A1", "A1", 1)}  # as an imported setup without names makes it
    found = match_accounts([Account("A1", "Bolt")], companies("Acme", "Bolt"), links)["A1"]
    assert (found.outcome, found.flags) == (Outcome.LINKED, ())


@pytest.mark.parametrize("state", ["deleted", "inactive", "missing"])
def test_a_link_to_a_company_that_is_gone_is_unmatched_and_never_replaced(state: str) -> None:
    old = Company(1, "old", "Acme", "Inactive" if state == "inactive" else "Active", state == "deleted")
    new = Company(2, "new", "Acme", "Active")
    listed = [new] if state == "missing" else [old, new]
    found = match_accounts([Account("A1", "Acme")], listed, {"A1": Link("A1", "Acme", 1)})["A1"]
    assert (found.outcome, found.flags) == (Outcome.UNMATCHED, (Flag.COMPANY_GONE,))
    assert [c.company_id for c in found.candidates] == [2]


def test_an_unlinked_account_is_not_linked_again_by_the_machine() -> None:
    found = match_accounts([Account("A1", "Acme")], companies("Acme"), {}, unlinked={"A1": None})["A1"]
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


# The scores are exact: of 25, 10 and 20 letters one or two pairs are swapped.
@pytest.mark.parametrize(
    ("account", "names", "outcome", "why"),
    [
        ("norhtwind tradheouse acme", ("northwind tradehouse acme",), Outcome.LINKED, "linked to"),  # 92.00
        (
            "blackwodos",
            ("blackwoods",),
            Outcome.AMBIGUOUS,
            "is near (90 of 100), but not near enough",
        ),  # 90.00
        ("blackwdoos x", ("blackwoods z",), Outcome.UNMATCHED, "the nearest is blackwoods z (83 of 100)"),
        (  # 95.00, and the runner-up at 90.00
            "norhtwind tradehouse",
            ("northwind tradehouse", "norhtwind tradahoume"),
            Outcome.LINKED,
            "linked to northwind tradehouse (close name)",
        ),
        (  # the runner-up at 95.00 too
            "norhtwind tradehouse",
            ("northwind tradehouse", "norhtwind tradehoues"),
            Outcome.AMBIGUOUS,
            "northwind tradehouse and norhtwind tradehoues are about equally near",
        ),
    ],
)
def test_a_score_at_its_limit_is_still_inside(
    account: str, names: tuple[str, ...], outcome: Outcome, why: str
) -> None:
    found = match(account, *names)
    assert found.outcome is outcome
    assert why in found.why
    assert found.account.key == "A1"


def test_a_link_by_name_says_by_which_rule_and_how_sure_it_is() -> None:
    exact, close = match("Acme", "Acme"), match("Northwind Tradrs", "Northwind Traders")
    assert (exact.why, exact.made_by, exact.score) == (
        "linked to Acme (exact name)",
        Rule.EXACT,
        Decimal(100),
    )
    assert [(c.company_id, c.score) for c in exact.candidates] == [(1, Decimal(100))]
    assert (close.made_by, close.score) == (Rule.CLOSE, close.candidates[0].score)
    assert close.score is not None
    assert 92 < close.score < 100


def test_twins_are_named_with_their_ids() -> None:
    assert match("Acme", "Acme", "Acme").why == "2 companies have this name: Acme (id 1), Acme (id 2)"
    three = match("acme", "Acme Inc", "Acme LLC", "Acme Ltd")
    assert three.why.startswith("3 companies have this name: ")


def test_what_keeps_a_name_from_linking_is_said() -> None:
    account = Account("A1", "Acme")
    unlinked = match_accounts([account], companies("Acme"), {}, unlinked={"A1": None})["A1"]
    assert unlinked.why == "Acme fits (exact name), but a person took this account's link away"
    assert unlinked.account is account
    nameless = match_accounts([Account("A1", "Acme", details={"unidentified": True})], companies("Acme"), {})[
        "A1"
    ]
    assert nameless.why == "Acme fits (exact name), but the account has no key or name of its own"
    taken = match_accounts([account], companies("Acme"), {"OLD": Link("OLD", "Acme", 1)})["A1"]
    assert taken.why.endswith("but another account of this source is or would be linked to it")
    assert [c.company_id for c in taken.candidates] == [1]


@pytest.mark.parametrize(
    ("company", "state"),
    [
        (None, "company 1 is not in ConnectWise any more (merged?)"),
        (Company(1, "old", "Acme", "Active", deleted=True), "Acme was deleted (merged?)"),
        (Company(1, "old", "Acme", " INACTIVE "), "Acme was made inactive (merged?)"),
    ],
)
def test_a_link_whose_company_is_gone_says_how(company: Company | None, state: str) -> None:
    listed = [company] if company else []
    found = match_accounts([Account("A1", "New name")], listed, {"A1": Link("A1", "Acme", 1)})["A1"]
    assert found.why == f"its linked company {state}"
    assert found.flags == (Flag.ACCOUNT_RENAMED, Flag.COMPANY_GONE)
    assert (found.gone_company_id, found.company, found.account.name) == (1, None, "New name")


def test_a_saved_link_says_by_whom_and_under_which_name() -> None:
    kept = match_accounts([Account("A1", " Acme ")], companies("Acme"), {"A1": Link("A1", "Acme", 1)})["A1"]
    assert (kept.why, kept.flags) == ("linked to Acme (operator)", ())
    renamed = match_accounts([Account("A1", "Bolt")], companies("Acme"), {"A1": Link("A1", "Acme", 1)})["A1"]
    assert renamed.why == "linked to Acme (operator), when the account was named Acme"
    free = match_accounts([Account("A1", "Bolt")], [], {"A1": Link("A1", "Acme", None, "ours")})["A1"]
    assert (free.outcome, free.why, free.flags) == (
        Outcome.NOT_BILLED,
        "linked as not billed: ours; the account was named Acme then",
        (Flag.ACCOUNT_RENAMED,),
    )


def test_candidates_by_score_then_website_then_id() -> None:
    listed = [
        Company(1, "a", "Harbor Clinic 4"),
        Company(2, "b", "Harbor Clinic 3", website="harbor.example"),
        Company(3, "c", "Harbor Clinic 33"),
        Company(4, "d", "Zebra", website="https://harbor.example/"),
    ]
    account = Account("A1", "Harbor Clinic 2", domain="harbor.example")
    found = match_accounts([account], listed, {})["A1"]
    note = "its website agrees with the domain harbor.example"
    assert [(c.company_id, c.note) for c in found.candidates] == [(2, note), (1, None), (3, None)]
    zebra = match_accounts([account], listed[3:], {})["A1"]
    assert [(c.company_id, c.score, c.note) for c in zebra.candidates] == [(4, Decimal(0), note)]


def test_the_same_words_in_another_order_are_near_and_never_linked() -> None:
    found = match("Dental Harbor Family", "Harbor Family Dental")
    assert found.outcome is Outcome.AMBIGUOUS
    assert [(c.company_id, c.score) for c in found.candidates] == [(1, Decimal(100))]


@pytest.mark.parametrize(
    ("account", "company"),
    [
        ("Summit Roofing CO", "Summit Roofing NV"),  # Colorado, Nevada
        ("Summit Roofing NV", "Summit Roofing Inc."),
        ("Sumit Roofing CO", "Summit Roofing NV"),
        ("Acme AB", "Acme SA"),
        ("Serenity Spa", "Serenity LLC"),
        ("Smith Ag", "Smith Inc"),
        ("Widget Co", "Widget"),
    ],
)
def test_an_ending_that_may_be_a_place_or_a_word_is_left_to_a_person(account: str, company: str) -> None:
    found = match_accounts([Account("A1", account)], companies(company), {})["A1"]
    assert found.outcome is Outcome.AMBIGUOUS
    assert "may be a place or a word of it" in found.why
    assert [candidate.company_name for candidate in found.candidates] == [company]


@pytest.mark.parametrize(
    ("account", "company"),
    [
        ("Widget Co", "Widget Co."),
        ("Widget Co", "Widget Company"),
        ("Widget Co.", "Widget, Inc."),
        ("The Smith & Jones Co., Inc.", "smith and jones"),
        ("Acme AB", "ACME, A.B."),
        ("Nordic S.A.", "Nordic SA"),
        ("A+ Dental", "A Plus Dental"),
    ],
)
def test_a_legal_form_is_one_however_it_is_written(account: str, company: str) -> None:
    found = match_accounts([Account("A1", account)], companies(company), {})["A1"]
    assert (found.outcome, found.made_by) == (Outcome.LINKED, Rule.NORMALISED)


def test_a_plus_is_part_of_a_name() -> None:
    assert match_accounts([Account("A1", "A+ Dental")], companies("A Dental"), {})["A1"].company is None
