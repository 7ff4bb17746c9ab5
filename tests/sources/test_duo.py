"""A Duo pull, from account list to snapshot."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from seatsync_pipeline.errors import (
    CredentialsRefused,
    IncompleteAnswer,
    PermanentVendorError,
    TransientVendorError,
)
from seatsync_pipeline.sources.base import SourceSnapshot, State, Verdict
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.duo_api import Retries
from tests.sources.duo_stub import (
    LIST,
    NORMAL,
    RESET,
    SILENCE,
    Answer,
    Asked,
    DuoStub,
    Reply,
    fail,
    page,
    user,
)

QUICK = Retries(timeout=20, attempts=2, attempts_when_limited=3, first_wait=0.001, longest_wait=0.002)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FORBIDDEN = fail(403, 40301, "Access forbidden")


@pytest.fixture
def duo() -> Iterator[DuoStub]:
    with DuoStub() as stub:
        yield stub


def read(duo: DuoStub, retries: Retries = QUICK, **changes: object) -> SourceSnapshot:
    return pull(duo.settings(**changes), now=lambda: NOON, retries=retries)


def people(duo: DuoStub, accounts: int) -> None:
    """`accounts` subaccounts with 1, 2, 3 ... enrolled users."""
    for number in range(1, accounts + 1):
        duo.add(f"DA{number}", [user(n) for n in range(number)])


def test_every_subaccount_becomes_one_observation_with_its_evidence(duo: DuoStub) -> None:
    duo.add("DA1", [user(1), user(2, enrolled=False), user(3, status="pending deletion")], name=" Zoë GmbH ")
    duo.add("DA2", [])
    snapshot = read(duo)
    first, second = snapshot.observations
    by_status = {
        "active": {"enrolled": 1, "not_enrolled": 1},
        "pending deletion": {"enrolled": 1, "not_enrolled": 0},
    }
    assert (first.account_key, first.account_name, first.license) == ("DA1", "Zoë GmbH", "Duo MFA")
    assert (first.seats, first.state, first.reason) == (Decimal(1), State.COUNTED, None)
    assert first.evidence == {"basis": "enrolled", "enrolled": 1, "total": 3, "by_status": by_status}
    assert (second.seats, second.state) == (Decimal(0), State.COUNTED), "an empty subaccount is known"
    assert snapshot.accounts[0].details == {
        "host": "127.0.0.1",
        "users": {"enrolled": 1, "total": 3, "by_status": by_status, "pending_deletion": 1},
        "unknown_statuses": [],
    }
    assert (snapshot.source, snapshot.taken_at, snapshot.verdict) == ("duo", NOON, Verdict.COMPLETE)
    assert snapshot.details == {
        "host": "localhost",
        "basis": "enrolled",
        "requests": 3,
        "accounts": 2,
        "failed": 0,
        "enrolled": 1,
        "users": 3,
        "unknown_statuses": [],
    }


def test_every_subaccount_is_asked_at_its_own_host(duo: DuoStub) -> None:
    duo.add("DA1", [user(1)], host="127.0.0.1")
    duo.add("DA2", [user(1)], host="LOCALHOST")
    read(duo)
    assert {(asked.route, asked.host) for asked in duo.asked} == {
        (LIST, "localhost"),
        ("DA1", "127.0.0.1"),
        ("DA2", "LOCALHOST"),
    }


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (FORBIDDEN, "Duo answered 403, code 40301 (Access forbidden): check in Duo that"),
        (
            fail(401, 40102, "Invalid identity"),
            "Duo answered 401, code 40102 (Invalid identity): check DUO_IKEY",
        ),
        (fail(404, 40401, "Resource not found"), "Duo answered 404, code 40401 (Resource not found): it was"),
        (fail(429, 42901, "Too Many Requests"), "Duo answered 429, code 42901 (Too Many Requests): lower"),
        (Answer(b"<html>", 502), "Duo answered 502 (Bad Gateway): try again later"),
        (RESET, "the connection was broken off: check the network"),
        (page([user(1, enrolled=None)]), "user 'DU000000000000000001' has no is_enrolled of true or false:"),
        (page([user(1)], total_objects=2), "1 users were read, and Duo counts 2: users came or went"),
    ],
)
def test_a_subaccount_that_cannot_be_read_fails_alone(duo: DuoStub, answer: Reply, reason: str) -> None:
    people(duo, 5)
    duo.answers["DA3"] = [answer]
    snapshot = read(duo)
    seats = {o.account_key: o.seats for o in snapshot.observations}
    assert seats == {"DA1": 1, "DA2": 2, "DA3": None, "DA4": 4, "DA5": 5}
    failed = snapshot.observations[2]
    assert failed.state is State.FAILED
    assert (failed.reason or "").startswith(reason)
    assert snapshot.verdict is Verdict.COMPLETE, "one of five is exactly 20 %"
    assert snapshot.details["failed"] == 1


def test_a_silent_subaccount_fails_and_does_not_hold_up_the_rest(duo: DuoStub) -> None:
    people(duo, 5)
    duo.answers["DA1"] = [SILENCE]
    snapshot = read(duo, Retries(timeout=2, attempts=1), duo_concurrency=2)
    assert [o.seats for o in snapshot.observations] == [None, 2, 3, 4, 5]
    assert "did not answer in time" in (snapshot.observations[0].reason or "")


@pytest.mark.parametrize(
    ("name", "host", "reason"),
    [
        ("  ", "127.0.0.1", "blank name: give"),
        (None, "127.0.0.1", "blank name: give"),
        ("\u200b", "127.0.0.1", "blank name: give"),
        ("A", None, "Duo lists no API host for it"),
        ("A", "api-1.duosecurity.com", "DUO_CA=HTTP would send without encryption"),
        ("A", "127.0.0.1:80", "which is no host name"),
        ("A", "127.0.0.1/..", "which is no host name"),
        ("A", "evil@127.0.0.1", "which is no host name"),
    ],
)
def test_a_subaccount_that_may_not_be_asked_is_kept_as_failed(
    duo: DuoStub, name: str | None, host: str | None, reason: str
) -> None:
    people(duo, 4)
    duo.accounts.append({"account_id": "DA9", "name": name, "api_hostname": host})
    snapshot = read(duo)
    assert snapshot.observations[4].seats is None
    assert reason in (snapshot.observations[4].reason or "")
    assert [account.key for account in snapshot.accounts] == ["DA1", "DA2", "DA3", "DA4", "DA9"]
    assert duo.count("DA9") == 0


def test_more_than_a_fifth_failed_is_incomplete(duo: DuoStub) -> None:
    people(duo, 9)
    duo.answers["DA1"] = duo.answers["DA2"] = [FORBIDDEN]
    snapshot = read(duo)
    assert snapshot.verdict is Verdict.INCOMPLETE
    (finding,) = snapshot.findings
    assert (finding.rule, finding.observed, finding.limit) == ("failed accounts", "2 of 9 (22.2 %)", "20 %")


def test_an_empty_account_list_is_a_finding(duo: DuoStub) -> None:
    snapshot = read(duo)
    assert (snapshot.accounts, snapshot.observations) == ((), ())
    assert snapshot.verdict is Verdict.INCOMPLETE
    assert [finding.rule for finding in snapshot.findings] == ["empty account list"]


ENTRY = {"account_id": "DA1", "name": "A", "api_hostname": "127.0.0.1"}


@pytest.mark.parametrize(
    ("accounts", "found"),
    [
        ({}, "it is not a list"),
        ("DA1", "it is not a list"),
        (None, "it is not a list"),
        (["DA1"], "entry 1 is not an account"),
        ([ENTRY, {"name": "A", "api_hostname": "127.0.0.1"}], "entry 2 has no account_id"),
        ([{**ENTRY, "account_id": 7}], "entry 1 has no account_id"),
        ([{**ENTRY, "name": 7}], "the name of the account 'DA1' is not a text"),
        ([{**ENTRY, "api_hostname": ["127.0.0.1"]}], "the api_hostname of the account 'DA1' is not a text"),
        ([ENTRY, {**ENTRY, "name": "B"}], "it names the account 'DA1' twice"),
        ([ENTRY, {**ENTRY, "api_hostname": "localhost"}], "it names the account 'DA1' twice"),
    ],
)
def test_an_account_list_that_cannot_be_understood_ends_the_pull(
    duo: DuoStub, accounts: object, found: str
) -> None:
    duo.accounts = accounts
    with pytest.raises(PermanentVendorError, match=found):
        read(duo)


def test_an_entry_that_is_there_twice_word_for_word_is_one_account(duo: DuoStub) -> None:
    people(duo, 2)
    duo.accounts.append(dict(duo.accounts[0]))
    snapshot = read(duo)
    assert [account.key for account in snapshot.accounts] == ["DA1", "DA2"]
    assert [o.seats for o in snapshot.observations] == [1, 2]


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ({"next_offset": 2}, "2 accounts were sent, and Duo says that there are more"),
        ({"next_offset": 2, "total_objects": 5}, "there are more"),
        ({"total_objects": 5}, "there are 5"),
        ({"total_objects": "5"}, "there are 5"),
        ({"total_objects": 0}, "there are 0"),
    ],
)
def test_a_page_of_the_account_list_does_not_pass_for_the_whole(
    duo: DuoStub, metadata: dict[str, object], found: str
) -> None:
    """Duo does not page it today. If it did, every account beyond the page would look deleted."""
    people(duo, 2)
    duo.answers[LIST] = [page(duo.accounts, **metadata)]
    with pytest.raises(IncompleteAnswer, match=found):
        read(duo)
    duo.answers[LIST] = [page(duo.accounts, total_objects=2, next_offset=None)]
    assert len(read(duo).observations) == 2


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (fail(401, 40103, "Invalid signature in request credentials"), "Check DUO_IKEY, DUO_SKEY"),
        (fail(401, 40105, "Bad request timestamp"), "Set this machine's clock"),
    ],
)
def test_401_from_every_subaccount_is_about_the_credentials(
    duo: DuoStub, answer: Answer, remedy: str
) -> None:
    people(duo, 3)
    duo.accounts.append({"account_id": "DA9", "name": "", "api_hostname": "127.0.0.1"})
    for key in ("DA1", "DA2", "DA3"):
        duo.answers[key] = [answer]
    with pytest.raises(CredentialsRefused, match=remedy) as caught:
        read(duo)
    assert caught.value.status == 401
    duo.answers["DA3"] = [NORMAL]
    assert [o.seats for o in read(duo).observations] == [None, None, 3, None]


def test_an_account_list_that_fails_raises(duo: DuoStub) -> None:
    people(duo, 1)
    duo.answers[LIST] = [RESET]
    with pytest.raises(TransientVendorError):
        read(duo)
    assert duo.count("DA1") == 0


def test_as_many_subaccounts_as_allowed_are_read_at_once(duo: DuoStub) -> None:
    people(duo, 6)
    together = threading.Barrier(3, timeout=30)

    def meet(stub: DuoStub, asked: Asked) -> Answer:
        together.wait()
        return stub.normal(asked)

    for key in duo.users:
        duo.answers[key] = [meet]
    seen: list[tuple[str, int, int]] = []
    snapshot = pull(duo.settings(duo_concurrency=3), retries=QUICK, progress=lambda *step: seen.append(step))
    assert [o.seats for o in snapshot.observations] == [1, 2, 3, 4, 5, 6]
    assert seen == [("subaccounts", done, 6) for done in range(7)]


def test_the_digest_tells_content_and_nothing_else(duo: DuoStub) -> None:
    people(duo, 3)
    first = read(duo)
    duo.accounts.reverse()
    again = read(duo)
    assert again.observations != first.observations
    assert again.digest == first.digest
    duo.users["DA1"] = []
    assert read(duo).digest != first.digest


def test_the_basis_is_a_setting(duo: DuoStub) -> None:
    duo.add("DA1", [user(1), user(2, status="disabled"), user(3, enrolled=False)])
    seats = {
        basis: read(duo, duo_count_basis=basis).observations[0].seats
        for basis in ("enrolled", "enrolled_active", "existing")
    }
    assert seats == {"enrolled": 2, "enrolled_active": 1, "existing": 3}


def test_an_interruption_ends_the_waiting_threads(duo: DuoStub) -> None:
    people(duo, 2)
    duo.answers["DA1"] = [fail(429, 42901, "Too Many Requests")]

    def interrupt(what: str, done: int, of: int) -> None:
        if done:
            raise KeyboardInterrupt

    patient, start = dataclasses.replace(QUICK, first_wait=200, longest_wait=200), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pull(duo.settings(), progress=interrupt, retries=patient)
    assert time.monotonic() - start < 100
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("duo_")]
