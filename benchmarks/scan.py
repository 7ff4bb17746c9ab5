"""The ConnectWise scan against what latency allows; its memory; and pyconnectwise as its documentation shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from statistics import median
from typing import Any

from benchmarks.harness import RUNS, Figure, in_child, peak_megabytes, serving
from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.settings import Settings

LATENCY, AT_ONCE = 0.05, 8
AGREEMENTS, EACH, COMPANIES, PEER = 1000, 20, 1000, 100
LARGEST_PAGE = 1000
LISTS = 11  # the API path, six pages of five lists of 1 to 2,000 records, and the counts of four


def settings_for(port: int) -> Settings:
    return Settings.model_validate(
        {
            "CONNECTWISE_URL": f"http://127.0.0.1:{port}",
            "CONNECTWISE_COMPANY_ID": "bench",
            "CONNECTWISE_PUBLIC_KEY": "public",
            "CONNECTWISE_PRIVATE_KEY": "private",
            "CONNECTWISE_CLIENT_ID": "client",
            "CONNECTWISE_CONCURRENCY": str(AT_ONCE),
            "CONNECTWISE_REQUESTS_PER_MINUTE": "1000000",
            "SEATSYNC_TODAY": "2026-11-20",
            "SEATSYNC_TIMEZONE": "UTC",
        }
    )


def one_scan(port: int) -> dict[str, Any]:
    """Seconds, requests and connections of one scan, and the processor time it took of them."""
    before = stats(port)
    cpu, began = time.process_time(), time.perf_counter()
    with reader_from(settings_for(port)) as reader:
        found = scan(reader)
    elapsed = time.perf_counter() - began
    after = stats(port)
    return {
        "seconds": elapsed,
        "cpu": time.process_time() - cpu,
        "additions": len(found.additions),
        "listed": len(found.agreements) + len(found.companies) + len(found.products),
        "requests": after["requests"] - before["requests"],
        "connections": after["connections"] - before["connections"] - 1,  # ours, for the statistics
        "in_flight": after["most_in_flight"],
    }


def stats(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stats") as answer:  # loopback
        found: dict[str, int] = json.load(answer)
    return found


def figures() -> list[Figure]:
    with serving("connectwise", "--many", str(AGREEMENTS), "--each", str(EACH)) as port:
        one_scan(port)  # imports and first use
        runs = [one_scan(port) for _ in range(RUNS)]
    requests = runs[0]["requests"]
    ideal, took = requests * LATENCY / AT_ONCE, median(run["seconds"] for run in runs)
    cpu = median(run["cpu"] for run in runs)
    with serving("connectwise", "--many", "1000", "--each", "200", "--latency", "0.001") as port:
        memory = in_child("benchmarks.scan", "memory", str(port))
    at = f"{AGREEMENTS:,} agreements x {EACH}, {LATENCY * 1000:.0f} ms, {AT_ONCE} in flight"
    return [
        Figure(
            "scan: time",
            at,
            f"{ideal:.2f} s",
            f"{took:.2f} s",
            took / ideal,
            1.2,
            note=f"processor {cpu:.2f} s",
        ),
        Figure(
            "scan: requests", at, f"{AGREEMENTS + LISTS}", f"{requests}", requests / (AGREEMENTS + LISTS), 1.0
        ),
        Figure(
            "scan: connections",
            at,
            f"{AT_ONCE}",
            f"{runs[0]['connections']}",
            runs[0]["connections"] / AT_ONCE,
            1.0,
        ),
        Figure(
            "scan: peak memory",
            f"{memory['additions']:,} additions",
            "250 MB",
            f"{memory['peak']:.0f} MB (before: {memory['base']:.0f})",
            memory["peak"] / 250,
            1.0,
        ),
        *peer_figures(),
    ]


def peer_figures() -> list[Figure]:
    """pyconnectwise at 100 agreements: by the answers' latency alone, and where a connection costs what TLS costs."""
    python = os.environ.get("SEATSYNC_BENCH_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import pyconnectwise"], check=False, capture_output=True).returncode:
        print("pyconnectwise is not installed: pip install -e .[bench]", file=sys.stderr)
        return []
    return [
        *_beside_peer("scan: beside pyconnectwise", 0.0, python),
        *_beside_peer("scan: the same, a connection costs two round trips", 2 * LATENCY, python)[:1],
    ]


def _beside_peer(name: str, handshake: float, python: str) -> list[Figure]:
    """Time, and requests; the note says what the peer takes with the largest pages, which it is not documented with."""
    options = ("--many", str(PEER), "--each", str(EACH), "--companies", str(COMPANIES))
    with serving("connectwise", *options, "--handshake", str(handshake)) as port:
        ours = [one_scan(port) for _ in range(RUNS)]

        def theirs(*arguments: str) -> tuple[float, int]:
            before = stats(port)["requests"]
            found = in_child("benchmarks.peer", str(port), *arguments, python=python)
            if (found["additions"], found["listed"]) != (ours[0]["additions"], ours[0]["listed"]):
                raise ValueError(f"the peer has not read what the scan reads: {found}, {ours[0]}")
            return found["seconds"], stats(port)["requests"] - before

        took, requests = theirs()
        least, fewest = theirs(str(LARGEST_PAGE))
    own = median(run["seconds"] for run in ours)
    own_requests = ours[0]["requests"]
    at = f"{PEER} agreements x {EACH}, {LATENCY * 1000:.0f} ms"
    note = f"with pages of {LARGEST_PAGE:,} everywhere it takes {least:.2f} s and {fewest} requests"
    return [
        Figure(name, at, f"{took:.2f} s", f"{own:.2f} s", took / own, 10.0, at_least=True, note=note),
        Figure(
            "scan: requests beside pyconnectwise",
            at,
            f"{requests}",
            f"{own_requests}",
            own_requests / requests,
            1.0,
        ),
    ]


def main(what: str, port: int) -> None:
    if what == "memory":
        base = peak_megabytes()
        found = one_scan(port)
        print(json.dumps({**found, "base": base, "peak": peak_megabytes()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
