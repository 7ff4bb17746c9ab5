"""The HTTP/1.1 server under both stand-ins: sockets, threads, keep-alive, parsing and writing.

What belongs here: everything that touches a socket, also how an answer is spoilt on the wire. What does
not: what a request means (connectwise.py, duo.py), which request is spoilt (faults.py), the log of requests
(service.py). The standard library's handler classes hide the raw socket, and resets and truncated bodies
need it, so this is a small server of its own.
"""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import BinaryIO, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from seatsync_pipeline.sandbox.messages import Request, Response, Wire

_MAX_LINE = 65536
_MAX_HEADERS = 200
_HANDSHAKE_SECONDS = 10.0
_STOP_SECONDS = 10.0
_BIND_ATTEMPTS = 20
_BACKLOG = 256


class BadRequest(Exception):
    """The bytes received are no HTTP/1.1 request that this server understands."""


class HttpServer:
    """Serves `handler` on one port of one or several loopback addresses, one thread per connection."""

    def __init__(
        self,
        handler: Callable[[Request], Response],
        addresses: Sequence[str] = ("127.0.0.1",),
        *,
        name: str = "http",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handler = handler
        self._name = name
        self._tls = tls
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._listeners = _listen(addresses)
        self.addresses: tuple[str, ...] = tuple(one.getsockname()[0] for one in self._listeners)
        self.port: int = self._listeners[0].getsockname()[1]
        self.accepted = 0
        """Connections accepted so far: one keep-alive pool opens few of them."""
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name=f"{name}-accept", daemon=True)

    def start(self) -> Self:
        self._acceptor.start()
        return self

    def stop(self) -> None:
        """Stop accepting, cut every open connection, and wait for all threads."""
        if self._acceptor.is_alive():
            self._wake_sender.send(b"x")
            self._acceptor.join(_STOP_SECONDS)
        for listener in self._listeners:
            listener.close()
        self._wake_sender.close()
        self._wake_receiver.close()
        with self._lock:
            open_now = dict(self._connections)
        for connection in open_now.values():
            _shut(connection)
        for thread in open_now:
            thread.join(_STOP_SECONDS)
            if thread.is_alive():
                raise RuntimeError(f"the sandbox thread {thread.name} did not end")

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            for one in (*self._listeners, self._wake_receiver):
                selector.register(one, selectors.EVENT_READ, data=one)
            while True:
                for key, _ in selector.select():
                    if key.data is self._wake_receiver:
                        return
                    self._welcome(key.data)

    def _welcome(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the client hung up between select and accept
        connection.setblocking(True)  # noqa: FBT003  # positional only
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=self._converse, name=f"{self._name}-connection", daemon=True)
        with self._lock:
            self.accepted += 1
            self._connections[thread] = connection
        thread.start()

    def _converse(self) -> None:
        thread = threading.current_thread()
        try:
            with self._secured(thread) as connection, connection.makefile("rb") as reader:
                while self._exchange(connection, reader):
                    pass
        except OSError:
            pass  # the client went away or the handshake failed: nobody is left to tell
        finally:
            with self._lock:
                del self._connections[thread]

    def _secured(self, thread: threading.Thread) -> socket.socket:
        """The connection of this thread, after the TLS handshake where there is one."""
        connection = self._connections[thread]
        if self._tls is None:
            return connection
        secured = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._connections[thread] = secured
        try:
            secured.settimeout(_HANDSHAKE_SECONDS)
            secured.do_handshake()
            secured.settimeout(None)
        except OSError:
            secured.close()
            raise
        return secured

    def _exchange(self, connection: socket.socket, reader: BinaryIO) -> bool:
        """One request and its answer; True when the connection stays open."""
        try:
            request = _read_request(reader, connection, secure=self._tls is not None)
        except BadRequest as error:
            refusal = Response(400, str(error).encode(), "text/plain; charset=utf-8")
            connection.sendall(_head(refusal, keep=False) + refusal.body)
            return False
        if request is None:
            return False
        response = self._handler(request)
        if response.wire is Wire.RESET:
            # Closing with a linger time of zero makes the kernel send RST instead of FIN.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if response.wire is Wire.TRUNCATED:
            connection.sendall(_head(response, keep=True) + response.body[: len(response.body) // 2])
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        body = b"" if request.method == "HEAD" else response.body
        connection.sendall(_head(response, keep=keep) + body)
        return keep


def _listen(addresses: Sequence[str]) -> list[socket.socket]:
    """One listening socket per address that this machine can bind, all on one free port."""
    for _ in range(_BIND_ATTEMPTS):
        listeners: list[socket.socket] = []
        port = 0
        for address in addresses:
            try:
                listeners.append(_bind(address, port))
            except OSError:
                if not listeners:
                    raise
                if _port_taken(address, port):
                    break
                continue  # only Linux answers on all of 127.0.0.0/8; the others do with fewer addresses
            port = listeners[0].getsockname()[1]
        else:
            return listeners
        for one in listeners:
            one.close()
    raise OSError(f"no port is free on all of {', '.join(addresses)}")


def _port_taken(address: str, port: int) -> bool:
    """Whether the address itself can be bound, so that only this port of it is in use."""
    try:
        _bind(address, 0).close()
    except OSError:
        return False
    return port != 0


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere the option would let two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003  # positional only
    except OSError:
        listener.close()
        raise
    return listener


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed by its own thread or by the client


def _read_request(reader: BinaryIO, connection: socket.socket, *, secure: bool) -> Request | None:
    """The next request, or None when the client closed the connection between two."""
    line = reader.readline(_MAX_LINE)
    if not line.strip():
        return None
    parts = line.decode("latin-1").split()
    if len(parts) != 3 or parts[2] not in {"HTTP/1.1", "HTTP/1.0"}:
        raise BadRequest("not an HTTP/1.1 request line")
    headers = _read_headers(reader)
    if parts[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    if "transfer-encoding" in headers:
        raise BadRequest("send a Content-Length; chunked bodies are not taken")
    length = headers.get("content-length", "0")
    if not length.isdigit():
        raise BadRequest("Content-Length is not a number")
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = reader.read(int(length))
    if len(body) < int(length):
        return None
    target = urlsplit(parts[1])
    query = tuple(parse_qsl(target.query, keep_blank_values=True))
    return Request(parts[0], unquote(target.path), query, headers, body, secure)


def _read_headers(reader: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MAX_HEADERS):
        line = reader.readline(_MAX_LINE)
        if line in {b"\r\n", b"\n"}:
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest("a header line has no name and colon")
        key, text = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    raise BadRequest("too many headers")


def _head(response: Response, *, keep: bool) -> bytes:
    try:
        reason = HTTPStatus(response.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [
        f"HTTP/1.1 {response.status} {reason}",
        *(
            f"{name}: {value}"
            for name, value in {"Date": formatdate(usegmt=True), **response.headers}.items()
        ),
    ]
    if response.status != HTTPStatus.NO_CONTENT:
        lines += [f"Content-Type: {response.content_type}", f"Content-Length: {len(response.body)}"]
    if not keep:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
