"""To whom a signed request may be sent, and whom TLS trusts.

What belongs here: judging the parent's and the subaccounts' hosts, and DUO_CA. What does not: sending
(`duo_api.py`). A signature is bound to its host and to the minute, and the secret key never travels; all the same a
host that is none of Duo's would learn the integration key, and would be believed how many users there are.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from seatsync_pipeline.errors import ConfigurationError, PermanentVendorError
from seatsync_pipeline.settings import is_loopback

PLAIN_HTTP = "HTTP"
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
# Every API host of Duo's is below one of these; the second is its edition for federal agencies.
_DUOS = (".duosecurity.com", ".duofederal.com")


def check_child_host(host: str, *, parent: str, certificates: str | None) -> None:
    """Raises PermanentVendorError for a subaccount's host that nothing may be sent to: what is no host name, what is
    not this machine under DUO_CA=HTTP, and what is not where the parent is: Duo, or this machine.

    A parent elsewhere (a stand-in on a network of one's own) says nothing about its subaccounts' hosts.
    """
    tried = "contacting a subaccount"
    if not _HOST_NAME.fullmatch(host):
        raise PermanentVendorError(
            tried,
            f"Duo lists {host[:60]!r} as its API host, which is no host name",
            "Report this to Duo.",
        )
    if certificates == PLAIN_HTTP and not is_loopback(host):
        raise PermanentVendorError(
            tried,
            f"its API host {host} is not this machine, and DUO_CA=HTTP would send without encryption",
            "Unset DUO_CA.",
        )
    if (_is_duos(parent) and not _is_duos(host)) or (is_loopback(parent) and not is_loopback(host)):
        place = "Duo's" if _is_duos(parent) else "on this machine, as DUO_API_HOST is"
        raise PermanentVendorError(
            tried,
            f"its API host {host} is not {place}; nothing was sent there",
            "Check DUO_API_HOST; if it is right, report this to Duo.",
        )


def _is_duos(host: str) -> bool:
    return host.lower().rstrip(".").endswith(_DUOS)


def certificates_of(duo_ca: str | None, host: str) -> str | None:
    """duo_client's `ca_certs`: None for Duo's pinned bundle, "HTTP", or a bundle's absolute path.

    Raises ConfigurationError for HTTP to another machine, and for a bundle that cannot be read.
    """
    if duo_ca is None:
        return None
    tried = "reading DUO_CA"
    if duo_ca == PLAIN_HTTP:
        if not is_loopback(host):
            raise ConfigurationError(
                tried, f"HTTP is allowed for loopback hosts only, and not for {host}", "Unset DUO_CA."
            )
        return PLAIN_HTTP
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
