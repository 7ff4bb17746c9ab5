"""Writing additions on the ConnectWise stand-in: what is accepted, and every refusal."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sandbox.additions import WRITABLE
from seatsync_pipeline.sandbox.records import FIELDS

INVOICED = "this period has already been invoiced"
DECEMBER = "2026-12-01T00:00:00Z"
GOOD: dict[str, Any] = {
    "product": {"id": 5},
    "quantity": 4,
    "billCustomer": "Billable",
    "effectiveDate": DECEMBER,
}


def change(path: str, value: Any, op: str = "replace") -> list[dict[str, Any]]:
    return [{"op": op, "path": path, "value": value}]


def test_post_creates_and_patch_changes(sandbox: Sandbox, cw: httpx.Client) -> None:
    created = cw.post("/finance/agreements/10/additions", json=GOOD)
    record = created.json()
    assert created.status_code == 201
    assert created.headers["Location"].endswith(f"/finance/agreements/10/additions/{record['id']}")
    assert cw.get(created.headers["Location"]).json() == record
    assert (record["unitPrice"], record["extPrice"], record["taxableFlag"]) == (3.35, 13.4, True)
    changed = cw.patch(created.headers["Location"], json=change("quantity", 0))
    assert changed.status_code == 200
    assert (changed.json()["quantity"], changed.json()["billedQuantity"]) == (0.0, 0.0)
    assert changed.json()["_info"]["lastUpdated"] > record["_info"]["lastUpdated"]
    assert sandbox.connectwise.state.additions[record["id"]] == changed.json()


ADDITION = "/finance/agreements/10/additions/100"
DERIVED = {"billedQuantity", "extPrice", "extCost", "margin", "_info"}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        (b'[{"op":"replace","path":"quantity","value":14}]', "quantity", 14.0),
        (b'[{"op":"replace","path":"quantity","value":0}]', "quantity", 0.0),
        (b'[{"op":"replace","path":"quantity","value":14.25}]', "quantity", 14.25),
        (
            b'[{"op":"replace","path":"cancelledDate","value":"2026-11-30T00:00:00Z"}]',
            "cancelledDate",
            "2026-11-30T00:00:00Z",
        ),
    ],
)
def test_a_patch_as_the_push_sends_it_changes_that_field_alone(
    sandbox: Sandbox, cw: httpx.Client, body: bytes, field: str, value: Any
) -> None:
    before = copy.deepcopy(sandbox.connectwise.state.additions)
    answer = cw.patch(ADDITION, content=body, headers=JSON)
    after = sandbox.connectwise.state.additions
    assert (answer.status_code, answer.json()) == (200, after[100])
    assert after[100][field] == value
    expected = {name: one for name, one in before[100].items() if name not in DERIVED} | {field: value}
    assert {name: one for name, one in after[100].items() if name not in DERIVED} == expected
    assert after[100]["_info"]["lastUpdated"] > before[100]["_info"]["lastUpdated"]
    assert {key: one for key, one in after.items() if key != 100} == {
        key: one for key, one in before.items() if key != 100
    }


@pytest.mark.parametrize("taxable", [b"true", b"false"])
def test_a_post_as_the_push_sends_it_gives_what_was_sent(
    sandbox: Sandbox, cw: httpx.Client, taxable: bytes
) -> None:
    before = copy.deepcopy(sandbox.connectwise.state.additions)
    body = (
        b'{"product":{"id":7},"quantity":7.5,"billCustomer":"Billable","effectiveDate":"2026-12-01T00:00:00Z",'
        b'"unitPrice":2.05,"unitCost":0,"taxableFlag":' + taxable + b"}"
    )
    answer = cw.post("/finance/agreements/10/additions", content=body, headers=JSON)
    made = answer.json()
    assert answer.status_code == 201
    assert (made["product"]["id"], made["product"]["identifier"]) == (7, "MAIL")
    assert (made["quantity"], made["unitPrice"], made["unitCost"]) == (7.5, 2.05, 0.0)
    assert (made["billCustomer"], made["taxableFlag"]) == ("Billable", taxable == b"true")
    assert (made["agreementId"], made["effectiveDate"], made.get("cancelledDate")) == (10, DECEMBER, None)
    assert sandbox.connectwise.state.additions == before | {made["id"]: made}


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" + b"0" * 400, b'"14"', b"true", b"[14]"])
def test_a_quantity_that_no_double_holds_is_refused(
    sandbox: Sandbox, cw: httpx.Client, number: bytes
) -> None:
    before = copy.deepcopy(sandbox.connectwise.state.additions)
    body = b'[{"op":"replace","path":"quantity","value":' + number + b"}]"
    assert cw.patch(ADDITION, content=body, headers=JSON).status_code == 400
    assert sandbox.connectwise.state.additions == before


def listed(cw: httpx.Client, agreement: int) -> set[int]:
    return {one["id"] for one in cw.get(f"/finance/agreements/{agreement}/additions").json()}


def test_lists_lag_behind_a_create_and_its_id_does_not(sandbox: Sandbox, cw: httpx.Client) -> None:
    before = listed(cw, 10)
    sandbox.connectwise.list_lag.requests = 3
    created = cw.post("/finance/agreements/10/additions", json=GOOD)
    made = created.json()["id"]
    assert listed(cw, 11).isdisjoint({made})  # a list that would not have it anyway does not count
    assert listed(cw, 10) == before
    assert cw.get("/finance/agreements/10/additions/count").json() == {"count": len(before)}
    assert cw.get(created.headers["Location"]).json()["id"] == made
    assert cw.patch(created.headers["Location"], json=change("quantity", 5)).json()["quantity"] == 5.0
    assert [listed(cw, 10) - before for _ in range(3)] == [set(), {made}, {made}]


def test_lists_lag_for_a_time(sandbox: Sandbox, cw: httpx.Client) -> None:
    now = 1000.0
    lag = sandbox.connectwise.list_lag
    lag.clock = lambda: now
    before = listed(cw, 10)
    assert cw.post(f"{sandbox.connectwise.url}/_sandbox/list_lag", json={"seconds": 30}).status_code == 200
    made = cw.post("/finance/agreements/10/additions", json=GOOD).json()["id"]
    now += 29.9
    assert listed(cw, 10) == before
    lag.seconds = 0
    assert listed(cw, 10) == before | {made}
    lag.seconds = 30
    now += 0.1
    assert listed(cw, 10) == before | {made}
    assert cw.post(f"{sandbox.connectwise.url}/_sandbox/list_lag", json={"requests": None}).status_code == 400


def test_cancel_and_uncancel(cw: httpx.Client) -> None:
    path = "/finance/agreements/10/additions/100"
    assert (
        cw.patch(path, json=change("cancelledDate", "2026-11-30T00:00:00Z")).json()["cancelledDate"]
        is not None
    )
    assert "cancelledDate" not in cw.patch(path, json=[{"op": "remove", "path": "cancelledDate"}]).json()
    assert cw.patch(path, json=change("cancelledDate", None)).json()["cancelledDate"] is None


def test_a_new_product_brings_its_own_price(cw: httpx.Client) -> None:
    path = "/finance/agreements/10/additions/100"
    operations = change("product", {"id": 7}) + change("unitCost", 0.5)
    record = cw.patch(path, json=operations).json()
    assert (record["unitPrice"], record["unitCost"], record["description"]) == (2.0, 0.5, "Mail seat")


def test_a_sub_path_of_a_reference_gets_a_false_200(sandbox: Sandbox, cw: httpx.Client) -> None:
    before = copy.deepcopy(sandbox.connectwise.state.additions[100])
    assert cw.patch("/finance/agreements/10/additions/100", json=change("product/id", 7)).status_code == 200
    assert sandbox.connectwise.state.additions[100] == before


def test_prorating_agreements_take_dates_in_an_invoiced_period(sandbox: Sandbox, cw: httpx.Client) -> None:
    sandbox.connectwise.state.agreements[10]["prorateFlag"] = True
    assert cw.post(
        "/finance/agreements/10/additions", json=GOOD | {"effectiveDate": "2026-11-20T00:00:00Z"}
    ).is_success


def test_whole_record_checks_fail_on_untouched_fields(sandbox: Sandbox, cw: httpx.Client) -> None:
    path = "/finance/agreements/10/additions/100"
    sandbox.connectwise.state.whole_record_checks = True
    answer = cw.patch(path, json=change("quantity", 9))
    assert answer.status_code == 400
    assert INVOICED in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"product": None}, "product field is required"),
        ({"product": {"identifier": "MFA"}}, "product/id"),
        ({"product": {"id": "5"}}, "product/id"),
        ({"product": {"id": 999}}, "999 not found"),
        ({"product": {"id": 6}}, "Bundle"),
        ({"billCustomer": None}, "billCustomer field is required"),
        ({"billCustomer": "billable"}, "billCustomer must be one of"),
        ({"quantity": "4"}, "must be a JSON number"),
        ({"quantity": True}, "must be a JSON number"),
        ({"unitPrice": ""}, "must be a JSON number"),
        ({"taxableFlag": "true"}, "kind boolean"),
        ({"effectiveDate": "2026-12-01"}, "must be a date"),
        ({"effectiveDate": "2026-12-01T00:00:00.000Z"}, "must be a date"),
        ({"effectiveDate": "2026-02-30T00:00:00Z"}, "must be a date"),
        ({"effectiveDate": "2025-12-31T00:00:00Z"}, "less than the agreement billing start date."),
        ({"effectiveDate": "2026-11-20T00:00:00Z"}, INVOICED),
        ({"effectiveDate": None}, "effectiveDate field is required"),
        ({"cancelledDate": "2026-11-30T00:00:00Z"}, "cancelledDate cannot be less"),
        ({"serialNumber": "x" * 51}, "maximum length of 50."),
        ({"Quantity": 4}, "case-sensitive"),
        ({"id": 7}, "read-only"),
        ({"billedQuantity": 4}, "read-only"),
    ],
)
def test_post_is_refused(sandbox: Sandbox, cw: httpx.Client, body: dict[str, Any], text: str) -> None:
    before = copy.deepcopy(sandbox.connectwise.state.additions)
    sent = {
        name: value for name, value in (GOOD | body).items() if value is not None or name == "effectiveDate"
    }
    answer = cw.post("/finance/agreements/10/additions", json=sent)
    assert answer.status_code == 400
    assert text in answer.text
    assert sandbox.connectwise.state.additions == before


@pytest.mark.parametrize(
    "operations",
    [
        {"op": "replace", "path": "quantity", "value": 1},
        [],
        [1],
        [{"path": "quantity", "value": 1}],
        [{"op": "replace", "path": "quantity"}],
        [{"op": "test", "path": "quantity", "value": 1}],
        [{"op": "replace", "path": "/quantity", "value": 1}],
        [{"op": "replace", "path": "Quantity", "value": 1}],
        [{"op": "replace", "path": "quantity", "value": "1"}],
        [{"op": "replace", "path": "quantity", "value": None}],
        [{"op": "remove", "path": "quantity"}],
        [
            {"op": "replace", "path": "quantity", "value": 1},
            {"op": "replace", "path": "extPrice", "value": 1},
        ],
        [{"op": "replace", "path": "cancelledDate", "value": "2025-12-31T00:00:00Z"}],
        [{"op": "replace", "path": "effectiveDate", "value": "2026-11-20T00:00:00Z"}],
    ],
)
def test_patch_is_refused_whole(sandbox: Sandbox, cw: httpx.Client, operations: Any) -> None:
    before = copy.deepcopy(sandbox.connectwise.state.additions[100])
    assert cw.patch("/finance/agreements/10/additions/100", json=operations).status_code == 400
    assert sandbox.connectwise.state.additions[100] == before


@pytest.mark.parametrize("body", [b"", b"{", b'[{"op":"replace","path":"quantity","value":NaN}]', b"\xff"])
def test_a_body_that_is_no_json_is_refused(cw: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert cw.patch("/finance/agreements/10/additions/100", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/finance/agreements/10/additions/100", 403),
        ("DELETE", "/finance/agreements/10", 403),
        ("PUT", "/finance/agreements/10/additions/100", 403),
        ("POST", "/finance/agreements", 403),
        ("PATCH", "/company/companies/1", 403),
        ("PATCH", "/finance/agreements/10/additions", 405),
        ("POST", "/finance/agreements/10/additions/100", 405),
        ("PATCH", "/finance/agreements/11/additions/100", 404),
        ("POST", "/finance/agreements/999/additions", 404),
    ],
)
def test_other_writes_are_refused(
    sandbox: Sandbox, cw: httpx.Client, method: str, path: str, status: int
) -> None:
    before = sandbox.connectwise.state.snapshot()
    answer = cw.request(method, path, json=GOOD if method == "POST" else change("quantity", 1))
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["message"] == "You do not have security permission to perform this action."
    assert sandbox.connectwise.state.snapshot() == before


def test_another_media_type_is_refused(cw: httpx.Client) -> None:
    answer = cw.post("/finance/agreements/10/additions", content=b"{}", headers={"Content-Type": "text/json"})
    assert answer.status_code == 415


def test_every_writable_field_exists() -> None:
    assert set(FIELDS["additions"]) > WRITABLE
