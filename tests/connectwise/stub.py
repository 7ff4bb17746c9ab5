"""A server that answers what a test tells it to, for what no documented ConnectWise would do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from seatsync_pipeline.connectwise.access import Credentials, Retries
from seatsync_pipeline.connectwise.client import ConnectWiseReader

KEYS = Credentials("msp", "PublicPublic", "PrivatePrivate", "ClientClient")


@dataclass(frozen=True)
class Asked:
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0.0
    """Seconds between two bytes of the body."""

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answer = Callable[[Asked], Reply]


@contextmanager
def serve(answer: Answer) -> Iterator[tuple[str, list[Asked]]]:
    """The URL of a server, and what it is asked below `apis/3.0`. It knows its company without being told."""
    asked: list[Asked] = []
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # the body would wait for the headers' receipt: 40 ms an answer

        def do_GET(self) -> None:
            target = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(target.query).items()}
            request = Asked(target.path, query, {key.lower(): value for key, value in self.headers.items()})
            if target.path.startswith("/login/"):
                reply = Reply({"Codebase": "v1/"})
            else:
                asked.append(request)
                reply = answer(request)
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.content())), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if reply.drip:
                self._drip(reply)
            else:
                self.wfile.write(reply.content())

        def _drip(self, reply: Reply) -> None:
            with suppress(OSError):  # the client has given up
                for byte in reply.content():
                    self.wfile.write(bytes([byte]))
                    stopped.wait(reply.drip)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def reader_of(url: str, *, attempts: int = 3, timeout: float = 5.0) -> ConnectWiseReader:
    retries = Retries(attempts=attempts, attempts_when_limited=attempts, base=0.01, cap=0.02, patience=5)
    return ConnectWiseReader(
        url, KEYS, concurrency=2, requests_per_minute=100_000, retries=retries, timeout=timeout
    )
