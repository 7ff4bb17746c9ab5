"""The operator's setup and the history of snapshots, read from the warehouse as reconciliation wants them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import cache

from seatsync_pipeline.connectwise.records import Scan
from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.reconcile.inputs import FormerOwner, History, Setup
from seatsync_pipeline.reconcile.matching import Link, is_live
from seatsync_pipeline.sources.acceptance import last_accepted_id
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
    select c.account_key, (
        select arg_max(p.company_id, p.change_id) from link_change p
        where p.source = c.source and p.account_key = c.account_key and p.decision = 'company'
    )
    from link_change c
    where c.source = ? and c.decision = 'removed' and c.change_id = (
        select max(l.change_id) from link_change l
        where l.source = c.source and l.account_key = c.account_key
    )
"""

# Links that a preview made by itself belong to it; mappings of one source decide what another may call its own.
_LAST_SETUP_CHANGE = """
    select max(change_id) from (
        select change_id from mapping_change
        union all
        select change_id from link_change where source = $source and (rule = 'operator' or changed_by <> 'seatsync')
        union all
        select change_id from agreement_type_filter_change where source = $source
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

_ACCEPTED_AT = """
    select taken_at
    from accepted_snapshot
    where source = ? and snapshot_id < ?
    order by 1
"""

_LAST_SEEN = """
    select o.account_key, o.license, max(s.taken_at)
    from accepted_snapshot s
    join observation o on o.snapshot_id = s.snapshot_id
    where s.source = ? and s.snapshot_id < ? and o.state <> 'expired'
    group by o.account_key, o.license
"""

# What was pushed last was approved by a person, whatever was read since.
_BEHIND_LAST_PUSH = """
    select snapshot_id
    from operation
    where source = ?
    order by started_at desc
    limit 1
"""

_COUNTED = """
    select distinct account_key, license
    from observation
    where snapshot_id = ? and state = 'counted'
"""

_LAST_NAMES = """
    select company_id, arg_max(name, snapshot_id)
    from company
    where company_id in (select unnest(?)) and snapshot_id <= ?
    group by company_id
"""

_MOVED_AGREEMENTS = """
    select was.company_id, now.company_id, count(distinct now.agreement_id)
    from agreement now
    join agreement was on was.agreement_id = now.agreement_id
    where now.snapshot_id = ? and was.company_id in (select unnest(?))
    group by was.company_id, now.company_id
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
        unlinked=dict(connection.execute(_UNLINKED, [source]).fetchall()),
        agreement_types=frozenset(name for (name,) in connection.execute(_TYPES, [source]).fetchall()),
    )


def last_setup_change(connection: Connection, source: Source) -> str | None:
    """The id of a person's newest decision that a preview of this source depends on; None where there is none."""
    row = connection.execute(_LAST_SETUP_CHANGE, {"source": source}).fetchone()
    return row[0] if row else None


def load_history(connection: Connection, source: Source, *, before: str, zone: tzinfo) -> History:
    """What earlier accepted snapshots of the source saw; `before` is a snapshot id, and ids sort by time.

    `zone` is the MSP's, which decides what day it was.
    """
    day = cache(lambda moment: day_in(zone, moment))
    bound = [source, before]
    behind_push = connection.execute(_BEHIND_LAST_PUSH, [source]).fetchone()
    baselines = {last_accepted_id(connection, source, before=before), *(behind_push or ())} - {None, before}
    return History(
        days=tuple(dict.fromkeys(day(at) for (at,) in connection.execute(_ACCEPTED_AT, bound).fetchall())),
        last_seen={
            (key, license_name): day(at)
            for key, license_name, at in connection.execute(_LAST_SEEN, bound).fetchall()
        },
        baselines=tuple(
            frozenset(connection.execute(_COUNTED, [snapshot_id]).fetchall()) for snapshot_id in baselines
        ),
    )


def load_former_owners(
    connection: Connection, links: Mapping[str, Link], scan: Scan, scan_id: str
) -> dict[int, FormerOwner]:
    """Of the linked companies that are gone in this scan: their names, and who owns their agreements in it.

    Agreements keep their ids when companies are merged: those that any earlier scan had under the gone company
    are looked up by id. A company that no scan knows is left out.
    """
    live = {company.company_id for company in scan.companies if is_live(company)}
    gone = sorted({link.company_id for link in links.values() if link.company_id is not None} - live)
    if not gone:
        return {}
    names = dict(connection.execute(_LAST_NAMES, [gone, scan_id]).fetchall())
    moved: dict[int, dict[int, int]] = defaultdict(dict)
    for was, now, agreements in connection.execute(_MOVED_AGREEMENTS, [scan_id, gone]).fetchall():
        moved[was][now] = agreements
    return {company_id: FormerOwner(name, moved.get(company_id, {})) for company_id, name in names.items()}


def day_in(zone: tzinfo, moment: datetime) -> date:
    """The calendar day of a moment in UTC, also of a naive one, as they are stored."""
    return moment.replace(tzinfo=UTC).astimezone(zone).date()


def require_read_additions(scan: Scan, today: date) -> None:
    """Refuse a scan that did not read the additions of an agreement that counts today.

    Its lines would look unbilled, and a create would bill them twice. Raises SeatSyncError.
    """
    unread = [a for a in scan.agreements if not a.additions_read and not a.has_ended(today)]
    if unread:
        names = ", ".join(f"{a.name} (id {a.agreement_id})" for a in unread[:5])
        raise SeatSyncError(
            "reconciling with the latest ConnectWise scan",
            f"it did not read the additions of {len(unread)} agreement(s) that count today: {names}",
            "Run `seatsync scan` again.",
        )
