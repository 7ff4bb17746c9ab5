"""Every fault of docs/reliability.md, run through the product: none ends in a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.cases import Case
from tests.reliability.place import Ground
from tests.reliability.table import HEADER, all_cases, require, row_of, run_case

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_told_and_changes_no_number(case: Case, good_ground: Ground) -> None:
    seen = run_case(case, good_ground)
    require(case, seen)
    assert row_of(case, seen) in PAGE.read_text("utf-8").splitlines(), "run: make reliability"


def test_the_page_has_a_row_for_each_case_and_no_other() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) == len(CASES) + len(HEADER) * len({case.system for case in CASES})
