"""A request and an answer, as the stand-ins see them. Bytes and sockets are http.py's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class Wire(StrEnum):
    """How an answer leaves the server."""

    WHOLE = "whole"
    RESET = "reset"
    """The connection is reset (TCP RST) and nothing is sent."""
    TRUNCATED = "truncated"
    """The headers promise the whole body, half of it is sent, and the connection closes."""


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower-case; `path` is decoded and has no query; `query` keeps order and blanks."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    secure: bool = False

    @property
    def host(self) -> str:
        """The Host header without its port, in lower case."""
        return (urlsplit(f"//{self.headers.get('host', '')}").hostname or "").lower()

    @property
    def origin(self) -> str:
        """Scheme, host and port as the client wrote them, for links and Location headers."""
        return f"{'https' if self.secure else 'http'}://{self.headers.get('host', '')}"

    def parameter(self, name: str) -> str | None:
        """The last value of a query parameter; its name is matched without regard to case."""
        found = [value for key, value in self.query if key.lower() == name.lower()]
        return found[-1] if found else None


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Wire = Wire.WHOLE
