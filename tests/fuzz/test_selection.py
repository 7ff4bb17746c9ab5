"""Whatever comes back as a selection: refused with its faults, or a plan of nothing but what was approved."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from seatsync_pipeline.errors import InputRefused
from seatsync_pipeline.push.gate import Known, judge
from seatsync_pipeline.push.plan import Plan
from seatsync_pipeline.push.selection import read_selection
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.rows import Action
from seatsync_pipeline.reconcile.sheet import SELECTION_COLUMNS, cell_text
from seatsync_pipeline.reconcile.store import Preview
from tests.fuzz.damage import files
from tests.fuzz.harness import fuzzed, told
from tests.push.test_gate import INPUTS, known, preview_of, with_companies
from tests.reconcile.worlds import worlds

HEADER = [*SELECTION_COLUMNS, "approved_at", "info_company_name"]


@dataclass(frozen=True)
class Case:
    """A file, and what the gate knows: the preview it was made from, and the newest one."""

    data: bytes
    known: Known

    @property
    def preview(self) -> Preview:
        assert self.known.preview is not None
        return self.known.preview

    @property
    def latest(self) -> dict[str, str]:
        assert self.known.latest is not None
        return {row["row_id"]: row["fingerprint"] for row in self.known.latest.rows}


def approved(row: dict[str, Any], *, yes: bool) -> list[str]:
    """The row's cells in a selection, with a reason, and with the first agreement where there is a choice."""
    agreement = row["agreement_id"] or next((a["agreement_id"] for a in row["agreements"]), "")
    decided = ["yes" if yes else "", str(agreement), "checked with the client", "", "Ann", ""]
    return [row["preview_id"], row["row_id"], row["fingerprint"], *decided, cell_text(row["company_name"])]


def overtaken(draw: st.DrawFn, preview: Preview) -> Preview:
    """The newest preview: mostly the same one, else one in which a row is gone or has become another."""
    if not preview.rows or draw(st.integers(0, 3)):
        return preview
    position = draw(st.integers(0, len(preview.rows) - 1))
    other = dict(preview.rows[position]) | {"fingerprint": "fp_other"}
    return replace(
        preview,
        rows=(*preview.rows[:position], *[other] * draw(st.integers(0, 1)), *preview.rows[position + 1 :]),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    inputs: Inputs = draw(st.just(with_companies(INPUTS)) | worlds())
    preview = preview_of(inputs)
    free = [row for row in preview.rows if not row["blocked"] and row["action"] != Action.NONE]
    chosen = [
        row for row in (draw(st.sampled_from([free, preview.rows])) or preview.rows) if draw(st.booleans())
    ]
    table = [HEADER, *(approved(row, yes=draw(st.integers(0, 4)) > 0) for row in chosen)]
    latest = overtaken(draw, preview)
    book = Book(inputs.scan, inputs.setup.agreement_types, inputs.today)
    return Case(draw(files(table, most=2)), known(preview=preview, latest=latest, book=book))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("selections")


def ticked(data: bytes) -> list[list[str]]:
    """The records that hold a yes, as the csv module alone sees them."""
    text = data.decode("utf-8-sig")
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    trimmed = [[cell.strip() for cell in cells] for cells in records]
    return [cells for cells in trimmed if "yes" in [cell.casefold() for cell in cells]]


@fuzzed(cost=4, case=cases())
def test_a_plan_holds_what_was_approved_and_nothing_else(folder: Path, case: Case) -> None:
    path = folder / "selection.csv"
    path.write_bytes(case.data)
    try:
        selection = read_selection(path)
    except InputRefused as refusal:
        told(refusal)
        return
    result = judge(selection, case.known)
    if not isinstance(result, Plan):
        assert result
        assert all(fault.rule and fault.remedy for fault in result)
        return
    rows = {row["row_id"]: row for row in case.preview.rows}
    ticks = ticked(case.data)
    assert len(result.changes) == len(ticks) == len({change.row_id for change in result.changes})
    for change in result.changes:
        row = rows[change.row_id]
        assert case.latest[change.row_id] == row["fingerprint"]
        assert not row["blocked"]
        assert change.action == row["action"] != Action.NONE
        (tick,) = [cells for cells in ticks if change.row_id in cells]
        assert row["fingerprint"] in tick
        assert result.approved_by in tick
        assert change.reason or not row["needs_reason"]
        assert (change.before, change.after) == (row["current_quantity"], row["new_quantity"])
        assert (change.company_id, change.product_id) == (row["company_id"], row["product_id"])
        offered = [row["agreement_id"], *(choice["agreement_id"] for choice in row["agreements"])]
        assert change.agreement_id in offered
