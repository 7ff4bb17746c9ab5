"""One read of Duo: what is tried again, what is not, and what may never be sent."""

from __future__ import annotations

import base64
import socket
import ssl
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
from seatsync_pipeline.sources.duo_errors import error_of_exception
from seatsync_pipeline.sources.duo_hosts import check_child_host
from tests.sources.duo_stub import (
    DRIP,
    DRIP_HEADERS,
    IKEY,
    LIST,
    NORMAL,
    RESET,
    SILENCE,
    SKEY,
    TRUNCATED,
    Answer,
    Asked,
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


@pytest.mark.parametrize("encrypt", [False, True])
@pytest.mark.parametrize("slow", [DRIP, DRIP_HEADERS])
def test_an_answer_that_drips_in_is_given_up_as_a_whole(
    duo: DuoStub, authority: trustme.CA, tmp_path: Path, slow: str, *, encrypt: bool
) -> None:
    """Each byte comes well before the socket's time-out, and the answer would never end."""
    settings = duo.settings()
    if encrypt:
        encrypted(duo, authority, "localhost")
        authority.cert_pem.write_to_path(str(tmp_path / "bundle.pem"))
        settings = duo.settings(duo_ca=str(tmp_path / "bundle.pem"))
    duo.answers[LIST] = [slow]
    with pytest.raises(TransientVendorError, match="did not answer in time"):
        list_subaccounts(DuoApi(settings, Retries(timeout=60, longest_request=0.3, attempts=1)))
    duo.answers[LIST] = [slow, NORMAL]
    patient = Retries(timeout=60, longest_request=0.5, attempts=2, first_wait=0.001)
    assert list_subaccounts(DuoApi(settings, patient))


def clock_of_duo(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("code", "clock", "remedy"),
    [
        (
            40102,
            0,
            r"one Accounts API application\); this machine's clock agrees with Duo's\.$",
        ),
        (40102, 100, r"application\) and this machine's clock\.$"),
        (40102, "", r"application\) and this machine's clock\.$"),
        (40102, "soon", r"application\) and this machine's clock\.$"),
        (
            40103,
            3600,
            r"Set this machine's clock: it is 3\d\d\d s behind Duo's, and Duo refuses",
        ),
        (40103, -3600, r"Set this machine's clock: it is 3\d\d\d s ahead of Duo's, and Duo"),
        (40105, 400, r"Set this machine's clock: it is \d\d\d s behind Duo's, and Duo refuses"),
        (40105, 0, r"Set this machine's clock: Duo refuses requests"),
    ],
)
def test_a_401_tells_credentials_from_the_clock(
    duo: DuoStub, code: int, clock: int | str, remedy: str
) -> None:
    """Duo's own clock stands in each answer; the code of a bad timestamp says so even where that is right."""
    date = clock if isinstance(clock, str) else clock_of_duo(clock)
    duo.answers[LIST] = [fail(401, code, "Refused", Date=date)]
    with pytest.raises(CredentialsRefused, match=remedy):
        list_subaccounts(DuoApi(duo.settings(), QUICK))


def test_a_retry_after_date_is_meant_by_duos_own_clock(duo: DuoStub) -> None:
    wait = {"Date": clock_of_duo(-86400), "Retry-After": clock_of_duo(3600 - 86400)}
    duo.answers[LIST] = [fail(429, 42901, "Too Many Requests", **wait)]
    with pytest.raises(TransientVendorError) as caught:
        list_subaccounts(DuoApi(duo.settings(), QUICK))
    assert caught.value.retry_after == pytest.approx(3600, abs=1)


@pytest.mark.parametrize("text", ["-5", "1.5", "soon", "Thu, 99 Foo 2099 00:00:00 GMT", "\u0663"])
def test_a_retry_after_that_says_nothing_is_no_wait(duo: DuoStub, text: str) -> None:
    spoilt = fail(429, 42901, "Too Many Requests", **{"Retry-After": text.encode().decode("latin-1")})
    duo.answers[LIST] = [spoilt, NORMAL]
    assert list_subaccounts(DuoApi(duo.settings(), QUICK))


@pytest.mark.parametrize("text", ["3600", "9" * 400, "Thu, 01 Jan 2099 00:00:00 GMT"])
def test_an_unreasonable_retry_after_is_not_waited_for(duo: DuoStub, text: str) -> None:
    duo.answers[LIST] = [fail(429, 42901, "Too Many Requests", **{"Retry-After": text})]
    with pytest.raises(TransientVendorError) as caught:
        list_subaccounts(DuoApi(duo.settings(), QUICK))
    assert caught.value.retry_after is not None
    assert 3000 < caught.value.retry_after < 10**10
    assert duo.count(LIST) == 1


def test_a_stopped_pull_sends_nothing_more(duo: DuoStub) -> None:
    api = DuoApi(duo.settings(), QUICK)
    api.stop()
    with pytest.raises(TransientVendorError, match="was stopped"):
        list_subaccounts(api)
    assert duo.count(LIST) == 0


def test_a_stop_wakes_who_waits_for_a_turn(duo: DuoStub) -> None:
    api = DuoApi(duo.settings(), QUICK)
    api.pause(100)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(list_subaccounts, api)
        api.stop()
        assert isinstance(waiting.exception(timeout=60), TransientVendorError)
    assert duo.count(LIST) == 0


def test_a_port_where_nobody_listens_is_tried_again_and_then_given_up(duo: DuoStub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    api = DuoApi(duo.settings(duo_api_host="127.0.0.1", duo_port=port), QUICK)
    with pytest.raises(TransientVendorError, match="connection was refused"):
        list_subaccounts(api)
    assert api.requests == 3


@pytest.mark.parametrize(
    ("code", "kind"),
    [(socket.EAI_NONAME, PermanentVendorError), (socket.EAI_AGAIN, TransientVendorError)],
)
def test_only_a_failing_name_server_is_asked_again(code: int, kind: type[SeatSyncError]) -> None:
    assert type(error_of_exception(socket.gaierror(code, "name"), "reading")) is kind


def test_no_ones_data_is_shown_by_an_answer_of_the_wrong_shape(duo: DuoStub) -> None:
    duo.answers[LIST] = [Answer({"stat": "OK", "users": [{"email": "ada@example.com"}]})]
    with pytest.raises(PermanentVendorError) as caught:
        list_subaccounts(DuoApi(duo.settings(), QUICK))
    assert "ada@example.com" not in "".join(traceback.format_exception(caught.value))


def test_the_private_names_of_duo_client_that_are_used_still_exist() -> None:
    client = Client("i", "s", "host")
    assert isinstance(client._MAX_BACKOFF_WAIT_SECS, int)
    assert callable(client._attempt_single_request)


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


def encrypted(duo: DuoStub, authority: trustme.CA, name: str, *, not_after: datetime | None = None) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=not_after).configure_cert(context)
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


def test_an_expired_certificate_is_refused_by_that_name(
    duo: DuoStub, authority: trustme.CA, tmp_path: Path
) -> None:
    encrypted(duo, authority, "localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    authority.cert_pem.write_to_path(str(tmp_path / "bundle.pem"))
    with pytest.raises(PermanentVendorError, match="has expired"):
        list_subaccounts(DuoApi(duo.settings(duo_ca=str(tmp_path / "bundle.pem")), QUICK))


def test_a_bundle_of_the_name_disable_is_a_bundle(
    duo: DuoStub, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """duo_client takes this word to mean that every certificate is trusted."""
    encrypted(duo, authority, "localhost")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "DISABLE"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PermanentVendorError, match="certificate was refused"):
        list_subaccounts(DuoApi(duo.settings(duo_ca="DISABLE"), QUICK))


PARENT = "api-parent1.duosecurity.com"


@pytest.mark.parametrize(
    ("parent", "host", "found"),
    [
        (PARENT, "api-child123.duosecurity.com", None),
        (PARENT, "API-CHILD123.DUOSECURITY.COM", None),
        (PARENT, "api-child123.duofederal.com", None),
        (PARENT, "api-child123.duosecurity.com.example.net", "is not Duo's; nothing was sent there"),
        (PARENT, "api-child123.evilduosecurity.com", "is not Duo's; nothing was sent there"),
        (PARENT, "127.0.0.1", "is not Duo's; nothing was sent there"),
        (PARENT, "169.254.169.254", "is not Duo's; nothing was sent there"),
        ("localhost", "127.0.0.2", None),
        ("localhost", "api-child123.duosecurity.com", "not on this machine, as DUO_API_HOST is"),
        ("duo.msp.example", "child.msp.example", None),
    ],
)
def test_a_subaccount_is_asked_only_where_the_parent_is(parent: str, host: str, found: str | None) -> None:
    if found is None:
        check_child_host(host, parent=parent, certificates=None)
        return
    with pytest.raises(PermanentVendorError, match=found):
        check_child_host(host, parent=parent, certificates=None)


def echo(stub: DuoStub, asked: Asked) -> Answer:
    """A server that repeats what it was sent, as some do on errors."""
    return fail(
        401, 40102, f"Invalid {IKEY} with {SKEY}: {asked.authorization}", **{"X-Echo": asked.authorization}
    )


def echo_body(stub: DuoStub, asked: Asked) -> Answer:
    return Answer({"stat": "OK", "message": f"{asked.authorization} {IKEY}"})


def garbled(stub: DuoStub, asked: Asked) -> Answer:
    return Answer(f"{asked.authorization} {IKEY} \xff".encode("latin-1"))


@pytest.mark.parametrize("answer", [echo, echo_body, garbled])
def test_no_secret_is_shown(duo: DuoStub, answer: Reply) -> None:
    duo.answers[LIST] = [answer]
    api = DuoApi(duo.settings(), QUICK)
    with pytest.raises(SeatSyncError) as caught:
        list_subaccounts(api)
    shown = f"{api!r}{api.parent()!r}{caught.getrepr(style='native')}{told(caught.value)}"
    authorization = duo.asked[-1].authorization.removeprefix("Basic ")
    signature = base64.b64decode(authorization).decode().partition(":")[2]
    for secret in (IKEY, SKEY, authorization, authorization[:20], signature):
        assert secret not in shown


def told(error: BaseException | None) -> str:
    """Everything that an error and what hangs on to it could ever print."""
    if error is None:
        return ""
    return f"{error}{error!r}{vars(error)}{told(error.__cause__)}{told(error.__context__)}"
