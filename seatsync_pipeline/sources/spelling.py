"""One tenant, one key, from month to month: capitals make no other tenant.

Within one export `Acme-Portal` and `acme-portal` are one tenant already. Links, the last accepted snapshot and the
evidence of an orphan hang on the key too, so that an export keeps the spelling in which a tenant was first read.
"""

from __future__ import annotations

from dataclasses import replace

from seatsync_pipeline.sources.base import Account, Source, SourceSnapshot
from seatsync_pipeline.warehouse import Warehouse

_KNOWN = """
    select a.account_key
    from account a
    join snapshot s on s.snapshot_id = a.snapshot_id
    where s.source = ?
    group by a.account_key
    order by min(a.snapshot_id) desc
"""


def with_known_keys(warehouse: Warehouse, snapshot: SourceSnapshot) -> SourceSnapshot:
    """The snapshot, with every key that was known in other capitals as it was first read.

    What the file says is kept in the account's details, as `key_as_written`.
    """
    known = _first_spellings(warehouse, snapshot.source)
    renamed = {
        account.key: first
        for account in snapshot.accounts
        if (first := known.get(account.key.casefold(), account.key)) != account.key
    }
    if not renamed:
        return snapshot
    return replace(
        snapshot,
        accounts=tuple(
            Account(renamed[a.key], a.name, a.domain, a.details | {"key_as_written": a.key})
            if a.key in renamed
            else a
            for a in snapshot.accounts
        ),
        observations=tuple(
            replace(o, account_key=renamed[o.account_key]) if o.account_key in renamed else o
            for o in snapshot.observations
        ),
    )


def _first_spellings(warehouse: Warehouse, source: Source) -> dict[str, str]:
    with warehouse.read() as connection:
        keys = connection.execute(_KNOWN, [source]).fetchall()
    return {key.casefold(): key for (key,) in keys}
