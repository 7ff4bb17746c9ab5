"""One request: what is retried and how long, what is refused and in which words, and that it only reads."""

from __future__ import annotations

import datetime as dt
import email.utils
import time
from typing import ClassVar

import httpx
import pytest

from seatsync_pipeline.connectwise import faults
from seatsync_pipeline.connectwise.access import Retries, credentials_from
from seatsync_pipeline.connectwise.client import ConnectWiseReader, reader_from
from seatsync_pipeline.errors import (
    ConfigurationError,
    CredentialsRefused,
    PermanentVendorError,
    SeatSyncError,
    TransientVendorError,
)
from seatsync_pipeline.pacing import Pacer
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.settings import Settings
from tests.connectwise.conftest import Connect, settings_for
from tests.connectwise.stub import KEYS, Asked, Reply, reader_of, serve

SECRETS = ("sandbox-public-key", "sandbox-private-key", "5ea75e1c-0000-4000-8000-5a1dbeef0001")
COMPANIES = "*/company/companies/count"


def test_the_codebase_is_asked_once_and_without_credentials(sandbox: Sandbox, connect: Connect) -> None:
    reader = connect(sandbox)
    assert reader.check_credentials() == len(sandbox.connectwise.state.companies)
    assert reader.get_json("/procurement/catalog/701")["identifier"] == "DUO-MFA"
    assert reader.server_info().time_zone == "Eastern Standard Time"
    discovery, *calls = sandbox.connectwise.requests
    assert discovery.path == "/login/companyinfo/seatsync_sandbox"
    assert not {"authorization", "clientid"} & set(discovery.headers)
    assert all(call.path.startswith("/v2026_1/apis/3.0/") for call in calls)
    assert all({"authorization", "clientid"} <= set(call.headers) for call in calls)


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        ({"kind": "rate_limit", "times": 2}, 0.0),
        ({"kind": "rate_limit", "retry_after": 1}, 1.0),
        ({"kind": "rate_limit", "retry_after": 2, "http_date": True}, 0.9),
        ({"kind": "error", "status": 502}, 0.0),
        ({"kind": "error", "status": 500, "body": {"message": "SQL timeout"}}, 0.0),
        ({"kind": "reset"}, 0.0),
        ({"kind": "truncate"}, 0.0),
        ({"kind": "garbage", "times": 2}, 0.0),
    ],
    ids=str,
)
def test_a_passing_fault_is_outlived_and_retry_after_is_obeyed(
    sandbox: Sandbox, connect: Connect, fault: dict[str, object], least: float
) -> None:
    sandbox.connectwise.faults.add(path=COMPANIES, **fault)  # type: ignore[arg-type]
    reader = connect(sandbox)
    began = time.monotonic()
    assert reader.check_credentials() == len(sandbox.connectwise.state.companies)
    assert time.monotonic() - began >= least
    assert reader.retried == fault.get("times", 1)


@pytest.mark.parametrize(
    ("fault", "says", "attempts"),
    [
        ({"kind": "error", "status": 503}, "503: 503 Bad gateway Ray ID: 8f0", 4),
        ({"kind": "rate_limit", "retry_after": 0}, "429: ConnectWiseAPI: Too many requests", 4),
        ({"kind": "rate_limit"}, "429: ConnectWiseAPI: Too many requests", 7),
        ({"kind": "reset"}, "broke off", 4),
        ({"kind": "truncate"}, "broke off", 4),
    ],
    ids=str,
)
def test_a_lasting_fault_ends_after_the_attempts_and_says_so(
    sandbox: Sandbox, connect: Connect, fault: dict[str, object], says: str, attempts: int
) -> None:
    struck = sandbox.connectwise.faults.add(path=COMPANIES, times=None, **fault)  # type: ignore[arg-type]
    with pytest.raises(TransientVendorError, match=f"{attempts} times in a row") as caught:
        connect(sandbox).check_credentials()
    assert says in str(caught.value)
    assert struck.hits == attempts


def test_a_lasting_fault_of_the_discovery_is_tried_no_oftener(sandbox: Sandbox, connect: Connect) -> None:
    struck = sandbox.connectwise.faults.add("error", path="/login/*", times=None)
    with pytest.raises(TransientVendorError, match="4 times in a row"):
        connect(sandbox).check_credentials()
    assert struck.hits == 4


def test_a_time_out_is_retried_and_then_named(sandbox: Sandbox) -> None:
    held = sandbox.connectwise.faults.add("hold", path=COMPANIES, times=None)
    url, keys = credentials_from(settings_for(sandbox))
    with (
        ConnectWiseReader(url, keys, timeout=0.2, retries=Retries(attempts=2, base=0.01)) as reader,
        pytest.raises(TransientVendorError, match="no answer in time"),
    ):
        reader.check_credentials()
    assert held.hits == 2


def test_an_answer_that_drips_is_no_answer() -> None:
    """Each byte comes in time, and the whole never would."""
    slow = Reply([{"id": key} for key in range(100)], drip=0.05)
    with (
        serve(lambda _: slow) as (url, asked),
        reader_of(url, timeout=0.2) as reader,
        pytest.raises(TransientVendorError, match="no answer in time"),
    ):
        reader.get_json("/system/info")
    assert len(asked) == 3


def test_a_retry_after_of_nothing_is_no_reason_to_hurry(sandbox: Sandbox, connect: Connect) -> None:
    waits: list[float] = []

    class Recording(Retries):
        def wait(self, attempt: int) -> float:
            waits.append(0.01 * attempt)
            return waits[-1]

    sandbox.connectwise.faults.add("rate_limit", path=COMPANIES, times=3, retry_after=0)
    reader = connect(sandbox, retries=Recording())
    began = time.monotonic()
    reader.check_credentials()
    assert time.monotonic() - began >= sum(waits) > 0.05


def test_a_retry_after_stops_all_threads_and_a_back_off_only_its_own(
    sandbox: Sandbox, connect: Connect
) -> None:
    class Recording(Pacer):
        paused: ClassVar[list[float]] = []

        def pause(self, seconds: float) -> None:
            self.paused.append(seconds)
            super().pause(seconds)

    reader = connect(sandbox)
    reader._pacer = Recording(100_000)
    sandbox.connectwise.faults.add("error", path=COMPANIES)
    sandbox.connectwise.faults.add("rate_limit", path=COMPANIES, retry_after=1)
    reader.check_credentials()
    assert Recording.paused == [1.0]


def test_a_wait_beyond_all_patience_is_not_begun(sandbox: Sandbox, connect: Connect) -> None:
    struck = sandbox.connectwise.faults.add("rate_limit", path=COMPANIES, times=None, retry_after=3600)
    with pytest.raises(TransientVendorError, match="asks to wait 3600 s"):
        connect(sandbox).check_credentials()
    assert struck.hits == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("Fri, 20 Nov 2026 12:00:45 GMT", 45.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("Fri, 20 Nov 2026 12:00:45 +99999999999999", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms_by_the_servers_clock(header: str, seconds: float | None) -> None:
    headers = {"Retry-After": header, "Date": "Fri, 20 Nov 2026 12:00:00 GMT"}
    assert faults.retry_after(httpx.Response(429, headers=headers)) == seconds


def test_a_retry_after_date_without_a_server_clock_is_counted_from_now() -> None:
    in_a_minute = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1), usegmt=True)
    seconds = faults.retry_after(httpx.Response(429, headers={"Retry-After": in_a_minute}))
    assert seconds is not None
    assert 50 < seconds <= 60


@pytest.mark.parametrize("name", ["PUBLIC_KEY", "PRIVATE_KEY", "CLIENT_ID"])
def test_wrong_credentials_are_refused_at_once_with_what_to_do(
    sandbox: Sandbox, connect: Connect, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    reader = connect(sandbox, **{f"CONNECTWISE_{name}": "TotallyWrong"})
    with pytest.raises(CredentialsRefused) as caught:
        reader.check_credentials()
    message = str(caught.value)
    for needed in ("CONNECTWISE_PRIVATE_KEY", "CONNECTWISE_CLIENT_ID", "Company Maintenance: Inquire All"):
        assert needed in message
    assert len(sandbox.connectwise.requests) == 2
    for secret in (*SECRETS, "TotallyWrong"):
        assert secret not in message + repr(caught.value) + caplog.text + repr(reader) + repr(KEYS)


def test_a_404_to_the_first_call_means_credentials_too(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.connectwise.faults.add("error", path=COMPANIES, status=404, times=None)
    with pytest.raises(CredentialsRefused, match="404"):
        connect(sandbox).check_credentials()


def test_an_echoed_secret_is_not_repeated() -> None:
    def echo(asked: Asked) -> Reply:
        return Reply(f"bad header {asked.headers['authorization']} {KEYS.private_key}".encode(), status=400)

    with serve(echo) as (url, _), reader_of(url) as reader, pytest.raises(PermanentVendorError) as caught:
        reader.get_json("/system/info")
    assert "bad header Basic *** ***" in str(caught.value)


def test_an_unknown_company_is_a_matter_of_settings(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match=r"does not know that company.*CONNECTWISE_COMPANY_ID"):
        connect(sandbox, CONNECTWISE_COMPANY_ID="nobody").check_credentials()


@pytest.mark.parametrize("body", [b"[" * 100_000, b'[{"id": 1e99999999999999999999}]', b"[" + b"9" * 5000])
def test_json_that_cannot_be_read_is_as_good_as_broken_off(body: bytes) -> None:
    with (
        serve(lambda _: Reply(body)) as (url, _),
        reader_of(url) as reader,
        pytest.raises(TransientVendorError, match=r"broke off|no JSON"),
    ):
        reader.get_json("/system/info")


@pytest.mark.parametrize("charset", ["rot13", "hex", "idna", "undefined", "no-charset"])
@pytest.mark.parametrize("status", [200, 400, 503])
def test_an_answer_in_an_odd_charset_is_quoted_all_the_same(charset: str, status: int) -> None:
    reply = Reply(b"<p>out of \xff order</p>", status, {"Content-Type": f"text/html; charset={charset}"})
    with (
        serve(lambda _: reply) as (url, _),
        reader_of(url) as reader,
        pytest.raises(SeatSyncError, match="out of \ufffd order"),
    ):
        reader.get_json("/system/info")


def test_an_error_whose_words_cannot_be_encoded_can_still_be_printed() -> None:
    reply = httpx.Response(400, content=rb'{"message": "cut \ud83d"}')
    assert faults.message(reply) == "cut ?"
    assert "[[[" in faults.message(httpx.Response(500, content=b"[" * 100_000))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html><body>Sign in</body></html>", "Sign in"),
        (b"x" * 5000, "xxx..."),
        (b"NaN", "NaN"),
    ],
)
def test_a_page_instead_of_json_is_quoted_shortly_and_not_retried(body: bytes, says: str) -> None:
    with (
        serve(lambda _: Reply(body)) as (url, asked),
        reader_of(url) as reader,
        pytest.raises(PermanentVendorError) as caught,
    ):
        reader.get_json("/system/info")
    assert says in caught.value.found
    assert len(caught.value.found) < 300
    assert len(asked) == 1


def test_a_part_that_nobody_asked_for_is_no_answer() -> None:
    with (
        serve(lambda _: Reply([{"id": 1}], status=206)) as (url, _),
        reader_of(url) as reader,
        pytest.raises(PermanentVendorError, match="answered 206"),
    ):
        reader.get_json("/company/companies")


@pytest.mark.parametrize("tag", [b"<", b"<script>", b"<style "])
def test_a_long_page_of_broken_tags_is_told_at_once(tag: bytes) -> None:
    page = b"<title>Bad gateway</title>" + tag * 200_000
    began = time.monotonic()
    with (
        serve(lambda _: Reply(page, status=502)) as (url, _),
        reader_of(url) as reader,
        pytest.raises(TransientVendorError, match="502: Bad gateway"),
    ):
        reader.get_json("/company/companies")
    assert time.monotonic() - began < 20  # and not hours


def test_redirects_are_not_followed(sandbox: Sandbox) -> None:
    target = f"{sandbox.connectwise.url}/v2026_1/apis/3.0/system/info"
    with (
        serve(lambda _: Reply(status=302, headers={"Location": target})) as (url, _),
        reader_of(url) as reader,
        pytest.raises(PermanentVendorError, match=r"302.*Redirects are not followed"),
    ):
        reader.get_json("/system/info")
    assert sandbox.connectwise.requests == []


def test_a_changed_codebase_is_found_anew_and_an_unchanged_one_means_not_found(
    sandbox: Sandbox, connect: Connect
) -> None:
    reader = connect(sandbox)
    reader.check_credentials()
    sandbox.connectwise.state.codebase = "v2026_2/"
    assert reader.get_json("/procurement/catalog/701")["id"] == 701
    assert reader.codebase == "v2026_2/"
    with pytest.raises(PermanentVendorError) as caught:
        reader.get_json("/procurement/catalog/999")
    assert caught.value.status == 404


@pytest.mark.parametrize("codebase", ["../../evil", "a b/", "", None, 7])
def test_a_codebase_that_is_no_path_is_refused(sandbox: Sandbox, connect: Connect, codebase: object) -> None:
    sandbox.connectwise.faults.add("answer", path="/login/*", value={"Codebase": codebase})
    with pytest.raises(PermanentVendorError, match="Codebase"):
        connect(sandbox).check_credentials()


def test_missing_settings_are_named_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPANY_ID", "PRIVATE_KEY", "CLIENT_ID"):
        monkeypatch.delenv(f"CONNECTWISE_{name}", raising=False)
    settings = Settings.model_validate(
        {"CONNECTWISE_URL": "http://127.0.0.1:9", "CONNECTWISE_PUBLIC_KEY": "x"}
    )
    with pytest.raises(ConfigurationError) as caught:
        reader_from(settings)
    for name in ("COMPANY_ID", "PRIVATE_KEY", "CLIENT_ID"):
        assert f"CONNECTWISE_{name}" in str(caught.value)
    assert "CONNECTWISE_PUBLIC_KEY" not in str(caught.value)


def test_a_key_that_no_header_can_carry_is_named_and_not_shown(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="CONNECTWISE_CLIENT_ID") as caught:
        reader_from(settings_for(sandbox, CONNECTWISE_CLIENT_ID="hush\nhush"))
    assert "hush" not in str(caught.value)


def test_the_client_cannot_write(sandbox: Sandbox, connect: Connect) -> None:
    reader = connect(sandbox)
    reader.check_credentials()
    assert not [name for name in dir(reader) if name.lower() in {"post", "put", "patch", "delete", "request"}]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(PermanentVendorError, match="only reads"):
            reader._http.request(method, f"{sandbox.connectwise.url}/v2026_1/apis/3.0/company/companies")
    assert {request.method for request in sandbox.connectwise.requests} == {"GET"}


def test_after_a_stop_nothing_more_is_sent(sandbox: Sandbox, connect: Connect) -> None:
    reader = connect(sandbox)
    reader.check_credentials()
    sent = len(sandbox.connectwise.requests)
    reader.stop()
    with pytest.raises(PermanentVendorError, match="stopped"):
        reader.get_json("/system/info")
    assert len(sandbox.connectwise.requests) == sent
