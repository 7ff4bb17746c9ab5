"""pyconnectwise doing a scan's reads as its documentation shows them: lists by `paginated`, additions by agreement.

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


def main(port: int) -> None:
    began = time.perf_counter()
    api = Loopback("bench", f"127.0.0.1:{port}", "client", "public", "private", codebase="v2026_1")
    additions = 0
    for agreement in api.finance.agreements.paginated(1, 1000).all():
        additions += len(api.finance.agreements.id(agreement.id).additions.get())
    for listed in (api.company.companies, api.procurement.catalog):
        for _ in listed.paginated(1, 1000).all():
            pass
    print(json.dumps({"seconds": time.perf_counter() - began, "additions": additions}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
