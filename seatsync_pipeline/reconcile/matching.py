"""Which company an account belongs to.

A saved link wins. Otherwise a company is linked automatically only when its name says so beyond doubt: the
exact name, the same name after normalisation, or a mistyped one with no rival near it. Two companies equally
near, several accounts for one company, or names that only look alike are left to the operator, with ranked
candidates. Pure functions; saving the automatic links is `store`'s work.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.names import (
    differ_only_by_typos,
    has_unseen,
    normalise,
    same_but_for_legal_forms,
    web_host,
)
from seatsync_pipeline.reconcile.nearness import NearNames
from seatsync_pipeline.reconcile.rows import Candidate, Flag
from seatsync_pipeline.sources.base import Account

AUTOMATIC_SCORE = Decimal(92)  # a close name is linked from here on ...
AUTOMATIC_MARGIN = Decimal(5)  # ... when the next company is at least this far behind
NEAR_SCORE = Decimal(90)  # from here on an account is Ambiguous rather than Unmatched
CANDIDATE_FLOOR = Decimal(75)  # below, a candidate would only mislead
RIVAL_FLOOR = NEAR_SCORE - AUTOMATIC_MARGIN  # from here on a runner-up of a link by the very name is recorded
MAX_CANDIDATES = 3


class Rule(StrEnum):
    """How a link was made."""

    OPERATOR = "operator"
    EXACT = "exact name"
    NORMALISED = "same name after normalisation"
    CLOSE = "close name"


class Outcome(StrEnum):
    LINKED = "linked"
    NOT_BILLED = "not billed"
    AMBIGUOUS = "ambiguous"
    UNMATCHED = "unmatched"


@dataclass(frozen=True)
class Link:
    """A saved link. `company_id` None: the account is not billed, for `reason`. `account_name` is of then."""

    account_key: str
    account_name: str
    company_id: int | None
    reason: str | None = None
    rule: str = Rule.OPERATOR
    score: Decimal | None = None

    def had_another_name(self, account: Account) -> bool:
        """Whether the account is named otherwise than when it was linked.

        A link that was imported before its account was ever read has the key for a name: then nobody knows.
        """
        return self.account_name.strip() not in {account.name.strip(), account.key.strip()}


@dataclass(slots=True)  # made for every account, see `rows`
class Match:
    """What became of one account.

    `made_by` is set on a link made just now, to be saved with its evidence; `gone_company_id` on a saved link
    whose company was deleted or made inactive, `left_company_id` on an open account that a person took away from it.
    """

    account: Final[Account]
    outcome: Final[Outcome]
    why: Final[str]
    company: Final[Company | None] = None
    candidates: Final[tuple[Candidate, ...]] = ()
    flags: Final[tuple[Flag, ...]] = ()
    made_by: Final[Rule | None] = None
    left_company_id: Final[int | None] = None
    gone_company_id: Final[int | None] = None
    score: Final[Decimal | None] = None


@dataclass(frozen=True)
class _Proposal:
    account: Account
    rule: Rule
    company: Company
    score: Decimal


_Judgement = _Proposal | Match


def is_live(company: Company) -> bool:
    """Neither in the recycle bin nor inactive. Only live companies are candidates, and keep their links."""
    return not company.deleted and (company.status or "").strip().casefold() != "inactive"


def match_accounts(
    accounts: Sequence[Account],
    companies: Iterable[Company],
    links: Mapping[str, Link],
    unlinked: Mapping[str, int | None] = MappingProxyType({}),
) -> dict[str, Match]:
    """One match per account, by account key. The order of accounts and companies does not matter.

    `unlinked` are keys whose link a person took away, with the company: the machine does not bring it back.
    """
    every_company = {company.company_id: company for company in companies}
    saved: dict[str, Match] = {}
    open_accounts: list[Account] = []
    for account in accounts:
        match = _by_saved_link(account, links.get(account.key), every_company)
        if match is None or match.outcome is Outcome.UNMATCHED:
            open_accounts.append(account)
        if match is not None:
            saved[account.key] = match
    if not open_accounts:
        return saved  # every name of ConnectWise is made ready for comparing in vain otherwise
    directory = _Directory([company for company in every_company.values() if is_live(company)])
    names = {account.key: normalise(account.name) for account in open_accounts}
    taken = {link.company_id for link in links.values() if link.company_id is not None}
    # An account that is saved and open has lost its company: never linked anew by itself.
    new = [account for account in open_accounts if account.key not in saved]
    judged = {a.key: _by_same_name(a, names[a.key], directory, unlinked) for a in new}
    settled = _settle(judged.values(), (Rule.EXACT, Rule.NORMALISED), taken)
    sure = {key: match.company for key, match in settled.items() if match.company is not None}
    ranked = directory.rank(open_accounts, names, sure)
    for account in new:
        if judged[account.key] is None:
            near = ranked[account.key]
            judged[account.key] = _by_near_name(account, names[account.key], directory, near, unlinked)
    settled |= _settle(judged.values(), (Rule.CLOSE,), taken)
    found = {a.key: saved[a.key] if a.key in saved else judged[a.key] for a in open_accounts}
    matches = {key: match for key, match in found.items() if isinstance(match, Match)} | settled
    return saved | {
        key: replace(match, candidates=ranked[key], left_company_id=unlinked.get(key))
        for key, match in matches.items()
    }


def _by_saved_link(account: Account, link: Link | None, companies: Mapping[int, Company]) -> Match | None:
    if link is None:
        return None
    renamed = link.had_another_name(account)
    flags = (Flag.ACCOUNT_RENAMED,) if renamed else ()
    if link.company_id is None:
        why = f"linked as not billed: {link.reason}"
        if renamed:
            why += f"; the account was named {link.account_name} then"
        return Match(account, Outcome.NOT_BILLED, why, flags=flags)
    company = companies.get(link.company_id)
    if company is None or not is_live(company):
        state = (
            "is not in ConnectWise any more"
            if company is None
            else "was deleted"
            if company.deleted
            else "was made inactive"
        )
        name = company.name if company else f"company {link.company_id}"
        return Match(
            account,
            Outcome.UNMATCHED,
            f"its linked company {name} {state} (merged?)",
            flags=(*flags, Flag.COMPANY_GONE),
            gone_company_id=link.company_id,
        )
    why = f"linked to {company.name} ({link.rule})"
    if renamed:
        why += f", when the account was named {link.account_name}"
    return Match(account, Outcome.LINKED, why, company=company, flags=flags)


class _Directory:
    """Live companies, findable by exact name, normalised name, closeness and website."""

    def __init__(self, companies: Sequence[Company]) -> None:
        self.companies = sorted(companies, key=lambda company: company.company_id)
        self.by_name: dict[str, list[Company]] = defaultdict(list)
        self.by_normalised: dict[str, list[Company]] = defaultdict(list)
        self.by_host: dict[str, list[int]] = defaultdict(list)  # indices into `companies`
        self.by_id = {company.company_id: company for company in self.companies}
        self.normalised: list[str] = []
        for index, company in enumerate(self.companies):
            name = normalise(company.name)
            self.normalised.append(name)
            self.by_name[company.name.strip()].append(company)
            self.by_normalised[name].append(company)
            if host := web_host(company.website):
                self.by_host[host].append(index)
        self._near = NearNames(self.normalised)

    def rank(
        self, accounts: Sequence[Account], names: Mapping[str, str], sure: Mapping[str, Company]
    ) -> dict[str, tuple[Candidate, ...]]:
        """The few companies nearest to each account, best first: by score, an agreeing website, then id.

        `names` are the accounts' normalised names, by key. Keys in `sure` link to that company by their very name,
        whatever else is near. There other companies are evidence alone, and count from RIVAL_FLOOR on: only such a one
        could have kept a mistyped name from linking. (Unless one of them has the account's website: then, and for
        everybody else, they count from CANDIDATE_FLOOR on.)
        """
        by_floor: dict[Decimal, list[tuple[Account, str | None, list[int]]]] = defaultdict(list)
        for account in accounts:
            host = web_host(account.domain)
            agreeing = self.by_host.get(host or "", [])
            company = sure.get(account.key)
            beyond_doubt = company is not None and all(self.companies[index] == company for index in agreeing)
            by_floor[RIVAL_FLOOR if beyond_doubt else CANDIDATE_FLOOR].append((account, host, agreeing))
        ranked: dict[str, tuple[Candidate, ...]] = {}
        for floor, group in by_floor.items():
            wanted = [names[account.key] for account, _, _ in group]
            preferred = [agreeing for _, _, agreeing in group]
            near = self._near.best(wanted, float(floor), preferred, MAX_CANDIDATES)
            for (account, host, agreeing), best in zip(group, near, strict=True):
                ranked[account.key] = tuple(self._candidate(*one, host, agreeing) for one in best)
        return ranked

    def _candidate(
        self, index: int, score: Decimal, host: str | None, agreeing: Collection[int]
    ) -> Candidate:
        company = self.companies[index]
        note = f"its website agrees with the domain {host}" if index in agreeing else None
        return Candidate(company.company_id, company.name, score, note)


def _by_same_name(
    account: Account, name: str, directory: _Directory, unlinked: Collection[str]
) -> _Judgement | None:
    """The company of that very name, or why it is not beyond doubt; None where no company has it."""
    if not name:
        return None  # blank, or an apostrophe alone: no name, and nobody's
    for rule, twins in (
        (Rule.EXACT, directory.by_name.get(account.name.strip(), [])),
        (Rule.NORMALISED, directory.by_normalised.get(name, [])),
    ):
        if len(twins) == 1:
            return _unless_doubtful(_Proposal(account, rule, twins[0], Decimal(100)), unlinked)
        if len(twins) > 1:
            why = f"{len(twins)} companies have this name: {', '.join(_named(c) for c in twins)}"
            return Match(account, Outcome.AMBIGUOUS, why)
    return None


def _by_near_name(
    account: Account,
    name: str,
    directory: _Directory,
    ranked: tuple[Candidate, ...],
    unlinked: Collection[str],
) -> _Judgement:
    """The one company whose name is this one, mistyped beyond doubt, or why there is none."""
    if not ranked or ranked[0].score < NEAR_SCORE:
        why = "no company has this name or one near it"
        if ranked:
            why += f"; the nearest is {ranked[0].company_name} ({ranked[0].score:.0f} of 100)"
        return Match(account, Outcome.UNMATCHED, why)
    best = ranked[0]
    rival = ranked[1].score if len(ranked) > 1 else Decimal(0)
    if best.score - rival < AUTOMATIC_MARGIN:
        why = f"{best.company_name} and {ranked[1].company_name} are about equally near"
    elif not differ_only_by_typos(name, normalise(best.company_name)):
        why = f"{best.company_name} looks alike, but differs by more than a typing error"
    elif best.score < AUTOMATIC_SCORE:
        why = f"{best.company_name} is near ({best.score:.0f} of 100), but not near enough"
    else:
        proposal = _Proposal(account, Rule.CLOSE, directory.by_id[best.company_id], best.score)
        return _unless_doubtful(proposal, unlinked)
    return Match(account, Outcome.AMBIGUOUS, why)


def _unless_doubtful(proposal: _Proposal, unlinked: Collection[str]) -> _Judgement:
    """The proposal, or that it is left to a person, for a reason that lies not in how near the names are."""
    account, company = proposal.account, proposal.company
    if account.key in unlinked:
        but = "but a person took this account's link away"
    elif account.details.get("unidentified"):
        but = "but the account has no key or name of its own"
    elif proposal.rule is not Rule.EXACT and not same_but_for_legal_forms(account.name, company.name):
        but = "but one of the names ends in what may be a place or a word of it, and not a legal form"
    elif has_unseen(account.name) or has_unseen(company.name):
        but = "but one of the names holds characters that nobody sees"
    else:
        return proposal
    return Match(account, Outcome.AMBIGUOUS, f"{company.name} fits ({proposal.rule}), {but}")


def _settle(judged: Iterable[_Judgement | None], rules: Sequence[Rule], taken: set[int]) -> dict[str, Match]:
    """Turn proposals into links, the surest rule first; a company takes one account by itself, never two.

    `taken` are the companies that have an account, or were wanted for one; those of these rules are added to it.
    """
    proposals = [proposal for proposal in judged if isinstance(proposal, _Proposal)]
    settled: dict[str, Match] = {}
    for rule in rules:
        of_rule = [proposal for proposal in proposals if proposal.rule is rule]
        wanted = Counter(proposal.company.company_id for proposal in of_rule)
        for proposal in of_rule:
            company, account = proposal.company, proposal.account
            if company.company_id in taken or wanted[company.company_id] > 1:
                settled[account.key] = Match(
                    account,
                    Outcome.AMBIGUOUS,
                    f"{company.name} fits ({rule}), but another account of this source is or would be linked to it",
                    flags=(Flag.SECOND_ACCOUNT,),
                )
            else:
                settled[account.key] = Match(
                    account,
                    Outcome.LINKED,
                    f"linked to {company.name} ({rule})",
                    company=company,
                    made_by=rule,
                    score=proposal.score,
                )
        taken |= set(wanted)
    return settled


def _named(company: Company) -> str:
    return f"{company.name} (id {company.company_id})"
