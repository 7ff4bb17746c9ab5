"""Where the vendors are and how to log in to them: ConnectWise and Duo."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from seatsync_pipeline.settings.base import SettingsGroup

CountBasis = Literal["enrolled", "enrolled_active", "existing"]


# Letters of other scripts would have to be spelt in punycode, which looks the same for two hosts.
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII | re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without port) can only be this machine."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class VendorSettings(SettingsGroup):
    """Servers, credentials and ceilings. Secrets are `SecretStr`: no log line and no repr can show one."""

    connectwise_url: str | None = Field(
        None,
        validation_alias="CONNECTWISE_URL",
        description="server, e.g. https://api-na.myconnectwise.net",
    )
    connectwise_company_id: str | None = Field(
        None, validation_alias="CONNECTWISE_COMPANY_ID", description="the company you log in to"
    )
    connectwise_public_key: SecretStr | None = Field(
        None, validation_alias="CONNECTWISE_PUBLIC_KEY", description="API member's public key"
    )
    connectwise_private_key: SecretStr | None = Field(
        None, validation_alias="CONNECTWISE_PRIVATE_KEY", description="API member's private key"
    )
    connectwise_client_id: SecretStr | None = Field(
        None,
        validation_alias="CONNECTWISE_CLIENT_ID",
        description="your own clientId from developer.connectwise.com",
    )
    connectwise_concurrency: int = Field(
        8,
        ge=1,
        le=64,
        validation_alias="CONNECTWISE_CONCURRENCY",
        description="requests in flight",
    )
    connectwise_requests_per_minute: int = Field(
        600,
        ge=1,
        validation_alias="CONNECTWISE_REQUESTS_PER_MINUTE",
        description="ceiling per minute",
    )
    push_concurrency: int = Field(
        4,
        ge=1,
        le=16,
        validation_alias="SEATSYNC_PUSH_CONCURRENCY",
        description="companies that a push writes to at the same time",
    )
    duo_api_host: str | None = Field(
        None,
        validation_alias="DUO_API_HOST",
        description="parent account's API host, e.g. api-xxxxxxxx.duosecurity.com",
    )
    duo_ikey: SecretStr | None = Field(
        None, validation_alias="DUO_IKEY", description="Accounts API integration key"
    )
    duo_skey: SecretStr | None = Field(
        None, validation_alias="DUO_SKEY", description="Accounts API secret key"
    )
    duo_port: int = Field(443, ge=1, le=65535, validation_alias="DUO_PORT", description="port")
    duo_ca: str | None = Field(
        None,
        validation_alias="DUO_CA",
        description="a CA bundle's path, or HTTP (loopback hosts only); default: Duo's pinned bundle",
    )
    duo_concurrency: int = Field(
        8,
        ge=1,
        le=64,
        validation_alias="DUO_CONCURRENCY",
        description="requests in flight over all subaccounts",
    )
    duo_requests_per_minute: int = Field(
        180, ge=1, validation_alias="DUO_REQUESTS_PER_MINUTE", description="ceiling per minute"
    )
    duo_count_basis: CountBasis = Field(
        "enrolled",
        validation_alias="DUO_COUNT_BASIS",
        description="users billed, never those pending deletion: enrolled; enrolled_active (enrolled "
        "and not disabled); existing (all)",
    )

    @field_validator("connectwise_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value.strip())
            _ = parts.port
        except ValueError:  # its text quotes the URL, and perhaps a password in it
            raise ValueError(
                "this is no URL; give a server such as https://api-na.myconnectwise.net"
            ) from None
        if parts.username is not None or parts.password is not None:
            raise ValueError("the URL must not contain credentials; use the CONNECTWISE_ keys")
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ValueError("give a server such as https://api-na.myconnectwise.net")
        if not _HOST.fullmatch(parts.hostname) and not _is_address(parts.hostname):
            raise ValueError("the URL's host is no plain host name")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("plain http is allowed for loopback only; use https")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("give the server alone, without a path; the API path is discovered")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("duo_api_host")
    @classmethod
    def _bare_host(cls, value: str | None) -> str | None:
        if value is not None and not _HOST.fullmatch(value.strip()):
            raise ValueError("give the host name alone, without scheme, port or path")
        return value.strip().lower() if value else value
