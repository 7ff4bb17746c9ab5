"""One preview from its inputs: matching, placing, lines, orphans, pairs, guards, totals, in this order.

Pure: the same inputs always give the same preview, in whatever order they are listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from seatsync_pipeline.collection import collection_paused
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.contributors import changed_contributors
from seatsync_pipeline.reconcile.guards import Circumstances, Limits, apply_guards
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.lines import line_row
from seatsync_pipeline.reconcile.lone_rows import lone_rows
from seatsync_pipeline.reconcile.matching import Match, match_accounts
from seatsync_pipeline.reconcile.orphans import unused_lines
from seatsync_pipeline.reconcile.placement import place_observations
from seatsync_pipeline.reconcile.rows import Flag, Row, Status
from seatsync_pipeline.reconcile.totals import Totals, control_totals
from seatsync_pipeline.reconcile.watch import offer_new_owners, watch_rows

_OF_PAIRS = (Status.ORPHANED, Status.NO_ADDITION)
_ORDER = {status: position for position, status in enumerate(Status)}


@dataclass(frozen=True)
class Draft:
    """A preview before it is stored: its rows in order, its totals, and the matches that led to them."""

    rows: tuple[Row, ...]
    totals: Totals
    matches: dict[str, Match]
    orphan_detection_why: str | None  # why orphan detection did not run; None: it did
    lines_in_scope: int  # of this source's products


@collection_paused()
def draft_preview(inputs: Inputs, limits: Limits | None = None) -> Draft:
    """Classify everything; each observation and each counting addition ends in exactly one place."""
    limits = limits or Limits()
    matches = match_accounts(
        inputs.accounts, inputs.scan.companies, inputs.setup.links, inputs.setup.unlinked
    )
    matches = offer_new_owners(matches, inputs)
    placement = place_observations(inputs.observations, matches, inputs.setup)
    products = inputs.setup.products
    mapped = {product for product in inputs.setup.mappings.values() if product is not None}
    book = Book(inputs.scan, inputs.setup.agreement_types, inputs.today, only=products | mapped)
    unused = unused_lines(inputs, placement, book)
    rows = [
        *(line_row(inputs.source, key, shares, book) for key, shares in placement.lines.items()),
        *lone_rows(inputs.source, placement, book),
        *unused.rows,
    ]
    unresolved = {
        company: tuple(dict.fromkeys(placed.observation.account_name for placed in placed_here))
        for company, placed_here in placement.unresolved().items()
    }
    lines_in_scope = sum(1 for _ in book.lines(products))
    circumstances = Circumstances(
        not_accepted=inputs.not_accepted,
        unresolved=unresolved,
        contributors=changed_contributors(inputs, matches, placement),
        lines_in_scope=lines_in_scope,
    )
    rows = watch_rows(apply_guards(_pair(rows), circumstances, limits), inputs, book, limits)
    rows.sort(key=_position)
    totals = control_totals(inputs, placement, book, rows, unused.not_checked)
    return Draft(tuple(rows), totals, matches, inputs.not_accepted, lines_in_scope)


def _position(row: Row) -> tuple[int, str, str, str]:
    account = row.accounts[0].account_name if row.accounts else ""
    return (
        _ORDER[row.status],
        (row.company_name or account).casefold(),
        (row.product_identifier or "").casefold(),
        row.row_id,
    )


def _pair(rows: Iterable[Row]) -> list[Row]:
    """Tie the Orphaned and No addition rows of one company to each other, one to one, in a stable order."""
    rows = list(rows)
    of_pairs = [row for row in rows if row.status in _OF_PAIRS]
    sides: dict[int, dict[Status, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(of_pairs, key=lambda row: (row.product_id or 0, row.billing.addition_id or 0)):
        if row.company_id is not None:
            sides[row.company_id][row.status].append(row)
    partner = {}
    for side in sides.values():
        for orphan, addition in zip(side[Status.ORPHANED], side[Status.NO_ADDITION], strict=False):
            partner[orphan.row_id] = addition.row_id
            partner[addition.row_id] = orphan.row_id
    return [
        row.changed(paired_row_id=partner[row.row_id], flags=(*row.flags, Flag.PAIRED))
        if row.row_id in partner
        else row
        for row in rows
    ]
