"""The control totals of a stored preview, counted again from the tables.

Reconciliation balances its own books before it stores them. This counts once more, from what was stored on
either side, so that a row lost on the way to the database is found, too.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from seatsync_pipeline.orchestration.stored import Problem, StoredCheck
from seatsync_pipeline.warehouse import Connection


@dataclass(frozen=True)
class _Books:
    """What the header claims, and what the tables hold."""

    totals: dict[str, Any]
    adds_up: bool
    observations: int
    seats: Decimal
    failed: int
    statuses: Counter[str]
    shares: list[dict[str, Any]]
    additions: list[dict[str, Any]]


def control_totals() -> StoredCheck:
    """The check that a preview adds up: nothing that came in is missing, and nothing is there twice."""
    return StoredCheck(
        "does_the_preview_add_up",
        "Every observation and every addition in scope stands in exactly one place, and the sums agree.",
        _read,
        _judge,
    )


def _judge(books: _Books) -> list[Problem]:
    problems = [*_balances(books), *_recount(books), *_doubles(books)]
    if not books.adds_up:
        problems.append(Problem("reconciliation itself found that its totals do not add up"))
    return problems


def _read(connection: Connection, preview_id: str) -> _Books:
    bound = {"id": preview_id}
    header = connection.execute(
        "select totals, adds_up, snapshot_id from preview_header where preview_id = $id", bound
    ).fetchone()
    if header is None:
        return _Books({}, False, 0, Decimal(0), 0, Counter(), [], [])  # noqa: FBT003
    observed = connection.execute(
        "select count(*), coalesce(sum(seats), 0), count(*) filter (where state = 'failed')"
        " from observation where snapshot_id = $snapshot",
        {"snapshot": header[2]},
    ).fetchone()
    rows = connection.execute(
        "select status, accounts, additions from preview where preview_id = $id", bound
    ).fetchall()
    observations, seats, failed = observed or (0, Decimal(0), 0)
    return _Books(
        totals=_exact(header[0]),
        adds_up=bool(header[1]),
        observations=observations,
        seats=Decimal(seats),
        failed=failed,
        statuses=Counter(row[0] for row in rows),
        shares=[share for row in rows for share in _exact(row[1])],
        additions=[addition for row in rows for addition in _exact(row[2])],
    )


def _exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _number(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def _balances(books: _Books) -> Iterator[Problem]:
    """In = rows + every bucket beside them, for observations, seats and additions."""
    for name in ("observations", "seats", "additions"):
        balance = books.totals.get(name)
        if not balance:
            yield Problem(f"the totals of {name} are missing")
            continue
        came_in = _number(balance.get("in"))
        placed = sum((_number(value) for key, value in balance.items() if key != "in"), Decimal(0))
        if came_in != placed:
            yield Problem(f"{name}: what came in is what was placed", value=f"{came_in} in, {placed} placed")


def _recount(books: _Books) -> Iterator[Problem]:
    """What the header claims is what the tables hold."""
    claimed = books.totals
    shares = sum((_number(share.get("seats")) for share in books.shares), Decimal(0))
    pairs = (
        ("observations", "in", Decimal(books.observations), "the snapshot holds"),
        ("seats", "in", books.seats, "the snapshot holds"),
        ("observations", "rows", Decimal(len(books.shares)), "the rows list"),
        ("seats", "rows", shares, "the rows list"),
        ("additions", "rows", Decimal(len(books.additions)), "the rows carry"),
    )
    for name, part, counted, where in pairs:
        claim = _number(claimed.get(name, {}).get(part))
        if claim != counted:
            yield Problem(f"{name} ({part}): the totals say what {where}", value=f"{claim} against {counted}")
    if _number(claimed.get("failed")) != books.failed:
        yield Problem(
            "failed reads: the totals say what the snapshot holds",
            value=f"{claimed.get('failed')} against {books.failed}",
        )
    by_status = {name: int(_number(own.get("rows"))) for name, own in claimed.get("by_status", {}).items()}
    if by_status != dict(books.statuses):
        yield Problem(
            "rows of each status: the totals say what is stored",
            value=f"{by_status} against {dict(books.statuses)}",
        )


def _doubles(books: _Books) -> Iterator[Problem]:
    """One thing twice can hide another one missing: the sums alone would agree."""
    shares = Counter(f"{share['account_key']}, {share['license']}" for share in books.shares)
    additions = Counter(f"addition {addition['addition_id']}" for addition in books.additions)
    for name, times in (shares + additions).items():
        if times > 1:
            yield Problem("each observation and addition is in one row", row=name, value=f"{times} times")
