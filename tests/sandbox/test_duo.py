"""The Duo stand-in, asked through Duo's own client library."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import duo_client
import pytest
from duo_client.admin import AccountAdmin

from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.sandbox.duo_state import make_user

ACE, BAY, CAY = "DA000000000000000001", "DA000000000000000002", "DA000000000000000003"


def keys(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    settings = sandbox.settings()
    return {
        "ikey": settings["DUO_IKEY"],
        "skey": settings["DUO_SKEY"],
        "host": settings["DUO_API_HOST"],
        "port": int(settings["DUO_PORT"]),
        "ca_certs": settings["DUO_CA"],
        "timeout": 20,
    } | more


def child(sandbox: Sandbox, account_id: str, host: str | None = None, **more: Any) -> Any:
    host = host or sandbox.duo.state.subaccounts[account_id]["api_hostname"]
    return AccountAdmin(account_id, child_api_host=host, **keys(sandbox, **more))


def refused(call: Any) -> tuple[int, Any]:
    with pytest.raises(RuntimeError) as caught:
        call()
    return caught.value.status, caught.value.data  # type: ignore[attr-defined]  # duo_client sets them


@pytest.mark.parametrize("version", [{}, {"sig_version": 2}, {"sig_version": 2, "digestmod": hashlib.sha1}])
def test_duos_own_client_reads_everything(sandbox: Sandbox, version: dict[str, Any]) -> None:
    accounts = duo_client.Accounts(**keys(sandbox, **version)).get_child_accounts()
    assert [(one["account_id"], one["name"]) for one in accounts] == [
        (ACE, "Ace"),
        (BAY, "Bay"),
        (CAY, "Cay"),
    ]
    assert len({one["api_hostname"] for one in accounts}) == 3
    users = child(sandbox, BAY, paging_limit=300, **version).get_users()
    assert len({user["user_id"] for user in users}) == 645
    assert sum(user["status"] == "pending deletion" for user in users) == 5
    summary = child(sandbox, ACE, **version).get_info_summary()
    assert (summary["user_count"], summary["account_id"]) == (5, ACE)


def test_pages(sandbox: Sandbox) -> None:
    def page(**asked: str) -> tuple[int, dict[str, Any]]:
        admin = child(sandbox, BAY)
        answer, body = admin.api_call("GET", "/admin/v1/users", asked)
        data, metadata = admin.parse_json_response_and_metadata(answer, body)
        return len(data), metadata

    assert page() == (100, {"total_objects": 645, "next_offset": 100})
    assert page(limit="1000", offset="0") == (300, {"total_objects": 645, "next_offset": 300})
    assert page(limit="300", offset="600") == (45, {"total_objects": 645, "prev_offset": 300})
    assert page(limit="300", offset="900") == (0, {"total_objects": 645, "prev_offset": 600})


def test_a_subaccount_answers_on_its_own_host_alone(sandbox: Sandbox) -> None:
    other = sandbox.duo.state.subaccounts[BAY]["api_hostname"]
    for host in ("localhost", "127.0.0.1", other):
        status, data = refused(child(sandbox, ACE, host).get_users)
        assert (status, data["code"]) == (403, 40301)
    on_child = duo_client.Accounts(**keys(sandbox, host=other))
    assert refused(on_child.get_child_accounts)[1]["code"] == 40301
    # The parent's own users need another application.
    assert refused(duo_client.Admin(**keys(sandbox)).get_users)[1]["code"] == 40301


def test_refusals(sandbox: Sandbox) -> None:
    assert refused(child(sandbox, CAY).get_users)[1]["code"] == 40301
    sandbox.duo.state.errors[CAY] = 502
    status, data = refused(child(sandbox, CAY).get_users)
    assert status == 502
    assert data.startswith("<html>")
    assert refused(child(sandbox, ACE, skey="wrong").get_users)[1]["code"] == 40103
    assert refused(child(sandbox, ACE, ikey="DIWRONG0000000000000").get_users)[1]["code"] == 40102
    assert refused(lambda: child(sandbox, "DA0", "127.0.0.1").get_users())[1]["code"] == 40401
    bad = child(sandbox, ACE)
    status, data = refused(lambda: bad.json_api_call("GET", "/admin/v1/users", {"limit": "many"}))
    assert (status, data["message_detail"]) == (400, "limit")
    assert refused(lambda: duo_client.Accounts(**keys(sandbox)).create_account("x"))[1]["code"] == 40401


def test_a_wrong_clock_is_refused(sandbox: Sandbox) -> None:
    sandbox.duo.state.now = lambda: datetime.now(UTC) + timedelta(seconds=320)
    assert refused(child(sandbox, ACE).get_users)[1]["code"] == 40105


def test_users_are_the_same_each_time_and_mixed_over_pages(month: SampleMonth, sandbox: Sandbox) -> None:
    with Sandbox(month) as again:
        assert again.duo.state.users == sandbox.duo.state.users
    statuses = [user["status"] for user in sandbox.duo.state.users[BAY]]
    assert statuses != sorted(statuses)
    assert make_user(ACE, 1)["user_id"] != make_user(BAY, 1)["user_id"]
    assert len(make_user(ACE, 1)["user_id"]) == 20


def test_more_subaccounts_than_addresses_still_have_one_host_each(monkeypatch: pytest.MonkeyPatch) -> None:
    from seatsync_pipeline.sandbox.duo_state import state_of
    from seatsync_pipeline.sandbox.month import SubaccountRow

    rows = tuple(SubaccountRow(f"DA{number:018d}", "x") for number in range(3))
    state = state_of(SampleMonth(duo_subaccounts=rows), ["127.0.0.2", "127.0.0.3"])
    assert [one["api_hostname"] for one in state.subaccounts.values()] == [
        "127.0.0.2",
        "127.0.0.3",
        "127.0.0.2",
    ]
