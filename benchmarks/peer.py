"""pyconnectwise doing a scan's reads as its documentation shows them: agreements by `paginated(1, 1000)`, the
additions of each by `get`, other lists by `paginated(1, 100)`, unless told another page size for those.

It is given less to read than a scan reads: no agreement types, no recap, and no counts, which prove a list whole.

Run by `benchmarks.scan` in a process of its own; `SEATSYNC_BENCH_PYTHON` names an interpreter that has pyconnectwise
(`pip install -e .[bench]`) where this one has not. Prints seconds and additions as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from pyconnectwise import ConnectWiseManageAPIClient


class Loopback(ConnectWiseManageAPIClient):  # type: ignore[misc]  # untyped
    """It builds https addresses alone: here without TLS, which is to its advantage."""

    def _get_url(self) -> str:
        return f"http://{self.manage_url}/v2026_1/apis/3.0"


def main(port: int, page_size: int = 100) -> None:
    began = time.perf_counter()
    api = Loopback("bench", f"127.0.0.1:{port}", "client", "public", "private", codebase="v2026_1")
    additions = listed = 0
    for agreement in api.finance.agreements.paginated(1, 1000).all():
        listed += 1
        additions += len(api.finance.agreements.id(agreement.id).additions.get())
    for endpoint in (api.company.companies, api.procurement.catalog):
        for _ in endpoint.paginated(1, page_size).all():
            listed += 1
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "additions": additions, "listed": listed}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
