"""Whatever stands in a setup file: it is applied whole, or refused and nothing is stored."""

from __future__ import annotations

import pytest

from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.errors import InputRefused
from seatsync_pipeline.reconcile import setup
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.fuzz.damage import files
from tests.fuzz.harness import fuzzed, told
from tests.reconcile.setup.known import ACME, ACME_EAST, DUO_SEAT, SCAN, TENANTS, changes

SETUP = [
    list(setup.COLUMNS),
    ["mapping", "avanan", "Email Protect", "", "product", "AVANAN-PROTECT", "", ""],
    ["mapping", "avanan", "Complete Protect", "", "no_charge", "", "", ""],
    ["mapping", "duo", "Duo MFA", "", "product", str(DUO_SEAT), "DUO-SEAT", ""],
    ["link", "avanan", "acme-portal", "Acme Dental", "company", str(ACME), "Acme Dental", ""],
    ["link", "avanan", "twin-1", "Twin", "not_billed", "", "", "our own"],
    ["link", "duo", "DA1", "Acme at Duo", "company", str(ACME_EAST), "", "told by phone"],
    ["agreement_type", "avanan", "", "", "include", "Security", "", ""],
    ["agreement_type", "duo", "", "", "all", "", "", ""],
]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("setup") / "seatsync.duckdb")
    save_scan(warehouse, SCAN, run_id=None)
    save_snapshot(warehouse, TENANTS, run_id=None)
    return warehouse


@fuzzed(cost=30, data=files(SETUP, most=2))
def test_a_setup_is_applied_whole_or_not_at_all(warehouse: Warehouse, data: bytes) -> None:
    path = warehouse.path.parent / "setup.csv"
    path.write_bytes(data)
    before = changes(warehouse)
    try:
        applied = setup.import_setup(warehouse, path, by="ann")
    except InputRefused as refusal:
        told(refusal)
        assert changes(warehouse) == before
        return
    assert changes(warehouse) == before + sum(change.changed for change in applied)
    assert not any(change.changed for change in setup.import_setup(warehouse, path, by="bob"))
    out = path.with_name("out.csv")
    setup.export_setup(warehouse, out)
    assert not any(change.changed for change in setup.import_setup(warehouse, out, by="bob"))
