"""Where each observation goes: the ordered rules that give it exactly one place.

    no-charge license or not-billed account   no row, in the control totals
    expired                                   no row, in the control totals; not present
    proof of concept                          Skipped
    failed, not mapped or not linked          Source error
    license not mapped                        License unmapped
    account not linked                        Ambiguous or Unmatched
    everything else                           summed into its line (company, product)

What becomes of a line is decided in `lines`, of an observation that cannot be summed in `lone_rows`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Final

from seatsync_pipeline.reconcile.book import LineKey
from seatsync_pipeline.reconcile.inputs import Setup
from seatsync_pipeline.reconcile.matching import Match, Outcome
from seatsync_pipeline.reconcile.rows import Share, Status, Step, seats_text
from seatsync_pipeline.sources.base import Observation, State


class NoRow(StrEnum):
    """Why an observation makes no row; the buckets of the control totals beside the rows."""

    NO_CHARGE = "no_charge"
    NOT_BILLED = "not_billed"
    EXPIRED = "expired"


@dataclass(slots=True)  # made by the hundred thousand, see `rows`
class Placed:
    """One observation with its match, its product, and the rules that were tried on it.

    `line`: the one it belongs to, when it is both linked and mapped.
    """

    observation: Final[Observation]
    match: Final[Match]
    product_id: Final[int | None]
    line: Final[LineKey | None]
    steps: Final[tuple[Step, ...]]

    @property
    def share(self) -> Share:
        seen = self.observation
        return Share(seen.account_key, seen.account_name, seen.license, seen.seats)


@dataclass
class Placement:
    """Observations by what becomes of them. `alone` are those that cannot be summed, with their status."""

    no_row: list[tuple[NoRow, Placed]] = field(default_factory=list)
    alone: list[tuple[Status, Placed]] = field(default_factory=list)
    lines: dict[LineKey, list[Placed]] = field(default_factory=lambda: defaultdict(list))

    def unresolved(self) -> dict[int, list[Placed]]:
        """Company id -> observations that could belong to it, but nobody can say yet."""
        result: dict[int, list[Placed]] = defaultdict(list)
        for status, placed in self.alone:
            if status is Status.SKIPPED and placed.line is not None:
                continue
            for company_id in _possible_companies(placed.match):
                result[company_id].append(placed)
        for key, shares in self.lines.items():
            for placed in shares:
                if placed.observation.state is State.FAILED:
                    result[key[0]].append(placed)
        return result

    def contributed(self) -> set[LineKey]:
        """Lines to which a present account contributes: counted, failed or proof of concept."""
        return set(self.lines) | {placed.line for _, placed in self.alone if placed.line is not None}


def _possible_companies(match: Match) -> list[int]:
    if match.company is not None:
        return [match.company.company_id]
    possible = [candidate.company_id for candidate in match.candidates]
    # The lines of a company that is gone, or that the account was taken away from, stay the account's until somebody
    # has said whose they are now.
    former = {match.gone_company_id, match.left_company_id} - {None, *possible}
    return [*possible, *(company_id for company_id in former if company_id is not None)]


def place_observations(
    observations: Sequence[Observation], matches: Mapping[str, Match], setup: Setup
) -> Placement:
    """Apply the rules above in their order. The result does not depend on the order of observations."""
    result = Placement()
    rules = _Rules(matches, setup)
    for seen in sorted(observations, key=attrgetter("account_key", "license")):
        placed = rules.tried_on(seen)
        line = placed.line
        if placed.product_id is None and seen.license in setup.mappings:
            result.no_row.append((NoRow.NO_CHARGE, placed))
        elif placed.match.outcome is Outcome.NOT_BILLED:
            result.no_row.append((NoRow.NOT_BILLED, placed))
        elif seen.state is State.EXPIRED:
            result.no_row.append((NoRow.EXPIRED, placed))
        elif seen.state is State.POC:
            result.alone.append((Status.SKIPPED, placed))
        elif line is not None:
            result.lines[line].append(placed)
        elif seen.state is State.FAILED:
            result.alone.append((Status.SOURCE_ERROR, placed))
        elif seen.license not in setup.mappings:
            result.alone.append((Status.LICENSE_UNMAPPED, placed))
        elif placed.match.outcome is Outcome.AMBIGUOUS:
            result.alone.append((Status.AMBIGUOUS, placed))
        else:
            result.alone.append((Status.UNMATCHED, placed))
    return result


class _Rules:
    """Mappings and matches, with their words: a license and an account have theirs once, not with each observation."""

    def __init__(self, matches: Mapping[str, Match], setup: Setup) -> None:
        self._matches = matches
        self._setup = setup
        self._licenses: dict[str, tuple[int | None, Step]] = {}
        self._accounts: dict[str, tuple[Match, int | None, Step]] = {}

    def tried_on(self, seen: Observation) -> Placed:
        key, license_name = seen.account_key, seen.license
        product_id, mapped = self._licenses.get(license_name) or self._mapped(license_name)
        match, company_id, matched = self._accounts.get(key) or self._matched(key)
        observed = f"{seen.state}: {seats_text(seen.seats)}"
        if seen.reason:
            observed += f" ({seen.reason})"
        step = Step("observation", f"{seen.account_name} [{key}], {license_name}: {observed}")
        line = None if company_id is None or product_id is None else (company_id, product_id)
        return Placed(seen, match, product_id, line, (step, mapped, matched))

    def _mapped(self, license_name: str) -> tuple[int | None, Step]:
        product = self._setup.mappings.get(license_name)
        if license_name not in self._setup.mappings:
            mapped = "not mapped"
        else:
            mapped = "marked no charge" if product is None else f"mapped to product {product}"
        known = product, Step("license mapping", f"{license_name}: {mapped}")
        self._licenses[license_name] = known
        return known

    def _matched(self, key: str) -> tuple[Match, int | None, Step]:
        match = self._matches[key]
        company_id = match.company.company_id if match.company else None
        known = match, company_id, Step("company match", f"{match.outcome}: {match.why}")
        self._accounts[key] = known
        return known
