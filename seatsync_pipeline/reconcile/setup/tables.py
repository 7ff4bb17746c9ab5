"""The governed tables of the setup: what is decided now, and one more row for every change.

What belongs here: reading the latest decision of each license, account and source, and appending changes with
who, when and the previous value. What does not: whether a decision makes sense; `lookup` checks names
and `decisions` and `file` apply the rules.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from seatsync_pipeline.errors import InputRefused
from seatsync_pipeline.reconcile.matching import Rule
from seatsync_pipeline.warehouse import Connection, insert_rows, new_id

REMOVED = "removed"


@dataclass(frozen=True)
class Mapping:
    """The latest word on one license. `decision`: product (then `product_id`), no_charge or removed."""

    table: ClassVar[str] = "mapping_change"
    source: str
    license: str
    decision: str
    product_id: int | None = None

    @property
    def value(self) -> dict[str, Any]:
        return _without_blanks(decision=self.decision, product_id=self.product_id)

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "license": self.license,
            "decision": self.decision,
            "product_id": self.product_id,
        }


@dataclass(frozen=True)
class Link:
    """The latest word on one account. `decision`: company (then `company_id`), not_billed or removed.

    `account_name` is the account's name when the decision was made; `rule` is `operator` for a person's.
    """

    table: ClassVar[str] = "link_change"
    source: str
    account_key: str
    account_name: str
    decision: str
    company_id: int | None = None
    reason: str | None = None
    rule: str = Rule.OPERATOR

    @property
    def value(self) -> dict[str, Any]:
        return _without_blanks(
            decision=self.decision,
            company_id=self.company_id,
            account_name=self.account_name,
            reason=self.reason,
            rule=str(self.rule),
        )

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "account_key": self.account_key,
            "account_name": self.account_name,
            "decision": self.decision,
            "company_id": self.company_id,
            "reason": self.reason,
            "rule": str(self.rule),
            "score": None,
            "evidence": None,
        }

    @property
    def target(self) -> tuple[str, int | None, str | None]:
        """What the link says, without how and under which name it was made."""
        return (self.decision, self.company_id, self.reason)


@dataclass(frozen=True)
class TypeFilter:
    """The agreement types one source looks at, by name, sorted; none: every agreement."""

    table: ClassVar[str] = "agreement_type_filter_change"
    source: str
    names: tuple[str, ...]

    @property
    def value(self) -> list[str]:
        return list(self.names)

    @property
    def columns(self) -> dict[str, Any]:
        return {"source": self.source, "type_names": json.dumps(self.value, ensure_ascii=False)}


Decision = Mapping | Link | TypeFilter


@dataclass(frozen=True)
class Change:
    """One decision and what it replaced. `changed` is False when it was in force already and nothing was written.

    `notes` are sentences for the operator about what was accepted although it looks unusual.
    """

    now: Decision
    before: Decision | None
    changed: bool
    notes: tuple[str, ...] = ()


class Tables:
    """The latest decisions, removed ones included, as of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.mappings = {(m.source, m.license): m for m in _latest_mappings(connection)}
        self.links = {(link.source, link.account_key): link for link in _latest_links(connection)}
        self.filters = {f.source: f for f in _latest_filters(connection)}

    def before(self, decision: Decision) -> Decision | None:
        """The decision in force that this one would replace; None for the first one or after a removal."""
        before = self._latest(decision)
        return None if _decides_nothing(before) else before

    def append(self, changes: Iterable[Change], *, by: str) -> None:
        """Write one row for each change that changes something."""
        at = datetime.now(UTC).replace(tzinfo=None)
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for change in changes:
            if change.changed:
                stamp = {
                    "change_id": new_id("chg"),
                    "changed_by": by,
                    "changed_at": at,
                    "previous": self._previous(change.now),
                }
                rows[change.now.table].append(stamp | change.now.columns)
        for table, of_table in rows.items():
            insert_rows(self._connection, table, of_table)

    def _latest(self, decision: Decision) -> Decision | None:
        match decision:
            case Mapping():
                return self.mappings.get((decision.source, decision.license))
            case Link():
                return self.links.get((decision.source, decision.account_key))
            case TypeFilter():
                return self.filters.get(decision.source)

    def _previous(self, decision: Decision) -> str | None:
        before = self._latest(decision)
        return None if before is None else json.dumps(before.value, ensure_ascii=False, sort_keys=True)


def person(by: str) -> str:
    """The trimmed name of whoever makes a change. Raises InputRefused for a blank or unprintable one."""
    name = by.strip()
    if not name or not name.isprintable():
        raise InputRefused(
            "recording who makes this change",
            "the name is blank" if not name else "the name holds characters that cannot be printed",
            "Give your name with --by.",
        )
    return name


def _decides_nothing(decision: Decision | None) -> bool:
    return decision is None or (not isinstance(decision, TypeFilter) and decision.decision == REMOVED)


def _latest_mappings(connection: Connection) -> list[Mapping]:
    rows = connection.execute(
        """
        select c.source, c.license, c.decision, c.product_id
        from mapping_change c
        where c.change_id = (
            select max(l.change_id) from mapping_change l
            where l.source = c.source and l.license = c.license
        )
        order by c.source, c.license
        """
    ).fetchall()
    return [Mapping(*row) for row in rows]


def _latest_links(connection: Connection) -> list[Link]:
    rows = connection.execute(
        """
        select c.source, c.account_key, c.account_name, c.decision, c.company_id, c.reason, c.rule
        from link_change c
        where c.change_id = (
            select max(l.change_id) from link_change l
            where l.source = c.source and l.account_key = c.account_key
        )
        order by c.source, c.account_key
        """
    ).fetchall()
    return [Link(*row) for row in rows]


def _latest_filters(connection: Connection) -> list[TypeFilter]:
    rows = connection.execute(
        "select source, type_names from agreement_type_filter order by source"
    ).fetchall()
    return [TypeFilter(source, tuple(json.loads(names))) for source, names in rows]


def _without_blanks(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
