"""Faults of ConnectWise: what a scan makes of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from seatsync_pipeline.sandbox.messages import Response
from tests.reliability.cases import Case, Place, Stores
from tests.reliability.connectwise_faults import (
    link_elsewhere,
    mix_up,
    nobody_listens,
    put,
    raw_quantity,
    redirect_elsewhere,
    respond,
    shift,
    strike,
    upgrade,
)

SCAN = ("scan",)


def outlived(fault: str, injected: str, arrange: Callable[[Place], None]) -> Case:
    """A fault that the scan reads past: it gives what it would have given without it."""
    return Case("ConnectWise", fault, injected, arrange, SCAN, 0, ("Scanned",), Stores.SAME)


def refused(fault: str, injected: str, arrange: Callable[[Place], None], *says: str) -> Case:
    """A fault that ends the scan."""
    return Case("ConnectWise", fault, injected, arrange, SCAN, 2, says, Stores.NOTHING)


_SLOW = {"code": "Exception", "message": "Execution timeout expired", "errors": None}
_KEPT = (
    *("id", "product", "quantity", "lessIncluded", "unitPrice", "unitCost", "effectiveDate", "cancelledDate"),
    *("description", "_info"),
)

_PASSING = (
    outlived("429 with `Retry-After` in seconds", "twice", strike("rate_limit", retry_after=1, times=2)),
    outlived(
        "429 with `Retry-After` as a date",
        "once",
        strike("rate_limit", retry_after=1, http_date=True, times=1),
    ),
    outlived("429 without `Retry-After`", "4 times", strike("rate_limit", times=4)),
    outlived(
        "500 'timeout' and 502 in HTML",
        "each once, one after the other",
        lambda place: (
            strike("error", status=500, body=_SLOW, times=1)(place),
            strike("error", status=502, times=1)(place),
        )[0],
    ),
    outlived("the connection is reset", "5 times", strike("reset", "*/additions", times=5)),
    outlived(
        "the answer breaks off in mid-body", "half of the promised bytes, twice", strike("truncate", times=2)
    ),
    outlived("`/count` disagrees with the list", "once", strike("count", "*/catalog/count", times=1)),
    outlived(
        "the release path changes in mid-scan", "from v2026_1 to v2027_1, then 404 for the old one", upgrade
    ),
    outlived(
        "a `Link` to another host, parameters in odd order",
        "on the first page of agreements",
        link_elsewhere,
    ),
    outlived(
        "an unknown field, and optional ones missing",
        "in an agreement's additions",
        strike(
            "rewrite",
            change=lambda rows: [
                {**{n: r[n] for n in _KEPT if n in r}, "brandNew": {"a": [1]}} for r in rows
            ],
        ),
    ),
    outlived(
        "a quantity written as a string",
        "in one addition",
        strike("rewrite", change=lambda rows: [{**row, "quantity": f" {row['quantity']} "} for row in rows]),
    ),
)
_LASTING = (
    refused(
        "nobody listens there",
        "CONNECTWISE_URL names a closed port",
        nobody_listens,
        "refused the connection",
    ),
    refused("503 with an HTML page", "for ever", strike("error"), "503: 503 Bad gateway", "6 times in a row"),
    refused("429 without `Retry-After`", "for ever", strike("rate_limit"), "429", "10 times in a row"),
    refused(
        "a huge `Retry-After`", "429, an hour", strike("rate_limit", retry_after=3600), "asks to wait 3600 s"
    ),
    refused(
        "truncated JSON",
        "it ends in mid-word, its length right",
        respond(lambda _, whole: replace(whole, body=whole.body[: whole.body.index(b"quantity") + 4])),
        "broke off before its end",
    ),
    refused(
        "gzip that is none",
        "`Content-Encoding: gzip` over plain bytes",
        respond(lambda _, whole: replace(whole, headers={"Content-Encoding": "gzip"})),
        "garbled",
    ),
    refused(
        "200 with an HTML page",
        "a sign-in page instead of a list",
        respond(lambda *_: Response(200, b"<html><body>Sign in</body></html>", "text/html")),
        "expected JSON",
        "Sign in",
    ),
    refused(
        "a redirect to another host", "307 with `Location`", redirect_elsewhere, "Redirects are not followed"
    ),
    refused(
        "401 in mid-scan", "for one agreement", strike("error", status=401), "401", "CONNECTWISE_PRIVATE_KEY"
    ),
    refused(
        "403 in mid-scan", "for one agreement", strike("error", status=403), "403", "Finance > Agreements"
    ),
    refused(
        "an agreement vanishes between list and read",
        "404 for its additions",
        strike("error", status=404),
        "listed a moment ago",
        "scan again",
    ),
    refused(
        "`/count` disagrees with the list",
        "3 more, for ever",
        strike("count", "*/companies/count", delta=3),
        "the count says",
    ),
    refused(
        "an empty list for an agreement that has additions",
        "for ever",
        strike("answer", value=[]),
        "has 0 and the count says",
    ),
    refused(
        "an empty list of companies",
        "and a count of 0",
        lambda place: (
            strike("answer", "*/company/companies", value=[])(place),
            strike("answer", "*/company/companies/count", value={"count": 0})(place),
        )[0],
        "not a single one",
        "role lacks",
    ),
    refused(
        "records move between pages",
        "one is deleted before each second page",
        shift,
        "came or went between its pages",
    ),
    refused(
        "one id twice, with different contents",
        "an addition with two quantities",
        strike("rewrite", change=lambda rows: [*rows, *put(quantity=999)(rows)]),
        "listed twice",
    ),
    refused("the answer to another question", "a cache mixes two agreements up", mix_up, "no child of it"),
    refused(
        "a `Link` that cannot be understood",
        "on a page with a part of the additions",
        respond(
            lambda _, whole: replace(
                whole, body=json.dumps(json.loads(whole.body)[:1]).encode(), headers={"Link": "next=2"}
            )
        ),
        "has 1 and the count says",
    ),
    refused(
        "null where a number must be",
        "a quantity",
        strike("rewrite", change=put(quantity=None)),
        "addition 5003",
        "quantity should be",
    ),
    refused("NaN", "a quantity", respond(raw_quantity(b"NaN")), "is no JSON"),
    refused(
        "two values of one name",
        "`quantity` stands twice in an addition",
        respond(raw_quantity(b'5, "quantity": 777')),
        "two values for 'quantity'",
    ),
    refused("1e400", "a quantity", respond(raw_quantity(b"1e400")), "below 10^12"),
    refused(
        "a date of zeros",
        "a cancelled date of 0001-01-01",
        strike("rewrite", change=put(cancelledDate="0001-01-01T00:00:00Z")),
        "since 1900",
    ),
)


CASES: tuple[Case, ...] = (*_PASSING, *_LASTING)
