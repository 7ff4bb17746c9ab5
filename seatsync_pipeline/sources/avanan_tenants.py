"""How the rows of one tenant go together: accounts and observations of an Avanan export.

One observation per (portal, license). Equal rows collapse; rows that contradict each other make one failed
observation that names their lines: no sum, no larger one, because nobody knows which is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any

from seatsync_pipeline.sources.avanan_columns import Columns
from seatsync_pipeline.sources.avanan_sheet import NO_NAME, Row, Sheet
from seatsync_pipeline.sources.base import NOT_BILLED, Account, Observation, State
from seatsync_pipeline.sources.file_text import visible

_DOMAIN = re.compile(r"(?:https?://)?(?:www\.)?([a-z0-9][a-z0-9.-]*\.[a-z][a-z0-9-]+)/?", re.ASCII)
_LINES_NAMED = 5


@dataclass
class Tenants:
    """Accounts in order of their first line, observations in order of theirs, and what became of the rows."""

    accounts: tuple[Account, ...] = ()
    observations: tuple[Observation, ...] = ()
    failed_rows: int = 0
    collapsed: list[list[int]] = field(default_factory=list)
    contradicting: list[list[int]] = field(default_factory=list)


def gather(sheet: Sheet, columns: Columns) -> Tenants:
    """Turn the rows of a sheet into accounts and observations; every row ends in exactly one observation.

    Empties `sheet.rows` on the way: a large file would not fit twice.
    """
    firsts = _first_rows(sheet)
    tenants = Tenants()
    accounts: list[Account] = []
    observations: list[Observation] = []
    in_order = True
    while firsts:
        row = firsts.pop()
        if row.more is None:
            accounts.append(_account([row], sheet, columns))
            observations.append(_observation(row, [row], row.reasons, tenants))
        else:
            in_order = False
            rows = [row, *row.more]
            accounts.append(_account(rows, sheet, columns))
            observations += _observations(rows, tenants)
    accounts.reverse()
    observations.reverse()
    if not in_order:
        observations.sort(key=lambda observation: observation.evidence["line"])
        tenants.collapsed.sort()
        tenants.contradicting.sort()
    tenants.accounts = tuple(accounts)
    tenants.observations = tuple(observations)
    return tenants


def _first_rows(sheet: Sheet) -> list[Row]:
    """The first row of each tenant, with its further ones in `more`. Takes them out of the sheet."""
    by_tenant: dict[str, Row] = {}
    for row in sheet.rows:
        first = by_tenant.setdefault(row.key.casefold(), row)
        if first.more is not None:
            first.more.append(row)
        elif first is not row:
            first.more = [row]
    sheet.rows.clear()
    return list(by_tenant.values())


def _observations(rows: list[Row], tenants: Tenants) -> Iterable[Observation]:
    shared = (*_two_spellings(rows), *_two_names(rows))
    for row in rows:
        row.reasons += shared
        row.key = rows[0].key
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.license, []).append(row)
    for license_, group in groups.items():
        reasons = group[0].reasons
        if len(group) == 1:
            pass
        elif len({(row.seats, row.state, row.reasons) for row in group}) > 1:
            tenants.contradicting.append([row.line for row in group])
            if license_:
                told = "; ".join(map(_told, group[:_LINES_NAMED]))
                reasons = (f"stands {len(group)} times with different content: {told}", *shared)
            else:  # of different licenses perhaps: one place for all of them, and each one's own reasons
                reasons = tuple(dict.fromkeys(reason for row in group for reason in row.reasons))
        else:
            tenants.collapsed.append([row.line for row in group])
        yield _observation(group[0], group, reasons, tenants)


def _told(row: Row) -> str:
    if row.reasons or row.state is None:
        return f"line {row.line}: {'; '.join(row.reasons)}"
    return f"line {row.line}: {row.seats} seats, {row.state.value}"


def _two_spellings(rows: list[Row]) -> tuple[str, ...]:
    if len({row.key for row in rows}) == 1:
        return ()
    spellings = _first_lines(rows, "key", lambda key: key)
    return (f"one tenant in two spellings: {_named(spellings)}",)


def _two_names(rows: list[Row]) -> tuple[str, ...]:
    if len({row.name for row in rows}) == 1:
        return ()
    names = _first_lines(rows, "name", lambda name: " ".join(name.casefold().split()))
    names = {name: line for name, line in names.items() if not name.startswith(NO_NAME)}
    if len(names) < 2 or len({row.key for row in rows}) > 1:
        return ()
    return (f"one portal with two names: {_named(names)}",)


def _first_lines(rows: list[Row], attribute: str, fold: Any) -> dict[str, int]:
    values = attrgetter(attribute)
    lines: dict[str, tuple[str, int]] = {}
    for row in rows:
        lines.setdefault(fold(values(row)), (values(row), row.line))
    return dict(lines.values())


def _named(lines: dict[str, int]) -> str:
    some = list(lines.items())[:_LINES_NAMED]
    return " and ".join(f"'{visible(value)}' (line {line})" for value, line in some)


def _account(rows: list[Row], sheet: Sheet, columns: Columns) -> Account:
    first = named = rows[0]
    if first.name.startswith(NO_NAME):
        named = next((row for row in rows if not row.name.startswith(NO_NAME)), first)
    details: dict[str, Any] = {}
    if first.line in sheet.other_names:
        details["other_names"] = sheet.other_names[first.line]
    if named.line in sheet.names_as_written:
        details["name_as_written"] = sheet.names_as_written[named.line]
    domain = _domain(first.domain or first.key, columns)
    if first.key.startswith("(no ") or named.name.startswith(NO_NAME):
        details["unidentified"] = True
    return Account(key=first.key, name=named.name, domain=domain, details=details)


def _domain(text: str, columns: Columns) -> str | None:
    """The client's domain, where the text is one and not the vendor's own address of a tenant."""
    if "." not in text:
        return None
    matched = _DOMAIN.fullmatch(text.casefold())
    if matched is None or ".." in text:
        return None
    domain = matched[1]
    vendors = columns.vendor_domains
    return None if domain.endswith(vendors) and f".{domain}".endswith(_below(vendors)) else domain


@cache
def _below(domains: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f".{domain}" for domain in domains)


def _observation(row: Row, rows: list[Row], reasons: tuple[str, ...], tenants: Tenants) -> Observation:
    status = row.status[0] if len(row.status) == 1 else " / ".join(filter(None, row.status))
    evidence: dict[str, Any] = {"line": row.line, "users": row.users, "status": status}
    if len(rows) > 1:
        evidence["lines"] = [each.line for each in rows]
    if not reasons and row.seats is not None and row.state is not None:
        return Observation(row.key, row.name, row.license, row.seats, row.state, None, evidence)
    if row.state in NOT_BILLED and all(each.state is row.state for each in rows):
        seats = row.seats if row.license and len({each.seats for each in rows}) == 1 else None
        told = "; ".join(reasons)
        return Observation(row.key, row.name, row.license, seats, row.state, told, evidence)
    tenants.failed_rows += len(rows)
    # What the status column said still matters to a reader: a trial without a number is a trial.
    evidence["stated"] = None if row.state is None else row.state.value
    return Observation(row.key, row.name, row.license, None, State.FAILED, "; ".join(reasons), evidence)
