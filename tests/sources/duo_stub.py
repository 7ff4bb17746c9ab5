"""A Duo of a few lines, for answers that no decent Duo would give.

Real HTTP on loopback. It checks no signature and knows no strictness of its own: the sandbox does that.
Users are paged as Duo does; `answers` replaces the next answers of a route, in order, the last one for ever.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from seatsync_pipeline.settings import Settings

LIST = "list"
IKEY, SKEY = "DISTUB00000000000000", "stub-secret-key-of-forty-characters-00000"
KEYS = {"duo_ikey": SecretStr(IKEY), "duo_skey": SecretStr(SKEY)}


@dataclass(frozen=True)
class Answer:
    """`body` is sent as it is when it is bytes, as JSON otherwise. A blank `Date` in `headers` leaves it out."""

    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    route: str
    host: str
    offset: int
    limit: str
    authorization: str = ""


RESET = "reset"
TRUNCATED = "truncated"
DRIP = "drip"
DRIP_HEADERS = "drip headers"
SILENCE = "silence"
NORMAL = "normal"
Reply = Answer | str | Callable[["DuoStub", Asked], Answer]


def fail(status: int, code: int, message: str, **headers: str) -> Answer:
    return Answer({"stat": "FAIL", "code": code, "message": message}, status, headers)


def page(users: object, **metadata: object) -> Answer:
    return Answer({"stat": "OK", "response": users, "metadata": metadata})


def user(number: int, *, status: object = "active", enrolled: object = True) -> dict[str, object]:
    return {
        "user_id": f"DU{number:018}",
        "username": f"user{number}",
        "email": f"user{number}@example.com",
        "status": status,
        "is_enrolled": enrolled,
    }


class DuoStub:
    """`accounts` is the account list's response; `users` are those of each account id."""

    def __init__(self) -> None:
        self.accounts: Any = []
        self.users: dict[str, list[Any]] = {}
        self.answers: dict[str, list[Reply]] = defaultdict(list)
        self.asked: list[Asked] = []
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"stub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(
        self, account_id: str, users: list[Any], *, name: str | None = None, host: str = "127.0.0.1"
    ) -> None:
        entry = {"account_id": account_id, "api_hostname": host, "name": name or f"Client {account_id}"}
        self.accounts.append(entry)
        self.users[account_id] = users

    def settings(self, **changes: object) -> Settings:
        values: dict[str, Any] = {
            "duo_api_host": "localhost",
            **KEYS,
            "duo_port": self._server.server_port,
            "duo_ca": "HTTP",
            "duo_requests_per_minute": 100_000,
        }
        # Constructed, so that neither this machine's environment nor its .env has a say.
        return Settings.model_construct(**(values | changes))

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on. The handshake is each connection's own, in its own thread."""
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def count(self, route: str) -> int:
        return sum(asked.route == route for asked in self.asked)

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            queue = self.answers[asked.route]
            if queue:
                return queue.pop(0) if len(queue) > 1 else queue[0]
            return NORMAL

    def normal(self, asked: Asked) -> Answer:
        if asked.route == LIST:
            return Answer({"stat": "OK", "response": self.accounts})
        users, end = self.users[asked.route], asked.offset + min(int(asked.limit), 300)
        following = {"next_offset": end} if end < len(users) else {}
        return page(users[asked.offset : end], total_objects=len(users), **following)


class _Handler(BaseHTTPRequestHandler):
    stub: DuoStub

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(Asked(LIST, self._host(), 0, "", self.headers["Authorization"]))

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self._answer(
            Asked(
                query["account_id"],
                self._host(),
                int(query["offset"]),
                query["limit"],
                self.headers["Authorization"],
            )
        )

    def _host(self) -> str:
        return self.headers["Host"].rsplit(":", 1)[0]

    def _answer(self, asked: Asked) -> None:
        reply = self.stub.reply(asked)
        if reply == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        if reply == SILENCE:
            self.stub.stopped.wait(60)
            return
        if isinstance(reply, str) and reply in {DRIP, DRIP_HEADERS}:
            self._drip(b"HTTP/1.0 200 OK\r\n" + (b"\r\n" if reply == DRIP else b"X-Slow: "))
            return
        if isinstance(reply, str):
            answer = self.stub.normal(asked)
        else:
            answer = reply if isinstance(reply, Answer) else reply(self.stub, asked)
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response_only(answer.status)
        for name, value in {"Date": self.date_time_string(), **answer.headers}.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if reply == TRUNCATED else body)

    def _drip(self, head: bytes) -> None:
        self.wfile.write(head)
        while not self.stub.stopped.wait(0.02):
            self.wfile.write(b" ")

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the client went away, or this stub hung up on it
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):  # the same, seen when closing
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Quiet."""
