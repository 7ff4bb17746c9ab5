"""What an operator waits for that is not a vendor: commands, the code location's import, the demo, and a whole pull.

Processor seconds beside the wall's: where both are equal nothing was waited for. `python -c pass` and `import dagster`
are what nobody can save.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.harness import PROJECT, RUNS, Figure
from benchmarks.reconcile import NOW, TODAY, world
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.reconcile.preview import draft_preview
from seatsync_pipeline.reconcile.store import PreviewOrigin, save_preview
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sources.base import SourceSnapshot
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

ROWS = 2_000
SEATSYNC = ("-m", "seatsync_pipeline.cli")


@dataclass(frozen=True)
class Took:
    seconds: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s (processor {self.cpu:.2f})"


def took(*arguments: str, runs: int = RUNS, **environment: str) -> Took:
    """The median over runs of a Python process with these arguments."""
    found = [_once(arguments, {**os.environ, **environment}) for _ in range(runs)]
    return Took(median(one.seconds for one in found), median(one.cpu for one in found))


def _once(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Took:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=environment, check=False, capture_output=True
    )
    if done.returncode not in {0, 1}:  # 1: the sample month has an account that cannot be read
        raise OSError(done.stderr.decode())
    seconds, after = perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def stocked(home: Path) -> None:
    """A home with one preview of so many rows."""
    inputs = world(ROWS)
    draft = draft_preview(inputs)
    warehouse = Warehouse(home / "seatsync.duckdb")
    scan_id = save_scan(warehouse, replace(inputs.scan, additions=()), run_id=None)
    taken = SourceSnapshot("duo", NOW, inputs.accounts, (), "digest")
    snapshot_id = save_snapshot(warehouse, taken, run_id=None)
    origin = PreviewOrigin("duo", TODAY, None, snapshot_id, scan_id)
    save_preview(warehouse, replace(draft, rows=draft.rows[:ROWS]), origin)


def figures() -> list[Figure]:
    nothing = took("-c", "pass")
    found = [
        _figure(
            "CLI: --help", "seatsync --help", took(*SEATSYNC, "--help"), 0.3, f"python -c pass: {nothing}"
        )
    ]
    with tempfile.TemporaryDirectory() as home:
        stocked(Path(home))
        shown = took(*SEATSYNC, "preview", "duo", SEATSYNC_HOME=home)
        every = took(*SEATSYNC, "preview", "duo", "--all", SEATSYNC_HOME=home)
    found.append(_figure("CLI: preview", f"{ROWS:,} rows", shown, 1.0, f"with --all: {every}"))
    dagster = took("-c", "import dagster")
    location = took("-c", "import seatsync_pipeline.definitions")
    found.append(_figure("Dagster: code location", "its import", location, 2.0, f"import dagster: {dagster}"))
    with tempfile.TemporaryDirectory() as folder:
        demo = took(*SEATSYNC, "demo", runs=1, SEATSYNC_HOME=str(Path(folder) / "home"))
    found.append(_figure("demo", "without installation", demo, 20.0))
    return [*found, pull_figure(location)]


def pull_figure(location: Took) -> Figure:
    """A `duo_pull` of the sample month, scan and preview included; the sandbox answers at once."""
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as home:
        pulled = took(*SEATSYNC, "pull", "duo", runs=1, SEATSYNC_HOME=home, **sandbox.settings())
    note = f"the code location's import is {location.seconds:.2f} s of it; the sandbox answers at once"
    return _figure("Dagster: duo_pull", "sample month, with its scan", pulled, 10.0, note)


def _figure(name: str, at: str, measured: Took, limit: float, note: str = "") -> Figure:
    return Figure(name, at, f"{limit:g} s", str(measured), measured.seconds / limit, 1.0, note=note)
