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

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.names import differ_only_by_typos, has_unseen, normalise, web_host
from seatsync_pipeline.reconcile.rows import Candidate, Flag
from seatsync_pipeline.sources.base import Account

AUTOMATIC_SCORE = Decimal(92)  # a close name is linked from here on ...
AUTOMATIC_MARGIN = Decimal(5)  # ... when the next company is at least this far behind
NEAR_SCORE = Decimal(90)  # from here on an account is Ambiguous rather than Unmatched
CANDIDATE_FLOOR = Decimal(75)  # below, a candidate would only mislead
MAX_CANDIDATES = 3
_NOTHING = Decimal(0)
_CHUNK = 256  # accounts compared with all companies at a time; bounds the memory


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


@dataclass(frozen=True)
class Match:
    """What became of one account.

    `made_by` is set on a link made just now, to be saved with its evidence; `gone_company_id` on a saved link
    whose company was deleted or made inactive.
    """

    account: Account
    outcome: Outcome
    why: str
    company: Company | None = None
    candidates: tuple[Candidate, ...] = ()
    flags: tuple[Flag, ...] = ()
    made_by: Rule | None = None
    gone_company_id: int | None = None
    score: Decimal | None = None


@dataclass(frozen=True)
class _Proposal:
    rule: Rule
    company: Company
    score: Decimal
    ranked: tuple[Candidate, ...]


def is_live(company: Company) -> bool:
    """Neither in the recycle bin nor inactive. Only live companies are candidates, and keep their links."""
    return not company.deleted and (company.status or "").strip().casefold() != "inactive"


def match_accounts(
    accounts: Sequence[Account],
    companies: Iterable[Company],
    links: Mapping[str, Link],
    unlinked: Collection[str] = (),
) -> dict[str, Match]:
    """One match per account, by account key. The order of accounts and companies does not matter.

    `unlinked` are keys whose link a person took away: the machine does not bring it back.
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
    directory = _Directory([company for company in every_company.values() if is_live(company)])
    ranked = directory.rank(open_accounts)
    proposals: dict[str, _Proposal] = {}
    found: dict[str, Match] = {}
    for account in open_accounts:
        if account.key in saved:  # its company is gone: never linked anew by itself
            found[account.key] = replace(saved[account.key], candidates=ranked[account.key][:MAX_CANDIDATES])
            continue
        result = _judge(account, directory, ranked[account.key])
        if isinstance(result, _Proposal) and account.key in unlinked:
            result = _left_to_a_person(account, result, "but a person took this account's link away")
        elif isinstance(result, _Proposal) and account.details.get("unidentified"):
            result = _left_to_a_person(account, result, "but the account has no key or name of its own")
        elif isinstance(result, _Proposal) and (has_unseen(account.name) or has_unseen(result.company.name)):
            result = _left_to_a_person(
                account, result, "but one of the names holds characters that nobody sees"
            )
        if isinstance(result, Match):
            found[account.key] = result
        else:
            proposals[account.key] = result
    has_account = {link.company_id for link in links.values() if link.company_id is not None}
    found |= _settle({a.key: a for a in open_accounts}, proposals, has_account)
    return saved | found


def _by_saved_link(account: Account, link: Link | None, companies: Mapping[int, Company]) -> Match | None:
    if link is None:
        return None
    renamed = account.name.strip() != link.account_name.strip()
    flags = (Flag.ACCOUNT_RENAMED,) if renamed else ()
    if link.company_id is None:
        why = f"linked as not billed: {link.reason}"
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
        self.in_order = [_in_order(name) for name in self.normalised]

    def rank(self, accounts: Sequence[Account]) -> dict[str, tuple[Candidate, ...]]:
        """The few companies nearest to each account, best first: by score, an agreeing website, then id."""
        # Slow to import, and nothing is to be compared when every account has its link.
        from rapidfuzz import fuzz, process

        result: dict[str, tuple[Candidate, ...]] = {}
        for start in range(0, len(accounts), _CHUNK):
            chunk = accounts[start : start + _CHUNK]
            names = [normalise(account.name) for account in chunk]
            floor = float(CANDIDATE_FLOOR)
            # The ratio of words that are in order by now: the library would put them in order for every pair.
            plain, in_order = (
                process.cdist(left, right, scorer=fuzz.ratio, score_cutoff=floor, workers=-1)
                for left, right in (
                    (names, self.normalised),
                    ([_in_order(name) for name in names], self.in_order),
                )
            )
            scores = plain.clip(min=in_order) if plain.size else plain
            near: list[dict[int, Decimal]] = [{} for _ in chunk]
            for i, j in zip(*(places.tolist() for places in scores.nonzero()), strict=True):
                near[i][j] = Decimal(f"{scores[i, j]:.2f}")
            for account, scored in zip(chunk, near, strict=True):
                result[account.key] = self._candidates(account, scored)
        return result

    def _candidates(self, account: Account, near: dict[int, Decimal]) -> tuple[Candidate, ...]:
        host = web_host(account.domain)
        agreeing = set(self.by_host.get(host or "", ()))
        # Companies are in the order of their ids, so that an index ranks as an id does.
        ranked = sorted((-near.get(i, _NOTHING), i not in agreeing, i) for i in near.keys() | agreeing)
        return tuple(
            Candidate(
                self.companies[index].company_id,
                self.companies[index].name,
                -score,
                None if without else f"its website agrees with the domain {host}",
            )
            for score, without, index in ranked[:MAX_CANDIDATES]
        )


def _judge(account: Account, directory: _Directory, ranked: tuple[Candidate, ...]) -> _Proposal | Match:
    """The one company the name points at beyond doubt, or why there is none."""
    for rule, twins in (
        (Rule.EXACT, directory.by_name.get(account.name.strip(), [])),
        (Rule.NORMALISED, directory.by_normalised.get(normalise(account.name), [])),
    ):
        if len(twins) == 1:
            return _Proposal(rule, twins[0], Decimal(100), ranked)
        if len(twins) > 1:
            why = f"{len(twins)} companies have this name: {', '.join(_named(c) for c in twins)}"
            return Match(account, Outcome.AMBIGUOUS, why, candidates=ranked[:MAX_CANDIDATES])
    shown = ranked[:MAX_CANDIDATES]
    if not ranked or ranked[0].score < NEAR_SCORE:
        why = "no company has this name or one near it"
        if shown:
            why += f"; the nearest is {shown[0].company_name} ({shown[0].score:.0f} of 100)"
        return Match(account, Outcome.UNMATCHED, why, candidates=shown)
    best = ranked[0]
    rival = ranked[1].score if len(ranked) > 1 else Decimal(0)
    if best.score - rival < AUTOMATIC_MARGIN:
        why = f"{best.company_name} and {ranked[1].company_name} are about equally near"
    elif not differ_only_by_typos(normalise(account.name), normalise(best.company_name)):
        why = f"{best.company_name} looks alike, but differs by more than a typing error"
    elif best.score < AUTOMATIC_SCORE:
        why = f"{best.company_name} is near ({best.score:.0f} of 100), but not near enough"
    else:
        return _Proposal(Rule.CLOSE, directory.by_id[best.company_id], best.score, ranked)
    return Match(account, Outcome.AMBIGUOUS, why, candidates=shown)


def _left_to_a_person(account: Account, proposal: _Proposal, but: str) -> Match:
    why = f"{proposal.company.name} fits ({proposal.rule}), {but}"
    return Match(account, Outcome.AMBIGUOUS, why, candidates=proposal.ranked[:MAX_CANDIDATES])


def _settle(
    accounts: Mapping[str, Account], proposals: Mapping[str, _Proposal], has_account: set[int]
) -> dict[str, Match]:
    """Turn proposals into links, the surest rule first; a company takes one account by itself, never two."""
    taken = set(has_account)
    settled: dict[str, Match] = {}
    for rule in (Rule.EXACT, Rule.NORMALISED, Rule.CLOSE):
        of_rule = {key: proposal for key, proposal in proposals.items() if proposal.rule is rule}
        wanted = Counter(proposal.company.company_id for proposal in of_rule.values())
        for key, proposal in of_rule.items():
            company, account = proposal.company, accounts[key]
            if company.company_id in taken or wanted[company.company_id] > 1:
                settled[key] = Match(
                    account,
                    Outcome.AMBIGUOUS,
                    f"{company.name} fits ({rule}), but another account of this source is or would be linked to it",
                    candidates=proposal.ranked[:MAX_CANDIDATES],
                    flags=(Flag.SECOND_ACCOUNT,),
                )
            else:
                settled[key] = Match(
                    account,
                    Outcome.LINKED,
                    f"linked to {company.name} ({rule})",
                    company=company,
                    candidates=proposal.ranked[:MAX_CANDIDATES],
                    made_by=rule,
                    score=proposal.score,
                )
        taken |= set(wanted)
    return settled


def _in_order(name: str) -> str:
    return " ".join(sorted(name.split()))


def _named(company: Company) -> str:
    return f"{company.name} (id {company.company_id})"
