"""Whatever the export holds: it is refused in the reader's own words, or each of its numbers stands in the file."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.base import SourceSnapshot, State
from seatsync_pipeline.sources.store import load_snapshot, save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.fuzz.damage import files
from tests.fuzz.harness import fuzzed, told
from tests.sources.test_avanan_properties import accounted, check

EXPORT = [
    ["Tenant name", "Portal", "License", "Users", "Status", "Domain"],
    ["Acme Dental", "acme", "Email Protect", "42", "Paid", "acme.example"],
    ["Acme Dental", "acme", "Archiving", "7", "Paid", "acme.example"],
    ["Müller & Söhne", "muller", "Email Protect", "1,234", "Paid", "müller.example"],
    ["Beta, Inc", "beta", "Complete Protect", "5.0", "POC", ""],
    ["Gamma", "gamma", "Email Protect", "0", "Paid", "gamma.example"],
    ["Delta", "delta", "Email Protect", "3", "Expired", ""],
    ["Total", "", "", "1,291", "", ""],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


def read(folder: Path, data: bytes) -> SourceSnapshot | None:
    path = folder / "export.csv"
    path.write_bytes(data)
    try:
        return read_export(path)
    except FileRefused as refusal:
        told(refusal)
        return None


def records(data: bytes, snapshot: SourceSnapshot) -> dict[int, list[str]]:
    """The file's records by the line on which each begins, as the csv module alone sees them."""
    text = data.decode(snapshot.details["encoding"])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=snapshot.details["delimiter"])
    found, begins = {}, 1
    for cells in reader:
        found[begins] = [cell.strip() for cell in cells]
        begins = reader.line_num + 1
    return found


@fuzzed(data=files(EXPORT))
def test_no_number_comes_from_nowhere(folder: Path, data: bytes) -> None:
    snapshot = read(folder, data)
    if snapshot is None:
        return
    check(snapshot)
    by_line = records(data, snapshot)
    header = snapshot.details["header_line"]
    assert accounted(snapshot) == sum(1 for line in by_line if line > header)
    users = snapshot.details["header"].index(snapshot.details["columns"]["users"])
    for observation in snapshot.observations:
        written = by_line[observation.evidence["line"]][users]
        if observation.seats is not None:
            assert Decimal(written.replace(",", "")) == observation.seats
        else:
            assert observation.state is not State.COUNTED
    for state in State:
        counted = [o.seats or Decimal(0) for o in snapshot.observations if o.state is state]
        assert snapshot.details["seats"].get(state.value, 0) == sum(counted)


@fuzzed(cost=30, data=files(EXPORT, most=2))
def test_what_was_read_is_stored_as_it_is(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    snapshot = read(folder, data)
    if snapshot is None:
        return
    warehouse = Warehouse(folder / "seatsync.duckdb")
    snapshot_id = save_snapshot(warehouse, snapshot, run_id=None)
    with warehouse.read() as connection:
        loaded = load_snapshot(connection, snapshot_id)
    assert loaded.accounts == snapshot.accounts
    assert loaded.observations == snapshot.observations
