"""The HTTP client below the reader and the writer: whom it trusts, and which way it takes.

What belongs here: TLS trust and proxies, from this machine's environment (SSL_CERT_FILE, HTTPS_PROXY, NO_PROXY), and
how long an answer may take as a whole. What does not: requests (`client.py`, `writer.py`). Credentials travel inside
TLS, which a proxy only tunnels; this machine itself is never asked through a proxy; and no redirect is followed, so
that they reach no other server.
"""

from __future__ import annotations

import ssl
import time
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.settings import is_loopback

# The library's time-out is that of one silence: an answer that drips would never end.
_SILENCES = 4


class _Answer(httpx.SyncByteStream):
    """The body of an answer, which has to end in time. Raises httpx.ReadTimeout."""

    def __init__(self, stream: httpx.SyncByteStream, seconds: float) -> None:
        self._stream = stream
        self._end = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            if time.monotonic() > self._end:
                raise httpx.ReadTimeout("the answer does not end")
            yield part

    def close(self) -> None:
        self._stream.close()


def open_client(server: str, *, tls: ssl.SSLContext, timeout: float, **options: Any) -> httpx.Client:
    """A client for one server. `timeout` is in seconds, of one silence; a whole answer gets some of them.

    Raises ConfigurationError for proxy settings that cannot be used.
    """
    try:
        return _bounded(
            httpx.Client(
                follow_redirects=False,
                trust_env=not is_loopback(urlsplit(server).hostname or ""),
                verify=tls,
                timeout=httpx.Timeout(timeout, pool=None),
                **options,
            ),
            _SILENCES * timeout,
        )
    except (httpx.InvalidURL, ValueError, ImportError):
        pass
    # Raised here, so that nothing hangs on to it: the library's message may quote the proxy's password.
    raise ConfigurationError(
        f"preparing to reach {urlsplit(server).netloc}",
        "the proxy settings of this machine cannot be used",
        "Correct HTTPS_PROXY or ALL_PROXY (http://host:port; special characters of a password as %xx; no SOCKS) "
        "and NO_PROXY (host names, separated by commas).",
    )


def _bounded(client: httpx.Client, seconds: float) -> httpx.Client:
    """The client, whose every answer ends within so many seconds from its headers on."""

    def end_in_time(response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _Answer(response.stream, seconds)

    client.event_hooks["response"].append(end_in_time)
    return client


def trust_for(server: str) -> ssl.SSLContext:
    """The public authorities and SSL_CERT_FILE's; for plain http (loopback) nobody, which costs no time to load.

    Raises ConfigurationError for an SSL_CERT_FILE that cannot be read.
    """
    if not server.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one: the file is there and holds no certificate
        raise ConfigurationError(
            f"preparing to reach {urlsplit(server).netloc}",
            f"SSL_CERT_FILE names no CA bundle that can be read ({error.strerror or 'no certificate in it'})",
            "Name a PEM file, or unset SSL_CERT_FILE to trust the public authorities.",
        ) from error


def by_proxy(host: str) -> bool:
    """Whether this machine's environment sends requests for that host (with or without port) through a proxy."""
    proxies = urllib.request.getproxies()
    name = urlsplit(f"//{host}").hostname or ""
    asked = bool(proxies.get("https") or proxies.get("all"))
    return asked and not is_loopback(name) and not urllib.request.proxy_bypass(name)
