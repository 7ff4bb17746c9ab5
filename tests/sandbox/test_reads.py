"""Reading the ConnectWise stand-in: discovery, credentials, paging, fields, counts."""

from __future__ import annotations

import re

import httpx
import pytest

from seatsync_pipeline.sandbox import Sandbox

from .conftest import API


def links(response: httpx.Response) -> dict[str, str]:
    return {
        name: url for url, name in re.findall(r'<([^>]*)>; rel="(\w+)"', response.headers.get("Link", ""))
    }


def test_discovery_needs_no_credentials_and_knows_one_company(sandbox: Sandbox) -> None:
    with httpx.Client(base_url=sandbox.connectwise.url) as client:
        known = client.get("/login/companyinfo/seatsync_sandbox").json()
        unknown = client.get("/login/companyinfo/somebody_else")
    assert known["Codebase"] == "v2026_1/"
    assert (unknown.status_code, unknown.text) == (200, "null")


def test_an_upgrade_moves_every_path(sandbox: Sandbox, cw: httpx.Client) -> None:
    sandbox.connectwise.state.codebase = "v2026_2/"
    assert cw.get("/system/info").status_code == 404
    found = cw.get(f"{sandbox.connectwise.url}/login/companyinfo/seatsync_sandbox").json()
    moved = f"{sandbox.connectwise.url}/{found['Codebase']}apis/3.0/company/companies/count"
    assert cw.get(moved).json() == {"count": 60}


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"Authorization": ""}, 401, "UserNotAuthenticated"),
        ({"Authorization": "Basic d3Jvbmc6a2V5"}, 401, "UserNotAuthenticated"),
        ({"clientId": ""}, 403, "You do not have security permission to perform this action."),
        ({"clientId": "other"}, 403, "You do not have security permission to perform this action."),
    ],
)
def test_credentials_are_checked(cw: httpx.Client, change: dict[str, str], status: int, message: str) -> None:
    request = cw.build_request("GET", "/company/companies/count", headers=change)
    auth = None if "Authorization" in change else cw.auth
    answer = cw.send(request, auth=auth)
    assert (answer.status_code, answer.json()["message"]) == (status, message)
    # ConnectWise answers this one to anybody: it proves no credentials.
    assert cw.get("/system/info", headers=change, auth=auth).json()["serverTimeZone"]


def test_numbered_pages(cw: httpx.Client) -> None:
    first = cw.get("/company/companies", params={"orderBy": "id asc", "conditions": 'name like "Company*"'})
    assert [record["id"] for record in first.json()] == list(range(1, 26))
    assert set(links(first)) == {"next", "last"}
    middle = cw.get(links(first)["next"])
    assert [record["id"] for record in middle.json()] == list(range(26, 51))
    assert set(links(middle)) == {"next", "last", "prev", "first"}
    last = cw.get(links(middle)["next"])
    assert [record["id"] for record in last.json()] == list(range(51, 61))
    assert set(links(last)) == {"prev", "first"}
    past = cw.get("/company/companies", params={"orderBy": "id asc", "page": 9})
    assert (past.status_code, past.json()) == (200, [])
    whole = cw.get("/company/companies", params={"orderBy": "name desc", "pageSize": 5000})
    assert [record["id"] for record in whole.json()] == list(range(60, 0, -1))
    assert "Link" not in whole.headers


def test_page_size_is_capped_at_a_thousand(sandbox: Sandbox, cw: httpx.Client) -> None:
    template = sandbox.connectwise.state.companies[1]
    sandbox.connectwise.state.companies |= {number: {**template, "id": number} for number in range(1, 1206)}
    page = cw.get("/company/companies", params={"orderBy": "id", "pageSize": 2000, "fields": "id"})
    assert len(page.json()) == 1000
    assert "page=2" in links(page)["next"]


def test_an_unordered_sweep_misses_rows(cw: httpx.Client) -> None:
    seen = [
        record["id"]
        for page in (1, 2, 3)
        for record in cw.get("/company/companies", params={"page": page}).json()
    ]
    assert len(seen) == 60
    assert len(set(seen)) < 60


def test_forward_only_pages_end_with_an_empty_link(cw: httpx.Client) -> None:
    cw.headers["pagination-type"] = "forward-only"
    answer = cw.get("/company/companies", params={"pageSize": 30, "page": 2, "fields": "id"})
    assert [record["id"] for record in answer.json()] == list(range(1, 31))  # page is ignored
    answer = cw.get(links(answer)["next"])
    assert [record["id"] for record in answer.json()] == list(range(31, 61))
    assert answer.headers["Link"] == ""
    beyond = cw.get("/company/companies", params={"pageId": 60})
    assert (beyond.json(), beyond.headers["Link"]) == ([], "")
    refused = cw.get("/company/companies", params={"orderBy": "id asc"})
    assert refused.status_code == 400


def test_some_resources_ignore_forward_only(cw: httpx.Client) -> None:
    answer = cw.get(
        "/finance/agreementrecap/", headers={"pagination-type": "forward-only"}, params={"pageSize": 2}
    )
    assert set(links(answer)) == {"next", "last"}


@pytest.mark.parametrize(
    "query", ["pageSize=0", "pageSize=x", "page=0", "conditions=id%20%3D", "orderBy=nosuch"]
)
def test_bad_parameters_are_refused(cw: httpx.Client, query: str) -> None:
    assert cw.get(f"/company/companies?{query}").status_code == 400


def test_fields_select_and_drop_info(cw: httpx.Client) -> None:
    assert "_info" in cw.get("/finance/agreements/11").json()
    cut = cw.get(
        "/finance/agreements/11", params={"fields": "id,company/id,company/name,parentAgreement"}
    ).json()
    assert cut["company"] == {"id": 1, "name": "Company 01"}
    assert set(cut) == {"id", "company", "parentAgreement"}
    assert "_info" in cw.get("/finance/agreements/11", params={"fields": "id,_info"}).json()
    assert cw.get("/finance/agreements", params={"fields": "id,nosuch"}).json() == []


def test_count_takes_the_same_conditions(cw: httpx.Client) -> None:
    conditions = {"conditions": "id > 55 and deletedFlag = False"}
    assert cw.get("/company/companies/count", params=conditions).json() == {"count": 5}
    assert len(cw.get("/company/companies", params=conditions).json()) == 5


def test_a_parent_lists_its_childrens_additions(cw: httpx.Client) -> None:
    listed = cw.get("/finance/agreements/10/additions", params={"orderBy": "id asc"}).json()
    assert [(one["id"], one["agreementId"]) for one in listed] == [(100, 10), (101, 11), (102, 10)]
    assert cw.get("/finance/agreements/10/additions/count").json() == {"count": 3}
    assert [one["id"] for one in cw.get("/finance/agreements/11/additions").json()] == [101]
    # By id an addition belongs to its owner alone.
    assert cw.get("/finance/agreements/11/additions/101").status_code == 200
    assert cw.get("/finance/agreements/10/additions/101").status_code == 404


def test_an_addition_in_connectwises_shape(cw: httpx.Client) -> None:
    one = cw.get("/finance/agreements/10/additions/100").json()
    assert (one["quantity"], one["lessIncluded"], one["billedQuantity"], one["extPrice"]) == (
        12.5,
        2.0,
        10.5,
        35.175,
    )
    assert one["product"]["identifier"] == "MFA"
    assert "name" not in one["product"]
    assert one["effectiveDate"] == "2026-01-01T00:00:00Z"
    assert "cancelledDate" not in one  # unset is left out here, and null on its neighbour
    assert cw.get("/finance/agreements/11/additions/101").json()["cancelledDate"] is None


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/finance/agreements/types", {"id", "name", "inactiveFlag"}),
        ("/finance/agreementrecap", {"id", "nextInvoiceDate"}),
        ("/finance/agreementrecap/", {"id", "nextInvoiceDate"}),
        ("/procurement/catalog", {"id", "identifier", "productClass", "price", "cost", "recurringBillCycle"}),
    ],
)
def test_other_lists(cw: httpx.Client, path: str, keys: set[str]) -> None:
    assert keys <= set(cw.get(path).json()[0])


@pytest.mark.parametrize(
    "path",
    [
        "/company/companies/999",
        "/finance/agreements/999/additions",
        "/finance/additions",
        "/Company/companies",
        "/company/companies/",
        "/finance/agreementrecap/count",
        "/nosuch",
    ],
)
def test_unknown_things_are_not_found(cw: httpx.Client, path: str) -> None:
    answer = cw.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


def test_requests_are_logged_in_order(sandbox: Sandbox, cw: httpx.Client) -> None:
    cw.get("/company/companies/count", params={"conditions": "id = 1"})
    cw.get("/company/companies/999")
    first, second = sandbox.connectwise.requests
    assert (first.method, first.path) == ("GET", f"{API}/company/companies/count")
    assert (first.query, first.headers["clientid"], first.status) == (
        {"conditions": "id = 1"},
        sandbox.connectwise.state.client_id,
        200,
    )
    assert second.status == 404
