"""Faults that can be switched on per route: what each does, and when it strikes.

What belongs here: the plan of faults and how each changes an answer. What does not: sockets (http.py sends a
reset or half a body when the answer's `wire` says so), and the vendors' own refusals (connectwise.py, duo.py).

Kinds, with their options:

* `rate_limit`  429; `retry_after` seconds (none: no header), `http_date` for the date form of the header
* `error`       `status` (503); `body`: None for HTML on 5xx and the vendor's JSON otherwise, a text for HTML,
                any other JSON value for a JSON body
* `reset`       the connection is reset; with `applied` only after the request was carried out
* `delay`       the request waits `seconds` and is carried out then, also when its client has given up; with
                `applied` it is carried out at once, and its answer waits
* `hold`        the same, until `release()`
* `truncate`    the headers promise the whole body, and half of it arrives
* `garbage`     200 with a body that is neither JSON nor UTF-8
* `answer`      200 with `value` as its JSON instead of the true answer: [], {}, null ...
* `count`       every count and total that is answered is wrong by `delta`
* `next_offset` Duo's `next_offset` is `value`: a number, "same" (never advances) or "endless" (never ends)
* `rewrite`     Python only: `change(value)` makes the answer's JSON
* `respond`     Python only: `respond(request, answer)` makes the answer itself, headers and all

All kinds take `path` (shell pattern on the decoded path), `method`, `query` (parameters that must be present
with these values), `times` (None: for ever) and `after` (so many matching requests pass first).
`applied` works for rate_limit, error, reset, delay and hold; the other kinds always carry the request out.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from seatsync_pipeline.sandbox.messages import Request, Response, Wire

Handler = Callable[[Request], Response]

_HTML: Final = (
    "<html><head><title>{status}</title></head><body><h1>Bad gateway</h1><p>Ray ID: 8f0</p></body></html>"
)
_GARBAGE: Final = b'{"id": 1, "name": "\xff\xfe\x00'
_ALWAYS_APPLIED: Final = frozenset(
    {"truncate", "garbage", "answer", "count", "next_offset", "rewrite", "respond"}
)
KINDS: Final = _ALWAYS_APPLIED | {"rate_limit", "error", "reset", "delay", "hold"}


@dataclass
class Fault:
    """One fault. `seen` counts the requests that matched, `hits` those that were struck."""

    kind: str
    path: str = "*"
    method: str = "*"
    query: dict[str, str] = field(default_factory=dict)
    times: int | None = 1
    after: int = 0
    applied: bool = False
    status: int = 503
    body: Any = None
    retry_after: int | None = None
    http_date: bool = False
    seconds: float = 0.0
    value: Any = None
    delta: int = 1
    change: Callable[[Any], Any] | None = None
    respond: Callable[[Request, Response], Response] | None = None
    number: int = field(default=0, init=False)
    seen: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)
    held: int = field(default=0, init=False)
    _gate: threading.Condition = field(default_factory=threading.Condition, init=False, repr=False)
    _open: bool = field(default=False, init=False)
    _drop: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind}; known: {', '.join(sorted(KINDS))}")
        if self.kind == "rewrite" and self.change is None:
            raise ValueError("a rewrite needs `change`")
        if self.kind == "respond" and self.respond is None:
            raise ValueError("respond needs `respond`")

    def matches(self, request: Request) -> bool:
        return (
            self.method in {"*", request.method}
            and fnmatchcase(request.path, self.path)
            and all(request.parameter(name) == value for name, value in self.query.items())
        )

    def wait_until_held(self, seconds: float = 10.0, requests: int = 1) -> bool:
        """Wait until so many requests are held; False when they did not come in time."""
        with self._gate:
            return self._gate.wait_for(lambda: self.held >= requests, seconds)

    def release(self, *, drop: bool = False) -> None:
        """Let the held requests go on; with `drop` they are reset instead, and not carried out any more."""
        with self._gate:
            self._open, self._drop = True, drop
            self._gate.notify_all()

    def wait(self) -> bool:
        """Hold the calling request; False when it must be dropped."""
        with self._gate:
            self.held += 1
            self._gate.notify_all()
            self._gate.wait_for(lambda: self._open, None if self.kind == "hold" else self.seconds)
            self.held -= 1
            return not (self._open and self._drop)

    def as_dict(self) -> dict[str, Any]:
        """For `GET /_sandbox/faults`."""
        hidden = {"change", "respond", "_gate", "_open", "_drop"}
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in hidden}


class Faults:
    """The faults of one stand-in. `refusal` makes the vendor's own error answer for a status."""

    def __init__(self, refusal: Callable[[int], Response]) -> None:
        self._refusal = refusal
        self._lock = threading.Lock()
        self._plan: list[Fault] = []
        self._retired: list[Fault] = []
        self._numbers = 0

    def add(self, kind: str, path: str = "*", method: str = "*", **options: Any) -> Fault:
        """Switch a fault on; of several that match, the oldest strikes. Raises ValueError or TypeError."""
        fault = Fault(kind, path, method, **options)
        with self._lock:
            self._numbers += 1
            fault.number = self._numbers
            self._plan.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all faults off. Requests that are held stay held until `release`."""
        with self._lock:
            self._retired += self._plan
            self._plan = []

    def release(self, *, drop: bool = False) -> None:
        """Release everything that is held or delayed, and let later requests pass those faults."""
        with self._lock:
            known = [*self._plan, *self._retired]
        for fault in known:
            if fault.kind in {"hold", "delay"}:
                fault.release(drop=drop)

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.as_dict() for fault in self._plan]

    def run(self, request: Request, handler: Handler) -> Response:
        """Answer a request through `handler`, struck by the fault that is due, if any."""
        fault = self._due(request)
        if fault is None:
            return handler(request)
        if fault.kind in _ALWAYS_APPLIED:
            return _spoilt(fault, request, handler(request))
        done = handler(request) if fault.applied else None
        if fault.kind == "rate_limit":
            return self._too_many(fault)
        if fault.kind == "error":
            return self._failed(fault)
        if fault.kind == "reset" or not fault.wait():
            return Response(wire=Wire.RESET)
        return done or handler(request)

    def _due(self, request: Request) -> Fault | None:
        with self._lock:
            for fault in self._plan:
                if not fault.matches(request):
                    continue
                fault.seen += 1
                spent = fault.times is not None and fault.hits >= fault.times
                if fault.seen > fault.after and not spent:
                    fault.hits += 1
                    return fault
        return None

    def _too_many(self, fault: Fault) -> Response:
        answer = self._refusal(429)
        if fault.retry_after is None:
            return answer
        moment = datetime.now(UTC) + timedelta(seconds=fault.retry_after)
        header = format_datetime(moment, usegmt=True) if fault.http_date else str(fault.retry_after)
        return replace(answer, headers={**answer.headers, "Retry-After": header})

    def _failed(self, fault: Fault) -> Response:
        if fault.body is None and fault.status < 500:
            return self._refusal(fault.status)
        if fault.body is None or isinstance(fault.body, str):
            text = fault.body if fault.body is not None else _HTML.format(status=fault.status)
            return Response(fault.status, text.encode(), "text/html; charset=utf-8")
        return Response(fault.status, json.dumps(fault.body).encode())


def _spoilt(fault: Fault, request: Request, answer: Response) -> Response:
    if fault.respond is not None:
        return fault.respond(request, answer)
    if fault.kind == "truncate":
        return replace(answer, wire=Wire.TRUNCATED)
    if fault.kind == "garbage":
        return replace(answer, status=200, body=_GARBAGE)
    if fault.kind == "answer":
        return replace(answer, status=200, body=json.dumps(fault.value).encode())
    value = json.loads(answer.body)
    if fault.kind == "count":
        _miscount(value, fault.delta)
    elif fault.kind == "next_offset":
        _mislead(value, request, fault.value)
    elif fault.change is not None:
        value = fault.change(value)
    return replace(answer, body=json.dumps(value).encode())


def _miscount(value: Any, delta: int) -> None:
    for holder, name in ((value, "count"), (value, "total_objects"), (value, "user_count")):
        places = [holder, holder.get("metadata"), holder.get("response")] if isinstance(holder, dict) else []
        for place in places:
            if isinstance(place, dict) and name in place:
                place[name] += delta


def _mislead(value: Any, request: Request, wanted: Any) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return
    offset = int(request.parameter("offset") or 0)
    known = {"same": offset, "endless": offset + max(1, len(value["response"]))}
    value["metadata"]["next_offset"] = known.get(wanted, wanted) if isinstance(wanted, str) else wanted
