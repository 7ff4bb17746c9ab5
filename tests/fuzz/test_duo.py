"""Whatever answers in Duo's place: an error or a failed account with its reason, or the users that were sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from seatsync_pipeline.errors import SeatSyncError, VendorError
from seatsync_pipeline.sources.base import State
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.duo_api import DuoApi, Retries
from seatsync_pipeline.sources.duo_users import count_users
from seatsync_pipeline.sources.store import load_snapshot, save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.fuzz.damage import bodies
from tests.fuzz.harness import fuzzed, told
from tests.sources.duo_stub import LIST, Answer, Asked, DuoStub, user

QUICK = Retries(
    timeout=5.0,
    attempts=2,
    attempts_when_limited=2,
    first_wait=0.0,
    longest_wait=0.0,
    longest_retry_after=0.0,
)
USERS = [user(1), user(2, status="bypass"), user(3, enrolled=False), user(4, status="pending deletion")]
PAGES: dict[int, dict[str, Any]] = {
    0: {"stat": "OK", "response": USERS[:3], "metadata": {"next_offset": 3, "total_objects": 4}},
    3: {"stat": "OK", "response": USERS[3:], "metadata": {"total_objects": 4}},
}
REFUSAL = {"stat": "FAIL", "code": 40301, "message": "Access forbidden", "message_detail": "no"}
ACCOUNTS = {
    "stat": "OK",
    "response": [
        {"account_id": "DA1", "name": "Acme", "api_hostname": "127.0.0.1"},
        {"account_id": "DA2", "name": "Müller", "api_hostname": "127.0.0.1"},
    ],
}
STATUSES = [204, 302, 400, 401, 403, 404, 429, 500, 503]
HEADERS = {
    "Retry-After": ["0", "3600", "9" * 40, "soon", "Fri, 20 Nov 2026 12:00:45 +99999999999999"],
    "Date": ["soon", "Fri, 20 Nov 2026 12:00:45 +99999999999999"],
    "Content-Type": ["text/html; charset=rot13", "application/json; charset=utf-16"],
    "Content-Encoding": ["gzip"],
}


@st.composite
def answers(draw: st.DrawFn, document: Any) -> Answer:
    status = 200 if draw(st.integers(0, 5)) < 5 else draw(st.sampled_from(STATUSES))
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), unique=True, max_size=1))
    headers = {name: draw(st.sampled_from(HEADERS[name])) for name in names}
    body = draw(bodies(document if status == 200 else draw(st.sampled_from([document, REFUSAL]))))
    return Answer(body, status, headers)


@pytest.fixture(scope="module")
def stub() -> Iterator[DuoStub]:
    with DuoStub() as running:
        yield running


def sent(pages: dict[int, Answer]) -> dict[str, Any]:
    """The users in the answers, by id."""
    users = {}
    for answer in pages.values():
        assert isinstance(answer.body, bytes)
        for row in json.loads(answer.body)["response"] if answer.status == 200 else []:
            users[row["user_id"]] = row
    return users


def in_trash(status: str) -> bool:
    return " ".join(status.replace("_", " ").replace("-", " ").casefold().split()) == "pending deletion"


@fuzzed(cost=10, first=answers(PAGES[0]), second=answers(PAGES[3]))
def test_users_are_counted_from_what_was_sent_or_not_at_all(
    stub: DuoStub, first: Answer, second: Answer
) -> None:
    asked_for: dict[int, Answer] = {}

    def reply(_: DuoStub, asked: Asked) -> Answer:
        asked_for[asked.offset] = second if asked.offset else first
        return asked_for[asked.offset]

    stub.answers["DA1"] = [reply]
    try:
        counts = count_users(DuoApi(stub.settings(), QUICK), "DA1", "127.0.0.1", "Acme")
    except VendorError as error:
        told(error)
        return
    users = sent(asked_for)
    assert counts.total == len(users)
    assert counts.enrolled == sum(row["is_enrolled"] for row in users.values() if not in_trash(row["status"]))


@fuzzed(cost=20, listed=answers(ACCOUNTS), first=answers(PAGES[0]))
def test_a_pull_has_a_number_or_a_reason_for_each_account_and_can_be_stored(
    stub: DuoStub, tmp_path_factory: pytest.TempPathFactory, listed: Answer, first: Answer
) -> None:
    stub.answers.clear()
    stub.answers[LIST] = [listed]
    stub.users = {"DA1": USERS, "DA2": USERS[:2]}
    stub.answers["DA2"] = [first]
    stub.users |= {name: [] for name in ("12", "12.5", "0", "true", "yes", "null")}
    try:
        snapshot = pull(stub.settings(), retries=QUICK)
    except SeatSyncError as error:
        told(error)
        return
    for observation in snapshot.observations:
        assert (observation.seats is None) == (observation.state is State.FAILED) == bool(observation.reason)
    warehouse = Warehouse(Path(tmp_path_factory.getbasetemp()) / "pulls.duckdb")
    snapshot_id = save_snapshot(warehouse, snapshot, run_id=None)
    with warehouse.read() as connection:
        assert load_snapshot(connection, snapshot_id).observations == snapshot.observations
