"""Breaking a push from outside: stop it at a request, kill it there, run it again, and see what it changed.

    program = Program([sys.executable, "-m", ...], environment(sandbox, home))
    before = additions_of(sandbox)
    kill_at(sandbox, write_point(1001, 5001), program, fate=Fate.DROPPED)
    assert run(program).code == 0
    assert changes(before, additions_of(sandbox)).changed == {5001: {"quantity": (38.0, 40.0)}}
    assert len(writes_of(sandbox)) == 2  # the dropped one was asked for, too

What belongs here: where and how a process is struck. What does not: the process (processes.py), the comparison
(differences.py), and what a push should make of it. The sandbox holds or spoils the request and the process is a
real one, so nothing of the product takes part. A point names the n-th request of its kind from when it is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sandbox.faults import Fault
from tests.push.differences import Additions, Changes, Write, additions_of, changes, writes_of
from tests.push.processes import PATIENCE, Ended, Program, Running, environment, run, started

__all__ = [
    "PATIENCE", "Additions", "Break", "Changes", "Ended", "Fate", "Point", "Program", "Running", "Struck", "Write",
    "addition_point", "additions_of", "changes", "environment", "kill_at", "list_point", "run", "run_broken",
    "started", "stopped_at", "write_point", "writes_of",
]  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A request of a run: the `nth` one with this method and path, before ConnectWise acts on it or `after`."""

    method: str
    path: str
    after: bool = False
    nth: int = 1
    query: Mapping[str, str] = field(default_factory=dict)

    def add(self, sandbox: Sandbox, kind: str, **options: Any) -> Fault:
        """Put a fault of faults.py at this point, for one request."""
        return sandbox.connectwise.faults.add(
            kind,
            self.path,
            self.method,
            query=dict(self.query),
            after=self.nth - 1,
            applied=self.after,
            **options,
        )


def addition_point(agreement_id: int, addition_id: int, *, nth: int = 1, after: bool = False) -> Point:
    """A read of one addition by its id: the re-check before a write is the first, the read-back the second."""
    return Point("GET", f"*/agreements/{agreement_id}/additions/{addition_id}", after, nth)


def list_point(agreement_id: int, *, nth: int = 1, after: bool = False) -> Point:
    """A read of an agreement's list of additions."""
    return Point("GET", f"*/agreements/{agreement_id}/additions", after, nth)


def write_point(
    agreement_id: int, addition_id: int | None = None, *, nth: int = 1, after: bool = False
) -> Point:
    """A PATCH of the addition, or without one the POST of a new addition."""
    if addition_id is None:
        return Point("POST", f"*/agreements/{agreement_id}/additions", after, nth)
    return Point("PATCH", f"*/agreements/{agreement_id}/additions/{addition_id}", after, nth)


class Break(StrEnum):
    """How an answer goes wrong while the process lives on."""

    TIME_OUT = "time-out"
    """The client's own limit ends the wait, so set it short; the request is dropped after the run if it was held."""
    RESET = "reset"
    RATE_LIMIT = "429"
    ERROR = "500"
    BAD_GATEWAY = "502 with HTML"
    UNREADABLE = "unreadable body"
    TRUNCATED = "truncated body"

    def options(self) -> dict[str, Any]:
        """The kind and the options of the fault."""
        failed = {"code": "InternalServerError", "message": "SQL timeout", "errors": None}
        known: dict[Break, dict[str, Any]] = {
            Break.TIME_OUT: {"kind": "hold"},
            Break.RESET: {"kind": "reset"},
            Break.RATE_LIMIT: {"kind": "rate_limit", "retry_after": 1},
            Break.ERROR: {"kind": "error", "status": 500, "body": failed},
            Break.BAD_GATEWAY: {"kind": "error", "status": 502},
            Break.UNREADABLE: {"kind": "garbage"},
            Break.TRUNCATED: {"kind": "truncate"},
        }
        return known[self]

    def can_occur(self, point: Point) -> bool:
        """Whether it exists there: a refusal is none after the act, and a spoilt success none before it."""
        if self is Break.RATE_LIMIT:
            return not point.after
        return point.after or self not in {Break.UNREADABLE, Break.TRUNCATED}


class Fate(StrEnum):
    """What becomes of a request that is held before ConnectWise acts on it, once its client is gone."""

    CARRIED_OUT = "carried out"
    DROPPED = "dropped"
    LATE = "late"
    """It stays on its way until the test calls `let_go`."""


@dataclass(frozen=True)
class Struck:
    """A run that was struck: how it ended, and the fault, which is spent."""

    ended: Ended
    fault: Fault

    def let_go(self, sandbox: Sandbox, fate: Fate = Fate.CARRIED_OUT) -> None:
        """Carry the held request out or drop it, and wait until that is done."""
        self.fault.release(drop=fate is Fate.DROPPED)
        if not sandbox.connectwise.wait_until_idle(PATIENCE):
            raise AssertionError("the sandbox is still busy with a request that was let go")


def kill_at(
    sandbox: Sandbox,
    point: Point,
    program: Program,
    *,
    fate: Fate = Fate.CARRIED_OUT,
) -> Struck:
    """Run a program until it waits at the point, SIGKILL it there, then let the request go.

    A request held `after` ConnectWise acted is carried out, whatever its fate.
    """
    with stopped_at(sandbox, point, program) as (running, fault):
        struck = Struck(running.kill(), fault)
    if fate is not Fate.LATE:
        struck.let_go(sandbox, fate)
    return struck


@contextmanager
def stopped_at(
    sandbox: Sandbox,
    point: Point,
    program: Program,
) -> Iterator[tuple[Running, Fault]]:
    """A process that waits at the point, for a test to act meanwhile; `fault.release()` lets it go on."""
    fault = point.add(sandbox, "hold")
    with started(program) as running:
        running.until_held(fault)
        yield running, fault


def run_broken(
    sandbox: Sandbox,
    point: Point,
    how: Break,
    program: Program,
    *,
    fate: Fate = Fate.DROPPED,
) -> Struck:
    """Run a program to its end while the answer at the point goes wrong once. Fails when it never got there.

    `fate` is that of a request whose client ran out of time; it may be let go only after the run.
    """
    if not how.can_occur(point):
        raise ValueError(f"{how} cannot occur {'after' if point.after else 'before'} ConnectWise acts")
    fault = point.add(sandbox, **how.options())
    struck = Struck(run(program), fault)
    if not fault.hits:
        raise AssertionError(f"the process ended before {point.method} {point.path}: {struck.ended}")
    if fate is not Fate.LATE:
        struck.let_go(sandbox, fate)
    return struck
