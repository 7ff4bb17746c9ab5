"""What reconciliation works on: one snapshot, one scan, the operator's setup, and what was seen before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from seatsync_pipeline.connectwise.records import Scan
from seatsync_pipeline.reconcile.matching import Link
from seatsync_pipeline.sources.base import Account, Observation, Source


@dataclass(frozen=True)
class Setup:
    """What the operator decided for one source.

    `mappings`: license -> product id, None for no charge. `formerly`: license -> every product it is or ever
    was mapped to, less products that another source bills now. `unlinked`: account keys whose link a person took away,
    and the company they were linked to last.
    `agreement_types`: names; empty means all.
    """

    mappings: Mapping[str, int | None] = field(default_factory=dict)
    formerly: Mapping[str, frozenset[int]] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    unlinked: Mapping[str, int | None] = field(default_factory=dict)
    agreement_types: frozenset[str] = frozenset()

    @property
    def products(self) -> frozenset[int]:
        """Every product that is or ever was this source's: where an addition can be orphaned."""
        return frozenset().union(*self.formerly.values()) if self.formerly else frozenset()


@dataclass(frozen=True)
class History:
    """Earlier accepted snapshots: the days they were taken on, and when each license was last seen.

    `last_seen`: (account key, license) -> the last such day on which the account was present with it.
    `baselines`: what changes are measured against: the (account key, license) pairs that counted in the last
    accepted snapshot, and in the one behind the last push (so that pulling twice does not hide a change).
    """

    days: tuple[date, ...] = ()
    last_seen: Mapping[tuple[str, str], date] = field(default_factory=dict)
    baselines: tuple[frozenset[tuple[str, str]], ...] = ()


@dataclass(frozen=True)
class FormerOwner:
    """A company that is gone: its last known name, and how many of its agreements each company owns now."""

    name: str
    moved_to: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """Everything one preview is made from. `not_accepted` says why the snapshot proves no absence."""

    source: Source
    today: date
    snapshot_day: date
    accounts: tuple[Account, ...]
    observations: tuple[Observation, ...]
    scan: Scan
    setup: Setup
    history: History = History()
    not_accepted: str | None = None
    former_owners: Mapping[int, FormerOwner] = field(default_factory=dict)  # by the id of the gone company
