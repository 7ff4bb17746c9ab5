"""The pull against the sandbox, which verifies signatures, hosts and paging as Duo does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seatsync_pipeline.errors import CredentialsRefused
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.settings import CountBasis, Settings
from seatsync_pipeline.sources.base import SourceSnapshot, State, Verdict
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.duo_api import Retries

QUICK = Retries(timeout=20, attempts=3, attempts_when_limited=3, first_wait=0.001, longest_wait=0.002)
USERS = "/admin/v1/users"
UNREADABLE = ["DA13FERNBANKARCHITEC", "DA14SILVERLINELOGIST"]
# 650 users, of whom 612 are enrolled: three pages.
LARGE = "DA03COPPERLINEFREIGH"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def settings_of(sandbox: Sandbox, **changes: str) -> Settings:
    values: dict[str, Any] = {"DUO_COUNT_BASIS": "enrolled"} | sandbox.settings() | changes
    return Settings(**values)


def read(sandbox: Sandbox, **changes: str) -> SourceSnapshot:
    return pull(settings_of(sandbox, **changes), retries=QUICK)


def failed(snapshot: SourceSnapshot) -> list[str]:
    return [o.account_key for o in snapshot.observations if o.state is State.FAILED]


@pytest.mark.parametrize(
    ("basis", "bluestem", "copperline", "thistledown"),
    [("enrolled", 17, 612, 0), ("enrolled_active", 15, 607, 0), ("existing", 22, 644, 8)],
)
def test_the_sample_month_is_counted_by_every_basis(
    sandbox: Sandbox, basis: CountBasis, bluestem: int, copperline: int, thistledown: int
) -> None:
    snapshot = read(sandbox, DUO_COUNT_BASIS=basis)
    seats = {o.account_key: o.seats for o in snapshot.observations}
    assert seats["DA02BLUESTEMVETERINA"] == bluestem
    assert seats[LARGE] == copperline
    assert seats["DA16THISTLEDOWNBAKER"] == thistledown
    assert failed(snapshot) == UNREADABLE
    assert snapshot.verdict is Verdict.COMPLETE
    for row in sandbox.month.duo_subaccounts:
        by_hand = row.enrolled_active + row.enrolled_bypass + row.enrolled_locked_out
        by_hand += row.enrolled_disabled if basis != "enrolled_active" else 0
        by_hand += row.not_enrolled_active + row.not_enrolled_disabled if basis == "existing" else 0
        assert seats[row.account_id] == (None if row.error else by_hand)


def test_nothing_but_the_two_reads_is_asked_and_each_at_the_right_host(sandbox: Sandbox) -> None:
    read(sandbox)
    hosts = {key: entry["api_hostname"] for key, entry in sandbox.duo.state.subaccounts.items()}
    assert {(asked.method, asked.path) for asked in sandbox.duo.requests} == {
        ("POST", "/accounts/v1/account/list"),
        ("GET", USERS),
    }
    for asked in sandbox.duo.requests:
        host = asked.headers["host"].rsplit(":", 1)[0]
        assert host == (hosts[asked.query["account_id"]] if asked.method == "GET" else "localhost")
    pages = [asked.query for asked in sandbox.duo.requests if asked.query.get("account_id") == LARGE]
    assert [(page["limit"], page["offset"]) for page in pages] == [
        ("300", "0"),
        ("300", "300"),
        ("300", "600"),
    ]


@pytest.mark.parametrize(
    "faults",
    [
        [("rate_limit", {"times": 2})],
        [("rate_limit", {"retry_after": 0})],
        [("error", {"status": 502, "times": 2})],
        [("reset", {"times": 2})],
        [("truncate", {"times": 2})],
        [("garbage", {"times": 2})],
        # One wrong count, or a user missing from one page, is settled by the second crawl.
        [("count", {"delta": 1, "after": 2})],
        [("reset", {}), ("error", {"status": 500, "body": {"stat": "FAIL"}})],
    ],
)
def test_a_passing_fault_changes_no_number(
    sandbox: Sandbox, faults: list[tuple[str, dict[str, Any]]]
) -> None:
    for kind, options in faults:
        sandbox.duo.faults.add(kind, USERS, query={"account_id": LARGE}, **options)
    snapshot = read(sandbox)
    assert failed(snapshot) == UNREADABLE
    assert next(o.seats for o in snapshot.observations if o.account_key == LARGE) == 612


def drop_a_user(value: Any) -> Any:
    value["response"].pop()
    return value


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("rate_limit", {}, "429, code 42901"),
        ("error", {"status": 502}, "Duo answered 502"),
        ("error", {"status": 403}, "Duo answered 403, code 40301 (Access forbidden)"),
        ("error", {"status": 404}, "deleted meanwhile"),
        ("reset", {}, "broken off"),
        ("truncate", {}, "closed before the answer was complete"),
        ("garbage", {}, "not readable JSON"),
        ("count", {"delta": -1}, "650 users were read, and Duo counts 649"),
        ("next_offset", {"value": "same"}, "does not advance: after offset 0 comes 0"),
        ("next_offset", {"value": 0, "after": 1}, "does not advance: after offset 300 comes 0"),
        ("next_offset", {"value": None}, "300 users were read, and Duo counts 650"),
        ("next_offset", {"value": "endless"}, "brought no new user"),
        ("rewrite", {"change": drop_a_user}, "users were read, and Duo counts 650"),
        ("answer", {"value": {"stat": "OK", "response": {}}}, "not a list of users but an object"),
        ("answer", {"value": {"stat": "OK", "response": "abc"}}, "not a list of users but a text"),
        ("answer", {"value": []}, "not readable JSON"),
        ("answer", {"value": None}, "not readable JSON"),
    ],
)
def test_a_lasting_fault_fails_its_subaccount_alone(
    sandbox: Sandbox, kind: str, options: dict[str, Any], reason: str
) -> None:
    sandbox.duo.faults.add(kind, USERS, query={"account_id": LARGE}, **({"times": None} | options))
    snapshot = read(sandbox)
    assert failed(snapshot) == [LARGE, *UNREADABLE]
    assert reason in (snapshot.observations[2].reason or "")
    assert snapshot.verdict is Verdict.COMPLETE


def wrong_key(sandbox: Sandbox) -> None:
    sandbox.duo.state.ikey = "DIOTHER0000000000000"


def wrong_secret(sandbox: Sandbox) -> None:
    sandbox.duo.state.skey = "another"


def wrong_clock(sandbox: Sandbox) -> None:
    sandbox.duo.state.now = lambda: datetime.now(UTC) + timedelta(minutes=10)


def every_subaccount(sandbox: Sandbox) -> None:
    sandbox.duo.faults.add("error", USERS, status=401, times=None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (wrong_key, "reading Duo's account list: Duo answered 401, code 40102.*Check DUO_IKEY"),
        (wrong_secret, "Duo answered 401, code 40103.*Check DUO_IKEY, DUO_SKEY and DUO_API_HOST"),
        (
            wrong_clock,
            "Duo answered 401, code 40105.*Set this machine's clock: it is (599|600) s behind Duo's",
        ),
        (every_subaccount, "every one of the 30 asked refused; Duo answered 401"),
    ],
)
def test_refused_credentials_end_the_pull(
    sandbox: Sandbox, wrong: Callable[[Sandbox], None], message: str
) -> None:
    settings = settings_of(sandbox)
    wrong(sandbox)
    with pytest.raises(CredentialsRefused, match=message) as caught:
        pull(settings, retries=QUICK)
    assert caught.value.status == 401


def test_a_subaccount_is_refused_by_the_parents_host(sandbox: Sandbox) -> None:
    def move(value: Any) -> Any:
        for entry in value["response"]:
            entry["api_hostname"] = "localhost"
        return value

    sandbox.duo.faults.add("rewrite", "/accounts/v1/account/list", change=move)
    snapshot = read(sandbox)
    assert len(failed(snapshot)) == 30
    assert [finding.rule for finding in snapshot.findings] == ["failed accounts"]
