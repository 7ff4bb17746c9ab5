"""The Duo pull against what latency allows; its memory; and Duo's own client looped as its documentation shows it."""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import Any

from duo_client.accounts import Accounts
from duo_client.admin import AccountAdmin

from benchmarks.harness import RUNS, Figure, in_child, peak_megabytes, serving
from benchmarks.scan import AT_ONCE, LATENCY, stats
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.duo import pull

SUBACCOUNTS, EACH = 500, 120
LOOPED = 100  # subaccounts that the vendor's client is given: it takes as long for each
IKEY, SKEY = "DIBENCH0000000000000", "benchbenchbenchbenchbenchbenchbenchbench"


def settings_for(port: int) -> Settings:
    return Settings.model_validate(
        {
            "DUO_API_HOST": "127.0.0.1",
            "DUO_IKEY": IKEY,
            "DUO_SKEY": SKEY,
            "DUO_PORT": str(port),
            "DUO_CA": "HTTP",
            "DUO_CONCURRENCY": str(AT_ONCE),
            "DUO_REQUESTS_PER_MINUTE": "1000000",
        }
    )


def one_pull(port: int) -> dict[str, Any]:
    """Seconds, requests and users of one pull, and the processor time it took of them."""
    before = stats(port)
    cpu, began = time.process_time(), time.perf_counter()
    snapshot = pull(settings_for(port))
    elapsed = time.perf_counter() - began
    after = stats(port)
    return {
        "seconds": elapsed,
        "cpu": time.process_time() - cpu,
        "users": snapshot.details["users"],
        "requests": after["requests"] - before["requests"],
        "connections": after["connections"] - before["connections"] - 1,  # ours, for the statistics
        "in_flight": after["most_in_flight"],
    }


def looped(port: int) -> int:
    """All users of every subaccount with Duo's own client, one after another."""
    options: dict[str, Any] = {"ikey": IKEY, "skey": SKEY, "ca_certs": "HTTP", "port": port}
    users = 0
    for account in Accounts(host="127.0.0.1", **options).get_child_accounts():
        admin = AccountAdmin(account["account_id"], child_api_host=account["api_hostname"], **options)
        users += sum(1 for user in admin.get_users_iterator() if user["is_enrolled"])
    return users


def figures() -> list[Figure]:
    with serving("duo", "--many", str(SUBACCOUNTS), "--each", str(EACH)) as port:
        one_pull(port)  # imports and first use
        runs = [one_pull(port) for _ in range(RUNS)]
    with serving("duo", "--many", str(LOOPED), "--each", str(EACH)) as port:
        began = time.perf_counter()
        looped(port)
        peer = time.perf_counter() - began
    with serving("duo", "--many", "1", "--each", "200000", "--latency", "0.001") as port:
        memory = in_child("benchmarks.duo", "memory", str(port))
    requests = runs[0]["requests"]
    ideal, took = requests * LATENCY / AT_ONCE, median(run["seconds"] for run in runs)
    cpu = median(run["cpu"] for run in runs)
    at = f"{SUBACCOUNTS} subaccounts x {EACH} users, {LATENCY * 1000:.0f} ms, {AT_ONCE} in flight"
    peers = peer * SUBACCOUNTS / LOOPED
    grown = memory["peak"] - memory["base"]
    return [
        Figure(
            "pull: time",
            at,
            f"{ideal:.2f} s",
            f"{took:.2f} s",
            took / ideal,
            1.25,
            note=f"processor {cpu:.2f} s",
        ),
        Figure(
            "pull: beside duo_client looped",
            at,
            f"{peers:.1f} s ({LOOPED} measured)",
            f"{took:.2f} s",
            peers / took,
            6.0,
            at_least=True,
        ),
        Figure(
            "pull: memory above the base",
            f"1 subaccount x {memory['users']:,} users",
            "150 MB",
            f"{grown:.0f} MB (base: {memory['base']:.0f})",
            grown / 150,
            1.0,
        ),
    ]


def main(what: str, port: int) -> None:
    if what == "memory":
        base = peak_megabytes()
        found = one_pull(port)
        print(json.dumps({**found, "base": base, "peak": peak_megabytes()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
