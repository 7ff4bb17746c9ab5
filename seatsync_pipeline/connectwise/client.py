"""The read-only ConnectWise client: one keep-alive pool, paced, patient, and unable to write.

What belongs here: sending one GET, finding the codebase, credentials, retries. What does not: paging
(`paging.py`), what an answer means (`parse.py`), and every write: this client has no method for one, and its
HTTP client refuses any method but GET.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote as url_quote
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise import faults
from seatsync_pipeline.connectwise.access import (
    Answer,
    Credentials,
    Retries,
    ServerInfo,
    credentials_from,
)
from seatsync_pipeline.connectwise.transport import open_client, trust_for
from seatsync_pipeline.errors import (
    ConfigurationError,
    PermanentVendorError,
    SeatSyncError,
    TransientVendorError,
)
from seatsync_pipeline.pacing import Pacer
from seatsync_pipeline.settings import Settings

TIMEOUT_SECONDS = 30.0

Params = Mapping[str, str | int]
_T = TypeVar("_T")


def reader_from(settings: Settings, *, retries: Retries | None = None) -> ConnectWiseReader:
    """A reader for the ConnectWise that the settings name.

    Raises ConfigurationError that names every missing setting. Sends nothing yet.
    """
    url, credentials = credentials_from(settings)
    return ConnectWiseReader(
        url,
        credentials,
        concurrency=settings.connectwise_concurrency,
        requests_per_minute=settings.connectwise_requests_per_minute,
        retries=retries,
        today=settings.today,
    )


class ConnectWiseReader:
    """Reads one MSP's ConnectWise. Use it as a context manager; threads may share it.

    `today` is the MSP's calendar day, which decides what has ended. After `stop()` nothing more is sent.
    Its methods raise CredentialsRefused, PermanentVendorError, TransientVendorError (after `retries`), and
    ConfigurationError where a setting is wrong. `requests` and `retried` count what was sent.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        concurrency: int = 8,
        requests_per_minute: int = 600,
        retries: Retries | None = None,
        timeout: float = TIMEOUT_SECONDS,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.server = url.rstrip("/")
        self.concurrency = concurrency
        self.today = today
        self.requests = 0
        self.retried = 0
        self._host = urlsplit(self.server).netloc
        self._credentials = credentials
        self._retries = retries or Retries()
        self._stopped = threading.Event()
        self._pacer = Pacer(requests_per_minute, sleep=self._sleep)
        self._counters = threading.Lock()
        self._finding_codebase = threading.Lock()
        self._codebase: str | None = None
        self._reached = False
        self._tls = tls or trust_for(self.server)
        self._http = open_client(
            self.server,
            tls=self._tls,
            timeout=timeout,
            limits=httpx.Limits(
                max_connections=concurrency,
                max_keepalive_connections=concurrency,
                keepalive_expiry=90.0,  # longer than a pause of the pacer
            ),
            event_hooks={"request": [_only_get]},
            headers={"Accept": "application/json", "User-Agent": "seatsync"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def trust(self) -> ssl.SSLContext:
        """Whom the TLS connections of this server trust."""
        return self._tls

    @property
    def company(self) -> str:
        """The company that logs in to this server."""
        return self._credentials.company_id

    def address(self, path: str) -> str:
        """The URL of `path` (below `apis/3.0`) on this server, under today's codebase."""
        return self._url(self.codebase, path)

    def take_turn(self) -> None:
        """Wait until another request may be sent: reads and writes share one ceiling per minute."""
        self._pacer.wait()

    def pause(self, seconds: float) -> None:
        """Have every request wait, as the server has asked for."""
        self._pacer.pause(seconds)

    def redact(self, text: str) -> str:
        """`text` without any secret that the server may have echoed."""
        return self._credentials.redact(text)

    def stop(self) -> None:
        """Send nothing more and end every wait: one request has failed, so the others are in vain."""
        self._stopped.set()

    @property
    def codebase(self) -> str:
        """The path in front of `apis/3.0`, such as `v2025_1/`; asked once, then remembered."""
        return self._persist(self._known_codebase)

    def get_json(self, path: str, params: Params | None = None) -> Any:
        """GET `path` (below `apis/3.0`, from its `/` on) and return its JSON."""
        return self.get(path, params).data

    def get(self, path: str, params: Params | None = None, *, forward_only: bool = False) -> Answer:
        """GET one page. `forward_only` asks for ConnectWise's keyset paging, which a server may ignore."""
        tried = f"reading {path} from {self._host}"
        headers = self._credentials.headers()
        if forward_only:
            headers["pagination-type"] = "forward-only"

        def once() -> Answer:
            codebase = self._known_codebase()
            response = self._send(self._url(codebase, path), tried, params, headers)
            if response.status_code == 404 and self._codebase_changed(codebase):
                # The server was upgraded meanwhile: the same data lives under another path now.
                response = self._send(self._url(self._known_codebase(), path), tried, params, headers)
            return Answer(self._parse(response, tried, path), response.headers.get("Link"))

        return self._persist(once)

    def count(self, path: str) -> int:
        """How many records the list at `path` has, by its `/count`."""
        body = self.get_json(f"{path}/count")
        found = body.get("count") if isinstance(body, dict) else None
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            tried = f"reading {path}/count from {self._host}"
            raise faults.wrong_shape(tried, "a count", self._quote(body))
        return found

    def check_credentials(self, path: str = "/company/companies") -> int:
        """Make a call that needs the credentials and return what it counts: how many records the list at `path` has.

        Raises CredentialsRefused for 401, 403, and 404: ConnectWise answers 404 to credentials it does not know.
        """
        try:
            return self.count(path)
        except PermanentVendorError as error:
            if error.status == 404:
                raise faults.credentials_error(error.tried, error.found, path, 404) from error
            raise

    def server_info(self) -> ServerInfo:
        """Version and time zone of the server. It may answer without credentials: no proof of them."""
        body = self.get_json("/system/info")
        if not isinstance(body, dict):
            tried = f"reading /system/info from {self._host}"
            raise faults.wrong_shape(tried, "an object", self._quote(body))
        return ServerInfo(
            server=self.server,
            codebase=self.codebase,
            version=_text(body.get("version")),
            is_cloud={"true": True, "false": False}.get(str(body.get("isCloud")).lower()),
            time_zone=_text(body.get("serverTimeZone")),
        )

    def wrong_shape(self, path: str, expected: str, found: object) -> PermanentVendorError:
        """The error for JSON that is not what `path` should give; quotes the start of it."""
        return faults.wrong_shape(f"reading {path} from {self._host}", expected, self._quote(found))

    def _url(self, codebase: str, path: str) -> str:
        return f"{self.server}/{codebase}apis/3.0{path}"

    def _known_codebase(self) -> str:
        with self._finding_codebase:
            if self._codebase is None:
                self._codebase = self._find_codebase()
            return self._codebase

    def _find_codebase(self) -> str:
        company = self._credentials.company_id
        tried = f"asking {self._host} for the API path of company {company}"
        url = f"{self.server}/login/companyinfo/{url_quote(company, safe='')}"
        body = self._parse(self._send(url, tried, None, {}), tried, "/")
        if body is None:
            raise ConfigurationError(
                tried,
                "this server does not know that company",
                "Set CONNECTWISE_COMPANY_ID to the company you log in to, and CONNECTWISE_URL to its server.",
            )
        found = body.get("Codebase") if isinstance(body, dict) else None
        if not isinstance(found, str) or not re.fullmatch(r"/?[A-Za-z0-9_.-]+/?", found):
            raise faults.wrong_shape(tried, "an object with Codebase", self._quote(body))
        return f"{found.strip('/')}/"

    def _codebase_changed(self, used: str) -> bool:
        with self._finding_codebase:
            if self._codebase == used:
                self._codebase = self._find_codebase()
            return self._codebase != used

    def _send(
        self,
        url: str,
        tried: str,
        params: Params | None,
        headers: Mapping[str, str],
    ) -> httpx.Response:
        self._pacer.wait()
        if self._stopped.is_set():
            raise self._stop_error()
        with self._counters:
            self.requests += 1
        try:
            response = self._http.get(url, params=params, headers=headers)
        except httpx.DecodingError:
            found: SeatSyncError = TransientVendorError(tried, "the answer was garbled", "Try again later.")
        except httpx.TransportError as error:
            found = faults.transport_error(error, tried, self._host)
        else:
            self._reached = True
            return response
        # Raised here, so that nothing hangs on to it: a library's message may quote a header, ours or the answer's.
        raise found

    def _parse(self, response: httpx.Response, tried: str, path: str) -> Any:
        if not response.is_success or response.status_code == 206:  # a part, which nobody asked for
            raise faults.response_error(response, tried, path, self._credentials.redact)
        try:
            return exact_json.loads_foreign(response.content)
        except ValueError as error:
            raise faults.unreadable(response, tried, self._credentials.redact, error) from None

    def _persist(self, once: Callable[[], _T]) -> _T:
        """Run a read until it succeeds, fails for good, or the attempts are used up."""
        retrying = Retrying(
            retry=self._worth_retrying,
            wait=self._wait_before_retry,
            sleep=self._sleep,
        )
        try:
            return retrying(once)
        except TransientVendorError as error:
            attempts = retrying.statistics["attempt_number"]
            if attempts == 1:
                raise
            found = f"{error.found} (and so {attempts} times in a row)"
            raise TransientVendorError(
                error.tried, found, error.remedy, retry_after=error.retry_after, status=error.status
            ) from error

    def _worth_retrying(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, TransientVendorError) or self._stopped.is_set():
            return False
        if error.status == 429 and error.retry_after is None:
            # Nobody said how long: outlast a window of a minute.
            attempts = self._retries.attempts_when_limited
        elif self._reached:
            attempts = self._retries.attempts
        else:  # nothing was ever heard from this server: more likely a wrong address than a passing fault
            attempts = min(2, self._retries.attempts)
        return state.attempt_number < attempts and (error.retry_after or 0) <= self._retries.patience

    def _wait_before_retry(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        seconds = self._retries.wait(state.attempt_number)
        with self._counters:
            self.retried += 1
        if isinstance(error, TransientVendorError) and error.retry_after is not None:
            self._pacer.pause(error.retry_after)  # meant for all requests, not only for this one
            seconds = max(seconds, error.retry_after)  # which may be 0, from a server that still refuses
        return seconds

    def _sleep(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise self._stop_error()

    def _stop_error(self) -> PermanentVendorError:
        return PermanentVendorError(
            f"reading from {self._host}", "stopped, since another request had failed", "See that failure."
        )

    def _quote(self, body: object) -> str:
        return faults.quote(json.dumps(body, default=str), self._credentials.redact)


def _only_get(request: httpx.Request) -> None:
    if request.method != "GET":
        raise PermanentVendorError(
            f"sending {request.method} to {request.url.host}",
            "this client only reads",
            "Please report this: nothing but an approved push may write.",
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
