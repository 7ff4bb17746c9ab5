"""Each fault, seen by a client, and what became of the write behind it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from seatsync_pipeline.sandbox import Sandbox

COUNT = "/company/companies/count"
ADDITION = "/finance/agreements/10/additions/100"
PATCH = [{"op": "replace", "path": "quantity", "value": 99}]


def quantity(sandbox: Sandbox) -> Any:
    return sandbox.connectwise.state.additions[100]["quantity"]


def test_times_after_and_order(sandbox: Sandbox, cw: httpx.Client) -> None:
    sandbox.connectwise.faults.add("error", "*/count", "GET", after=1, times=2, status=503)
    sandbox.connectwise.faults.add("error", "*/count", times=None, status=500)
    assert [cw.get(COUNT).status_code for _ in range(5)] == [500, 503, 503, 500, 500]
    assert cw.get("/company/companies/1").status_code == 200
    sandbox.connectwise.faults.clear()
    assert cw.get(COUNT).status_code == 200


def test_a_fault_can_be_bound_to_a_parameter(sandbox: Sandbox, cw: httpx.Client) -> None:
    sandbox.connectwise.faults.add("error", query={"page": "2"}, times=None)
    assert [cw.get("/company/companies", params={"page": page}).status_code for page in (1, 2, 3)] == [
        200,
        503,
        200,
    ]


def test_rate_limits(sandbox: Sandbox, cw: httpx.Client) -> None:
    sandbox.connectwise.faults.add("rate_limit")
    sandbox.connectwise.faults.add("rate_limit", retry_after=7)
    sandbox.connectwise.faults.add("rate_limit", retry_after=60, http_date=True)
    bare, seconds, dated = (cw.get(COUNT) for _ in range(3))
    assert (bare.status_code, bare.headers.get("Retry-After")) == (429, None)
    assert bare.json() == {
        "error": "ConnectWiseAPI",
        "message": "Too many requests. Please try again in 30 seconds.",
    }
    assert seconds.headers["Retry-After"] == "7"
    wait = parsedate_to_datetime(dated.headers["Retry-After"]) - datetime.now(UTC)
    assert 50 < wait.total_seconds() <= 60


def test_error_bodies(sandbox: Sandbox, cw: httpx.Client) -> None:
    sandbox.connectwise.faults.add("error", status=502)
    sandbox.connectwise.faults.add("error", status=500, body={"code": "ConnectWiseApi", "message": "timeout"})
    sandbox.connectwise.faults.add("error", status=403)
    html, json, role = (cw.get(COUNT) for _ in range(3))
    assert html.headers["Content-Type"].startswith("text/html")
    assert json.json()["message"] == "timeout"
    assert role.json()["code"] == "Security"


@pytest.mark.parametrize("kind", ["reset", "error"])
@pytest.mark.parametrize("applied", [False, True])
def test_a_write_is_lost_before_or_after_it_was_applied(
    sandbox: Sandbox, cw: httpx.Client, kind: str, *, applied: bool
) -> None:
    sandbox.connectwise.faults.add(kind, method="PATCH", applied=applied)
    try:
        assert cw.patch(ADDITION, json=PATCH).status_code == 503
        assert kind == "error"
    except httpx.TransportError:
        assert kind == "reset"
        assert sandbox.connectwise.requests[-1].status is None
    assert quantity(sandbox) == (99 if applied else 12.5)


def test_an_answer_comes_too_late(sandbox: Sandbox, cw: httpx.Client) -> None:
    fault = sandbox.connectwise.faults.add("delay", method="PATCH", seconds=30, applied=True)
    with pytest.raises(httpx.ReadTimeout):
        cw.patch(ADDITION, json=PATCH, timeout=0.2)
    assert quantity(sandbox) == 99
    fault.release()


@pytest.mark.parametrize(("drop", "after"), [(False, 99), (True, 12.5)])
def test_a_held_request_is_released_or_dropped(
    sandbox: Sandbox, cw: httpx.Client, *, drop: bool, after: float
) -> None:
    fault = sandbox.connectwise.faults.add("hold", method="PATCH")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cw.patch, ADDITION, json=PATCH)
        assert fault.wait_until_held()
        assert quantity(sandbox) == 12.5
        fault.release(drop=drop)
        if drop:
            with pytest.raises(httpx.TransportError):
                waiting.result(20)
        else:
            assert waiting.result(20).status_code == 200
    assert quantity(sandbox) == after


def test_a_request_is_under_way_until_it_is_carried_out(sandbox: Sandbox, cw: httpx.Client) -> None:
    stand_in = sandbox.connectwise
    assert stand_in.wait_until_idle(0)
    fault = stand_in.faults.add("hold", method="PATCH")
    with pytest.raises(httpx.ReadTimeout):
        cw.patch(ADDITION, json=PATCH, timeout=0.2)
    assert fault.wait_until_held()
    assert not stand_in.wait_until_idle(0)
    assert stand_in.wait_until_idle(0, besides=1)
    fault.release()
    assert stand_in.wait_until_idle()
    assert quantity(sandbox) == 99


def test_spoilt_bodies(sandbox: Sandbox, cw: httpx.Client) -> None:
    faults = sandbox.connectwise.faults
    faults.add("truncate")
    with pytest.raises(httpx.RemoteProtocolError, match="received"):
        cw.get("/company/companies")
    faults.add("garbage")
    with pytest.raises(ValueError, match="codec"):
        cw.get("/company/companies").json()
    values: list[Any] = [[], {}, None]
    for value in values:
        faults.add("answer", value=value)
        assert cw.get("/company/companies").json() == value
    faults.add("count", delta=-2)
    assert cw.get(COUNT).json() == {"count": 58}
    faults.add("rewrite", change=lambda rows: rows[:-1])
    assert len(cw.get("/company/companies").json()) == 24


@pytest.mark.parametrize(
    ("value", "expected"), [(0, [0, 0]), ("same", [0, 100]), ("endless", [100, 200]), (None, [None, None])]
)
def test_duos_offsets_mislead(sandbox: Sandbox, value: Any, expected: list[Any]) -> None:
    from .test_duo import BAY, child

    sandbox.duo.faults.add("next_offset", "/admin/v1/users", times=2, value=value)
    sandbox.duo.faults.add("count", "/admin/v1/users", delta=3)
    admin = child(sandbox, BAY)

    def metadata(offset: str) -> dict[str, Any]:
        answer, body = admin.api_call("GET", "/admin/v1/users", {"offset": offset})
        found: dict[str, Any] = admin.parse_json_response_and_metadata(answer, body)[1]
        return found

    assert [metadata(offset)["next_offset"] for offset in ("0", "100")] == expected
    assert metadata("0")["total_objects"] == 648


def test_unknown_faults_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        sandbox.connectwise.faults.add("explode")
    with pytest.raises(TypeError):
        sandbox.connectwise.faults.add("error", stauts=500)


def test_a_sandbox_in_another_process_is_steered_over_http(sandbox: Sandbox, cw: httpx.Client) -> None:
    control = f"{sandbox.connectwise.url}/_sandbox"
    added = httpx.post(f"{control}/faults", json={"kind": "hold", "path": "*/count", "method": "GET"})
    assert (added.status_code, added.json()["kind"]) == (200, "hold")
    assert httpx.post(f"{control}/faults", json={"kind": "explode"}).status_code == 400
    assert httpx.post(f"{control}/faults", content=b"[").status_code == 400
    assert httpx.get(f"{control}/nosuch").status_code == 404
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cw.get, COUNT)
        while not httpx.get(f"{control}/faults").json()[0]["held"]:
            assert not waiting.done()
        httpx.post(f"{control}/release", json={"drop": False})
        assert waiting.result(20).json() == {"count": 60}
    assert [one["path"] for one in httpx.get(f"{control}/requests").json()] == [f"/v2026_1/apis/3.0{COUNT}"]
    assert len(httpx.get(f"{control}/state").json()["companies"]) == 60
    httpx.delete(f"{control}/faults")
    httpx.delete(f"{control}/requests")
    assert httpx.get(f"{control}/faults").json() == httpx.get(f"{control}/requests").json() == []


def test_latency(sandbox: Sandbox, cw: httpx.Client) -> None:
    sandbox.connectwise.latency = 0.3
    with pytest.raises(httpx.ReadTimeout):
        cw.get(COUNT, timeout=0.05)
    sandbox.connectwise.latency = 0.0
    assert cw.get(COUNT).status_code == 200


def test_stopping_cuts_held_requests_and_ends_all_threads(sandbox: Sandbox) -> None:
    before = set(threading.enumerate())
    with Sandbox(sandbox.month) as other, ThreadPoolExecutor(4) as pool:
        fault = other.connectwise.faults.add("hold", times=None)
        address = f"{other.connectwise.url}/login/companyinfo/x"
        waiting = [pool.submit(httpx.get, address, timeout=20) for _ in range(4)]
        assert fault.wait_until_held(requests=4)
        other.__exit__(None, None, None)
        for one in waiting:
            with pytest.raises(httpx.TransportError):
                one.result(20)
    assert not set(threading.enumerate()) - before  # those of other tests may end meanwhile
