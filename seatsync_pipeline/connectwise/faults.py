"""From what went wrong on the wire to the error tree, with words an operator can act on.

What belongs here: telling transient from permanent, reading `Retry-After`, quoting a vendor's answer. What
does not: sending requests (`client.py`). Quotes are short and free of secrets, and no header is ever quoted.
"""

from __future__ import annotations

import email.utils
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise.transport import by_proxy
from seatsync_pipeline.errors import (
    ConfigurationError,
    CredentialsRefused,
    PermanentVendorError,
    SeatSyncError,
    TransientVendorError,
)

QUOTE_LENGTH = 200
_LOOKED_AT = 8000  # bytes of a page that is to be quoted

# The role of the API member needs "Inquire" at level "All" for these; by the first part of the path.
RIGHTS = {
    "company": "Companies > Company Maintenance: Inquire All",
    "finance": "Finance > Agreements: Inquire All",
    "procurement": "Procurement > Product Catalog: Inquire All",
}

_TRANSIENT_4XX = {408, 425, 429}
_AGAIN = "Try again later; if it persists, ask ConnectWise's status page or support."

Redact = Callable[[str], str]


def rights_for(path: str) -> str:
    """The role right that a path needs, in the words of ConnectWise's security roles."""
    return RIGHTS.get(path.strip("/").split("/")[0], "; ".join(RIGHTS.values()))


def quote(text: str, redact: Redact) -> str:
    """At most `QUOTE_LENGTH` characters of a body, on one line, without secrets."""
    line = re.sub(r"\s+", " ", redact(text)).strip()
    return line if len(line) <= QUOTE_LENGTH else f"{line[: QUOTE_LENGTH - 3]}..."


def response_error(response: httpx.Response, tried: str, path: str, redact: Redact) -> SeatSyncError:
    """The error for an answer whose status is not 2xx."""
    status = response.status_code
    found = f"the server answered {status}"
    if said := message(response):
        found += f": {quote(said, redact)}"
    if status in {401, 403}:
        return credentials_error(tried, found, path, status)
    if status in _TRANSIENT_4XX or status >= 500:
        seconds = retry_after(response)
        if seconds is not None:
            found += f" (it asks to wait {seconds:g} s)"
        return TransientVendorError(tried, found, _AGAIN, retry_after=seconds, status=status)
    if 300 <= status < 400:
        remedy = "Redirects are not followed: set CONNECTWISE_URL to the server that holds your data."
    elif "ssl is required" in found.lower():
        remedy = "Cloud servers need the api- prefix: e.g. CONNECTWISE_URL=https://api-na.myconnectwise.net"
    elif status == 404:
        remedy = (
            "ConnectWise also answers 404 to credentials it does not know: check CONNECTWISE_URL, "
            "CONNECTWISE_COMPANY_ID and the keys, then try again."
        )
    elif status == 409:
        remedy = "Somebody may have that record open: see that it is saved and closed in ConnectWise, then try again."
    else:
        remedy = "Check the ConnectWise version and please report this."
    return PermanentVendorError(tried, found, remedy, status=status)


def credentials_error(tried: str, found: str, path: str, status: int) -> CredentialsRefused:
    return CredentialsRefused(
        tried,
        found,
        "Check CONNECTWISE_COMPANY_ID, CONNECTWISE_PUBLIC_KEY and CONNECTWISE_PRIVATE_KEY, that the API member "
        "is active, that CONNECTWISE_CLIENT_ID is your own from developer.connectwise.com, and that the API "
        f"member's role has {rights_for(path)}.",
        status=status,
    )


def transport_error(error: httpx.TransportError, tried: str, host: str) -> SeatSyncError:
    """The error for a request without a whole answer: DNS, refused, TLS, time-out, reset, garbled."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return _tls_error(cause, tried, host)
    if isinstance(error, httpx.LocalProtocolError):
        found, remedy = (
            "a setting holds characters that HTTP cannot carry",
            "Check the CONNECTWISE_ settings.",
        )
        return ConfigurationError(tried, found, remedy)
    found, remedy = _broken(error, host)
    if by_proxy(host) and "proxy" not in found:
        remedy = f"This machine's HTTPS_PROXY stands between: check that too. {remedy}"
    return TransientVendorError(tried, found, remedy)


def _tls_error(cause: ssl.SSLError, tried: str, host: str) -> PermanentVendorError:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return PermanentVendorError(
            tried,
            f"the certificate of {host} is not valid: {cause.verify_message}",
            "Check CONNECTWISE_URL and this machine's clock; have the certificate renewed or, for a private "
            "authority, name its bundle in SSL_CERT_FILE. No credentials were sent.",
        )
    return PermanentVendorError(
        tried,
        f"no TLS connection to {host} ({cause.reason or 'the handshake failed'})",
        "Check host, port and https in CONNECTWISE_URL. No credentials were sent.",
    )


def _broken(error: httpx.TransportError, host: str) -> tuple[str, str]:
    """What was found, and the remedy, for a connection that failed or broke off."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return (
            f"the name {host} could not be looked up",
            "Check CONNECTWISE_URL, and that this machine has a network and DNS.",
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return (
            f"{host} refused the connection",
            "Check host and port in CONNECTWISE_URL, and that the server is running.",
        )
    if isinstance(error, httpx.ProxyError):
        return f"the proxy on the way to {host} refused", "Check HTTPS_PROXY and NO_PROXY."
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"{host} could not be reached", "Check CONNECTWISE_URL, the network and any firewall."
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in time from {host}", _AGAIN
    return f"the answer from {host} broke off", _AGAIN


def unreadable(response: httpx.Response, tried: str, redact: Redact, error: ValueError) -> SeatSyncError:
    """The error for a 2xx whose body is not JSON: cut off (worth another try) or another thing altogether."""
    if isinstance(error, exact_json.NamedTwice):
        return PermanentVendorError(
            tried,
            f"the answer can be read in two ways: {quote(str(error), redact)}",
            "Nothing of it was used. See that no proxy changes answers on their way; if none does, ask ConnectWise.",
            status=200,
        )
    text = _text(response).strip()
    if not text or text[0] in "[{":
        whole = bool(text) and response.content.rstrip()[-1:] in {b"]", b"}"}
        found = "the answer is no JSON" if whole else "the answer broke off before its end"
        return TransientVendorError(tried, found, _AGAIN)
    return wrong_shape(tried, "JSON", quote(text, redact))


def wrong_shape(tried: str, expected: str, found: str) -> PermanentVendorError:
    return PermanentVendorError(
        tried,
        f"expected {expected}, got: {found}",
        "Check that CONNECTWISE_URL is a ConnectWise PSA server.",
        status=200,
    )


def retry_after(response: httpx.Response) -> float | None:
    """`Retry-After` in seconds, from either of its forms; None where it is missing or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    # By the server's own clock where it tells: ours may be off.
    now = _http_date(response.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _http_date(value: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _text(response: httpx.Response) -> str:
    """The body's begin, for a quote: of a long page of `<` alone, taking the tags off would take for ever.

    A charset that the answer names is not asked: some of Python's codecs are no charset.
    """
    return response.content[:_LOOKED_AT].decode("utf-8", "replace")


def message(response: httpx.Response) -> str:
    """What the vendor said: code, message and the inner errors of its JSON, or a page without its tags."""
    try:
        body = exact_json.loads(response.content)
    except ValueError:
        text = re.sub(r"(?is)<(script|style).*?</\1>|<[^>]*>", " ", _text(response))
        return " ".join(text.split())
    if not isinstance(body, dict):
        return ""
    parts = [body.get("code") or body.get("error"), body.get("message")]
    inner = body.get("errors")
    if isinstance(inner, list):
        parts += [entry.get("message") for entry in inner if isinstance(entry, dict)]
    said = ": ".join(part for part in parts if isinstance(part, str) and part)
    return said.encode("utf-8", "replace").decode()  # half of a surrogate pair could not be printed
