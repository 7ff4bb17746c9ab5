"""Write docs/reliability.md: every fault, what a user sees of it and what is stored, as running it shows.

Run `make reliability` after a change of a message or of a case in tests/reliability; it takes some minutes, because
every case is a real command over real HTTP. A test holds that the committed page is what the cases give. What belongs
here: the words around the tables. What does not: the cases, and how they are run (tests/reliability).
"""  # noqa: INP001  # a script beside the page it writes, no package

from __future__ import annotations

import sys
import tempfile
from itertools import groupby
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "reliability.md"

_INTRODUCTION = """\
# Reliability

What becomes of each fault. This page is written by `docs/make_reliability.py` from what the cases in
`tests/reliability` saw; do not edit it. Every test run runs them again and compares.

Each case starts from a home with good data: the sample month scanned, pulled, imported and previewed. Then the fault is
switched on, one command is run as an operator runs it, against stand-ins that speak real HTTP, and the database and
the stand-in's own records are compared with those of before. **No fault ends in a number**: what the last column says
was observed, not expected.

- "for ever" means that each attempt meets the fault. How often is tried is real; the waits between are cut short.
- A message is shown shortened, without times, ids and ports. Exit codes: 0 done, 1 finished with failures, 2 refused.
- The sample month has subaccounts and rows that cannot be read, so that a pull or an import that goes well ends with 1.
- Processes that are killed at every single point of a push are in `tests/push`, and ten at once on one database in
  `tests/warehouse`."""


def main() -> None:
    """Run every case and write the page; not when a case shows something else than it should, and say which."""
    sys.path.insert(0, str(PROJECT))
    from tests.reliability.place import ground
    from tests.reliability.table import HEADER, all_cases, require, row_of, run_case

    parts, wrong = [_INTRODUCTION], 0
    with tempfile.TemporaryDirectory() as folder, ground(Path(folder)) as made:
        for system, cases in groupby(all_cases(), key=lambda case: case.system):
            rows = []
            for case in cases:
                sys.stderr.write(f"{case.name}\n")
                try:
                    seen = run_case(case, made)
                    require(case, seen)
                except AssertionError as error:
                    sys.stderr.write(f"  WRONG: {error}\n")
                    wrong += 1
                else:
                    rows.append(row_of(case, seen))
            parts.append(f"## {system}")
            parts.append("\n".join([*HEADER, *rows]))
    if wrong:
        sys.exit(f"{wrong} cases show something else than they should; the page is as it was")
    PAGE.write_text("\n\n".join(parts) + "\n", "utf-8")


if __name__ == "__main__":
    main()
