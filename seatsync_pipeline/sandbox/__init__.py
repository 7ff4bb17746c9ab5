"""Stand-ins for ConnectWise and Duo that speak real HTTP on loopback: for the demo, for tests, and to try things.

    with Sandbox() as sandbox:
        os.environ.update(sandbox.settings())
        sandbox.connectwise.faults.add("rate_limit", path="*/additions", retry_after=1)

What belongs in this package: the vendors' behaviour as documented, a sample month, and faults to switch on.
What does not: anything of the product; the sandbox judges the product, so it shares no code with it but
`settings` and `errors`.
"""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Self

from seatsync_pipeline.sandbox.connectwise import ConnectWise
from seatsync_pipeline.sandbox.duo import Duo
from seatsync_pipeline.sandbox.month import SampleMonth

__all__ = ["SampleMonth", "Sandbox"]

_GENEROUS = "100000"


class Sandbox:
    """Both stand-ins over one month: by default the sample month, which is then read from its files.

    They listen from the start; entering begins to serve, leaving stops all of it. `tls` serves both over
    HTTPS with that context (a test's own certificate; DUO_CA is then the test's to set).
    """

    def __init__(self, month: SampleMonth | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.month = month if month is not None else SampleMonth.load()
        self.connectwise = ConnectWise(self.month, tls=tls)
        self.duo = Duo(self.month, tls=tls)

    def __enter__(self) -> Self:
        self.connectwise.service.start()
        self.duo.service.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.duo.service.stop()
        finally:
            self.connectwise.service.stop()

    def settings(self) -> dict[str, str]:
        """The environment variables that point SeatSync at this sandbox."""
        connectwise, duo = self.connectwise.state, self.duo.state
        return {
            "CONNECTWISE_URL": self.connectwise.url,
            "CONNECTWISE_COMPANY_ID": connectwise.company_id,
            "CONNECTWISE_PUBLIC_KEY": connectwise.public_key,
            "CONNECTWISE_PRIVATE_KEY": connectwise.private_key,
            "CONNECTWISE_CLIENT_ID": connectwise.client_id,
            "CONNECTWISE_REQUESTS_PER_MINUTE": _GENEROUS,
            "DUO_API_HOST": duo.parent_host,
            "DUO_IKEY": duo.ikey,
            "DUO_SKEY": duo.skey,
            "DUO_PORT": str(self.duo.port),
            "DUO_CA": "HTTP",
            "DUO_REQUESTS_PER_MINUTE": _GENEROUS,
            "SEATSYNC_TODAY": self.month.today.isoformat(),
            "SEATSYNC_TIMEZONE": self.month.timezone,
        }
