"""The rows of an Avanan export as they were read: records only, and what stands in them for a blank name.

How a row is read from its cells is told in `avanan_rows.py`, and how rows go together in `avanan_tenants.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from seatsync_pipeline.sources.base import State

# What stands for a blank name. In words, so that no matching takes a portal for a company's name.
NO_NAME = "(no name, "


@dataclass(slots=True)
class Row:
    """One data row. `seats` is None when the Users cell is no number; `reasons` say why the row is failed.

    `more` are further rows of the same tenant, filled when rows are gathered.
    """

    line: int
    key: str
    name: str
    license: str
    users: str
    seats: Decimal | None
    status: tuple[str, ...]
    domain: str
    reasons: tuple[str, ...] = ()
    state: State | None = None
    more: list[Row] | None = None


@dataclass(frozen=True)
class Footer:
    """A total row: what it says the Users add up to, and how many tenants it names, where it does."""

    line: int
    users: str
    total: Decimal | None
    tenants: int | None


@dataclass
class Sheet:
    """All rows of one file, and what is known about single ones: names as written, names of other columns.

    `status_columns` are the headers of the columns that were read as the status; the rows' `status` has their cells.
    """

    rows: list[Row] = field(default_factory=list)
    footers: list[Footer] = field(default_factory=list)
    names_as_written: dict[int, str] = field(default_factory=dict)
    other_names: dict[int, dict[str, str]] = field(default_factory=dict)
    status_columns: tuple[str, ...] = ()
