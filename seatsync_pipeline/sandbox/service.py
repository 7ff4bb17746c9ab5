"""What both stand-ins share: the server, the log of requests, latency, faults, and `/_sandbox/`.

`/_sandbox/` steers a sandbox that runs in another process: GET, POST and DELETE `faults` (POST takes the
options of faults.py), GET `state`, GET and DELETE `requests`, POST `release` (`{"drop": true}` resets what is
held), and what a stand-in adds. Options are one JSON object, or the query. These paths need no credentials, are
not logged, and are never struck by a fault.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatsync_pipeline.sandbox.faults import Faults
from seatsync_pipeline.sandbox.http import HttpServer
from seatsync_pipeline.sandbox.messages import Request, Response, Wire

CONTROL = "/_sandbox/"
Control = Callable[[dict[str, Any]], Any]


@dataclass
class LoggedRequest:
    """One request as it was asked. `status` is that of the answer, None while or where there is none."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(repr=False)
    status: int | None = None


class Service:
    """A stand-in that is served: `handler` answers, everything else is here.

    `controls` are the stand-in's own paths under `/_sandbox/`, by method and name; they get the options and
    raise ValueError or TypeError for bad ones. `latency` is the time in seconds that every answer takes at least.
    """

    def __init__(
        self,
        handler: Callable[[Request], Response],
        refusal: Callable[[int], Response],
        snapshot: Callable[[], dict[str, Any]],
        addresses: Sequence[str],
        *,
        name: str,
        controls: Mapping[tuple[str, str], Control] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._controls = dict(controls or {})
        self._answer = handler
        self._snapshot = snapshot
        self._log: list[LoggedRequest] = []
        self._log_lock = threading.Lock()
        self._under_way = 0
        self._idle = threading.Condition()
        self._stopping = threading.Event()
        self.faults = Faults(refusal)
        self.latency = 0.0
        self.server = HttpServer(self._handle, addresses, name=name, tls=tls)

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self._stopping.set()
        self.faults.clear()
        self.faults.release(drop=True)
        self.server.stop()

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far, in the order in which they came."""
        with self._log_lock:
            return list(self._log)

    def forget_requests(self) -> None:
        with self._log_lock:
            self._log.clear()

    def wait_until_idle(self, seconds: float = 10.0, *, besides: int = 0) -> bool:
        """Wait until at most `besides` requests are under way; False when others still are."""
        with self._idle:
            return self._idle.wait_for(lambda: self._under_way <= besides, seconds)

    def _handle(self, request: Request) -> Response:
        if request.path.startswith(CONTROL):
            return self._control(request)
        entry = LoggedRequest(
            request.method, request.path, dict(request.query), dict(request.headers), request.body
        )
        with self._log_lock:
            self._log.append(entry)
        with self._idle:
            self._under_way += 1
        try:
            if self.latency:
                self._stopping.wait(self.latency)
            response = self.faults.run(request, self._answer)
            entry.status = None if response.wire is Wire.RESET else response.status
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()
        return response

    def _control(self, request: Request) -> Response:
        routes: dict[tuple[str, str], Control] = {
            **self._controls,
            ("GET", "state"): lambda _: self._snapshot(),
            ("GET", "requests"): lambda _: [_shown(entry) for entry in self.requests],
            ("DELETE", "requests"): lambda _: self.forget_requests(),
            ("GET", "faults"): lambda _: self.faults.listed(),
            ("POST", "faults"): lambda options: self.faults.add(**options).as_dict(),
            ("DELETE", "faults"): lambda _: self.faults.clear(),
            ("POST", "release"): lambda options: self.faults.release(**options),
        }
        route = routes.get((request.method, request.path.removeprefix(CONTROL)))
        if route is None:
            return _json({"error": f"unknown: {request.method} {request.path}"}, 404)
        try:
            return _json(route({**dict(request.query), **json.loads(request.body or b"{}")}))
        except (ValueError, TypeError) as error:
            return _json({"error": str(error)}, 400)


class StandIn:
    """What tests may reach on either stand-in, besides its `state` and `faults`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.faults = service.faults

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far, in the order in which they came."""
        return self.service.requests

    def forget_requests(self) -> None:
        self.service.forget_requests()

    def wait_until_idle(self, seconds: float = 10.0, *, besides: int = 0) -> bool:
        """Wait until at most `besides` requests are under way; False when others still are.

        A request whose client is gone is under way until it was carried out or dropped.
        """
        return self.service.wait_until_idle(seconds, besides=besides)

    @property
    def connections(self) -> int:
        """How many connections were opened so far."""
        return self.service.server.accepted

    @property
    def latency(self) -> float:
        """Seconds that every answer takes at least."""
        return self.service.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self.service.latency = seconds


def _shown(entry: LoggedRequest) -> dict[str, Any]:
    return {**vars(entry), "body": entry.body.decode("latin-1")}


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode())
