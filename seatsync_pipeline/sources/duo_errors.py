"""What Duo's refusals and broken connections mean, and what an operator can do about them.

What belongs here: turning an HTTP status or an exception of `duo_client`, the socket or TLS into one of the
typed errors. What does not: sending and retrying (`duo_api.py`).

`duo_client` raises plain `RuntimeError`s whose text can hold the whole answer, with users' names and mail
addresses in it. None of that text is repeated here but the short `message` of a refusal.
"""

from __future__ import annotations

import base64
import errno
import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.request import getproxies

from duo_client.https_wrapper import InvalidCertificateException

from seatsync_pipeline.errors import (
    CredentialsRefused,
    PermanentVendorError,
    TransientVendorError,
    VendorError,
)

# What can come out of a call of duo_client besides an answer: its own errors, the socket's and TLS's, those of
# http.client, and what urllib and the codecs say of an impossible host name or an undecodable body.
CALL_ERRORS = (RuntimeError, OSError, http.client.HTTPException, ValueError)

# Duo documents 40105 "Bad request timestamp" and 40104 "Missing request timestamp".
_CLOCK_CODES = frozenset({40104, 40105})
# Duo refuses requests that are about five minutes off. Its clock stands in each answer, to the second.
_SKEW_REFUSED = 300.0
_SKEW_NONE = 30.0
_LONGEST_MESSAGE = 160
# What travels in the place of the secret key: the signature as hex, and both keys in one Basic header.
_DERIVED = re.compile(r"(?i)\bbasic\s+[a-z0-9+/=]+|\b[0-9a-f]{40,}\b")
_TLS_REMEDY = (
    "Check DUO_API_HOST and this machine's clock; behind a proxy that inspects TLS, "
    "name its CA bundle in DUO_CA."
)

Subject = Literal["account list", "subaccount"]


@dataclass(frozen=True)
class Refusal:
    """An answer other than 200: its HTTP status and, where its body is Duo's JSON, its code and message.

    `ahead`: seconds by which this machine's clock is ahead of the one that answered; None where it did not tell.
    """

    status: int
    code: int | None = None
    message: str | None = None
    ahead: float | None = None

    def __str__(self) -> str:
        code = f", code {self.code}" if self.code is not None else ""
        return f"Duo answered {self.status}{code} ({self.message or 'no reason given'})"

    @property
    def blames_the_clock(self) -> bool:
        return self.status == 401 and (
            self.code in _CLOCK_CODES
            or "timestamp" in (self.message or "").lower()
            or abs(self.ahead or 0) >= _SKEW_REFUSED
        )


def refusal(
    status: int, reason: str | None, body: object, *, secrets: Iterable[str], ahead: float | None = None
) -> Refusal:
    """Read the body of an answer that is not 200; a body that is not Duo's JSON leaves the HTTP reason.

    `secrets`, and what is derived of them, are blotted out, should the answer repeat one.
    """
    data = _decoded(body)
    if not isinstance(data, dict):
        return Refusal(status, None, _short(reason, secrets), ahead)
    code, message, detail = data.get("code"), data.get("message"), data.get("message_detail")
    text = message if isinstance(message, str) else reason
    if isinstance(detail, str) and detail:
        text = f"{text}: {detail}"
    known = isinstance(code, int) and not isinstance(code, bool) and 0 < code < 10**6
    return Refusal(status, code if known else None, _short(text, secrets), ahead)


def error_of(answer: Refusal, tried: str, about: Subject, *, retry_after: float | None) -> VendorError:
    """The typed error for a refusal. `retry_after` is the wait in seconds that Duo asked for, if it did."""
    found, status = str(answer), answer.status
    if status == 429:
        remedy = "Lower DUO_REQUESTS_PER_MINUTE, or try again in some minutes."
        return TransientVendorError(tried, found, remedy, retry_after=retry_after)
    if status >= 500 or status == 408:
        remedy = "Try again later, and look at status.duo.com if it lasts."
        return TransientVendorError(tried, found, remedy, retry_after=retry_after)
    if status in {401, 403}:
        return CredentialsRefused(tried, found, _remedy_of_refusal(answer, about), status=status)
    if status == 404 and about == "subaccount":
        remedy = "It was probably deleted meanwhile: look for it in Duo and pull again."
        return PermanentVendorError(tried, found, remedy, status=status)
    remedy = "Check DUO_API_HOST and DUO_PORT." if about == "account list" else "Report this to Duo."
    return PermanentVendorError(tried, found, remedy, status=status)


def _remedy_of_refusal(answer: Refusal, about: Subject) -> str:
    if answer.blames_the_clock:
        return (
            f"Set this machine's clock: {_skew(answer.ahead)}Duo refuses requests that are some minutes off."
        )
    if answer.status == 401:
        keys = "Check DUO_IKEY, DUO_SKEY and DUO_API_HOST (they belong to one Accounts API application)"
        agrees = answer.ahead is not None and abs(answer.ahead) <= _SKEW_NONE
        return (
            f"{keys}; this machine's clock agrees with Duo's."
            if agrees
            else f"{keys} and this machine's clock."
        )
    if about == "account list":
        return (
            "Use the keys of an Accounts API application of the parent account, "
            "and check its networks for API access."
        )
    return "Check in Duo that your Accounts API application may read this subaccount."


def _skew(ahead: float | None) -> str:
    if ahead is None or abs(ahead) <= _SKEW_NONE:
        return ""
    return f"it is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} Duo's, and "


_KINDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((TimeoutError,), "Duo did not answer in time"),
    ((ConnectionRefusedError,), "the connection was refused"),
    (
        (http.client.RemoteDisconnected, http.client.IncompleteRead),
        "the connection was closed before the answer was complete",
    ),
    ((ConnectionError,), "the connection was broken off"),
    ((http.client.HTTPException,), "what answered does not speak HTTP as Duo does"),
)


def error_of_exception(error: Exception, tried: str) -> VendorError:
    """The typed error for a call that brought no answer at all."""
    found = _description(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message or "verification failed"
        return PermanentVendorError(tried, f"the TLS certificate was refused ({why})", _TLS_REMEDY)
    if isinstance(error, InvalidCertificateException):
        return PermanentVendorError(tried, "the TLS certificate belongs to another host", _TLS_REMEDY)
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return PermanentVendorError(tried, "the host name is unknown", "Check DUO_API_HOST and DNS.")
    if isinstance(error, FileNotFoundError):
        return PermanentVendorError(tried, found, "Check the CA bundle that DUO_CA names.")
    if isinstance(error, OSError | http.client.HTTPException):
        # duo_client knows no proxy by its environment, and through one it would check the wrong certificate.
        direct = "; Duo is reached directly, never through HTTPS_PROXY" if getproxies().get("https") else ""
        return TransientVendorError(
            tried, found, f"Check the network and DUO_API_HOST, DUO_PORT, DUO_CA{direct}; then try again."
        )
    return PermanentVendorError(tried, found, "Check DUO_API_HOST; if it is right, report this.")


def _description(error: Exception) -> str:
    """What happened in words, from the kind of the error: never from a text that may quote the answer."""
    for kinds, words in _KINDS:
        if isinstance(error, kinds):
            return words
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'})"
    if isinstance(error, OSError):
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return f"the network failed ({error.strerror or name})"
    return f"the request could not be made ({type(error).__name__})"


def _decoded(body: object) -> Any:
    try:
        return json.loads(body) if isinstance(body, str | bytes) else None
    except (ValueError, RecursionError):  # an HTML page, or a body in no known encoding
        return None


def _short(text: str | None, secrets: Iterable[str]) -> str | None:
    if not text:
        return None
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
        # "Basic" is base64 of key and signature: all but the last characters of the key's part are known.
        token = base64.b64encode(secret.encode()[: len(secret.encode()) // 3 * 3]).decode()
        text = re.sub(f"{re.escape(token)}[A-Za-z0-9+/=]*", "***", text) if token else text
    text = _DERIVED.sub("***", text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"
