"""What it takes to reach ConnectWise: keys, patience, and the shapes of what comes back.

What belongs here: plain values that the client is made from or returns. What does not: sending (`client.py`).
"""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.settings import Settings, missing

_NAMES = {
    "connectwise_company_id": "CONNECTWISE_COMPANY_ID",
    "connectwise_public_key": "CONNECTWISE_PUBLIC_KEY",
    "connectwise_private_key": "CONNECTWISE_PRIVATE_KEY",
    "connectwise_client_id": "CONNECTWISE_CLIENT_ID",
}


@dataclass(frozen=True)
class Retries:
    """How often and how patiently a read is tried again.

    `attempts` counts the first one too. A wait is `base` seconds, doubled with each attempt up to `cap`, of which
    the last half is left to chance; a `Retry-After` is obeyed instead, up to `patience` seconds: beyond that we
    give up. A 429 that names no time is tried `attempts_when_limited` times.
    """

    attempts: int = 6
    base: float = 0.5
    cap: float = 30.0
    patience: float = 300.0
    attempts_when_limited: int = 10

    def wait(self, attempt: int) -> float:
        """Seconds to wait after that many failed attempts."""
        longest: float = min(self.cap, self.base * 2 ** (attempt - 1))
        return random.uniform(longest / 2, longest)  # noqa: S311  # jitter, not a secret


@dataclass(frozen=True, repr=False)
class Credentials:
    """An API member's keys and the MSP's clientId. No repr shows them."""

    company_id: str
    public_key: str
    private_key: str
    client_id: str

    def headers(self) -> dict[str, str]:
        """The headers that every call below `apis/3.0` needs."""
        return {"Authorization": f"Basic {self._token()}", "clientId": self.client_id}

    def redact(self, text: str) -> str:
        """`text` without any secret that a server may have echoed."""
        for secret in (self._token(), self.public_key, self.private_key, self.client_id):
            text = text.replace(secret, "***")
        return text

    def _token(self) -> str:
        pair = f"{self.company_id}+{self.public_key}:{self.private_key}"
        return base64.b64encode(pair.encode()).decode("ascii")


@dataclass(frozen=True)
class Answer:
    """One answer: its JSON (numbers with a fraction are `Decimal`) and the `Link` header, None if absent."""

    data: Any
    link: str | None


@dataclass(frozen=True)
class ServerInfo:
    """What `/system/info` tells; every part but the first two may be unknown."""

    server: str
    codebase: str
    version: str | None
    is_cloud: bool | None
    time_zone: str | None


def credentials_from(settings: Settings) -> tuple[str, Credentials]:
    """The server's URL and the credentials.

    Raises ConfigurationError naming every setting that is missing, or that no HTTP header can carry.
    """
    remedy = "Set it in the environment or in .env; the README says where to find each."
    absent = missing(settings, "connectwise_url", *_NAMES)
    url = settings.connectwise_url
    if absent or url is None:
        raise ConfigurationError("connecting to ConnectWise", f"not set: {', '.join(absent)}", remedy)
    values = {name: _plain(getattr(settings, name)).strip() for name in _NAMES}
    wrong = [_NAMES[name] for name, value in values.items() if not (value.isascii() and value.isprintable())]
    wrong += [_NAMES[name] for name, value in values.items() if not value]
    if wrong:
        found = f"empty, or with characters that do not belong there: {', '.join(wrong)}"
        raise ConfigurationError("connecting to ConnectWise", found, remedy)
    return url, Credentials(
        company_id=values["connectwise_company_id"],
        public_key=values["connectwise_public_key"],
        private_key=values["connectwise_private_key"],
        client_id=values["connectwise_client_id"],
    )


def _plain(value: str | SecretStr) -> str:
    return value if isinstance(value, str) else value.get_secret_value()
