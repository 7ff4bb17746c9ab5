"""One POST of JSON to a webhook, whose address is a secret and appears nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from seatsync_pipeline.errors import NoticeUndelivered
from seatsync_pipeline.settings import is_loopback

TIMEOUT_SECONDS = 3.0

_sending = ContextVar("sending a notice", default=False)


class _Silent(logging.Filter):
    """httpx logs the address of every request, and here the address is the secret."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # logging's signature
        return not _sending.get()


for _name in ("httpx", "httpcore.http11", "httpcore.connection", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(_Silent())


def post(url: SecretStr, document: Mapping[str, Any]) -> None:
    """Send the document once. Raises NoticeUndelivered, which names the host and never the address.

    Any 2xx is a success, and its body is not read. A redirect is none: it could lead to another host.
    """
    address = url.get_secret_value()
    host = urlsplit(address).netloc
    tried = f"posting a notice to {host}"
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "seatsync"}
    token = _sending.set(True)
    try:
        with (
            httpx.Client(
                timeout=TIMEOUT_SECONDS, trust_env=not is_loopback(urlsplit(address).hostname or "")
            ) as client,
            client.stream("POST", address, content=body, headers=headers) as response,
        ):
            status, retry_after = response.status_code, response.headers.get("Retry-After")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Without the cause: a library's message may quote the address.
        raise NoticeUndelivered(
            tried,
            f"no answer ({type(error).__name__})",
            "Check that this machine may reach that host; `seatsync notify` tries again.",
            passing=True,
        ) from None
    finally:
        _sending.reset(token)
    if not 200 <= status < 300:
        raise NoticeUndelivered(
            tried,
            f"it answered {status}",
            "Check the webhook's address in the settings, and that the webhook still exists; `seatsync notify` tries "
            "again.",
            passing=status == 429 or status >= 500,
            retry_after=_seconds(retry_after),
        )


def _seconds(text: str | None) -> float | None:
    """A Retry-After in seconds; a date counts as absent, since nobody waits here for long."""
    return float(text) if text and text.isascii() and text.isdigit() else None
