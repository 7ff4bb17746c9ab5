"""`make bench`: every benchmark, one table. Name modules to run only those: `python -m benchmarks scan duo`."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.harness import Figure, machine, table

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
    found: list[Figure] = []
    print(machine(), file=sys.stderr)
    for name in wanted or MODULES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found += import_module(f"benchmarks.{name}").figures()
    print(f"{machine()}\n\n{table(found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
