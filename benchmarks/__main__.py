"""`make bench`: every benchmark, one table. Name modules to run only those: `python -m benchmarks scan duo`."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from benchmarks.harness import HEAD, lines_of, machine

# One line each. A module has `figures() -> list[Figure]`.
MODULES = (
    "imports",
    "scan",
    "duo",
    "matching",
    "reconcile",
    "push",
    "cli",
    "pacing",
    "growth",
)


def main(wanted: list[str]) -> None:
    # As on an operator's machine, where the second start of a command does not compile anything.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Line by line, so that a module that fails late leaves what was measured before it.
    print(f"{machine()}\n\n{HEAD}", flush=True)
    for name in wanted or MODULES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        print(lines_of(import_module(f"benchmarks.{name}").figures()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
