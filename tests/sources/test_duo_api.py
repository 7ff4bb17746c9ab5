"""One read of Duo: what is tried again, what is not, and what may never be sent."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme
from duo_client.client import Client
from pydantic import SecretStr

from seatsync_pipeline.errors import (
    ConfigurationError,
    CredentialsRefused,
    PermanentVendorError,
    SeatSyncError,
    TransientVendorError,
)
from seatsync_pipeline.sources.duo import list_subaccounts
from seatsync_pipeline.sources.duo_api import DuoApi, Retries
from tests.sources.duo_stub import (
    IKEY,
    LIST,
    NORMAL,
    RESET,
    SILENCE,
    SKEY,
    TRUNCATED,
    Answer,
    DuoStub,
    Reply,
    fail,
)

QUICK = Retries(timeout=20, attempts=3, attempts_when_limited=5, first_wait=0.001, longest_wait=0.002)
HTML = b"<html><body>\xff\xfe 502 Bad Gateway</body></html>"


@pytest.fixture
def duo() -> Iterator[DuoStub]:
    with DuoStub() as stub:
        stub.add("DA1", [])
        yield stub


@pytest.mark.parametrize(
    "spoilt",
    [
        RESET,
        TRUNCATED,
        fail(429, 42901, "Too Many Requests"),
        fail(500, 50001, "Unknown internal server error"),
        Answer(HTML, 502, {"Content-Type": "text/html"}),
        Answer(HTML, 200),
        Answer(b'{"stat": "OK", "resp', 200),
        Answer(b'{"stat": "OK", "response": ["\xff"]}', 200),
        Answer(b"", 503, {"Retry-After": "0"}),
        Answer(b"[" * 100_000, 200),
    ],
    ids=str,
)
def test_a_passing_fault_is_tried_again(duo: DuoStub, spoilt: Reply) -> None:
    duo.answers[LIST] = [spoilt, spoilt, NORMAL]
    api = DuoApi(duo.settings(), QUICK)
    assert [account.account_id for account in list_subaccounts(api)] == ["DA1"]
    assert api.requests == duo.count(LIST) == 3


@pytest.mark.parametrize(
    ("lasting", "found", "requests"),
    [
        (RESET, "the connection was broken off", 3),
        (TRUNCATED, "closed before the answer was complete", 3),
        (Answer(HTML, 502), r"answered 502 \(Bad Gateway\)", 3),
        (Answer(HTML, 200), "not readable JSON", 3),
        (fail(429, 42901, "Too Many Requests"), r"answered 429, code 42901 \(Too Many Requests\)", 5),
    ],
    ids=str,
)
def test_a_lasting_fault_is_given_up(duo: DuoStub, lasting: Reply, found: str, requests: int) -> None:
    duo.answers[LIST] = [lasting]
    with pytest.raises(TransientVendorError, match=found):
        list_subaccounts(DuoApi(duo.settings(), QUICK))
    assert duo.count(LIST) == requests, "429 is waited for longer than the rest"


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (fail(400, 40002, "Invalid request parameters"), PermanentVendorError, "400, code 40002"),
        (fail(404, 40401, "Resource not found"), PermanentVendorError, "404.*Check DUO_API_HOST"),
        (fail(401, 40102, "Invalid identity in request credentials"), CredentialsRefused, "DUO_SKEY"),
        (fail(401, 40105, "Bad request timestamp"), CredentialsRefused, "Set this machine's clock"),
        (fail(401, 40104, "Missing request timestamp"), CredentialsRefused, "Set this machine's clock"),
        (fail(403, 40301, "Access forbidden"), CredentialsRefused, "Accounts API application"),
        (Answer(b"moved", 301, {"Location": "/elsewhere"}), PermanentVendorError, "answered 301"),
        (Answer({"stat": "OK", "response": []}, 201), PermanentVendorError, "answered 201"),
    ],
    ids=str,
)
def test_a_refusal_is_not_tried_again_and_says_what_to_do(
    duo: DuoStub, answer: Answer, kind: type[PermanentVendorError], message: str
) -> None:
    duo.answers[LIST] = [answer]
    with pytest.raises(kind, match=message) as caught:
        list_subaccounts(DuoApi(duo.settings(), QUICK))
    assert type(caught.value) is kind
    assert caught.value.status == answer.status
    assert duo.count(LIST) == 1


def test_no_answer_in_time_is_tried_again_and_then_given_up(duo: DuoStub) -> None:
    duo.answers[LIST] = [SILENCE]
    with pytest.raises(TransientVendorError, match="did not answer in time"):
        list_subaccounts(DuoApi(duo.settings(), Retries(timeout=0.2, attempts=2, first_wait=0.001)))
    assert duo.count(LIST) == 2


def test_retry_after_is_waited_for(duo: DuoStub) -> None:
    duo.answers[LIST] = [fail(429, 42901, "Too Many Requests", **{"Retry-After": "1"}), NORMAL]
    start = time.monotonic()
    list_subaccounts(DuoApi(duo.settings(), QUICK))
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("text", ["3600", format_datetime(datetime.now(UTC) + timedelta(hours=1))])
def test_an_unreasonable_retry_after_is_not_waited_for(duo: DuoStub, text: str) -> None:
    duo.answers[LIST] = [fail(429, 42901, "Too Many Requests", **{"Retry-After": text})]
    with pytest.raises(TransientVendorError) as caught:
        list_subaccounts(DuoApi(duo.settings(), QUICK))
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 3000
    assert duo.count(LIST) == 1


def test_a_stopped_pull_sends_nothing_more(duo: DuoStub) -> None:
    api = DuoApi(duo.settings(), QUICK)
    api.stop()
    with pytest.raises(TransientVendorError, match="was stopped"):
        list_subaccounts(api)
    assert duo.count(LIST) == 0


def test_the_private_name_that_switches_off_duo_clients_own_back_off_still_exists() -> None:
    assert isinstance(Client("i", "s", "host")._MAX_BACKOFF_WAIT_SECS, int)


def test_missing_settings_are_all_named(duo: DuoStub) -> None:
    with pytest.raises(ConfigurationError, match="DUO_API_HOST, DUO_IKEY, DUO_SKEY"):
        DuoApi(duo.settings(duo_api_host=None, duo_ikey=None, duo_skey=None), QUICK)
    with pytest.raises(ConfigurationError, match="not set: DUO_SKEY"):
        DuoApi(duo.settings(duo_skey=None), QUICK)
    with pytest.raises(ConfigurationError, match="not set: DUO_IKEY"):
        DuoApi(duo.settings(duo_ikey=SecretStr(" ")), QUICK)


@pytest.mark.parametrize("word", ["DISABLE", "http", "missing.pem", "empty.pem", "."])
def test_a_ca_setting_that_is_no_bundle_is_refused(
    duo: DuoStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="no CA bundle that can be read"):
        DuoApi(duo.settings(duo_ca=word), QUICK)


def test_plain_http_is_for_this_machine_alone(duo: DuoStub) -> None:
    with pytest.raises(ConfigurationError, match="loopback hosts only"):
        DuoApi(duo.settings(duo_api_host="api-1.duosecurity.com"), QUICK)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def encrypted(duo: DuoStub, authority: trustme.CA, name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    duo.encrypt(context)


def test_a_ca_bundle_is_trusted_and_nothing_else(duo: DuoStub, authority: trustme.CA, tmp_path: Path) -> None:
    encrypted(duo, authority, "localhost")
    bundle, other = tmp_path / "bundle.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(bundle))
    trustme.CA().cert_pem.write_to_path(str(other))
    assert list_subaccounts(DuoApi(duo.settings(duo_ca=str(bundle)), QUICK))
    for untrusting in (str(other), None):
        with pytest.raises(PermanentVendorError, match="certificate was refused"):
            list_subaccounts(DuoApi(duo.settings(duo_ca=untrusting), QUICK))


def test_a_certificate_for_another_host_is_refused(
    duo: DuoStub, authority: trustme.CA, tmp_path: Path
) -> None:
    encrypted(duo, authority, "elsewhere.example.com")
    authority.cert_pem.write_to_path(str(tmp_path / "bundle.pem"))
    with pytest.raises(PermanentVendorError, match="belongs to another host"):
        list_subaccounts(DuoApi(duo.settings(duo_ca=str(tmp_path / "bundle.pem")), QUICK))
    assert duo.count(LIST) == 0


def test_no_secret_is_shown(duo: DuoStub) -> None:
    duo.answers[LIST] = [fail(401, 40102, f"Invalid {IKEY} with {SKEY}")]
    api = DuoApi(duo.settings(), QUICK)
    with pytest.raises(SeatSyncError) as caught:
        list_subaccounts(api)
    shown = f"{caught.value}{caught.value!r}{api!r}{api.parent()!r}{caught.getrepr(style='native')}"
    assert IKEY not in shown
    assert SKEY not in shown
