"""One import of a large tenant export: read, judged and stored in a new database; its memory; how its time grows."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks.harness import Figure, in_child, peak_megabytes
from seatsync_pipeline.settings.guards import DEFAULT_LIMITS
from seatsync_pipeline.sources.acceptance import judged
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

MANY, FEW = 1_000_000, 100_000
_HEADER = "Tenant,Portal,License,Users,Status,Domain"
_LICENSES = ("Email Protect", "Email Advanced Protect", "Complete Protect")
# Of a hundred tenants.
_TRIALS, _EXPIRED = 3, 2


def export(rows: int) -> Iterator[str]:
    """The lines of an export: every fourth tenant has two licenses, every seventh name a comma, a third no domain."""
    yield f"{_HEADER}\n"
    line = tenant = 0
    while line < rows:
        tenant += 1
        name = f'"Client {tenant:07} Partners, LLC"' if tenant % 7 == 0 else f"Client {tenant:07} Dental"
        share = tenant * 37 % 100
        status = "POC" if share < _TRIALS else "Expired" if share < _TRIALS + _EXPIRED else "Paid"
        domain = "" if tenant % 3 == 0 else f"client{tenant:07}.example"
        first = tenant % len(_LICENSES)
        for number in range(2 if tenant % 4 == 0 and line + 1 < rows else 1):
            license_ = _LICENSES[first] if number == 0 else "Archiving"
            yield f"{name},client{tenant:07},{license_},{1 + tenant * 7919 % 450},{status},{domain}\n"
            line += 1


def one_import(path: Path, home: Path) -> dict[str, Any]:
    """Seconds of each step and of all, processor seconds of all, and the memory before and at most."""
    import seatsync_pipeline.sources.avanan_schema  # noqa: F401  # importing pandera is not what is measured

    warehouse = Warehouse(home / "seatsync.duckdb")
    with warehouse.read():
        pass  # making the tables is not what is measured
    base, cpu, began = peak_megabytes(), process_time(), perf_counter()
    snapshot = judged(warehouse, read_export(path), DEFAULT_LIMITS, zone=UTC)
    read = perf_counter() - began
    save_snapshot(warehouse, snapshot, run_id=None)
    return {
        "seconds": perf_counter() - began,
        "read": read,
        "cpu": process_time() - cpu,
        "rows": snapshot.details["rows"]["data"],
        "observations": len(snapshot.observations),
        "base": base,
        "peak": peak_megabytes(),
    }


def measured(rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(export(rows))
        found = in_child("benchmarks.imports", str(path), folder)
    if found["rows"] != rows or found["observations"] != rows:
        raise ValueError(f"{rows} rows were written, and this was read: {found}")
    return found


def figures() -> list[Figure]:
    few, many = measured(FEW), measured(MANY)
    growth = (many["cpu"] / many["rows"]) / (few["cpu"] / few["rows"])
    at = f"{many['rows']:,} rows"
    steps = f"reading {many['read']:.1f} s, storing {many['seconds'] - many['read']:.1f} s"
    return [
        Figure(
            "import: time",
            at,
            "10.0 s",
            f"{many['cpu']:.1f} s processor, {many['seconds']:.1f} s",
            many["cpu"] / 10,
            1.0,
            note=steps,
        ),
        Figure(
            "import: memory",
            at,
            "1000 MB",
            f"{many['peak']:.0f} MB",
            many["peak"] / 1000,
            1.0,
            note=f"{many['base']:.0f} MB of it before the first row",
        ),
        Figure(
            "import: time of a row",
            f"beside {few['rows']:,} rows",
            f"{few['cpu'] / few['rows'] * 1e6:.0f} us",
            f"{many['cpu'] / many['rows'] * 1e6:.0f} us",
            growth,
            1.25,
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(one_import(Path(sys.argv[1]), Path(sys.argv[2]))))
