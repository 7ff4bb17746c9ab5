"""Real receivers on loopback: a web server that plays webhooks, and a small SMTP server with and without TLS."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass
class Hook:
    """A webhook: what it got, and what it answers, one status after another, the last one for ever."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    got: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    tries: int = 0
    hang: threading.Event | None = None


@contextmanager
def hook(*statuses: int, **headers: str) -> Iterator[Hook]:
    """A webhook that answers these statuses in turn (default: 200)."""
    received = Hook(statuses=list(statuses) or [200], headers=headers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if received.hang is not None:
                received.hang.wait(30)
            status = received.statuses[min(received.tries, len(received.statuses) - 1)]
            received.tries += 1
            received.raw.append(body)
            if 200 <= status < 300:
                received.got.append(json.loads(body))
            self.send_response(status)
            for name, value in received.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        received.url = f"http://127.0.0.1:{server.server_port}/hooks/T0/top-secret-token"
        try:
            yield received
        finally:
            if received.hang is not None:
                received.hang.set()
            server.shutdown()


@dataclass
class Mailbox:
    """What a mail server took. `tls` and `user` are of the last conversation; `refuse` are recipients it does not know.

    `busy` is how many conversations it turns away with 451 first.
    """

    port: int = 0
    messages: list[bytes] = field(default_factory=list)
    tls: bool = False
    login: str | None = None
    refuse: frozenset[str] = frozenset()
    busy: int = 0


@contextmanager
def mail_server(
    *,
    context: ssl.SSLContext | None = None,
    implicit: bool = False,
    refuse: frozenset[str] = frozenset(),
    busy: int = 0,
) -> Iterator[Mailbox]:
    """An SMTP server that speaks as much as smtplib asks: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA, QUIT."""
    box = Mailbox(refuse=refuse, busy=busy)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.encrypted = implicit
            if implicit and context is not None:
                try:
                    self._encrypt()
                except OSError:  # the client did not trust us
                    return
            self._say("220 loopback ESMTP")
            while line := self.rfile.readline():
                if not self._answer(line.decode().strip()):
                    return

        def _answer(self, line: str) -> bool:
            verb = line.split(":", maxsplit=1)[0].split(maxsplit=1)[0].upper()
            if verb == "EHLO":
                offers = ["loopback", "AUTH PLAIN"]
                if context is not None and not self.encrypted:
                    offers.append("STARTTLS")
                for offer in offers[:-1]:
                    self._say(f"250-{offer}")
                self._say(f"250 {offers[-1]}")
            elif verb == "STARTTLS":
                self._say("220 go ahead")
                try:
                    self._encrypt()
                except OSError:
                    return False
            elif verb == "AUTH":
                box.login = line.rsplit(maxsplit=1)[-1]
                self._say("235 welcome")
            elif verb == "MAIL" and box.busy:
                box.busy -= 1
                self._say("451 later")
            elif verb == "RCPT" and any(address in line for address in box.refuse):
                self._say("550 nobody here by that name")
            elif verb == "DATA":
                self._say("354 go on")
                self._take()
            else:
                self._say("221 bye" if verb == "QUIT" else "250 ok")
            return verb != "QUIT"

        def _take(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                lines.append(line[1:] if line.startswith(b"..") else line)
            box.messages.append(b"".join(lines))
            box.tls = self.encrypted
            self._say("250 taken")

        def _encrypt(self) -> None:
            self.connection = cast("ssl.SSLContext", context).wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = cast("Any", self.connection.makefile("wb", buffering=0))
            self.encrypted = True

        def _say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        box.port = server.server_address[1]
        try:
            yield box
        finally:
            server.shutdown()
