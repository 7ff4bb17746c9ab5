"""The helpers of the fault matrix, tried on a client that is as simple as can be."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from tests.push.faulty import (
    Additions,
    Break,
    Changes,
    Fate,
    Point,
    Program,
    addition_point,
    additions_of,
    changes,
    environment,
    kill_at,
    list_point,
    run,
    run_broken,
    started,
    stopped_at,
    write_point,
    writes_of,
)

AGREEMENT, ADDITION = 1001, 5001
UPDATED = {ADDITION: {"quantity": (38.0, 40.0)}}

# Reads the addition, sets its quantity unless it is right, and reads it back. No retries, no memory.
CLIENT = """
import os, sys
import httpx
path = "/v2026_1/apis/3.0/finance/agreements/1001/additions/5001"
user = os.environ["CONNECTWISE_COMPANY_ID"] + "+" + os.environ["CONNECTWISE_PUBLIC_KEY"]
with httpx.Client(
    base_url=os.environ["CONNECTWISE_URL"],
    auth=(user, os.environ["CONNECTWISE_PRIVATE_KEY"]),
    headers={"clientId": os.environ["CONNECTWISE_CLIENT_ID"]},
    timeout=float(os.environ.get("PATIENCE", "60")),
    verify=False,
    trust_env=False,
) as client:
    if client.get(path).json()["quantity"] != 40:
        print("writing", flush=True)
        patch = [{"op": "replace", "path": "quantity", "value": 40}]
        client.patch(path, json=patch).raise_for_status().json()
    sys.exit(client.get(path).json()["quantity"] != 40)
"""


@pytest.fixture(scope="module")
def month() -> SampleMonth:
    return SampleMonth.load()


@pytest.fixture
def sandbox(month: SampleMonth) -> Iterator[Sandbox]:
    with Sandbox(month) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Program:
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    return Program([sys.executable, str(script)], environment(sandbox, tmp_path / "home"))


def read_point(nth: int = 1) -> Point:
    return addition_point(AGREEMENT, ADDITION, nth=nth)


def patch_point(*, after: bool = False) -> Point:
    return write_point(AGREEMENT, ADDITION, after=after)


@dataclass(frozen=True)
class Cell:
    """Where and how a run is killed, the changes it then leaves, and the answers to all writes after another run."""

    point: Point
    fate: Fate
    left: dict[int, dict[str, tuple[Any, Any]]]
    writes: list[int | None]


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(Cell(read_point(), Fate.CARRIED_OUT, {}, [200]), id="before the re-check"),
        pytest.param(Cell(patch_point(), Fate.DROPPED, {}, [None, 200]), id="the request was lost"),
        pytest.param(Cell(patch_point(), Fate.CARRIED_OUT, UPDATED, [200]), id="the answer was lost"),
        pytest.param(Cell(patch_point(after=True), Fate.CARRIED_OUT, UPDATED, [200]), id="after the write"),
        pytest.param(Cell(read_point(2), Fate.CARRIED_OUT, UPDATED, [200]), id="before the read-back"),
    ],
)
def test_a_process_is_killed_at_a_request_and_run_again(
    sandbox: Sandbox, client: Program, cell: Cell
) -> None:
    before = additions_of(sandbox)
    killed = kill_at(sandbox, cell.point, client, fate=cell.fate)
    assert killed.ended.code == -9
    assert changes(before, additions_of(sandbox)).changed == cell.left
    assert run(client).code == 0
    assert changes(before, additions_of(sandbox)).changed == UPDATED
    assert [one.status for one in writes_of(sandbox)] == cell.writes


def test_a_request_may_arrive_after_the_next_run(sandbox: Sandbox, client: Program) -> None:
    before = additions_of(sandbox)
    killed = kill_at(sandbox, patch_point(), client, fate=Fate.LATE)
    assert killed.ended.out == "writing\n"
    assert changes(before, additions_of(sandbox)).none
    assert run(client).code == 0
    once = additions_of(sandbox)
    killed.let_go(sandbox)
    assert [one.status for one in writes_of(sandbox)] == [200, 200]
    late = changes(once, additions_of(sandbox))
    assert (late.changed, late.written) == ({}, frozenset({ADDITION}))  # written again, with the same value


def test_somebody_may_act_while_a_process_waits(sandbox: Sandbox, client: Program) -> None:
    with stopped_at(sandbox, patch_point(), client) as (running, fault):
        sandbox.connectwise.state.additions[ADDITION]["unitPrice"] = 9.0
        before = additions_of(sandbox)
        fault.release()
        assert running.finish().code == 0
    assert changes(before, additions_of(sandbox)).changed == UPDATED


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("how", Break)
def test_an_answer_goes_wrong_before_or_after_the_act(
    sandbox: Sandbox, client: Program, how: Break, after: bool
) -> None:
    before = additions_of(sandbox)
    point = patch_point(after=after)
    if not how.can_occur(point):
        with pytest.raises(ValueError, match="cannot occur"):
            run_broken(sandbox, point, how, client.having(PATIENCE="3"))
        return
    struck = run_broken(sandbox, point, how, client.having(PATIENCE="3"))
    assert struck.ended.code == 1
    assert struck.ended.err
    assert changes(before, additions_of(sandbox)).changed == (UPDATED if after else {})
    assert len(writes_of(sandbox)) == 1


def test_a_point_that_is_never_reached_is_a_failure(sandbox: Sandbox, client: Program) -> None:
    with pytest.raises(AssertionError, match="ended before GET"):
        kill_at(sandbox, list_point(AGREEMENT), client)
    with pytest.raises(AssertionError, match="ended before POST"):
        run_broken(sandbox, write_point(AGREEMENT), Break.RESET, client)


def test_a_process_is_killed_with_what_it_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        child = f"import socket; socket.create_connection({listener.getsockname()}).recv(1)"
        parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
        with started(Program([sys.executable, "-c", parent], os.environ, tmp_path)) as running:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(20)
                with pytest.raises(AssertionError, match="did not end within"):
                    running.finish(0.1)
                assert connection.recv(1) == b""  # the child is gone, too


def test_the_environment_has_nothing_of_the_developers(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONNECTWISE_URL", "SEATSYNC_APPROVERS", "DAGSTER_HOME", "DUO_SKEY"):
        monkeypatch.setenv(name, "the developer's")
    env = environment(sandbox, tmp_path, SEATSYNC_TODAY="2026-11-30")
    assert "the developer's" not in env.values()
    assert env["PATH"] == os.environ["PATH"]
    assert (env["CONNECTWISE_URL"], env["SEATSYNC_TODAY"]) == (sandbox.connectwise.url, "2026-11-30")


def test_changes_name_ids_and_fields() -> None:
    before: Additions = {
        1: {"quantity": 1.0, "_info": {"n": 1}},
        2: {"quantity": 2.0, "extPrice": 4.0, "_info": {"n": 1}},
        3: {"quantity": 3.0, "_info": {"n": 1}},
        4: {"quantity": 4.0, "_info": {"n": 1}},
    }
    after: Additions = {
        1: {"quantity": 1.0, "cancelledDate": None, "_info": {"n": 1}},
        2: {"quantity": 5.0, "extPrice": 10.0, "cancelledDate": "2026-11-30", "_info": {"n": 2}},
        3: {"quantity": 3.0, "_info": {"n": 2}},
        9: {"quantity": 9.0},
    }
    assert changes(before, after) == Changes(
        created={9: {"quantity": 9.0}},
        removed=frozenset({4}),
        changed={2: {"quantity": (2.0, 5.0), "cancelledDate": (None, "2026-11-30")}},
        written=frozenset({2, 3}),
    )
    assert not changes(before, after).none
    assert changes(before, before).none
