"""Stand-ins for ConnectWise and Duo that speak real HTTP on loopback: for the demo, for tests, and to try things.

    with Sandbox() as sandbox:
        os.environ.update(sandbox.settings())
        sandbox.connectwise.faults.add("rate_limit", path="*/additions", retry_after=1)

What belongs in this package: the vendors' behaviour as documented, a sample month, and faults to switch on.
What does not: anything of the product; it must judge the product, so it shares no code with it but
`settings` and `errors`.
"""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Self

from seatsync_pipeline.sandbox.connectwise import ConnectWise
from seatsync_pipeline.sandbox.month import SampleMonth

__all__ = ["SampleMonth", "Sandbox"]

_GENEROUS = "100000"


class Sandbox:
    """Both stand-ins over one month. Listens from the start; entering starts it, leaving stops all of it.

    `tls` serves both over HTTPS with that context (a test's own certificate).
    """

    def __init__(self, month: SampleMonth | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.month = month if month is not None else SampleMonth.load()
        self.connectwise = ConnectWise(self.month, tls=tls)

    def __enter__(self) -> Self:
        self.connectwise.service.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connectwise.service.stop()

    def settings(self) -> dict[str, str]:
        """The environment variables that point SeatSync at this sandbox."""
        state = self.connectwise.state
        return {
            "CONNECTWISE_URL": self.connectwise.url,
            "CONNECTWISE_COMPANY_ID": state.company_id,
            "CONNECTWISE_PUBLIC_KEY": state.public_key,
            "CONNECTWISE_PRIVATE_KEY": state.private_key,
            "CONNECTWISE_CLIENT_ID": state.client_id,
            "CONNECTWISE_REQUESTS_PER_MINUTE": _GENEROUS,
            "SEATSYNC_TODAY": self.month.today.isoformat(),
            "SEATSYNC_TIMEZONE": self.month.timezone,
        }
