"""What the decisions of these tests are about: a small ConnectWise, a few tenants, and what became of them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from seatsync_pipeline.connectwise.records import AgreementType, Company, Product, Scan
from seatsync_pipeline.sources.base import Account, Observation, SourceSnapshot, State
from seatsync_pipeline.warehouse import Warehouse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACME, ACME_EAST, CLOSED, DELETED = 105, 106, 107, 108
PROTECT, DUO_SEAT, BUNDLE, RETIRED = 201, 202, 203, 204

SCAN = Scan(
    companies=(
        Company(ACME, "acme", "Acme Dental"),
        Company(ACME_EAST, "acmee", "Acme Dental East"),
        Company(CLOSED, "closed", "Closed Ltd", status="Inactive"),
        Company(DELETED, "deleted", "Gone Inc", deleted=True),
    ),
    agreement_types=(AgreementType(1, "Managed Services"), AgreementType(2, "Security")),
    agreements=(),
    additions=(),
    products=(
        Product(PROTECT, "AVANAN-PROTECT"),
        Product(DUO_SEAT, "DUO-SEAT"),
        Product(BUNDLE, "SECURITY-BUNDLE", product_class="Bundle"),
        Product(RETIRED, "AVANAN-OLD", inactive=True),
        Product(301, "202"),  # its identifier is another product's id
    ),
    taken_at=NOW,
)


def snapshot(*accounts: tuple[str, str, str]) -> SourceSnapshot:
    """An Avanan snapshot of (key, name, license)."""
    return SourceSnapshot(
        source="avanan",
        taken_at=NOW,
        accounts=tuple(Account(key, name) for key, name, _ in accounts),
        observations=tuple(
            Observation(key, name, license_name, Decimal(5), State.COUNTED)
            for key, name, license_name in accounts
        ),
        digest="0",
    )


TENANTS = snapshot(
    ("acme-portal", "Acme Dental", "Email Protect"),
    ("east-portal", "Acme East", "Complete Protect"),
    ("twin-1", "Twin", "Email Protect"),
    ("twin-2", "Twin", "Email Protect"),
)


def rows(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    with warehouse.read() as connection:
        found = connection.table(table).order("change_id")
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def changes(warehouse: Warehouse) -> int:
    tables = ("mapping_change", "link_change", "agreement_type_filter_change")
    return sum(len(rows(warehouse, table)) for table in tables)
