"""Snapshots of the sources in the warehouse: append-only, one transaction each.

What belongs here: the tables `snapshot`, `account` and `observation`. What does not: the ConnectWise scan's
tables, and what a snapshot means for a preview.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.collection import collection_paused
from seatsync_pipeline.errors import NotFound, WarehouseError
from seatsync_pipeline.sources.base import (
    SOURCES,
    Account,
    Finding,
    Observation,
    Source,
    SourceSnapshot,
    State,
    Verdict,
)
from seatsync_pipeline.warehouse import PORTION, Connection, Warehouse, insert_columns, insert_rows, new_id
from seatsync_pipeline.warehouse.kept import require_kept

# `observation.seats` is decimal(18, 6); the database would round or refuse what does not fit.
_SEAT_STEP = Decimal("0.000001")
_MOST_SEATS = Decimal(10) ** 12


@dataclass(frozen=True)
class SnapshotFacts:
    """The header of a snapshot of any source, `connectwise` included. `taken_at` is in UTC."""

    snapshot_id: str
    source: str
    taken_at: datetime
    verdict: Verdict
    reasons: tuple[Finding, ...]
    details: dict[str, Any]
    digest: str
    run_id: str | None


def save_snapshot(warehouse: Warehouse, snapshot: SourceSnapshot, *, run_id: str | None) -> str:
    """Store a snapshot whole or not at all, and return its new id.

    Decimals in evidence and details stay exact. Raises WarehouseError, also for seats that
    the database could only store rounded.
    """
    header = {
        "source": snapshot.source,
        "taken_at": _stored(snapshot.taken_at),
        "run_id": run_id,
        "digest": snapshot.digest,
        "verdict": snapshot.verdict.value,
        "reasons": exact_json.dumps([_reason(finding) for finding in snapshot.findings]),
        "details": exact_json.dumps(snapshot.details),
    }
    _require_storable(snapshot.observations)
    with collection_paused(), warehouse.write() as connection:
        snapshot_id = new_id("snap")
        insert_rows(connection, "snapshot", [{"snapshot_id": snapshot_id, **header}])
        for columns in _account_columns(snapshot_id, snapshot.accounts):
            insert_columns(connection, "account", columns)
        for columns in _observation_columns(snapshot_id, snapshot.observations):
            insert_columns(connection, "observation", columns)
    return snapshot_id


def _account_columns(snapshot_id: str, accounts: Sequence[Account]) -> Iterator[dict[str, Sequence[Any]]]:
    for begin in range(0, len(accounts), PORTION):
        some = accounts[begin : begin + PORTION]
        yield {
            "snapshot_id": [snapshot_id] * len(some),
            "account_key": [account.key for account in some],
            "account_name": [account.name for account in some],
            "domain": [account.domain for account in some],
            "details": exact_json.dumps_each([account.details for account in some]),
        }


def _observation_columns(
    snapshot_id: str, observations: Sequence[Observation]
) -> Iterator[dict[str, Sequence[Any]]]:
    for begin in range(0, len(observations), PORTION):
        some = observations[begin : begin + PORTION]
        yield {
            "snapshot_id": [snapshot_id] * len(some),
            "position": range(begin + 1, begin + 1 + len(some)),
            "account_key": [observation.account_key for observation in some],
            "account_name": [observation.account_name for observation in some],
            "license": [observation.license for observation in some],
            "seats": [observation.seats for observation in some],
            "state": [observation.state for observation in some],
            "reason": [observation.reason for observation in some],
            "evidence": exact_json.dumps_each([observation.evidence for observation in some]),
        }


def save_once(
    warehouse: Warehouse, snapshot: SourceSnapshot, *, run_id: str | None, drop: str | None
) -> tuple[str, SourceSnapshot]:
    """Store the snapshot of a dropped file, unless an earlier run of that drop has; the stored one, with its id.

    A run that died after storing is repeated, and one drop is one snapshot. Without a `drop`, and when another
    snapshot has been stored since, it is stored in any case. Raises WarehouseError.
    """
    if drop is None:
        return save_snapshot(warehouse, snapshot, run_id=run_id), snapshot
    with warehouse.read() as connection:
        latest = latest_snapshot_id(connection, snapshot.source)
        if latest is not None:
            facts = snapshot_facts(connection, latest)
            if (facts.digest, facts.details.get("drop")) == (snapshot.digest, drop):
                return latest, load_snapshot(connection, latest)
    dropped = replace(snapshot, details=snapshot.details | {"drop": drop})
    return save_snapshot(warehouse, dropped, run_id=run_id), dropped


_LATEST = """
    select max(s.snapshot_id)
    from snapshot s
    where s.source = ?
      and (
          exists (select 1 from account a where a.snapshot_id = s.snapshot_id)
          or exists (select 1 from acceptance c where c.snapshot_id = s.snapshot_id)
      )
"""


def latest_snapshot_id(connection: Connection, source: Source) -> str | None:
    """The newest snapshot of a source that lists an account, whatever its verdict; None when there is none.

    One that lists nobody is kept as evidence of a failed read: what was read before it stays in use, unless a
    person has accepted the empty list.
    """
    row = connection.execute(_LATEST, [source]).fetchone()
    return row[0] if row else None


def snapshot_facts(connection: Connection, snapshot_id: str) -> SnapshotFacts:
    """The header of one snapshot. Raises NotFound."""
    row = connection.execute(
        "select snapshot_id, source, taken_at, verdict, reasons, details, digest, run_id"
        " from snapshot where snapshot_id = ?",
        [snapshot_id],
    ).fetchone()
    if row is None:
        raise NotFound("looking up a snapshot", f"there is none with the id {snapshot_id!r}", "Check the id.")
    identity, source, taken_at, verdict, reasons, details, digest, run_id = row
    return SnapshotFacts(
        identity,
        source,
        taken_at.replace(tzinfo=UTC),
        Verdict(verdict),
        tuple(_finding(reason) for reason in exact_json.loads(reasons)),
        exact_json.loads(details),
        digest,
        run_id,
    )


def load_snapshot(connection: Connection, snapshot_id: str) -> SourceSnapshot:
    """A stored snapshot as its source delivered it: observations in their order, accounts in the order in
    which observations first name them. Raises NotFound, also for the id of a ConnectWise scan.
    """
    facts = snapshot_facts(connection, snapshot_id)
    require_kept(connection, snapshot_id)
    source = next((name for name in SOURCES if name == facts.source), None)
    if source is None:
        raise NotFound(
            "loading a source's snapshot",
            f"{snapshot_id} is a snapshot of {facts.source}",
            f"Name a snapshot of one of: {', '.join(SOURCES)}.",
        )
    return SourceSnapshot(
        source=source,
        taken_at=facts.taken_at,
        accounts=_accounts(connection, snapshot_id),
        observations=_observations(connection, snapshot_id),
        digest=facts.digest,
        findings=facts.reasons,
        details=facts.details,
    )


def _accounts(connection: Connection, snapshot_id: str) -> tuple[Account, ...]:
    rows = connection.execute(
        """
        select a.account_key, a.account_name, a.domain, a.details
        from account a
        left join (
            select account_key, min(position) as first_position
            from observation
            where snapshot_id = $id
            group by account_key
        ) o on o.account_key = a.account_key
        where a.snapshot_id = $id
        order by o.first_position nulls last, a.account_key
        """,
        {"id": snapshot_id},
    ).fetchall()
    return tuple(Account(key, name, domain, exact_json.loads(details)) for key, name, domain, details in rows)


def _observations(connection: Connection, snapshot_id: str) -> tuple[Observation, ...]:
    rows = connection.execute(
        """
        select account_key, account_name, license, seats, state, reason, evidence
        from observation
        where snapshot_id = ?
        order by position
        """,
        [snapshot_id],
    ).fetchall()
    return tuple(
        Observation(key, name, license_, _plain(seats), State(state), reason, exact_json.loads(evidence))
        for key, name, license_, seats, state, reason, evidence in rows
    )


def _require_storable(observations: Iterable[Observation]) -> None:
    whose = {observation.seats: observation.account_key for observation in observations}
    for seats, account_key in whose.items():
        if seats is None:
            continue
        fits = seats.is_finite() and abs(seats) < _MOST_SEATS and seats == seats.quantize(_SEAT_STEP)
        if not fits:
            raise WarehouseError(
                "storing a snapshot",
                f"{seats} seats of {account_key!r} have no exact place in the database",
                "Nothing was stored. Seats have up to 12 digits before the point and 6 after it.",
            )


def _plain(seats: Decimal | None) -> Decimal | None:
    """As few digits as say the same: 5, not 5.000000."""
    if seats is None:
        return None
    whole = seats.to_integral_value()
    return whole if whole == seats else seats.normalize()


def _stored(moment: datetime) -> datetime:
    """The database keeps naive UTC; a naive moment is UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _reason(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "observed": finding.observed,
        "limit": finding.limit,
        "message": finding.message,
        "verdict": finding.verdict.value,
    }


def _finding(reason: dict[str, str]) -> Finding:
    return Finding(
        reason["rule"],
        reason["observed"],
        reason["limit"],
        reason["message"],
        Verdict(reason.get("verdict", Verdict.INCOMPLETE)),
    )
