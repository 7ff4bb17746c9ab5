"""Every fault of docs/reliability.md, run through the product: none ends in a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.cases import Case
from tests.reliability.place import Ground
from tests.reliability.table import all_cases, row_of, run_case

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_told_and_changes_no_number(case: Case, good_ground: Ground) -> None:
    seen = run_case(case, good_ground)
    assert seen.exit_code == case.exit_code, seen.output
    for words in case.says:
        assert words in seen.output
    assert seen.stored is case.stores
    assert row_of(case, seen) in PAGE.read_text("utf-8").splitlines(), "run: make reliability"


def test_the_page_has_a_row_for_each_case_and_no_other() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    systems = {case.system for case in CASES}
    assert len(rows) == len(CASES) + 2 * len(systems)  # each table has a header and a rule
