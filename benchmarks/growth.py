"""How time, memory of the disk and Dagster's history grow from 400 clients over 1,600 to 6,400.

One client is one company with one agreement of 20 additions, and one Duo subaccount of 120 users; a preview has two
lines of each. What belongs here: the same work at three sizes. What does not: whether one size is fast enough.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks import duo, matching, reconcile, scan
from benchmarks.harness import Figure, in_child, peak_megabytes, serving
from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.scan import scan as read_connectwise
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.orchestration.run import run_job
from seatsync_pipeline.reconcile.preview import draft_preview
from seatsync_pipeline.reconcile.store import PreviewOrigin, save_preview
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.settings import load_settings
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

CLIENTS, TIMES = 400, (1, 4, 16)
MONTHS = 4
ROUNDS = (1, 4, 16)
MEGABYTE = 1024 * 1024


def time_to_scan(clients: int) -> dict[str, float]:
    with serving("connectwise", "--many", str(clients), "--each", "20") as port:
        base = peak_megabytes()
        return {"seconds": scan.one_scan(port)["seconds"], "memory": peak_megabytes() - base}


def time_to_pull(clients: int) -> dict[str, float]:
    with serving("duo", "--many", str(clients), "--each", "120") as port:
        base = peak_megabytes()
        return {"seconds": duo.one_pull(port)["seconds"], "memory": peak_megabytes() - base}


def time_to_match(clients: int) -> dict[str, float]:
    found = matching.one_matching(clients)
    return {"seconds": found["seconds"], "memory": found["peak"] - found["base"]}


def time_to_reconcile(clients: int) -> dict[str, float]:
    """Classified, stored with its sheet, and loaded again."""
    with tempfile.TemporaryDirectory() as folder:
        found = reconcile.one_preview(2 * clients, Path(folder))
    return {
        "seconds": found["seconds"] + found["kept_seconds"],
        "memory": found["peak_stored"] - found["base"],
    }


def month_on_disk(clients: int) -> dict[str, float]:
    """What one more month adds to the database: a scan, a pull, a preview. Latency is none of its business."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("connectwise", "--many", str(clients), "--each", "20", "--latency", "0") as cw,
        serving("duo", "--many", str(clients), "--each", "120", "--latency", "0") as vendor,
    ):
        with reader_from(scan.settings_for(cw)) as reader:
            scanned = read_connectwise(reader)
        pulled = pull(duo.settings_for(vendor))
        draft = draft_preview(reconcile.world(2 * clients))
        warehouse = Warehouse(Path(folder) / "seatsync.duckdb")
        sizes = []
        for month in range(MONTHS):
            later = timedelta(days=30 * month)
            scan_id = save_scan(warehouse, replace(scanned, taken_at=scanned.taken_at + later), run_id=None)
            reading = replace(pulled, taken_at=pulled.taken_at + later)
            snapshot_id = save_snapshot(warehouse, reading, run_id=None)
            save_preview(warehouse, draft, PreviewOrigin("duo", reconcile.TODAY, None, snapshot_id, scan_id))
            sizes.append(warehouse.path.stat().st_size / MEGABYTE)
    return {"megabytes": (sizes[-1] - sizes[0]) / (MONTHS - 1)}


WORK: dict[str, Callable[[int], dict[str, float]]] = {
    "scan": time_to_scan,
    "pull": time_to_pull,
    "match": time_to_match,
    "reconcile": time_to_reconcile,
    "disk": month_on_disk,
}


def history(rounds: tuple[int, ...]) -> dict[str, list[float]]:
    """Megabytes of Dagster's storage, and seconds of a run, after so many rounds of scan, pull and previews.

    On the sample month: what a run notes hardly depends on the number of clients, since tables are cut.
    """
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        os.environ.update(sandbox.settings(), SEATSYNC_HOME=folder)
        os.environ.pop("DAGSTER_HOME", None)
        settings, sizes, took = load_settings(), [], []
        for number in range(1, rounds[-1] + 1):
            began = perf_counter()
            run_job("seat_sync", definitions=build_defs(), settings=settings)
            took.append(perf_counter() - began)
            if number in rounds:
                files = [path for path in (Path(folder) / "dagster").rglob("*") if path.is_file()]
                sizes.append(sum(path.stat().st_size for path in files) / MEGABYTE)
    return {"megabytes": sizes, "first": [took[1]], "last": [median(took[-3:])]}


def figures() -> list[Figure]:
    found = {
        name: [in_child("benchmarks.growth", name, str(CLIENTS * times)) for times in TIMES] for name in WORK
    }
    at = f"{', '.join(f'{CLIENTS * times:,}' for times in TIMES)} clients"
    # Every account is compared with every company, if briefly: sixteen times the clients are 256 times the pairs.
    grown = [
        _figure(f"growth: {name}", at, found[name], "seconds", 16.0 if name == "match" else 1.25)
        for name in ("scan", "pull", "match", "reconcile")
    ]
    on_disk = _figure("growth: a month in the database", at, found["disk"], "megabytes", 1.25)
    kept = in_child("benchmarks.growth", "history", "0")
    sizes = kept["megabytes"]
    per_round = [sizes[0], (sizes[-1] - sizes[0]) / (ROUNDS[-1] - ROUNDS[0])]
    return [
        *grown,
        on_disk,
        Figure(
            "growth: Dagster's history",
            f"after {', '.join(map(str, ROUNDS))} monthly rounds",
            "linear",
            ", ".join(f"{size:.1f} MB" for size in sizes),
            per_round[1] / per_round[0],
            1.25,
            note=f"{per_round[1]:.2f} MB a round; a round takes {kept['first'][0]:.1f} s at first, "
            f"{kept['last'][0]:.1f} s at last",
        ),
    ]


def _figure(name: str, at: str, found: list[dict[str, Any]], what: str, limit: float) -> Figure:
    """The ratio: what one client costs at the largest size, beside what it costs at the smallest."""
    unit = "s" if what == "seconds" else "MB"
    memory = ", ".join(f"{one['memory']:.0f} MB" for one in found if "memory" in one)
    return Figure(
        name,
        at,
        "linear",
        ", ".join(f"{one[what]:.2f} {unit}" for one in found),
        found[-1][what] / found[0][what] * TIMES[0] / TIMES[-1],
        limit,
        note=f"memory above the base: {memory}" if memory else "",
    )


if __name__ == "__main__":
    work, clients = sys.argv[1], int(sys.argv[2])
    print(json.dumps(history(ROUNDS) if work == "history" else WORK[work](clients)))
