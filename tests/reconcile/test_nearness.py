"""The nearest names, found without comparing every pair: the same as by comparing every pair."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile import nearness
from seatsync_pipeline.reconcile.matching import Match, Outcome, Rule, match_accounts
from seatsync_pipeline.reconcile.names import normalise
from seatsync_pipeline.reconcile.nearness import NearNames
from seatsync_pipeline.reconcile.rows import Candidate
from seatsync_pipeline.sources.base import Account

ALL_PAIRS, SINGLE_PAIRS = 10**9, 0


def score(left: str, right: str, floor: float) -> Decimal:
    if not left and not right:
        return Decimal(0)  # the library says that nothing is like nothing; nobody's name is blank
    both = (left, right), tuple(" ".join(sorted(name.split())) for name in (left, right))
    best = max(fuzz.ratio(*pair, score_cutoff=floor) for pair in both)
    return Decimal(f"{np.float32(best):.2f}") if best else Decimal(0)


def by_comparing_all(
    name: str, ours: Sequence[str], floor: float, preferred: Collection[int], most: int = 3
) -> list[tuple[int, Decimal]]:
    scores = {place: score(name, other, floor) for place, other in enumerate(ours)}
    found = [place for place in scores if place in preferred or scores[place]]
    found.sort(key=lambda place: (-scores[place], place not in preferred, place))
    return [(place, scores[place]) for place in found[:most]]


LETTERS = (
    "ab ",
    "abcdefghijklmnopqrstuvwxyz 0123456789",
    "αβγδεζηθ ",
    "株式会社東京 ",
    "ab\U0001f600\U0001f680é ",
)


def damaged(name: str, chance: random.Random) -> str:
    """The name with a few letters left out, added or exchanged, or its words in another order."""
    letters = list(name)
    for _ in range(chance.randrange(max(2, len(name) // 3))):
        at = chance.randrange(len(letters) + 1)
        letters[at : at + chance.randrange(2)] = chance.choice(name + " ") * chance.randrange(2)
    words = "".join(letters).split()
    if chance.random() < 0.3:
        chance.shuffle(words)
    return " ".join(words)


@st.composite
def alike(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Two lists of names, many of which were one; some of a thousand letters and more, some empty."""
    chance = draw(st.randoms(use_true_random=False))
    letters = draw(st.sampled_from(LETTERS))
    times = draw(st.sampled_from([1, 1, 1, 2, 60]))
    seeds = [name * times for name in draw(st.lists(st.text(letters, max_size=25), min_size=1, max_size=4))]
    seeds = [" ".join(name.split()) for name in seeds]
    lists = [[damaged(chance.choice(seeds), chance) for _ in range(draw(st.integers(0, 9)))] for _ in "12"]
    return lists[0], lists[1]


@pytest.mark.parametrize("costlier", [ALL_PAIRS, SINGLE_PAIRS])
@given(names=alike(), floor=st.sampled_from([75.0, 85.0, 90.0]), chance=st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_the_nearest_are_those_of_comparing_all(
    costlier: int, names: tuple[list[str], list[str]], floor: float, chance: random.Random
) -> None:
    theirs, ours = names
    places = range(len(ours))
    preferred = [chance.sample(places, min(len(ours), chance.randrange(3))) for _ in theirs]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(nearness, "_COSTLIER", costlier)
        patched.setattr(nearness, "_AT_ONCE", 4)
        found = NearNames(ours).best(theirs, floor, preferred, 3)
    assert found == [
        by_comparing_all(name, ours, floor, first) for name, first in zip(theirs, preferred, strict=True)
    ]


@given(alike(), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_candidates_are_those_of_comparing_all_but_for_links_by_the_very_name(
    names: tuple[list[str], list[str]], chance: random.Random
) -> None:
    """Those keep the runner-ups from 85 on, unless another company has the account's website."""
    hosts = [None, "a.example", "b.example"]
    accounts = [Account(f"A{n}", name, domain=chance.choice(hosts)) for n, name in enumerate(names[0])]
    companies = [Company(n, "c", name, website=chance.choice(hosts)) for n, name in enumerate(names[1])]
    ours = [normalise(company.name) for company in companies]
    for match in match_accounts(accounts, companies, {}).values():
        host = match.account.domain
        agreeing = [place for place, company in enumerate(companies) if host and company.website == host]
        by_name = match.company if match.made_by in {Rule.EXACT, Rule.NORMALISED} else None
        floor = 85.0 if by_name and {by_name.company_id}.issuperset(agreeing) else 75.0
        expected = by_comparing_all(normalise(match.account.name), ours, floor, agreeing)
        assert [(c.company_id, c.score) for c in match.candidates] == expected
        noted = {c.company_id for c in match.candidates if c.note}
        assert noted == {place for place, _ in expected} & set(agreeing)


def test_of_a_link_by_the_very_name_only_what_rivals_a_mistyped_name_is_recorded() -> None:
    companies = [
        Company(n, "c", name)
        for n, name in enumerate(("harbor dental", "harbor dentals x", "harbor dental team"), 1)
    ]

    def candidates(*accounts: Account, found: str = "A1") -> list[Candidate]:
        return list(match_accounts(accounts, companies, {})[found].candidates)

    account = Account("A1", "Harbor Dental")
    all_three = [(1, Decimal("100.00")), (2, Decimal("89.66")), (3, Decimal("83.87"))]
    assert [(c.company_id, c.score) for c in candidates(account)] == all_three[:2]
    # Not a link by its name alone: a company that has its website is another.
    companies[2] = replace(companies[2], website="harbor.example")
    there = replace(account, domain="harbor.example")
    assert [(c.company_id, c.score) for c in candidates(there)] == all_three
    # Not linked, because another account has the same name: as near as ever.
    both = candidates(account, Account("A2", "Harbor Dental"))
    assert [(c.company_id, c.score) for c in both] == all_three


def test_names_of_a_thousand_letters_need_no_more_memory_than_fits() -> None:
    chance = random.Random(1)  # noqa: S311  # not a secret
    letters = "abcdefghijklmnopqrstuvwxyz"
    companies = [Company(n, "c", "".join(chance.choices(letters, k=1000))) for n in range(10_000)]
    accounts = [Account("A1", companies[7].name), Account("A2", companies[8].name[:-9] + "x")]
    tracemalloc.start()
    try:
        found: dict[str, Match] = match_accounts(accounts, companies, {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [found[key].outcome for key in ("A1", "A2")] == [Outcome.LINKED, Outcome.AMBIGUOUS]
    assert found["A2"].candidates[0].company_id == 8
    assert peak < 150e6
