"""The operator's setup and the history of snapshots, read from the warehouse as reconciliation wants them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from seatsync_pipeline.connectwise.records import Scan
from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.reconcile.book import has_ended
from seatsync_pipeline.reconcile.inputs import History, Setup
from seatsync_pipeline.reconcile.matching import Link
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.warehouse import Connection

_MAPPINGS = "select license, product_id from mapping where source = ?"

# A product that another source bills now is that source's, whatever it was before.
_FORMERLY = """
    select distinct license, product_id
    from mapping_change
    where source = ?
      and product_id is not null
      and product_id not in (
          select product_id from mapping where source <> ? and product_id is not null
      )
"""

_LINKS = """
    select account_key, account_name, company_id, reason, rule, score
    from link
    where source = ?
"""

_UNLINKED = """
    select c.account_key
    from link_change c
    where c.source = ? and c.decision = 'removed' and c.change_id = (
        select max(l.change_id) from link_change l
        where l.source = c.source and l.account_key = c.account_key
    )
"""

_TYPES = """
    select t.type_name
    from (
        select unnest(from_json(type_names, '["varchar"]')) as type_name
        from agreement_type_filter
        where source = ?
    ) t
"""

_ACCEPTED_DAYS = """
    select distinct cast(taken_at as date)
    from snapshot
    where source = ? and verdict = 'complete' and snapshot_id < ?
    order by 1
"""

_LAST_SEEN = """
    select o.account_key, o.license, max(cast(s.taken_at as date))
    from snapshot s
    join observation o on o.snapshot_id = s.snapshot_id
    where s.source = ? and s.verdict = 'complete' and s.snapshot_id < ? and o.state <> 'expired'
    group by o.account_key, o.license
"""


def load_setup(connection: Connection, source: Source) -> Setup:
    """Today's mappings, links and agreement-type filter of a source, and every product it ever had."""
    formerly: dict[str, set[int]] = defaultdict(set)
    for license_name, product_id in connection.execute(_FORMERLY, [source, source]).fetchall():
        formerly[license_name].add(product_id)
    return Setup(
        mappings=dict(connection.execute(_MAPPINGS, [source]).fetchall()),
        formerly={name: frozenset(products) for name, products in formerly.items()},
        links={row[0]: Link(*row) for row in connection.execute(_LINKS, [source]).fetchall()},
        unlinked=frozenset(key for (key,) in connection.execute(_UNLINKED, [source]).fetchall()),
        agreement_types=frozenset(name for (name,) in connection.execute(_TYPES, [source]).fetchall()),
    )


def load_history(connection: Connection, source: Source, *, before: str) -> History:
    """What earlier complete snapshots of the source saw; `before` is a snapshot id, and ids sort by time."""
    bound = [source, before]
    return History(
        days=tuple(day for (day,) in connection.execute(_ACCEPTED_DAYS, bound).fetchall()),
        last_seen={
            (key, license_name): day
            for key, license_name, day in connection.execute(_LAST_SEEN, bound).fetchall()
        },
    )


def require_read_additions(scan: Scan, today: date) -> None:
    """Refuse a scan that did not read the additions of an agreement that counts today.

    Its lines would look unbilled, and a create would bill them twice. Raises SeatSyncError.
    """
    unread = [a for a in scan.agreements if not a.additions_read and not has_ended(a, today)]
    if unread:
        names = ", ".join(f"{a.name} (id {a.agreement_id})" for a in unread[:5])
        raise SeatSyncError(
            "reconciling with the latest ConnectWise scan",
            f"it did not read the additions of {len(unread)} agreement(s) that count today: {names}",
            "Run `seatsync scan` again.",
        )
