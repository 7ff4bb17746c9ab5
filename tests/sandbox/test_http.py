"""The server itself: keep-alive, bad requests, TLS, load."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import trustme

from seatsync_pipeline.sandbox import SampleMonth, Sandbox

INFO = "/login/companyinfo/seatsync_sandbox"


def exchange(sandbox: Sandbox, sent: bytes) -> bytes:
    """Send raw bytes and read until the server closes."""
    address = sandbox.connectwise.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as reader:
            return reader.read()


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    request = f"GET {INFO} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    last = request.replace(b"Host: x", b"Host: x\r\nConnection: close")
    received = exchange(sandbox, request + request + last + request)
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /\r\n\r\n",
        b"GET / SPDY/1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_no_http_gets_a_400(sandbox: Sandbox, sent: bytes) -> None:
    assert exchange(sandbox, sent).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort"])
def test_a_client_that_hangs_up_gets_nothing(sandbox: Sandbox, sent: bytes) -> None:
    assert exchange(sandbox, sent) == b""


def test_tls(month: SampleMonth) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Sandbox(month, tls=context) as sandbox:
        address = sandbox.settings()["CONNECTWISE_URL"] + INFO
        assert address.startswith("https://")
        assert httpx.get(address, verify=trusting).json()["Codebase"]
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(address)


def test_many_clients_at_once(sandbox: Sandbox, cw: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: cw.get("/company/companies/count").json(), range(400)))
    assert answers == [{"count": 60}] * 400
    assert len(sandbox.connectwise.requests) == 400
    assert 1 <= sandbox.connectwise.connections <= 16
    sandbox.connectwise.forget_requests()
    assert sandbox.connectwise.requests == []
