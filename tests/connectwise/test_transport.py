"""Proxies and trust from this machine's environment: who may read the credentials, and what wrong settings say."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from seatsync_pipeline.connectwise.access import Retries
from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.transport import open_client, trust_for
from seatsync_pipeline.connectwise.writer import writer_from
from seatsync_pipeline.errors import ConfigurationError, SeatSyncError, TransientVendorError, WriteRefused
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.duo import list_subaccounts
from seatsync_pipeline.sources.duo_api import DuoApi
from seatsync_pipeline.sources.duo_api import Retries as DuoRetries
from tests.connectwise.conftest import QUICK, Connect, settings_for
from tests.connectwise.proxy import tunnelling_to

FAR = "https://api.msp.example:8443"
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def far(sandbox: Sandbox) -> Settings:
    """The sandbox under a name that is not this machine's."""
    return settings_for(sandbox).model_copy(update={"connectwise_url": FAR})


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
def test_this_machine_is_never_asked_through_a_proxy(
    sandbox: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Plain http is for this machine alone: a proxy would read the credentials in the clear."""
    with tunnelling_to(sandbox.connectwise.service.server.port) as proxy:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        reader = connect(sandbox)
        assert reader.check_credentials()
        with writer_from(settings_for(sandbox), reader) as writer, pytest.raises(WriteRefused):
            writer.add(1, {})
        assert list_subaccounts(DuoApi(settings_for(sandbox), DuoRetries(attempts=1)))
        assert proxy.seen == b""


def test_a_proxy_tunnels_and_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads and writes of a server elsewhere go through HTTPS_PROXY, inside TLS that ends at that server."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.msp.example").configure_cert(tls)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Sandbox(tls=tls) as sandbox, tunnelling_to(sandbox.connectwise.service.server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://someone:proxy-password@127.0.0.1:{proxy.port}")
        settings = far(sandbox)
        with reader_from(settings, retries=QUICK) as reader, writer_from(settings, reader) as writer:
            assert reader.check_credentials()
            with pytest.raises(WriteRefused):
                writer.add(1, {})
        sent = sandbox.connectwise.requests[-1].headers
        assert set(proxy.asked) == {b"CONNECT api.msp.example:8443 HTTP/1.1"}
        for secret in (sent["authorization"], sent["clientid"], settings.connectwise_company_id):
            assert secret
            assert secret.encode() not in proxy.seen


def test_a_proxy_that_is_not_there_is_named_beside_the_server(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:hunter2@127.0.0.1:1")
    with (
        reader_from(far(sandbox), retries=Retries(attempts=1)) as reader,
        pytest.raises(TransientVendorError, match="HTTPS_PROXY stands between") as caught,
    ):
        reader.check_credentials()
    assert "hunter2" not in told(caught.value)


def test_duo_is_reached_directly_and_says_so(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:hunter2@127.0.0.1:1")
    api = DuoApi(settings_for(sandbox, DUO_PORT="1"), DuoRetries(attempts=1, timeout=5))
    with pytest.raises(SeatSyncError, match="Duo is reached directly, never through HTTPS_PROXY") as caught:
        list_subaccounts(api)
    assert "hunter2" not in told(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://someone:hunter2"),
        ("HTTPS_PROXY", "ftp://someone:hunter2@proxy.example:3128"),
        ("ALL_PROXY", "socks5://someone:hunter2@proxy.example:1080"),
        ("NO_PROXY", "[::1"),
    ],
)
def test_proxy_settings_that_cannot_be_used_are_named_without_their_password(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="Correct HTTPS_PROXY or ALL_PROXY") as caught:
        reader_from(far(sandbox))
    assert "hunter2" not in told(caught.value)
    assert reader_from(settings_for(sandbox)).server == sandbox.connectwise.url, (
        "not in the way of this machine"
    )


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_ssl_cert_file_that_is_no_bundle_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE names no CA bundle"):
        trust_for(FAR)
    open_client("http://127.0.0.1", tls=trust_for("http://127.0.0.1"), timeout=1.0).close()


def told(error: BaseException | None) -> str:
    """Everything that an error and what hangs on to it could ever print."""
    if error is None:
        return ""
    return f"{error}{error!r}{told(error.__cause__)}{told(error.__context__)}"
