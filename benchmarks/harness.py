"""What all benchmarks share: a figure, medians, a child process whose memory is its own, and the machine's name."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
RUNS = 3


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    `ratio` is what `limit` is about; `at_least` turns it round (so many times faster). `ideal` and `measured` are for
    people and carry their units. `note` says what else one has to know.
    """

    name: str
    what: str
    ideal: str
    measured: str
    ratio: float
    limit: float
    at_least: bool = False
    note: str = ""

    @property
    def reached(self) -> bool:
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit


def median_seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    """The median of the seconds that `work` takes."""
    return statistics.median(seconds(work) for _ in range(runs))


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_child(module: str, *arguments: str, python: str = sys.executable) -> dict[str, Any]:
    """Run `python -m module arguments` and return the JSON it prints last: for memory, which never goes down again."""
    done = subprocess.run(
        [python, "-m", module, *arguments], cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_megabytes() -> float:
    """This process's largest resident size so far. Not ru_maxrss, which a child inherits from its parent."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("this system does not tell a process's peak memory")


@contextmanager
def serving(*arguments: str) -> Iterator[int]:
    """`benchmarks.server` in a process of its own; gives its port."""
    command = [sys.executable, "-m", "benchmarks.server", *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None:
            raise OSError("the server has no output")
        try:
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def machine() -> str:
    """What the figures were taken on."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}, {platform.system()}, {load}"


HEAD = "| figure | at | ideal | measured | ratio | limit | |\n|---|---|---|---|---|---|---|"


def lines_of(figures: Sequence[Figure]) -> str:
    """Figures as lines of a Markdown table under `HEAD`."""
    lines = []
    for one in figures:
        limit = f"{'>=' if one.at_least else '<='} {one.limit:g}"
        verdict = "reached" if one.reached else "NOT REACHED"
        cells = (one.name, one.what, one.ideal, one.measured, f"{one.ratio:.2f}", limit, verdict)
        lines.append(f"| {' | '.join(cells)} |")
        if one.note:
            lines.append(f"| | {one.note} | | | | | |")
    return "\n".join(lines)
