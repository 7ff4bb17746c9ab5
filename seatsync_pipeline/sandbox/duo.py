"""The Duo stand-in: the parent's account list, and each subaccount's users and summary on its own host.

What belongs here: routes, hosts, paging and Duo's error bodies. What does not: signatures (signature.py) and
the users themselves (duo_state.py). Every subaccount lives at its own loopback address on one common port,
and a call for it that reaches any other host, the parent's too, is refused.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import replace
from email.utils import format_datetime
from typing import Any, Final

from seatsync_pipeline.sandbox.duo_state import DuoState, Record, state_of
from seatsync_pipeline.sandbox.messages import Request, Response
from seatsync_pipeline.sandbox.month import SampleMonth
from seatsync_pipeline.sandbox.service import Service, StandIn
from seatsync_pipeline.sandbox.signature import SignatureRefused, verify

_DEFAULT_PAGE: Final = 100
_MAX_HOSTS: Final = 60
_ACCOUNT_LIST: Final = "/accounts/v1/account/list"
_MESSAGES: Final = {
    40001: "Missing required request parameters",
    40002: "Invalid request parameters",
    40101: "Missing request credentials",
    40102: "Invalid identity in request credentials",
    40103: "Invalid signature in request credentials",
    40104: "Missing request timestamp",
    40105: "Bad request timestamp",
    40301: "Access forbidden",
    40401: "Resource not found",
    40501: "Method not allowed",
    42901: "Too Many Requests",
    50001: "Unknown internal server error",
}
_CODES: Final = {400: 40002, 401: 40102, 403: 40301, 404: 40401, 405: 40501, 429: 42901, 500: 50001}


class _Refused(Exception):
    def __init__(self, code: int, detail: str | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class Duo(StandIn):
    """Duo on loopback. `state`, `requests` and `faults` are open to tests; see duo_state, service, faults."""

    def __init__(self, month: SampleMonth, *, tls: ssl.SSLContext | None = None) -> None:
        wanted = [f"127.0.0.{2 + number}" for number in range(min(_MAX_HOSTS, len(month.duo_subaccounts)))]
        # The parent's name may mean ::1 as well; where that cannot be bound, clients go on to 127.0.0.1.
        addresses = ("127.0.0.1", *wanted, "::1")
        super().__init__(Service(self._answer, refusal, self._snapshot, addresses, name="duo", tls=tls))
        bound = [address for address in self.service.server.addresses if address in wanted]
        # Where only 127.0.0.1 exists, it serves all subaccounts, and stays another host than the parent's name.
        self.state: DuoState = state_of(month, bound or ["127.0.0.1"])
        self.port = self.service.server.port

    def _snapshot(self) -> Record:
        return self.state.snapshot()

    def _answer(self, request: Request) -> Response:
        try:
            with self.state.lock:
                answer = self._route(request)
        except SignatureRefused as refused:
            answer = failure(refused.code)
        except _Refused as refused:
            answer = failure(refused.code, refused.detail)
        return replace(answer, headers={"Date": format_datetime(self.state.now(), usegmt=True)})

    def _route(self, request: Request) -> Response:
        state = self.state
        verify(request, state.ikey, state.skey, state.now())
        routes: dict[str, tuple[str, Callable[[Request], Response]]] = {
            _ACCOUNT_LIST: ("POST", self._accounts),
            "/admin/v1/users": ("GET", self._users),
            "/admin/v1/info/summary": ("GET", self._summary),
        }
        if request.path not in routes:
            raise _Refused(40401)
        method, route = routes[request.path]
        if request.method != method:
            raise _Refused(40501)
        return route(request)

    def _accounts(self, request: Request) -> Response:
        if request.host != self.state.parent_host:
            raise _Refused(40301)
        return _ok(list(self.state.subaccounts.values()))

    def _users(self, request: Request) -> Response:
        account_id = self._subaccount(request)
        if account_id in self.state.errors:
            return refusal(self.state.errors[account_id])
        users = self.state.users.get(account_id, [])
        limit = min(_whole(request, "limit", _DEFAULT_PAGE, least=1), self.state.max_page)
        offset = _whole(request, "offset", 0, least=0)
        metadata: Record = {"total_objects": len(users)}
        if offset:
            metadata["prev_offset"] = max(0, offset - limit)
        if offset + limit < len(users):
            metadata["next_offset"] = offset + limit
        return _ok(users[offset : offset + limit], metadata)

    def _summary(self, request: Request) -> Response:
        account_id = self._subaccount(request)
        if account_id in self.state.errors:
            return refusal(self.state.errors[account_id])
        users = self.state.users.get(account_id, [])
        pending = sum(user["status"] == "pending deletion" for user in users)
        return _ok(
            {
                "account_id": account_id,
                "admin_count": 1,
                "integration_count": 2,
                "telephony_credits_remaining": 500,
                "user_count": len(users) - pending,
                "user_pending_deletion_count": pending,
            }
        )

    def _subaccount(self, request: Request) -> str:
        """The subaccount a call is for, after checking that it reached that subaccount's own host."""
        account_id = request.parameter("account_id")
        if account_id is None:
            # The parent's own users need another application than the Accounts API's.
            raise _Refused(40301)
        account = self.state.subaccounts.get(account_id)
        if account is None:
            raise _Refused(40401)
        if request.host != account["api_hostname"]:
            raise _Refused(40301)
        return account_id


def failure(code: int, detail: str | None = None) -> Response:
    """Duo's error body; the first three digits of the code are the HTTP status."""
    body: Record = {"stat": "FAIL", "code": code, "message": _MESSAGES[code]}
    if detail is not None:
        body["message_detail"] = detail
    return Response(code // 100, json.dumps(body).encode())


def refusal(status: int) -> Response:
    """Duo's answer for a status: its JSON where one is known, else a gateway's HTML page."""
    if status in _CODES:
        return failure(_CODES[status])
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return Response(status, page.encode(), "text/html")


def _whole(request: Request, name: str, default: int, *, least: int) -> int:
    text = request.parameter(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise _Refused(40002, name)
    return int(text)


def _ok(response: Any, metadata: Record | None = None) -> Response:
    body: Record = {"response": response, "stat": "OK"}
    if metadata is not None:
        body = {"metadata": metadata, **body}
    return Response(200, json.dumps(body).encode())
