"""Whose seats make a line, now and before: a sum can look right while another account stands behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from seatsync_pipeline.reconcile.book import LineKey
from seatsync_pipeline.reconcile.inputs import Inputs, Setup
from seatsync_pipeline.reconcile.matching import Match
from seatsync_pipeline.reconcile.placement import Placement


def changed_contributors(
    inputs: Inputs, matches: Mapping[str, Match], placement: Placement
) -> dict[LineKey, str]:
    """Line -> which accounts came and went, for lines whose accounts are not those of every baseline.

    The baselines are read by today's links and mappings, so that linking or mapping is no change by itself.
    """
    if not inputs.history.baselines:
        return {}
    names = {account.key: account.name for account in inputs.accounts}
    changed = {}
    then = [_contributors(baseline, matches, inputs.setup) for baseline in inputs.history.baselines]
    for line, shares in placement.lines.items():
        now = {placed.observation.account_key for placed in shares}
        for before in then:
            if before[line] != now:
                changed[line] = _difference(before[line], now, names, inputs.setup)
                break
    return changed


def _contributors(
    counted: frozenset[tuple[str, str]], matches: Mapping[str, Match], setup: Setup
) -> Mapping[LineKey, set[str]]:
    lines: dict[LineKey, set[str]] = defaultdict(set)
    for account_key, license_name in counted:
        company_id = _company_of(account_key, matches, setup)
        product_id = setup.mappings.get(license_name)
        if company_id is not None and product_id is not None:
            lines[company_id, product_id].add(account_key)
    return lines


def _company_of(account_key: str, matches: Mapping[str, Match], setup: Setup) -> int | None:
    match = matches.get(account_key)
    if match is not None:
        return match.company.company_id if match.company else None
    link = setup.links.get(account_key)
    return link.company_id if link else None


def _difference(before: set[str], now: set[str], names: Mapping[str, str], setup: Setup) -> str:
    def name(key: str) -> str:
        link = setup.links.get(key)
        return names.get(key) or (link.account_name if link else key)

    came = [f"new: {name(key)}" for key in sorted(now - before)]
    went = [f"gone: {name(key)}" for key in sorted(before - now)]
    return "; ".join([*came, *went])
