"""Scans in the warehouse: what was saved is what is loaded, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from seatsync_pipeline.connectwise import store
from seatsync_pipeline.connectwise.records import (
    Addition,
    Agreement,
    AgreementType,
    Company,
    Product,
    Scan,
)
from seatsync_pipeline.connectwise.store import digest, known_additions, latest_scan_id, load_scan, save_scan
from seatsync_pipeline.errors import NotFound, WarehouseError
from seatsync_pipeline.warehouse import Warehouse

SCAN = Scan(
    companies=(
        Company(1, "A", 'Quote "and", comma'),
        Company(2, "B", "Ünïcode 株式会社", "Inactive", True, ""),
    ),
    agreement_types=(AgreementType(5, "Managed Services"), AgreementType(6, "NULL", inactive=True)),
    agreements=(
        Agreement(10, "Gold", 1, "Managed Services", next_invoice_date=date(2026, 12, 1)),
        Agreement(11, "Old", 2, "NULL", 10, None, True, end_date=date(2020, 2, 29), additions_read=False),
    ),
    additions=(
        Addition(100, 10, 7, "MFA", Decimal("12.500001"), Decimal("0.1"), Decimal("999999999999.999999")),
        Addition(101, 10, 7, "MFA", Decimal(0), cancelled_date=date(2026, 11, 30), last_updated="2026Z"),
    ),
    products=(Product(7, "MFA", price=Decimal("3.10"), taxable=True), Product(8, "X", inactive=True)),
    taken_at=datetime(2026, 11, 20, 15, 30, 1, 234567, tzinfo=UTC),
    details={"requests": 12, "seconds": 0.25, "server": "http://127.0.0.1", "missing": None},
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "test.duckdb")


def test_what_is_saved_is_loaded_unchanged(warehouse: Warehouse) -> None:
    with warehouse.read() as connection:
        assert latest_scan_id(connection) is None
    first = save_scan(warehouse, SCAN, run_id="run-1")
    second = save_scan(warehouse, replace(SCAN, additions=()), run_id=None)
    with warehouse.read() as connection:
        assert latest_scan_id(connection) == second
        assert load_scan(connection, first) == SCAN
        assert load_scan(connection, second) == replace(SCAN, additions=())
        header = connection.execute(
            "select source, run_id, verdict, reasons, digest from snapshot where snapshot_id = ?", [first]
        ).fetchone()
    assert header == ("connectwise", "run-1", "complete", "[]", digest(SCAN))


def test_an_unknown_scan_is_not_found(warehouse: Warehouse) -> None:
    with warehouse.read() as connection, pytest.raises(NotFound, match="snap_none"):
        load_scan(connection, "snap_none")


def test_a_scan_that_cannot_be_stored_whole_is_not_stored_at_all(warehouse: Warehouse) -> None:
    twice = replace(SCAN, products=(SCAN.products[0], SCAN.products[0]))
    with pytest.raises(WarehouseError):
        save_scan(warehouse, twice, run_id=None)
    with warehouse.read() as connection:
        for table in ("snapshot", "company", "agreement_type", "agreement", "addition", "product"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)  # noqa: S608


def test_the_digest_is_of_the_content_alone() -> None:
    same = replace(
        SCAN,
        additions=SCAN.additions[::-1],
        products=(replace(SCAN.products[0], price=Decimal("3.100000")), SCAN.products[1]),
        taken_at=datetime(2027, 1, 1, tzinfo=UTC),
        details={},
    )
    assert digest(same) == digest(SCAN)
    more = replace(SCAN.additions[1], quantity=Decimal("0.000001"))
    assert digest(replace(SCAN, additions=(SCAN.additions[0], more))) != digest(SCAN)
    unset = replace(SCAN.companies[1], website=None)
    assert digest(replace(SCAN, companies=(SCAN.companies[0], unset))) != digest(SCAN)


def test_the_digest_says_the_same_in_every_release() -> None:
    """Scans that are stored already have theirs."""
    assert digest(SCAN) == "3e0e31e5161f04b1c607e93e9163edc275d3a006c5c62bc11c8544bcf2ac0965"


def test_a_zero_is_a_zero_whatever_its_sign() -> None:
    for first, second in ((Decimal(0), Decimal("-0")), (Decimal("-0"), Decimal(0))):
        assert digest(_with_quantities(first, second)) == digest(_with_quantities(second, first))


def _with_quantities(*quantities: Decimal) -> Scan:
    pairs = zip(SCAN.additions, quantities, strict=True)
    return replace(SCAN, additions=tuple(replace(one, quantity=quantity) for one, quantity in pairs))


def test_a_scan_of_many_portions_is_loaded_unchanged(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    additions = tuple(
        replace(SCAN.additions[number % 2], addition_id=number, unit_price=Decimal(number) / 4)
        for number in range(1, 60)
    )
    large = replace(SCAN, additions=additions)
    whole = digest(large)
    monkeypatch.setattr(store, "PORTION", 7)
    scan_id = save_scan(warehouse, large, run_id=None)
    with warehouse.read() as connection:
        assert load_scan(connection, scan_id) == large
    assert digest(large) == whole


def test_the_additions_of_the_last_scan_are_known_by_agreement(warehouse: Warehouse) -> None:
    assert known_additions(warehouse) == {}
    save_scan(warehouse, SCAN, run_id=None)
    assert known_additions(warehouse) == {10: {100, 101}}
    save_scan(warehouse, replace(SCAN, additions=SCAN.additions[:1]), run_id=None)
    assert known_additions(warehouse) == {10: {100}}
