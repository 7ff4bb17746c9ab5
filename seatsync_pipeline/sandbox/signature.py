"""Verifying Duo's request signatures, versions 5 and 2, from the documentation alone.

What belongs here: the canonical text, its HMAC, and the clock check. What does not: the product's client; a
shared mistake would verify itself. Authorization is `Basic base64(ikey:hex HMAC(skey, canonical text))`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, quote

from seatsync_pipeline.sandbox.messages import Request

# Duo's own tolerance is about five minutes.
MAX_SKEW: Final = timedelta(seconds=300)
_FORM: Final = "application/x-www-form-urlencoded"


class SignatureRefused(Exception):
    """The request is not signed as it must be; `code` is Duo's error code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def verify(request: Request, ikey: str, skey: str, now: datetime) -> None:
    """Raise SignatureRefused (40101 to 40105) unless the request is signed with these keys, for its own host, now."""
    sent_ikey, sent_signature = _credentials(request)
    date = request.headers.get("x-duo-date") or request.headers.get("date")
    if not date:
        raise SignatureRefused(40104)
    _check_clock(date, now)
    if sent_ikey != ikey:
        raise SignatureRefused(40102)
    if not any(
        hmac.compare_digest(sent_signature.encode(), good.encode()) for good in _accepted(request, date, skey)
    ):
        raise SignatureRefused(40103)


@dataclass(frozen=True)
class Signed:
    """What a signature covers. `parameters` are the query's, and in version 2 those of a form body."""

    date: str
    method: str
    host: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()

    def lines(self) -> list[str]:
        """The five lines that both versions begin with."""
        pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in self.parameters)
        joined = "&".join(f"{name}={value}" for name, value in pairs)
        return [self.date, self.method.upper(), self.host.lower(), self.path, joined]


def sign_v2(skey: str, signed: Signed, digest: str) -> str:
    """The version 2 signature; `digest` is sha512 or sha1."""
    return hmac.new(skey.encode(), "\n".join(signed.lines()).encode(), digest).hexdigest()


def sign_v5(skey: str, signed: Signed, body: bytes, duo_headers: Mapping[str, str] | None = None) -> str:
    """The version 5 signature; `duo_headers` are the x-duo-* headers sent."""
    headers = sorted((name.lower(), value) for name, value in (duo_headers or {}).items())
    header_text = "\0".join(part for pair in headers for part in pair)
    hashes = [hashlib.sha512(part).hexdigest() for part in (body, header_text.encode())]
    text = "\n".join([*signed.lines(), *hashes])
    return hmac.new(skey.encode(), text.encode(), hashlib.sha512).hexdigest()


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise SignatureRefused(40101) from None
    ikey, colon, signature = pair.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise SignatureRefused(40101)
    return ikey, signature


def _check_clock(date: str, now: datetime) -> None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        raise SignatureRefused(40105) from None
    # The zone "-0000" is read as no zone; it means UTC.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if abs(moment - now) > MAX_SKEW:
        raise SignatureRefused(40105)


def _accepted(request: Request, date: str, skey: str) -> list[str]:
    """The signatures that this request may carry: version 5, and version 2 with either digest."""
    has_body = request.method in {"POST", "PUT"}
    form = request.headers.get("content-type", "").partition(";")[0].strip().lower() in {_FORM, ""}
    signed = Signed(date, request.method, request.host, request.path, () if has_body else request.query)
    accepted = []
    if not has_body or not form:
        duo_headers = {name: value for name, value in request.headers.items() if name.startswith("x-duo-")}
        accepted.append(sign_v5(skey, signed, request.body if has_body else b"", duo_headers))
    if not has_body or form:
        if has_body:
            sent = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)
            signed = replace(signed, parameters=tuple(sent))
        accepted += [sign_v2(skey, signed, digest) for digest in ("sha512", "sha1")]
    return accepted
