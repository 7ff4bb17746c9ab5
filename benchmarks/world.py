"""What the benchmark server answers: made once, in the vendors' shapes and about their sizes.

Field names and their order follow the sandbox's records, which follow the vendors' documentation.
"""

from __future__ import annotations

import json
import re
from typing import Any

Answer = tuple[int, bytes, str]
Record = dict[str, Any]

_INFO = {"lastUpdated": "2026-10-02T15:04:05Z", "updatedBy": "admin1"}
_ADDITIONS = re.compile(r".*/finance/agreements/(\d+)/additions$")
_MOST = 1000


class ConnectWise:
    """`agreements` agreements of as many companies, `each` additions in every one, 2,000 products.

    `companies`: more companies than those, which have no agreement.
    """

    def __init__(self, agreements: int, each: int, companies: int = 0, products: int = 2000) -> None:
        self._each = each
        self._products = products
        self._lists = {
            "/company/companies": [_company(n) for n in range(1, max(agreements, companies) + 1)],
            "/finance/agreements/types": [{"id": 1, "name": "Managed Services", "inactiveFlag": False}],
            "/finance/agreements": [_agreement(n) for n in range(1, agreements + 1)],
            "/procurement/catalog": [_product(n) for n in range(1, products + 1)],
            "/finance/agreementrecap": [
                {"id": n, "nextInvoiceDate": "2026-12-01T00:00:00Z"} for n in range(1, agreements + 1)
            ],
        }
        self._texts = {path: [json.dumps(row) for row in rows] for path, rows in self._lists.items()}

    def answer(self, path: str, query: dict[str, str], _body: str) -> Answer:
        if path.startswith("/login/companyinfo/"):
            return 200, b'{"CompanyName": "Bench", "Codebase": "v2026_1/", "IsCloud": true}', ""
        _, _, path = path.partition("/apis/3.0")
        path = path.rstrip("/")
        if match := _ADDITIONS.match(path):
            return self._additions(int(match[1]), query)
        listed, _, counted = path.rpartition("/count")
        if listed and not counted:
            return 200, json.dumps({"count": len(self._texts[listed])}).encode(), ""
        if path not in self._texts:
            return 404, b"{}", ""
        return self._page(self._texts[path], query)

    def _page(self, rows: list[str], query: dict[str, str]) -> Answer:
        """Page numbers, or a keyset on the ids, which count from 1."""
        size = min(int(query.get("pageSize", "25")), _MOST)
        number = int(query["page"]) - 1 if "page" in query else int(query.get("pageId", "0")) // size
        page = rows[number * size : (number + 1) * size]
        link = "Link: \r\n"
        if (number + 1) * size < len(rows):
            key = f"page={number + 2}" if "page" in query else f"pageId={(number + 1) * size}"
            link = f'Link: <https://bench.invalid/x?pageSize={size}&{key}>; rel="next"\r\n'
        return 200, f"[{','.join(page)}]".encode(), link

    def _additions(self, agreement: int, query: dict[str, str]) -> Answer:
        size = min(int(query.get("pageSize", "25")), _MOST)
        first = (int(query.get("page", "1")) - 1) * size
        numbers = range(first, min(first + size, self._each))
        rows = [_addition(agreement, agreement * 10_000 + n, 1 + n % self._products) for n in numbers]
        more = first + size < self._each
        link = f'Link: <https://bench.invalid/x?page={first // size + 2}>; rel="next"\r\n' if more else ""
        return 200, json.dumps(rows).encode(), link


def _company(number: int) -> Record:
    return {
        "id": number,
        "identifier": f"Client{number:05}",
        "name": f"Client {number:05} and Partners",
        "status": {"id": 1, "name": "Active", "_info": {"status_href": "https://bench.invalid/status/1"}},
        "deletedFlag": False,
        "website": f"https://client-{number:05}.example",
    }


def _agreement(number: int) -> Record:
    return {
        "id": number,
        "name": f"Managed Services - Client {number:05}",
        "type": {"id": 1, "name": "Managed Services"},
        "company": {
            "id": number,
            "identifier": f"Client{number:05}",
            "name": f"Client {number:05} and Partners",
        },
        "startDate": "2024-03-01T00:00:00Z",
        "noEndingDateFlag": True,
        "cancelledFlag": False,
        "billingCycle": {"id": 1, "name": "Monthly"},
        "billStartDate": "2024-03-01T00:00:00Z",
        "prorateFlag": True,
        "agreementStatus": "Active",
        "nextInvoiceDate": "2026-12-01T00:00:00Z",
    }


def _addition(agreement: int, number: int, product: int) -> Record:
    return {
        "id": number,
        "product": {
            "id": product,
            "identifier": f"PRODUCT-{product:04}",
            "_info": {
                "catalog_href": f"https://bench.invalid/v4_6_release/apis/3.0/procurement/catalog/{product}"
            },
        },
        "quantity": 10 + number % 37 + 0.5,
        "lessIncluded": 0.0,
        "unitPrice": 3.25,
        "unitCost": 1.2,
        "billCustomer": "Billable",
        "effectiveDate": "2024-03-01T00:00:00Z",
        "description": f"Product {product:04}, per user",
        "invoiceDescription": f"Product {product:04}",
        "agreementId": agreement,
        "cancelledDate": None,
        "_info": _INFO,
    }


def _product(number: int) -> Record:
    return {
        "id": number,
        "identifier": f"PRODUCT-{number:04}",
        "description": f"Product {number:04}, per user",
        "inactiveFlag": False,
        "productClass": "Agreement",
        "customerDescription": f"Product {number:04}",
        "price": 3.25,
        "cost": 1.2,
        "taxableFlag": True,
        "recurringBillCycle": {"id": 1, "name": "Monthly"},
    }


class Duo:
    """`subaccounts` subaccounts, every one at this host, with `each` users."""

    def __init__(self, subaccounts: int, each: int) -> None:
        accounts = [
            {"account_id": f"DA{n:018}", "name": f"Client {n:05}", "api_hostname": "127.0.0.1"}
            for n in range(1, subaccounts + 1)
        ]
        self._accounts = json.dumps({"stat": "OK", "response": accounts}).encode()
        self._each = each
        self._pages: dict[tuple[int, int], bytes] = {}

    def answer(self, path: str, query: dict[str, str], _body: str) -> Answer:
        if path == "/accounts/v1/account/list":
            return 200, self._accounts, ""
        offset, limit = int(query.get("offset", "0")), min(int(query.get("limit", "100")), 300)
        page = self._pages.get((offset, limit))
        if page is None:
            page = self._pages[offset, limit] = self._page(offset, limit)
        return 200, page, ""

    def _page(self, offset: int, limit: int) -> bytes:
        users = [_user(n) for n in range(offset, min(offset + limit, self._each))]
        metadata = {"total_objects": self._each}
        if offset + limit < self._each:
            metadata["next_offset"] = offset + limit
        return json.dumps({"stat": "OK", "response": users, "metadata": metadata}).encode()


def _user(number: int) -> Record:
    """About as large as Duo's: a phone and a group come with most users."""
    return {
        "alias1": None,
        "aliases": {},
        "created": 1672531200,
        "email": f"person{number}@client.example",
        "firstname": "Person",
        "groups": [{"desc": "All people", "group_id": "DGXXXXXXXXXXXXXXXXXX", "name": "Everybody"}],
        "is_enrolled": number % 10 != 0,
        "last_directory_sync": None,
        "last_login": 1763900000,
        "lastname": f"Number {number}",
        "notes": "",
        "phones": [
            {
                "activated": True,
                "capabilities": ["auto", "push"],
                "model": "Phone",
                "number": "+15555550100",
                "phone_id": f"DP{number:018}",
                "platform": "Apple iOS",
                "type": "Mobile",
            }
        ],
        "realname": f"Person Number {number}",
        "status": "active" if number % 50 else "bypass",
        "tokens": [],
        "user_id": f"DU{number:018}",
        "username": f"person{number}",
    }
