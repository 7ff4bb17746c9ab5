"""Matching accounts to companies, beside `rapidfuzz.process.extractOne` in a loop, which must not be more careful.

Two loops: by both of our scores, which finds the company that ours links, and as the library's documentation shows it,
by its default score, which finds others too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

from rapidfuzz import fuzz, process

from benchmarks.harness import RUNS, Figure, in_child, peak_megabytes
from benchmarks.names import altered, company_names
from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.matching import AUTOMATIC_MARGIN, AUTOMATIC_SCORE, Match, match_accounts
from seatsync_pipeline.reconcile.names import normalise
from seatsync_pipeline.sources.base import Account

MANY, ALTERED = 10_000, 0.3
LOOPED = 300  # accounts that the loop is given
OUR_SCORES = (fuzz.ratio, fuzz.token_sort_ratio)


def world(many: int) -> tuple[list[Account], list[Company]]:
    names = company_names(many)
    companies = [Company(number, f"c{number}", name, "Active") for number, name in enumerate(names, 1)]
    spelt = altered(names, ALTERED)
    return [Account(f"A{number}", name) for number, name in enumerate(spelt, 1)], companies


def one_matching(many: int) -> dict[str, Any]:
    accounts, companies = world(many)
    match_accounts(accounts[:2], companies[:2], {})  # imports
    base, began = peak_megabytes(), perf_counter()
    found = match_accounts(accounts, companies, {})
    linked = sum(match.company is not None for match in found.values())
    return {
        "seconds": perf_counter() - began,
        "base": base,
        "peak": peak_megabytes(),
        "linked": linked,
        "wrong": sum(wrong(match) for match in found.values()),
    }


def wrong(match: Match) -> bool:
    """Whether an account was linked to another company than the one it was made from."""
    return match.company is not None and match.account.key != f"A{match.company.company_id}"


def some(accounts: Sequence[Account]) -> Sequence[Account]:
    """The accounts that the loop is given: from everywhere, as it ends at a name that is the very same, and takes as
    long as that stands far down.
    """
    return accounts[:: len(accounts) // LOOPED][:LOOPED]


def looped(many: int, scorers: Sequence[Callable[..., float]]) -> float:
    """Seconds for all accounts with one call of `extractOne` for each score, from a part of them."""
    accounts, companies = world(many)
    names = [normalise(company.name) for company in companies]
    began = perf_counter()
    for account in some(accounts):
        name = normalise(account.name)
        for scorer in scorers:
            process.extractOne(name, names, scorer=scorer)
    return (perf_counter() - began) * many / LOOPED


def bolder(many: int) -> int:
    """How many of some accounts we link where the loop, with cut-off and margin, would not."""
    accounts, companies = world(many)
    found = match_accounts(accounts, companies, {})
    names = [normalise(company.name) for company in companies]
    return sum(
        match.company is not None and match.company.company_id != _by_the_loop(match.account, names)
        for match in (found[account.key] for account in some(accounts))
    )


def _by_the_loop(account: Account, names: list[str]) -> int | None:
    """The id of the company that leads by the margin, by the better of both scores."""
    scores: dict[int, float] = {}
    for scorer in OUR_SCORES:
        for _, score, index in process.extract(normalise(account.name), names, scorer=scorer, limit=3):
            scores[index] = max(score, scores.get(index, 0.0))
    (best, lead), (_, rival), *_ = sorted(scores.items(), key=lambda one: -one[1])
    sure = lead == 100 > rival or (lead >= AUTOMATIC_SCORE and lead - rival >= float(AUTOMATIC_MARGIN) - 0.01)
    return best + 1 if sure else None


def figures() -> list[Figure]:
    runs = [in_child("benchmarks.matching") for _ in range(RUNS)]
    took, peak = median(run["seconds"] for run in runs), max(run["peak"] for run in runs)
    loops = {
        "extractOne by both of our scores": looped(MANY, OUR_SCORES),
        "extractOne by its default score": looped(MANY, (fuzz.WRatio,)),
    }
    too_bold = bolder(MANY)
    at = f"{MANY:,} accounts x {MANY:,} companies, {ALTERED:.0%} of the names altered"
    checked = f"{LOOPED} of the accounts"
    return [
        Figure(
            "matching: time",
            at,
            "2.00 s",
            f"{took:.2f} s",
            took / 2,
            1.0,
            note=f"{runs[0]['linked']:,} linked",
        ),
        Figure("matching: memory", at, "300 MB", f"{peak:.0f} MB", peak / 300, 1.0),
        *(
            Figure(
                f"matching: beside {name}, in a loop",
                at,
                f"{loop:.1f} s ({LOOPED} accounts measured)",
                f"{took:.2f} s",
                loop / took,
                20.0,
                at_least=True,
            )
            for name, loop in loops.items()
        ),
        Figure(
            "matching: links that the loop would not make", checked, "0", f"{too_bold}", float(too_bold), 0.0
        ),
        Figure(
            "matching: links to another company", at, "0", f"{runs[0]['wrong']}", float(runs[0]["wrong"]), 0.0
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(one_matching(MANY)))
