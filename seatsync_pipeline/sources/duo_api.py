"""Signed, paced, retried reads of Duo's Accounts and Admin API, on `duo_client`.

What belongs here: building a client for the parent or for a subaccount's own host, one read with its retries.
What does not: which users there are and how they count (`duo_users.py`), the pull as a whole (`duo.py`).

Only reads: the keys of an Accounts API application could also create and delete whole customers, so nothing
but the two paths that are read is named anywhere in SeatSync.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import tenacity
from duo_client.accounts import Accounts
from duo_client.admin import AccountAdmin
from pydantic import SecretStr

from seatsync_pipeline.errors import (
    ConfigurationError,
    PermanentVendorError,
    TransientVendorError,
    VendorError,
)
from seatsync_pipeline.pacing import Pacer
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.duo_deadline import Deadline
from seatsync_pipeline.sources.duo_errors import (
    CALL_ERRORS,
    Subject,
    error_of,
    error_of_exception,
    refusal,
)
from seatsync_pipeline.sources.duo_hosts import certificates_of, check_child_host


@dataclass(frozen=True)
class Retries:
    """How patient a pull is; all in seconds but the attempts.

    `timeout` holds for each socket operation, `longest_request` for a request with its answer. The waits
    double from `first_wait` to `longest_wait`, with jitter. 429 gets more attempts, because Duo's limits are
    per minute: with these numbers it is waited for as long as duo_client itself would. A Retry-After above
    `longest_retry_after` is not waited for.
    """

    timeout: float = 30.0
    longest_request: float = 180.0
    attempts: int = 4
    attempts_when_limited: int = 7
    first_wait: float = 1.0
    longest_wait: float = 32.0
    longest_retry_after: float = 120.0


class DuoApi:
    """Duo for one pull, shared by its threads: one ceiling per minute, one way to stop them all.

    Raises ConfigurationError that names every missing setting, or a DUO_CA that cannot be used.
    """

    def __init__(self, settings: Settings, retries: Retries) -> None:
        keys = {
            "DUO_API_HOST": settings.duo_api_host or "",
            "DUO_IKEY": _text(settings.duo_ikey),
            "DUO_SKEY": _text(settings.duo_skey),
        }
        absent = [name for name, value in keys.items() if not value]
        if absent:
            raise ConfigurationError(
                "reading Duo",
                f"not set: {', '.join(absent)}",
                "Set them in the environment or in .env; they are shown by the Accounts API application "
                "in the Admin Panel of the parent account.",
            )
        self.host = keys["DUO_API_HOST"]
        self._certificates = certificates_of(settings.duo_ca, self.host)
        self._options: dict[str, Any] = {
            "ikey": keys["DUO_IKEY"],
            "skey": keys["DUO_SKEY"],
            "port": settings.duo_port,
            "ca_certs": self._certificates,
            # duo_client waits for ever when no time-out is given.
            "timeout": retries.timeout,
        }
        self.secrets = (keys["DUO_IKEY"], keys["DUO_SKEY"])
        self._retries = retries
        self._stopped = threading.Event()
        self._pacer = Pacer(settings.duo_requests_per_minute, sleep=self._sleep)
        self._deadline = Deadline(retries.longest_request)
        self._lock = threading.Lock()
        self._requests = 0

    @property
    def requests(self) -> int:
        """How many requests were sent so far, repeated ones included."""
        return self._requests

    def parent(self) -> Any:
        """A client for the parent account's own host."""
        return self._patient(Accounts(host=self.host, **self._options))

    def child(self, account_id: str, host: str) -> Any:
        """A client for a subaccount, at its own host and never at the parent's. Raises as `check_host`."""
        self.check_host(host)
        return self._patient(AccountAdmin(account_id, child_api_host=host, **self._options))

    def check_host(self, host: str) -> None:
        """Raises PermanentVendorError for a subaccount's host that nothing may be sent to."""
        check_child_host(host, parent=self.host, certificates=self._certificates)

    def read(
        self,
        client: Any,
        method: str,
        path: str,
        params: dict[str, str],
        *,
        tried: str,
        about: Subject,
    ) -> tuple[Any, dict[str, Any]]:
        """One answer's `response`, of any type, and its `metadata` (empty where Duo sent none).

        Retries what is worth it, then raises TransientVendorError; everything else raises
        PermanentVendorError, CredentialsRefused among them.
        """
        call = _Call(self, client, method, path, params, tried, about)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientVendorError),
            stop=lambda state: self._stopped.is_set() or call.is_given_up(state),
            wait=tenacity.wait_exponential(self._retries.first_wait, max=self._retries.longest_wait)
            + tenacity.wait_random(0, self._retries.first_wait),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(call.attempt)

    def stop(self) -> None:
        """Let every waiting thread give up; no request starts afterwards."""
        self._stopped.set()

    def start_request(self) -> None:
        """Wait for this request's turn."""
        self._pacer.wait()
        if self._stopped.is_set():
            raise _stopped()
        with self._lock:
            self._requests += 1

    def allows(self, attempts: int, *, limited: bool, retry_after: float | None) -> bool:
        """Whether another attempt follows `attempts` ones, of which the last was refused as too many."""
        if retry_after is not None and retry_after > self._retries.longest_retry_after:
            return False
        return attempts < (self._retries.attempts_when_limited if limited else self._retries.attempts)

    def pause(self, seconds: float) -> None:
        """Let no thread send for that long, when it is a wait that SeatSync is ready to take."""
        if seconds <= self._retries.longest_retry_after:
            self._pacer.pause(seconds)

    def _patient(self, client: Any) -> Any:
        # duo_client retries 429 alone, deaf to Retry-After and outside the ceiling per minute: SeatSync
        # retries itself. Its requests have no end of their own either. The names are private; a test holds that
        # they still exist.
        client._MAX_BACKOFF_WAIT_SECS = 0  # noqa: SLF001
        send = client._attempt_single_request  # noqa: SLF001
        client._attempt_single_request = self._deadline.guard(send)  # noqa: SLF001
        return client

    def _sleep(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise _stopped()


@dataclass
class _Call:
    """One read with the status of its last attempt."""

    api: DuoApi
    client: Any
    method: str
    path: str
    params: dict[str, str]
    tried: str
    about: Subject
    last_status: int | None = None

    def attempt(self) -> tuple[Any, dict[str, Any]]:
        self.api.start_request()
        self.last_status = None
        response, body = self._answered()
        self.last_status = response.status
        if response.status != 200:
            raise self._refused(response, body)
        answer, metadata = self._parsed(response, body)
        if metadata is not None and not isinstance(metadata, dict):
            raise PermanentVendorError(
                self.tried, "Duo's metadata is not an object", "Report this to Duo.", status=200
            )
        return answer, metadata or {}

    def _answered(self) -> tuple[Any, bytes]:
        try:
            # duo_client adds the account id to the dict it is given.
            response, body = self.client.api_call(self.method, self.path, dict(self.params))
        except CALL_ERRORS as error:
            found = error_of_exception(error, self.tried)
        else:
            return response, body
        # Raised here, so that nothing hangs on to it: the text of such an error may quote what was answered.
        raise found

    def _parsed(self, response: Any, body: bytes) -> tuple[Any, Any]:
        try:
            answer, metadata = self.client.parse_json_response_and_metadata(response, body)
        except (RuntimeError, ValueError) as error:
            found = self._unreadable(error)
        else:
            return answer, metadata
        # Raised here for the same reason: that text is the whole answer, people's names included.
        raise found

    def is_given_up(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        retry_after = error.retry_after if isinstance(error, TransientVendorError) else None
        limited = self.last_status == 429
        return not self.api.allows(state.attempt_number, limited=limited, retry_after=retry_after)

    def _refused(self, response: Any, body: object) -> VendorError:
        there = _moment(response.getheader("Date"))
        now = datetime.now(UTC)
        # Duo's own clock where it tells: a date of its own is meant by it.
        retry_after = _seconds(response.getheader("Retry-After"), there or now)
        if retry_after is not None and response.status in {429, 503}:
            self.api.pause(retry_after)
        ahead = (now - there).total_seconds() if there else None
        answer = refusal(response.status, response.reason, body, secrets=self.api.secrets, ahead=ahead)
        return error_of(answer, self.tried, self.about, retry_after=retry_after)

    def _unreadable(self, error: Exception) -> VendorError:
        if isinstance(getattr(error, "data", None), dict):
            return PermanentVendorError(
                self.tried, "Duo's answer 200 has no response in it", "Report this to Duo.", status=200
            )
        return TransientVendorError(
            self.tried,
            "Duo's answer 200 is not readable JSON",
            "Check that no proxy answers in Duo's place; then try again.",
        )


def _stopped() -> TransientVendorError:
    return TransientVendorError("reading Duo", "the pull was stopped", "Pull again.")


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Retry-After in seconds: a number or, as HTTP also allows, a date."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(
            text.lstrip("0")[:9] or 0
        )  # digits without end would be infinity, which no JSON can carry
    moment = _moment(text)
    return max(0.0, (moment - now).total_seconds()) if moment else None


def _moment(date: str | None) -> datetime | None:
    """A date of HTTP's, None where there is none that can be read."""
    try:
        moment = parsedate_to_datetime((date or "").strip())
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value().strip() if secret else ""
