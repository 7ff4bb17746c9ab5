"""Whatever answers in ConnectWise's place: an error of our own, or records that were sent, number for number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise import parse
from seatsync_pipeline.connectwise.access import Retries
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.lists import CATALOG, read_counted, read_recap
from seatsync_pipeline.connectwise.paging import read_list
from seatsync_pipeline.connectwise.records import Addition, Scan
from seatsync_pipeline.connectwise.store import load_scan, save_scan
from seatsync_pipeline.errors import PermanentVendorError, SeatSyncError
from seatsync_pipeline.warehouse import Warehouse
from tests.connectwise.stub import KEYS, Asked, Reply, serve
from tests.fuzz.damage import bodies, damaged
from tests.fuzz.harness import fuzzed, told

ROWS: dict[str, dict[str, Any]] = {
    "company": {
        "id": 2,
        "identifier": "Ex",
        "name": "Example",
        "status": {"id": 1, "name": "Active"},
        "deletedFlag": False,
    },
    "agreement_type": {"id": 5, "name": "Managed Services", "inactiveFlag": False},
    "agreement": {
        "id": 330,
        "name": "MSA Gold",
        "company": {"id": 2, "name": "Example"},
        "type": {"id": 5, "name": "Managed Services"},
        "parentAgreement": {"id": 329},
        "agreementStatus": "Active",
        "startDate": "2025-01-01T00:00:00Z",
        "endDate": "2027-01-01T00:00:00Z",
        "noEndingDateFlag": False,
        "nextInvoiceDate": "2026-12-01T00:00:00Z",
        "billingCycle": {"id": 1, "name": "Monthly"},
    },
    "addition": {
        "id": 9001,
        "agreementId": 330,
        "product": {"id": 812, "identifier": "MFA-SEAT"},
        "quantity": 12.5,
        "lessIncluded": 2,
        "unitPrice": 3.5,
        "unitCost": "2.00",
        "billCustomer": "Billable",
        "effectiveDate": "2026-08-01T00:00:00Z",
        "cancelledDate": None,
        "_info": {"lastUpdated": "2026-08-01T14:02:11Z"},
    },
    "product": {
        "id": 812,
        "identifier": "MFA-SEAT",
        "price": 3.5,
        "cost": 2,
        "taxableFlag": True,
        "productClass": "Service",
    },
}
TABLES = {
    "company": "companies",
    "agreement_type": "agreement_types",
    "agreement": "agreements",
    "product": "products",
}
PATH = "/procurement/catalog"
NAMES = ["Link", "Retry-After", "Date", "Content-Type", "Content-Encoding", "Location", "Set-Cookie", "ETag"]
VALUES = [
    *(
        '<http://h/x?page=2>; rel="next"',
        '<http://h/x?pageId=4>; rel="next"',
        '<http://[h/x?page=2>; rel="next"',
    ),
    *("0", "3600", "9" * 40, "soon", "Fri, 20 Nov 2026 12:00:45 +99999999999999", "text/html; charset=rot13"),
    *("application/json; charset=utf-16", "gzip", "deflate", "http://[", "//", "a=b; path=[", ""),
]


def record(kind: str, row: Any) -> Any:
    made: Callable[..., Any] = getattr(parse, kind)
    return made(row, 330) if kind == "addition" else made(row)


def exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def written(value: object) -> Decimal:
    """The number as it stands in the answer, to the six places that are kept."""
    assert isinstance(value, int | Decimal | str)
    return round(Decimal(value), 6)


rows = st.sampled_from(sorted(ROWS)).flatmap(
    lambda kind: st.tuples(st.just(kind), damaged(exact(json.dumps(ROWS[kind]))))
)


@fuzzed(drawn=rows)
def test_a_record_says_what_was_sent_or_names_what_it_cannot_read(drawn: tuple[str, Any]) -> None:
    kind, row = drawn
    if not isinstance(row, dict):
        return  # the reader of pages refuses it
    try:
        made = record(kind, row)
    except PermanentVendorError as error:
        told(error)
        return
    if isinstance(made, Addition):
        assert made.quantity == written(row["quantity"])
        for name, value in (("unitPrice", made.unit_price), ("unitCost", made.unit_cost)):
            assert (value is None) == (
                row.get(name) in {None, ""} if not isinstance(row.get(name), dict | list) else False
            )
            assert value is None or value == written(row[name])


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(tmp_path_factory.mktemp("scans") / "seatsync.duckdb")


@fuzzed(cost=30, drawn=rows)
def test_every_record_that_can_be_read_can_be_stored(warehouse: Warehouse, drawn: tuple[str, Any]) -> None:
    kind, row = drawn
    try:
        made = record(kind, row) if isinstance(row, dict) else None
    except PermanentVendorError:
        return
    parts: dict[str, Any] = dict.fromkeys(
        ("companies", "agreement_types", "agreements", "additions", "products"), ()
    )
    parts[TABLES.get(kind, "additions")] = (made,) if made else ()
    scan = Scan(**parts, taken_at=datetime(2026, 11, 20, tzinfo=UTC))
    snapshot_id = save_scan(warehouse, scan, run_id=None)
    with warehouse.read() as connection:
        assert load_scan(connection, snapshot_id) == scan


@dataclass
class Server:
    """A catalog of seven products in pages of three, of which some answers are replaced."""

    url: str = ""
    numbered: bool = False
    answers: dict[int, Reply] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        reply = self.answers.get(len(self.sent), None) or self._good(asked)
        self.sent.append(reply.content())
        return reply

    def _good(self, asked: Asked) -> Reply:
        if asked.path.endswith("/count"):
            return Reply({"count": 7})
        by_number = self.numbered or "pagination-type" not in asked.headers
        place = int(asked.query.get("page", "1")) if by_number else int(asked.query.get("pageId", "1"))
        found = [product(key) for key in range(3 * place - 2, min(3 * place, 7) + 1)]
        name = "page" if by_number else "pageId"
        link = f'<{self.url}{asked.path}?{name}={place + 1}>; rel="next"' if place < 3 else ""
        return Reply(found, headers={"Link": link})


def product(key: int) -> dict[str, Any]:
    return {**ROWS["product"], "id": key, "identifier": f"P{key}"}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Server, ConnectWiseReader]]:
    made = Server()
    with ExitStack() as stack:
        made.url, _ = stack.enter_context(serve(made.answer))
        patience = Retries(attempts=2, attempts_when_limited=2, base=0.0, cap=0.0, patience=0.0)
        reader = ConnectWiseReader(made.url, KEYS, requests_per_minute=10**9, retries=patience, timeout=5.0)
        yield made, stack.enter_context(reader)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    document = draw(
        st.sampled_from(
            [
                [product(1), product(2)],
                {"count": 7},
                {"code": "X", "message": "no", "errors": [{"message": "y"}]},
            ]
        )
    )
    headers = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=2))
    status = (
        200 if draw(st.integers(0, 3)) < 3 else draw(st.sampled_from([204, 302, 400, 401, 404, 429, 500]))
    )
    return Reply(draw(bodies(document)), status, headers)


@fuzzed(cost=10, numbered=st.booleans(), answers=st.dictionaries(st.integers(0, 6), replies(), max_size=3))
def test_a_list_is_what_was_sent_or_an_error(
    server: tuple[Server, ConnectWiseReader], numbered: bool, answers: dict[int, Reply]
) -> None:
    site, reader = server
    for read in (
        lambda: read_list(reader, PATH).rows,
        lambda: read_counted(reader, CATALOG).records,
        lambda: read_recap(reader),
    ):
        site.numbered, site.answers, site.sent = numbered, answers, []
        try:
            found = read()
        except SeatSyncError as error:
            told(error)
            continue
        if isinstance(found, int):
            assert 300 <= found < 500
            continue
        assert found.keys() <= {row["id"] for row in sent_rows(site.sent)}
        if not answers:
            assert sorted(found) == list(range(1, 8))


def sent_rows(sent: list[bytes]) -> Iterator[dict[str, Any]]:
    """Every record in the answers."""
    for body in sent:
        try:
            page = exact_json.loads(body)
        except ValueError:
            continue
        yield from (
            (row for row in page if isinstance(row, dict) and "id" in row) if isinstance(page, list) else ()
        )
