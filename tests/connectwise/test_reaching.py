"""Whom the client reaches and trusts: servers that are not there, certificates, TLS or none."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from seatsync_pipeline.errors import PermanentVendorError, SeatSyncError, TransientVendorError
from seatsync_pipeline.sandbox import Sandbox
from tests.connectwise.conftest import Connect
from tests.connectwise.stub import reader_of


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (lambda: f"http://127.0.0.1:{closed_port()}", "refused the connection"),
        (lambda: "http://no-such-host.localhost.invalid:1", "could not be looked up"),
    ],
)
def test_a_server_that_is_not_there_is_named_with_the_setting(url: Callable[[], str], says: str) -> None:
    target = url()
    with reader_of(target, attempts=6) as reader, pytest.raises(TransientVendorError) as caught:
        reader.check_credentials()
    assert says in str(caught.value)
    assert target.removeprefix("http://") in str(caught.value)
    assert "CONNECTWISE_URL" in str(caught.value)
    assert reader.requests == 2


def served_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("issue", "says"),
    [
        (
            lambda ca: ca.issue_cert("127.0.0.1", not_before=PAST, not_after=PAST + dt.timedelta(days=9)),
            "expired",
        ),
        (lambda ca: ca.issue_cert("other.example"), "not valid for '127.0.0.1'"),
        (lambda _: trustme.CA().issue_cert("127.0.0.1"), "unable to get local issuer"),
    ],
    ids=["expired", "other host", "unknown authority"],
)
def test_a_bad_certificate_is_named_and_gets_no_credentials(
    issue: Callable[[trustme.CA], trustme.LeafCert],
    says: str,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Sandbox(tls=served_with(issue(authority))) as secured:
        with pytest.raises(PermanentVendorError, match=r"certificate of 127\.0\.0\.1") as caught:
            connect(secured).check_credentials()
        assert says in str(caught.value)
        assert secured.connectwise.requests == []


def test_a_good_certificate_of_a_private_authority_is_taken(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Sandbox(tls=served_with(authority.issue_cert("127.0.0.1"))) as secured:
        assert connect(secured).check_credentials() == len(secured.connectwise.state.companies)


def test_https_to_a_plain_server_is_named(sandbox: Sandbox, connect: Connect) -> None:
    url = sandbox.connectwise.url.replace("http:", "https:")
    with pytest.raises(SeatSyncError, match=r"no TLS connection|broke off|could not be reached"):
        connect(sandbox, CONNECTWISE_URL=url).check_credentials()
