"""The ConnectWise stand-in: codebase discovery, authentication, routes and refusals.

What belongs here: which path means which records, who may call it, and the error bodies in ConnectWise's
documented texts. What does not: pages (listing.py), records (records.py) and the rules of writing
(additions.py). It is strict: paths are exact and case-sensitive, and no call but the discovery and
`/system/info` is answered without Basic credentials and a clientId.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import Any, Final

from seatsync_pipeline.sandbox.additions import WriteRefused, create, patch
from seatsync_pipeline.sandbox.invoices import (
    Invoice,
    InvoiceRefused,
    last_issued,
    preview_invoice,
    run_invoice,
)
from seatsync_pipeline.sandbox.lag import ListLag
from seatsync_pipeline.sandbox.listing import ListRefused, counted, listed, one
from seatsync_pipeline.sandbox.messages import Request, Response
from seatsync_pipeline.sandbox.month import SampleMonth
from seatsync_pipeline.sandbox.records import Record, state_of
from seatsync_pipeline.sandbox.service import Service, StandIn

_DISCOVERY: Final = re.compile(r"/login/companyinfo/([^/]+)")
_API: Final = "apis/3.0"
_ADDITIONS: Final = re.compile(r"/finance/agreements/(\d+)/additions(?:/(\d+|count))?")
_TABLES: Final = {
    "/company/companies": "companies",
    "/finance/agreements/types": "types",
    "/finance/agreements": "agreements",
    "/procurement/catalog": "catalog",
    "/finance/agreementrecap": "recap",
}
_SECURITY: Final = "You do not have security permission to perform this action."
_REFUSALS: Final = {
    401: ("Unauthorized", "UserNotAuthenticated"),
    403: ("Security", _SECURITY),
    404: ("NotFound", "The requested resource was not found."),
    405: ("MethodNotAllowed", "The requested resource does not support this method."),
    409: ("ConnectWiseApi", "The record is in use by another user."),
    415: ("UnsupportedMediaType", "The media type is not supported; send application/json."),
}


class _Refused(Exception):
    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class ConnectWise(StandIn):
    """ConnectWise on loopback. `state`, `requests` and `faults` are open to tests; see records, service, faults.

    `list_lag` makes lists lag behind a create (lag.py). Beside ConnectWise's own API, `/_sandbox/invoices` shows
    invoices: GET those that were issued, or with `?agreement=ID` what the next one would be; POST with an
    agreement issues it. POST `/_sandbox/list_lag` takes `requests` and `seconds`.
    """

    def __init__(self, month: SampleMonth, *, tls: ssl.SSLContext | None = None) -> None:
        self.state = state_of(month)
        self.list_lag = ListLag()
        self._ids = count(1)
        super().__init__(
            Service(
                self._answer,
                refusal,
                self.state.snapshot,
                ("127.0.0.1",),
                name="connectwise",
                controls={
                    ("GET", "invoices"): self._invoices,
                    ("POST", "invoices"): self._issue,
                    ("POST", "list_lag"): lambda options: self.list_lag.set(**options),
                },
                tls=tls,
            )
        )
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.service.server.port}"

    def next_invoice(self, agreement_id: int) -> Invoice:
        """What the agreement's next invoice would be now. Raises InvoiceRefused."""
        return preview_invoice(self.state, agreement_id)

    def run_invoice(self, agreement_id: int) -> Invoice:
        """Issue the agreement's next invoice; its next invoice date moves by one cycle. Raises InvoiceRefused."""
        return run_invoice(self.state, agreement_id)

    def _invoices(self, options: dict[str, Any]) -> Any:
        if options:
            return self.next_invoice(_agreement_id(**options)).as_dict()
        with self.state.lock:
            return list(self.state.invoices.values())

    def _issue(self, options: dict[str, Any]) -> Any:
        return self.run_invoice(_agreement_id(**options)).as_dict()

    def _answer(self, request: Request) -> Response:
        try:
            with self.state.lock:
                response = self._route(request)
        except _Refused as refused:
            response = refusal(refused.status, refused.message)
        except ListRefused as refused:
            response = refusal(400, str(refused))
        except WriteRefused as refused:
            response = Response(400, json.dumps(refused.payload).encode())
        stamps = {
            "api-current-version": "2026.1",
            "x-cw-request-id": f"00000000-0000-4000-8000-{next(self._ids):012x}",
            "x-server-name": "SANDBOX",
        }
        return replace(response, headers={**response.headers, **stamps})

    def _route(self, request: Request) -> Response:
        discovery = _DISCOVERY.fullmatch(request.path)
        if discovery:
            return self._company_info(discovery.group(1))
        prefix = f"/{self.state.codebase}{_API}"
        if not request.path.startswith(f"{prefix}/"):
            raise _Refused(404)
        path = request.path.removeprefix(prefix)
        if path == "/system/info" and request.method == "GET":
            return _json(self._system_info())  # ConnectWise answers it to anybody
        self._authenticate(request)
        if request.method == "GET":
            return self._read(request, path)
        return self._write(request, path)

    def _company_info(self, company_id: str) -> Response:
        if company_id.lower() != self.state.company_id.lower():
            return _json(None)
        version = self.state.codebase.rstrip("/").replace("_", ".")
        return _json(
            {
                "CompanyName": "SeatSync Sandbox MSP",
                "Codebase": self.state.codebase,
                "VersionCode": version,
                "VersionNumber": "v4.6.99999",
                "CompanyID": self.state.company_id,
                "IsCloud": True,
            }
        )

    def _system_info(self) -> Record:
        return {
            "version": self.state.codebase.rstrip("/").replace("_", "."),
            "isCloud": True,
            "serverTimeZone": self.state.server_time_zone,
            "licenseBits": [],
            "cloudRegion": "NA",
            "maxWorkFlowRecordsAllowed": 0,
        }

    def _authenticate(self, request: Request) -> None:
        state = self.state
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        pair = f"{state.company_id}+{state.public_key}:{state.private_key}"
        if scheme.lower() != "basic" or token != base64.b64encode(pair.encode()).decode():
            raise _Refused(401)
        if request.headers.get("clientid", "").lower() != state.client_id.lower():
            raise _Refused(403)

    def _read(self, request: Request, path: str) -> Response:
        additions = _ADDITIONS.fullmatch(path)
        if additions:
            return self._read_additions(request, int(additions.group(1)), additions.group(2))
        for base, resource in _TABLES.items():
            rest = path.removeprefix(base)
            if not path.startswith(base) or not re.fullmatch(r"(/(\d+|count)?)?", rest):
                continue
            if rest == "/" and resource != "recap":
                break  # only the recap's path ends in a slash, and it may do without
            if rest == "/count" and resource == "recap":
                break  # the recap has no count
            return self._read_table(request, resource, rest.strip("/"))
        raise _Refused(404)

    def _read_table(self, request: Request, resource: str, which: str) -> Response:
        table = self._table(resource)
        if which == "count":
            return counted(request, resource, table.values())
        if which:
            return one(request, resource, self._need(table, int(which), resource))
        return self._list(request, resource, table.values())

    def _table(self, resource: str) -> dict[int, Record]:
        if resource == "recap":
            agreements = self.state.agreements.items()
            return {key: _recap(record, last_issued(self.state, key)) for key, record in agreements}
        name = "agreement_types" if resource == "types" else resource
        table: dict[int, Record] = getattr(self.state, name)
        return table

    def _list(self, request: Request, resource: str, records: Iterable[Record]) -> Response:
        return listed(request, resource, records, forward_only=resource in self.state.forward_only)

    def _read_additions(self, request: Request, agreement_id: int, which: str | None) -> Response:
        self._need(self.state.agreements, agreement_id, "agreements")
        if which and which != "count":
            record = self._need(self.state.additions, int(which), "additions")
            if record["agreementId"] != agreement_id:
                raise _Refused(404, f"Addition {which} not found")
            return one(request, "additions", record)
        # A parent agreement's list also shows its children's additions; agreementId names the owner.
        owners = {agreement_id} | {
            key
            for key, agreement in self.state.agreements.items()
            if (agreement.get("parentAgreement") or {}).get("id") == agreement_id
        }
        records = self.list_lag.listed(
            record for record in self.state.additions.values() if record["agreementId"] in owners
        )
        if which == "count":
            return counted(request, "additions", records)
        return self._list(request, "additions", records)

    def _need(self, table: dict[int, Record], key: int, resource: str) -> Record:
        if key not in table:
            name = {"companies": "Company", "catalog": "CatalogItem"}.get(resource, resource[:-1].title())
            raise _Refused(404, f"{name} {key} not found")
        return table[key]

    def _write(self, request: Request, path: str) -> Response:
        """POST and PATCH of additions; the sandbox's role may neither delete nor replace nor write elsewhere."""
        additions = _ADDITIONS.fullmatch(path)
        if request.method not in {"POST", "PATCH", "PUT", "DELETE"}:
            raise _Refused(405)
        if additions is None or request.method in {"PUT", "DELETE"}:
            raise _Refused(403)
        agreement_id, which = int(additions.group(1)), additions.group(2)
        if which == "count" or (request.method == "POST") == bool(which):
            raise _Refused(405)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise _Refused(415)
        agreement = self._need(self.state.agreements, agreement_id, "agreements")
        if which is None:
            record = create(self.state, agreement, request.body)
            self.list_lag.created(record["id"])
            location = f"{request.origin}{request.path}/{record['id']}"
            return replace(_json(record, 201), headers={"Location": location})
        record = self._need(self.state.additions, int(which), "additions")
        if record["agreementId"] != agreement_id:
            raise _Refused(404, f"Addition {which} not found")
        return _json(patch(self.state, agreement, record, request.body))


def refusal(status: int, message: str | None = None) -> Response:
    """ConnectWise's error body for a status, with its documented text where there is one."""
    if status == 429:
        text = "Too many requests. Please try again in 30 seconds."
        return _json({"error": "ConnectWiseAPI", "message": text}, 429)
    code, text = _REFUSALS.get(status, ("InvalidRequest" if status < 500 else "InternalServerError", "Error"))
    return _json({"code": code, "message": message or text, "errors": None}, status)


def _agreement_id(agreement: object) -> int:
    if isinstance(agreement, bool) or not isinstance(agreement, int | str):
        raise InvoiceRefused("name an agreement by its id")
    return int(agreement)


def _recap(agreement: Record, invoice: Record | None) -> Record:
    return {
        "id": agreement["id"],
        "name": agreement["name"],
        "companyName": agreement["company"]["name"],
        "agreementStatus": agreement["agreementStatus"],
        "nextInvoiceDate": agreement.get("nextInvoiceDate"),
        "lastInvoiceDate": invoice["date"] if invoice else None,
        "lastInvoiceNumber": invoice["number"] if invoice else None,
        "nextInvoiceAmount": 0.0,
        "unbilledPeriods": 0,
    }


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False).encode())
