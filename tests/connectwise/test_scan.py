"""The scan: equal to what ConnectWise holds, in every way of paging and through every passing fault, or an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.connectwise.additions import _FIELDS
from seatsync_pipeline.connectwise.records import (
    Addition,
    Agreement,
    AgreementType,
    Company,
    Product,
    Scan,
)
from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.connectwise.store import latest_scan_id, save_scan
from seatsync_pipeline.errors import (
    CredentialsRefused,
    IncompleteAnswer,
    PermanentVendorError,
    SeatSyncError,
    TransientVendorError,
)
from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.sandbox.month import AdditionRow, CompanyRow, ProductRow
from seatsync_pipeline.sandbox.service import LoggedRequest
from seatsync_pipeline.warehouse import Warehouse
from tests.connectwise.conftest import Connect

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
LISTS = ("company/companies", "finance/agreements", "finance/agreements/types", "procurement/catalog")


def content(of: Scan) -> tuple[Any, ...]:
    return of.companies, of.agreement_types, of.agreements, of.additions, of.products


def expected(month: SampleMonth) -> tuple[Any, ...]:
    """What a scan of this month must hold, made from the month's rows and not from any answer."""
    types = {row.id: row.name for row in month.agreement_types}
    codes = {row.id: row.identifier for row in month.catalog}
    read = {
        row.id: not row.cancelled
        and row.status == "Active"
        and (row.end_date is None or row.end_date >= month.today)
        for row in month.agreements
    }
    return (
        tuple(Company(r.id, r.identifier, r.name, r.status, r.deleted, r.website) for r in month.companies),
        tuple(AgreementType(r.id, r.name, r.inactive) for r in month.agreement_types),
        tuple(
            Agreement(
                r.id, r.name, r.company_id, types[r.type_id], r.parent_agreement_id, r.status, r.cancelled,
                r.start_date, r.end_date, r.bill_start_date, r.next_invoice_date, r.billing_cycle, r.prorate,
                read[r.id],
            )
            for r in month.agreements
        ),
        tuple(
            Addition(
                r.id, r.agreement_id, r.product_id, codes[r.product_id], r.quantity, r.less_included,
                r.unit_price, r.unit_cost, r.bill_customer, r.effective_date, r.cancelled_date, r.description,
                "2026-10-02T15:04:05Z",
            )
            for r in month.additions
            if read[r.agreement_id]
        ),
        tuple(
            Product(
                r.id, r.identifier, r.description, r.product_class, r.inactive, r.price, r.cost, r.taxable,
                r.billing_cycle,
            )
            for r in month.catalog
        ),
    )  # fmt: skip


def paths(requests: list[LoggedRequest]) -> Counter[str]:
    return Counter(request.path.partition("apis/3.0/")[2].strip("/") for request in requests)


def additions_asked(requests: list[LoggedRequest]) -> int:
    return sum(count for path, count in paths(requests).items() if path.endswith("/additions"))


@pytest.mark.parametrize("concurrency", ["1", "8"])
@pytest.mark.parametrize("forward_only", [True, False])
def test_a_scan_of_the_sample_month_equals_its_data(
    sandbox: Sandbox, connect: Connect, *, forward_only: bool, concurrency: str
) -> None:
    if not forward_only:
        sandbox.connectwise.state.forward_only.clear()
    seen: list[tuple[str, int, int]] = []
    reader = connect(sandbox, CONNECTWISE_CONCURRENCY=concurrency)
    result = scan(reader, progress=lambda *step: seen.append(step), now=lambda: NOW)

    assert content(result) == expected(sandbox.month)
    assert result.taken_at == NOW
    requests = sandbox.connectwise.requests
    in_scope = sum(agreement.additions_read for agreement in result.agreements)
    filled = {addition.agreement_id for addition in result.additions}
    counts = [path for path in paths(requests) if path.endswith("/additions/count")]
    assert len(counts) == in_scope - len(filled)  # an empty list is believed only with its count
    # companyinfo, and a page and a count per list, of which the recap has no count
    assert len(requests) == in_scope + len(counts) + 1 + 2 * len(LISTS) + 1
    assert additions_asked(requests) == in_scope
    assert ("additions", in_scope, in_scope) in seen
    assert result.details["requests"] == len(requests)
    assert result.details["invoice_dates"] == "the recap"
    assert result.details["codebase"] == "v2026_1/"
    assert len(sandbox.connectwise.service.server._connections) <= int(concurrency)
    assert {request.method for request in requests} == {"GET"}


def test_a_scan_is_dated_before_it_asks_for_anything(sandbox: Sandbox, connect: Connect) -> None:
    """What is pushed while it reads may be missing in it: that operation has to count as the later one."""
    result = scan(connect(sandbox), now=lambda: NOW + timedelta(seconds=len(sandbox.connectwise.requests)))
    assert result.taken_at == NOW


def test_running_and_coming_agreements_are_read_and_those_that_ended_are_not(
    sandbox: Sandbox, connect: Connect
) -> None:
    today = sandbox.month.today.isoformat()
    changes: dict[int, dict[str, Any]] = {
        1001: {"noEndingDateFlag": False, "endDate": f"{today}T00:00:00Z"},
        1002: {"noEndingDateFlag": False, "endDate": "2026-11-19T00:00:00Z"},
        1003: {"agreementStatus": "Inactive", "startDate": "2026-12-01T00:00:00Z"},
        1004: {"agreementStatus": "Inactive"},
        1005: {"cancelledFlag": True},
        1006: {"agreementStatus": None},
        1007: {"agreementStatus": "Expired"},
        1008: {"agreementStatus": " inactive"},
        1009: {"agreementStatus": "Expired", "startDate": "2026-12-01T00:00:00Z"},
        1010: {"agreementStatus": "Cancelled", "startDate": "2026-12-01T00:00:00Z"},
        1011: {"agreementStatus": "Inactive", "startDate": f"{today}T00:00:00Z"},
        1012: {"agreementStatus": "On Hold"},
    }
    for key, change in changes.items():
        sandbox.connectwise.state.agreements[key].update(change)
    result = scan(connect(sandbox))
    read = {agreement.agreement_id for agreement in result.agreements if agreement.additions_read}
    assert read & changes.keys() == {1001, 1003, 1006, 1009, 1012}


def large_month() -> SampleMonth:
    month = SampleMonth.load()
    return replace(
        month,
        companies=(*month.companies, *(CompanyRow(n, f"C{n}", f"Company {n}") for n in range(1001, 3301))),
        catalog=(*month.catalog, *(ProductRow(n, f"P{n}") for n in range(1001, 1976))),
        additions=(
            *month.additions,
            *(AdditionRow(n, 1001, 708, Decimal(n % 7)) for n in range(10_001, 11_101)),
        ),
    )


@pytest.mark.parametrize("forward_only", [True, False])
def test_lists_of_several_pages_are_read_whole_and_in_a_stable_order(
    connect: Connect, *, forward_only: bool
) -> None:
    with Sandbox(large_month()) as large:
        if not forward_only:
            large.connectwise.state.forward_only.clear()
        result = scan(connect(large))
        assert [company.company_id for company in result.companies] == sorted(
            large.connectwise.state.companies
        )
        assert [product.product_id for product in result.products] == sorted(large.connectwise.state.catalog)
        assert len([one for one in result.additions if one.addition_id > 10_000]) == 1100
        asked = paths(large.connectwise.requests)
        # without forward-only: a first page in vain, and then every page twice
        assert asked["company/companies"] == (3 if forward_only else 1 + 2 * 3)
        # one full page: a Link says that it is the last; without one the next has to be tried
        assert asked["procurement/catalog"] == (1 if forward_only else 1 + 2 * 2)
        assert asked["finance/agreements/1001/additions"] == 2 * 2
        for request in large.connectwise.requests:
            assert "page" not in request.query or request.query["orderBy"] == "id asc"
    assert ("page numbers" in str(result.details["paging"])) is not forward_only


def test_an_addition_that_parent_and_child_list_counts_once_and_is_the_childs(
    sandbox: Sandbox, connect: Connect
) -> None:
    children = {
        row.id: row.parent_agreement_id for row in sandbox.month.agreements if row.parent_agreement_id
    }
    assert children
    result = scan(connect(sandbox))
    ids = Counter(addition.addition_id for addition in result.additions)
    assert set(ids.values()) == {1}
    mine = {one.addition_id: one.agreement_id for one in result.additions if one.agreement_id in children}
    assert {5010, 5019} <= mine.keys()

    def forget_owner(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name != "agreementId"} for row in rows]

    sandbox.connectwise.faults.add("rewrite", path="*/additions", times=None, change=forget_owner)
    assert content(scan(connect(sandbox))) == content(result)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "rate_limit", "path": "*/additions", "times": 3, "retry_after": 0},
        {"kind": "rate_limit", "path": "*/companies", "retry_after": 1, "http_date": True},
        {"kind": "error", "status": 502, "path": "*/catalog", "times": 2},
        {"kind": "reset", "path": "*/additions", "times": 3},
        {"kind": "truncate", "path": "*/agreements"},
        {"kind": "error", "status": 503, "path": "*/agreementrecap/"},
        {"kind": "count", "path": "*/catalog/count"},
        {"kind": "answer", "value": [], "path": "*/companies"},
        {"kind": "answer", "value": [], "path": "*/additions", "times": None, "query": {"fields": _FIELDS}},
    ],
    ids=lambda fault: f"{fault['kind']} {fault['path']}",
)
def test_passing_faults_change_nothing(sandbox: Sandbox, connect: Connect, fault: dict[str, Any]) -> None:
    sandbox.connectwise.faults.add(**fault)
    assert content(scan(connect(sandbox))) == expected(sandbox.month)


def test_an_upgrade_in_the_middle_changes_nothing(sandbox: Sandbox, connect: Connect) -> None:
    def upgrade(rows: Any) -> Any:
        sandbox.connectwise.state.codebase = "v2026_2/"
        return rows

    sandbox.connectwise.faults.add("rewrite", path="*/additions", after=5, change=upgrade)
    result = scan(connect(sandbox))
    assert content(result) == expected(sandbox.month)
    assert result.details["codebase"] == "v2026_2/"


def drop(name: str, *, of: int) -> Callable[[Any], Any]:
    """Forget one field of one record in a list."""
    return lambda rows: [
        {key: value for key, value in row.items() if row["id"] != of or key != name} for row in rows
    ]


def put(name: str, value: object, *, of: int) -> Callable[[Any], Any]:
    return lambda rows: [{**row, name: value} if row["id"] == of else row for row in rows]


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ({"kind": "count", "path": "*/companies/count", "delta": 3}, IncompleteAnswer, "42.*45"),
        ({"kind": "count", "path": "*/agreements/count", "delta": -1}, IncompleteAnswer, "60.*59"),
        ({"kind": "answer", "value": [], "path": "*/catalog"}, IncompleteAnswer, "list has 0.*count says 25"),
        ({"kind": "answer", "value": {"items": []}, "path": "*/catalog"}, PermanentVendorError, "a list"),
        ({"kind": "error", "status": 500, "path": "*/additions"}, TransientVendorError, "500"),
        (
            {"kind": "error", "status": 403, "path": "*/1003/additions"},
            CredentialsRefused,
            "Finance > Agreements",
        ),
        ({"kind": "error", "status": 403, "path": "*/catalog"}, CredentialsRefused, "Product Catalog"),
        (
            {"kind": "error", "status": 404, "path": "*/1003/additions"},
            IncompleteAnswer,
            "agreement 1003 .*listed a moment ago, and now the server answered 404.*scan again",
        ),
        ({"kind": "error", "status": 400, "path": "*/agreementrecap*"}, PermanentVendorError, "400"),
        ({"kind": "garbage", "path": "*/additions"}, TransientVendorError, "broke off"),
        (
            {"kind": "rewrite", "path": "*/1003/additions", "change": put("quantity", None, of=5003)},
            PermanentVendorError,
            "addition 5003 of agreement 1003.*quantity",
        ),
        (
            {"kind": "rewrite", "path": "*/1003/additions", "change": drop("product", of=5003)},
            PermanentVendorError,
            "addition 5003 .*product",
        ),
        (
            {"kind": "rewrite", "path": "*/1003/additions", "change": put("agreementId", 9, of=5003)},
            IncompleteAnswer,
            "addition 5003 belongs to agreement 9",
        ),
        (
            {"kind": "rewrite", "path": "*/agreements", "change": drop("company", of=1007)},
            PermanentVendorError,
            "agreement 1007.*company",
        ),
    ],
    ids=lambda value: f"{value['kind']} {value['path']}" if isinstance(value, dict) else "",
)
def test_a_scan_that_fails_stores_nothing(
    sandbox: Sandbox,
    connect: Connect,
    tmp_path: Path,
    *,
    fault: dict[str, Any],
    error: type[SeatSyncError],
    says: str,
) -> None:
    warehouse = Warehouse(tmp_path / "test.duckdb")
    before = save_scan(warehouse, scan(connect(sandbox)), run_id=None)
    sandbox.connectwise.faults.add(times=None, **fault)
    with pytest.raises(error, match=rf"(?s){says}"):
        save_scan(warehouse, scan(connect(sandbox)), run_id=None)
    with warehouse.read() as connection:
        assert latest_scan_id(connection) == before
        assert connection.execute("select count(distinct snapshot_id) from addition").fetchone() == (1,)


@pytest.mark.parametrize("path", ["company/companies", "finance/agreements", "procurement/catalog"])
def test_an_empty_list_that_agrees_with_its_count_is_a_missing_right(
    sandbox: Sandbox, connect: Connect, path: str
) -> None:
    sandbox.connectwise.faults.add("answer", path=f"*/{path}", value=[], times=None)
    sandbox.connectwise.faults.add("answer", path=f"*/{path}/count", value={"count": 0}, times=None)
    with pytest.raises(IncompleteAnswer, match=r"not a single one.*role lacks .*Inquire All"):
        scan(connect(sandbox))


def test_a_failure_beside_the_additions_ends_the_scan_early(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.connectwise.faults.add("error", path="*/catalog", status=403, times=None)
    with pytest.raises(CredentialsRefused, match="Product Catalog"):
        scan(connect(sandbox, CONNECTWISE_CONCURRENCY="1"))
    assert additions_asked(sandbox.connectwise.requests) < 10


def test_invoice_dates_come_from_the_recap_and_else_from_the_agreement(
    sandbox: Sandbox, connect: Connect
) -> None:
    recap = [{"id": 1001, "nextInvoiceDate": "2026-12-24T00:00:00Z"}, {"id": 1002, "nextInvoiceDate": None}]
    recap += [{"id": 1003, "nextInvoiceDate": "12/24/2026"}]
    sandbox.connectwise.faults.add("answer", path="*/agreementrecap/", value=recap, times=None)
    sandbox.connectwise.state.agreements[1004]["nextInvoiceDate"] = None
    result = scan(connect(sandbox))
    dates = {one.agreement_id: one.next_invoice_date for one in result.agreements}
    own = {row.id: row.next_invoice_date for row in sandbox.month.agreements}
    assert dates == {**own, 1001: date(2026, 12, 24), 1004: None}
    assert "for 50 agreements the agreement itself; " in str(result.details["invoice_dates"])


@pytest.mark.parametrize("status", [307, 404])
def test_the_recap_may_be_known_without_its_slash(sandbox: Sandbox, connect: Connect, status: int) -> None:
    sandbox.connectwise.faults.add("error", path="*/agreementrecap/", status=status, times=None)
    assert scan(connect(sandbox)).details["invoice_dates"] == "the recap"


@pytest.mark.parametrize("status", [403, 404])
def test_without_a_recap_the_agreements_own_dates_serve(
    sandbox: Sandbox, connect: Connect, status: int
) -> None:
    sandbox.connectwise.faults.add("error", path="*/agreementrecap*", status=status, times=None)
    result = scan(connect(sandbox))
    assert content(result) == expected(sandbox.month)
    assert result.details["invoice_dates"] == f"the agreements themselves (the recap answered {status})"


def test_a_product_without_identifier_is_named_from_the_catalog(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.connectwise.faults.add(
        "rewrite", path="*/1003/additions", times=None, change=put("product", {"id": 701}, of=5003)
    )
    assert content(scan(connect(sandbox))) == expected(sandbox.month)


@pytest.mark.parametrize("cut_at", [25, 70])
def test_a_page_that_may_have_been_cut_without_a_word_is_compared_with_the_count(
    sandbox: Sandbox, connect: Connect, cut_at: int
) -> None:
    """A server that ignores pageSize, or caps it, and sends no Link would otherwise lose additions silently."""
    row = sandbox.connectwise.state.additions[5001]
    sandbox.connectwise.state.additions.update({n: {**row, "id": n} for n in range(9001, 9101)})
    whole = scan(connect(sandbox))
    assert len([one for one in whole.additions if one.addition_id > 9000]) == 100
    sandbox.connectwise.faults.add(
        "rewrite", path="*/1001/additions", times=None, change=lambda rows: rows[:cut_at]
    )
    with pytest.raises(
        IncompleteAnswer, match=rf"additions of agreement 1001 .* has {cut_at} and the count says 10\d"
    ):
        scan(connect(sandbox))
