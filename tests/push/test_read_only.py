"""Outside the push nothing can write to ConnectWise; and the push can write three things only."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from pathlib import Path

import pytest

from seatsync_pipeline.connectwise.client import ConnectWiseReader, reader_from
from seatsync_pipeline.connectwise.writer import ConnectWiseWriter
from seatsync_pipeline.errors import PermanentVendorError
from seatsync_pipeline.push.records import load_operations
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import save_snapshot
from tests.push.one_of_each import one_of_each
from tests.push.place import Place

ROOT = Path(__file__).parents[2]
WRITER = "seatsync_pipeline.connectwise.writer"
PUSH = "seatsync_pipeline.push"
SENDING = {"post", "put", "patch", "delete", "request", "send", "stream", "build_request"}


@lru_cache
def modules() -> dict[str, ast.Module]:
    """Every module of the product but the sandbox, which is what is written to."""
    found = {}
    for folder in ("seatsync_pipeline", "assets", "sensors"):
        for file in (ROOT / folder).rglob("*.py"):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if not name.startswith("seatsync_pipeline.sandbox"):
                found[name] = ast.parse(file.read_text("utf-8"))
    return found


def imported(tree: ast.Module) -> Iterator[str]:
    """The names of what a module imports, anywhere in it; `from a import b` may be the module a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_the_push_imports_the_writer() -> None:
    importers = {name for name, tree in modules().items() if WRITER in imported(tree)}
    assert importers
    assert {name for name in importers if not name.startswith(f"{PUSH}.")} == set()


def test_nothing_names_the_writer_to_import_it_by_its_name() -> None:
    named = [
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "connectwise.writer" in node.value
    ]
    assert named == []


@pytest.mark.parametrize(
    "start",
    [
        "assets",
        "seatsync_pipeline.reconcile",
        "seatsync_pipeline.sources",
        "seatsync_pipeline.connectwise.scan",
    ],
)
def test_what_reads_cannot_reach_the_writer(start: str) -> None:
    """Over any number of imports: assets, reconciliation, sources and the scan are complete without it."""
    reached: set[str] = set()
    waiting = [name for name in modules() if name == start or name.startswith(f"{start}.")]
    assert waiting
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [other for other in imported(modules()[name]) if other in modules()]
    assert WRITER not in reached
    assert {name for name in reached if name.startswith(PUSH)} == set()


def test_only_the_writer_calls_a_sending_method_of_an_http_client() -> None:
    calls = {
        (name, node.func.attr)
        for name, tree in modules().items()
        if "httpx" in imported(tree)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SENDING
    }
    # Notices go to the operator's own webhook, and know nothing of ConnectWise.
    assert calls == {(WRITER, "request"), ("seatsync_pipeline.notices.web", "stream")}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_reading_client_refuses_any_other_method_before_anything_is_sent(
    place: Place, method: str
) -> None:
    with reader_from(place.settings) as reader:
        assert reader.get_json("/finance/agreements/1001/additions/5001")["id"] == 5001
        asked = len(place.connectwise.requests)
        url = reader.address("/finance/agreements/1001/additions/5001")
        with pytest.raises(PermanentVendorError, match="this client only reads"):
            reader._http.request(method, url, json=[])
    assert len(place.connectwise.requests) == asked


def test_the_two_clients_have_the_methods_they_need_and_no_other() -> None:
    assert _methods(ConnectWiseWriter) == {"set_quantity", "set_cancelled_date", "add"}
    assert _methods(ConnectWiseReader) == {
        "address",
        "check_credentials",
        "count",
        "get",
        "get_json",
        "pause",
        "redact",
        "server_info",
        "stop",
        "take_turn",
        "wrong_shape",
    }


def _methods(client: type) -> set[str]:
    return {name for name, value in vars(client).items() if callable(value) and not name.startswith("_")}


def test_reading_reconciling_and_rehearsing_send_no_write(place: Place) -> None:
    selection = one_of_each(place)
    with place.opened() as push:
        assert [row.why for row in push.rehearse(selection).rows] == [None, None, None]
    with place.warehouse.read() as connection:
        assert load_operations(connection) == []
    save_snapshot(place.warehouse, pull(place.settings), run_id=None)
    month = resources.files("seatsync_pipeline.sandbox") / "sample_month"
    save_snapshot(place.warehouse, read_export(Path(str(month / "avanan_export.csv"))), run_id=None)
    place.read_again()
    assert len(place.connectwise.requests) > 50
    assert {request.method for request in place.connectwise.requests} == {"GET"}
    assert place.changes().none


def test_a_push_writes_two_fields_and_new_additions_and_numbers_as_they_are(place: Place) -> None:
    place.push(one_of_each(place))
    update, create, cancel = place.writes()
    assert (update.method, update.body) == ("PATCH", b'[{"op":"replace","path":"quantity","value":42}]')
    assert (cancel.method, cancel.body) == (
        "PATCH",
        b'[{"op":"replace","path":"cancelledDate","value":"2026-12-14T00:00:00Z"}]',
    )
    assert create.method == "POST"
    assert json.loads(create.body, parse_float=Decimal) == {
        "product": {"id": 701},
        "quantity": 12,
        "billCustomer": "Billable",
        "effectiveDate": f"{date(2026, 11, 20)}T00:00:00Z",
        "unitPrice": 3,
        "unitCost": Decimal("1.2"),
        "taxableFlag": True,
    }
