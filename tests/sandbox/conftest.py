"""A small sandbox, and clients that know its keys. Nothing of the product is used: the sandbox must judge it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import httpx
import pytest

from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.sandbox.month import (
    AdditionRow,
    AgreementRow,
    AgreementTypeRow,
    CompanyRow,
    ProductRow,
    SubaccountRow,
)

API = "/v2026_1/apis/3.0"
START = date(2026, 1, 1)


@pytest.fixture
def month() -> SampleMonth:
    return SampleMonth(
        companies=tuple(CompanyRow(number, f"C{number}", f"Company {number:02d}") for number in range(1, 61)),
        agreement_types=(AgreementTypeRow(1, "Managed Services"), AgreementTypeRow(2, "Old", inactive=True)),
        agreements=(
            AgreementRow(10, "Parent", 1, 1, start_date=START, next_invoice_date=date(2026, 12, 1)),
            AgreementRow(11, "Child", 1, 1, parent_agreement_id=10, start_date=START, prorate=True),
            AgreementRow(12, "Ended", 2, 2, status="Expired", start_date=START, end_date=date(2026, 6, 30)),
        ),
        catalog=(
            ProductRow(5, "MFA", "MFA seat", price=Decimal("3.35"), cost=Decimal("1.10"), taxable=True),
            ProductRow(6, "BUNDLE", "A bundle", product_class="Bundle"),
            ProductRow(7, "MAIL", "Mail seat", price=Decimal(2), cost=Decimal(1)),
        ),
        additions=(
            AdditionRow(100, 10, 5, Decimal("12.5"), less_included=Decimal(2), effective_date=START),
            AdditionRow(101, 11, 5, Decimal(3), effective_date=START),
            AdditionRow(102, 10, 7, Decimal(1), effective_date=START, cancelled_date=date(2026, 11, 30)),
        ),
        duo_subaccounts=(
            SubaccountRow("DA000000000000000001", "Ace", enrolled_active=3, not_enrolled_active=2),
            SubaccountRow("DA000000000000000002", "Bay", enrolled_active=640, enrolled_pending_deletion=5),
            SubaccountRow("DA000000000000000003", "Cay", error=403),
        ),
    )


@pytest.fixture
def sandbox(month: SampleMonth) -> Iterator[Sandbox]:
    with Sandbox(month) as running:
        yield running


@pytest.fixture(scope="session")
def trust() -> ssl.SSLContext:
    """One context for all clients: each new one would read the whole certificate store."""
    return ssl.create_default_context()


@pytest.fixture
def cw(sandbox: Sandbox, trust: ssl.SSLContext) -> Iterator[httpx.Client]:
    """A client with ConnectWise's credentials; its paths begin after the API's version."""
    state = sandbox.connectwise.state
    with httpx.Client(
        base_url=sandbox.connectwise.url + API,
        auth=(f"{state.company_id}+{state.public_key}", state.private_key),
        headers={"clientId": state.client_id},
        timeout=20,
        verify=trust,
    ) as client:
        yield client
