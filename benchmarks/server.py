"""A fast stand-in for both vendors in a process of its own: prepared answers, each after a set latency.

It answers what a scan and a pull ask for, in the vendors' shapes, and checks nothing: the sandbox does that. It prints
its port. `GET /_stats` tells what it has seen: requests, connections, most in flight, and how often a limit tripped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from benchmarks.world import ConnectWise, Duo

Answer = tuple[int, bytes, str]  # status, body, further header lines

_REASONS = {200: "OK", 404: "Not Found", 429: "Too Many Requests"}


class Service:
    """What is counted, and the limit: at most `per_minute` requests in any 60 seconds (0: no limit)."""

    def __init__(
        self,
        answer: Callable[[str, dict[str, str], str], Answer],
        *,
        latency: float,
        handshake: float,
        per_minute: int,
    ) -> None:
        self.answer = answer
        self.latency = latency
        self.handshake = handshake
        self.per_minute = per_minute
        self.recent: deque[float] = deque()
        self.stats = {
            "requests": 0,
            "connections": 0,
            "in_flight": 0,
            "most_in_flight": 0,
            "refused": 0,
            "trips": 0,
        }
        self._tripped_at = -1e9

    def handle(self, target: str, body: str) -> Answer:
        parts = urlsplit(target)
        if parts.path == "/_stats":
            return 200, json.dumps(self.stats).encode(), ""
        self.stats["requests"] += 1
        if self.per_minute and self._over():
            return 429, b"{}", "Retry-After: 5\r\n"
        return self.answer(unquote_plus(parts.path), dict(parse_qsl(parts.query)), body)

    def _over(self) -> bool:
        now = time.monotonic()
        while self.recent and self.recent[0] <= now - 60:
            self.recent.popleft()
        if len(self.recent) < self.per_minute:
            self.recent.append(now)
            return False
        self.stats["refused"] += 1
        if now - self._tripped_at > 1:  # what was in flight together trips together
            self.stats["trips"] += 1
        self._tripped_at = now
        return True


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._service.stats["connections"] += 1
        self._extra = self._service.handshake

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._begin(head.split(b" ", 2)[1].decode("ascii"), rest[:length].decode("ascii"))

    def _begin(self, target: str, body: str) -> None:
        stats = self._service.stats
        status, content, headers = self._service.handle(target, body)
        stats["in_flight"] += 1
        stats["most_in_flight"] = max(stats["most_in_flight"], stats["in_flight"])
        answer = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(content)}\r\n\r\n"
        ).encode() + content
        asyncio.get_running_loop().call_later(self._service.latency + self._extra, self._end, answer)
        self._extra = 0.0

    def _end(self, answer: bytes) -> None:
        self._service.stats["in_flight"] -= 1
        self._transport.write(answer)  # type: ignore[attr-defined]  # a stream's transport


async def _serve(service: Service) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(service), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vendor", choices=["connectwise", "duo"])
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before each answer")
    parser.add_argument(
        "--handshake", type=float, default=0.0, help="seconds more before a connection's first answer"
    )
    parser.add_argument(
        "--per-minute", type=int, default=0, help="requests allowed in any 60 seconds; 0: any number"
    )
    parser.add_argument("--many", type=int, default=1000, help="agreements, or subaccounts")
    parser.add_argument(
        "--each", type=int, default=20, help="additions of each agreement, or users of each subaccount"
    )
    parser.add_argument("--companies", type=int, default=0, help="if there are more of them than agreements")
    options = parser.parse_args()
    if options.vendor == "connectwise":
        world: ConnectWise | Duo = ConnectWise(options.many, options.each, options.companies)
    else:
        world = Duo(options.many, options.each)
    service = Service(
        world.answer, latency=options.latency, handshake=options.handshake, per_minute=options.per_minute
    )
    asyncio.run(_serve(service))


if __name__ == "__main__":
    main()
