"""Signed, paced, retried reads of Duo's Accounts and Admin API, on `duo_client`.

What belongs here: building a client for the parent or for a subaccount's own host, one read with its retries.
What does not: which users there are and how they count (`duo_users.py`), the pull as a whole (`duo.py`).

Only reads: the keys of an Accounts API application could also create and delete whole customers, so nothing
but the two paths that are read is named anywhere in SeatSync.
"""

from __future__ import annotations

import re
import ssl
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
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
from seatsync_pipeline.settings import Settings, is_loopback
from seatsync_pipeline.sources.duo_errors import (
    CALL_ERRORS,
    Subject,
    error_of,
    error_of_exception,
    refusal,
)

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_PLAIN_HTTP = "HTTP"


@dataclass(frozen=True)
class Retries:
    """How patient a pull is; all in seconds but the attempts.

    `timeout` holds for each socket operation, not for a whole request. The waits double from `first_wait` to
    `longest_wait`, with jitter. 429 gets more attempts, because Duo's limits are per minute: with these
    numbers it is waited for as long as duo_client itself would. A Retry-After above `longest_retry_after` is
    not waited for.
    """

    timeout: float = 30.0
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
        self._certificates = _certificates(settings.duo_ca, self.host)
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
        """Raises PermanentVendorError for a subaccount's host that nothing may be sent to: what is no host
        name, and what is not this machine under DUO_CA=HTTP.
        """
        tried = "contacting a subaccount"
        if not _HOST_NAME.fullmatch(host):
            raise PermanentVendorError(
                tried,
                f"Duo lists {host[:60]!r} as its API host, which is no host name",
                "Report this to Duo.",
            )
        if self._certificates == _PLAIN_HTTP and not is_loopback(host):
            raise PermanentVendorError(
                tried,
                f"its API host {host} is not this machine, and DUO_CA=HTTP would send without encryption",
                "Unset DUO_CA.",
            )

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
        # retries itself. The name is private; a test holds that it still exists.
        client._MAX_BACKOFF_WAIT_SECS = 0  # noqa: SLF001
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
        try:
            # duo_client adds the account id to the dict it is given.
            response, body = self.client.api_call(self.method, self.path, dict(self.params))
        except CALL_ERRORS as error:
            raise error_of_exception(error, self.tried) from error
        self.last_status = response.status
        if response.status != 200:
            raise self._refused(response, body)
        try:
            answer, metadata = self.client.parse_json_response_and_metadata(response, body)
        except (RuntimeError, ValueError) as error:
            # Not chained: the text of this error is the whole answer, people's names included.
            raise self._unreadable(error) from None
        if metadata is not None and not isinstance(metadata, dict):
            raise PermanentVendorError(
                self.tried, "Duo's metadata is not an object", "Report this to Duo.", status=200
            )
        return answer, metadata or {}

    def is_given_up(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        retry_after = error.retry_after if isinstance(error, TransientVendorError) else None
        limited = self.last_status == 429
        return not self.api.allows(state.attempt_number, limited=limited, retry_after=retry_after)

    def _refused(self, response: Any, body: object) -> VendorError:
        retry_after = _seconds(response.getheader("Retry-After"))
        if retry_after is not None and response.status in {429, 503}:
            self.api.pause(retry_after)
        answer = refusal(response.status, response.reason, body, secrets=self.api.secrets)
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


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds: a number or, as HTTP also allows, a date."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value().strip() if secret else ""


def _certificates(duo_ca: str | None, host: str) -> str | None:
    """duo_client's `ca_certs`: None for Duo's pinned bundle, "HTTP", or a bundle's absolute path."""
    if duo_ca is None:
        return None
    tried = "reading DUO_CA"
    if duo_ca == _PLAIN_HTTP:
        if not is_loopback(host):
            raise ConfigurationError(
                tried, f"HTTP is allowed for loopback hosts only, and not for {host}", "Unset DUO_CA."
            )
        return _PLAIN_HTTP
    # Absolute, so that no file's name can be one of duo_client's words: its DISABLE trusts everybody.
    bundle = Path(duo_ca).expanduser().absolute()
    try:
        ssl.create_default_context(cafile=str(bundle))
    except OSError as error:  # ssl.SSLError is one: the file is there and holds no certificate
        raise ConfigurationError(
            tried,
            f"{bundle} is no CA bundle that can be read",
            "Name a PEM file, or unset DUO_CA to use Duo's pinned bundle.",
        ) from error
    return str(bundle)
