"""Lists as ConnectWise serves them: conditions, order, both kinds of paging, Link headers, fields, counts.

What belongs here: turning records into a page of them. What does not: which records a path means, and who may
read them (connectwise.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from seatsync_pipeline.sandbox.conditions import ConditionsRefused, parse, value_at
from seatsync_pipeline.sandbox.messages import Request, Response
from seatsync_pipeline.sandbox.records import FIELDS, Record

DEFAULT_PAGE_SIZE = 25
MAX_PAGE_SIZE = 1000  # a larger pageSize is capped without a word, as ConnectWise does


class ListRefused(ValueError):
    """A parameter of a list call cannot be used: a 400."""


def listed(request: Request, resource: str, records: Iterable[Record], *, forward_only: bool) -> Response:
    """One page of the records that meet the request's conditions. Raises ListRefused.

    `forward_only` says whether the resource knows that kind of paging; otherwise its header is ignored.
    """
    link: str | None
    found = _selected(request, resource, records)
    size = min(_whole(request, "pageSize", DEFAULT_PAGE_SIZE, least=1), MAX_PAGE_SIZE)
    if forward_only and request.headers.get("pagination-type", "").lower() == "forward-only":
        page, link = _forward(request, found, size)
    else:
        page, link = _numbered(request, resource, found, size)
    headers = {} if link is None else {"Link": link}
    return Response(200, _encode(_with_fields(request, resource, page)), headers=headers)


def counted(request: Request, resource: str, records: Iterable[Record]) -> Response:
    """`{"count": n}` of the records that meet the same conditions as a list. Raises ListRefused."""
    return Response(200, _encode({"count": len(_selected(request, resource, records))}))


def one(request: Request, resource: str, record: Record) -> Response:
    """One record, with the asked fields."""
    shown = _with_fields(request, resource, [record])
    return Response(200, _encode(shown[0] if shown else {}))


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _selected(request: Request, resource: str, records: Iterable[Record]) -> list[Record]:
    for name in ("childConditions", "customFieldConditions"):
        if request.parameter(name):
            raise ListRefused(f"The sandbox does not serve {name}.")
    try:
        wanted = parse(request.parameter("conditions") or "", FIELDS[resource])
    except ConditionsRefused as error:
        raise ListRefused(str(error)) from error
    return [record for record in records if wanted(record)]


def _whole(request: Request, name: str, default: int, *, least: int) -> int:
    text = request.parameter(name)
    if text is None or text == "":
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise ListRefused(f"{name} must be a whole number of at least {least}.")
    return int(text)


def _forward(request: Request, found: list[Record], size: int) -> tuple[list[Record], str]:
    """The page after `pageId`, a keyset on the id. The Link header is always there, and empty at the end."""
    if request.parameter("orderBy"):
        raise ListRefused("orderBy is not allowed with forward-only pagination.")
    after = _whole(request, "pageId", 0, least=0)
    rest = sorted((record for record in found if record["id"] > after), key=lambda record: record["id"])
    page = rest[:size]
    if len(rest) <= size:
        return page, ""
    return page, _link(request, {"pageId": page[-1]["id"], "pageSize": size}, "next")


def _numbered(
    request: Request, resource: str, found: list[Record], size: int
) -> tuple[list[Record], str | None]:
    number = _whole(request, "page", 1, least=1)
    order = request.parameter("orderBy")
    if order:
        rows = _ordered(resource, found, order)
    else:
        # ConnectWise promises no order without orderBy, and rows can shift between two pages. Here they
        # always do: each page is cut from the list turned by one more row, so one repeats and one is missed.
        turn = (number - 1) % max(1, len(found))
        rows = found[turn:] + found[:turn]
    page = rows[(number - 1) * size : number * size]
    last = max(1, -(-len(rows) // size))
    targets: dict[str, int] = {}
    if number < last:
        targets |= {"next": number + 1, "last": last}
    if 1 < number <= last:
        targets |= {"prev": number - 1, "first": 1}
    links = [_link(request, {"page": target, "pageSize": size}, name) for name, target in targets.items()]
    return page, ", ".join(links) or None


def _ordered(resource: str, found: list[Record], order: str) -> list[Record]:
    rows = sorted(found, key=lambda record: record["id"])
    for part in reversed(order.split(",")):
        path, _, direction = part.strip().partition(" ")
        direction = direction.strip().lower() or "asc"
        if path.split("/")[0] not in FIELDS[resource] or direction not in {"asc", "desc"}:
            raise ListRefused(f"orderBy cannot be read: {part.strip()}")
        rows.sort(key=lambda record: _sortable(record, path), reverse=direction == "desc")
    return rows


def _sortable(record: Record, path: str) -> tuple[bool, Any]:
    value = value_at(record, path)
    return (value is not None, value.lower() if isinstance(value, str) else value or 0)


def _link(request: Request, changed: dict[str, int], name: str) -> str:
    """A Link entry that keeps the request's other parameters, in an order of its own."""
    gone = {key.lower() for key in changed} | {"page", "pageid"}
    kept = [(key, value) for key, value in request.query if key.lower() not in gone]
    query = urlencode([*((key, str(value)) for key, value in changed.items()), *kept])
    return f'<{request.origin}{quote(request.path)}?{query}>; rel="{name}"'


def _with_fields(request: Request, resource: str, page: Sequence[Record]) -> list[Record]:
    """The records with the asked fields alone; `_info` only when it is asked for, too.

    A field that the resource does not have gives no records and no error, as was seen on ConnectWise.
    """
    wanted = [path.strip() for path in (request.parameter("fields") or "").split(",") if path.strip()]
    if not wanted:
        return list(page)
    if any(path.split("/")[0] not in FIELDS[resource] for path in wanted):
        return []
    return [_cut(record, wanted) for record in page]


def _cut(record: Record, wanted: list[str]) -> Record:
    cut: Record = {}
    for path in wanted:
        first, _, rest = path.partition("/")
        if first not in record:
            continue
        value = record[first]
        if rest and isinstance(value, dict):
            value = (cut.get(first) or {}) | _cut(value, [rest])
        cut[first] = value
    return cut
