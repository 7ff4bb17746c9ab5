"""Reading a list whole, page by page, in an order that cannot shift.

What belongs here: ConnectWise's two ways of paging and the `Link` header. What does not: whether the result
is the whole (`scan.py` compares it with `/count`).

Forward-only paging (`pagination-type: forward-only`, then `pageId`) is a keyset over the id and is asked for
first. A server that does not know it answers as if it had not been asked; its first page is then thrown away
and the list read by page numbers with `orderBy=id asc`. From a Link only the position is taken, never the
address: a Link cannot lead us to another host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from seatsync_pipeline.connectwise.access import Answer
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.errors import PermanentVendorError

PAGE_SIZE = 1000  # the largest that ConnectWise serves; more is silently capped
FORWARD_ONLY = "forward-only"
PAGE_NUMBERS = "page numbers"

_LINK = re.compile(r"<(?P<url>[^<>]*)>(?P<params>[^<]*)")
_REL = re.compile(r"""[;\s]rel\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s;,"]+))""", re.IGNORECASE)

Row = dict[str, Any]


@dataclass(frozen=True)
class Next:
    """Where the next page starts, as a Link says it: a `pageId`, or a `page` number."""

    page_id: str | None
    page: int | None


@dataclass(frozen=True)
class Listed:
    """A list by id, each record once.

    `proven`: the server itself said that there is no further page. `longest` is the length of its longest page.
    """

    rows: dict[int, Row]
    paging: str
    proven: bool
    longest: int


def next_page(link: str | None) -> Next | None:
    """The position in the Link whose relation is `next`, with its parameters in any order; None if none."""
    for match in _LINK.finditer(link or ""):
        relation = _REL.search(match["params"])
        if relation is None or "next" not in (relation["quoted"] or relation["bare"] or "").lower().split():
            continue
        query = _query(match["url"])
        number = query.get("page", "")
        return Next(
            page_id=query.get("pageid") or None,
            page=int(number) if re.fullmatch(r"[1-9][0-9]{0,8}", number) else None,
        )
    return None


def _query(url: str) -> dict[str, str]:
    """The parameters of a URL; none where it is no URL, so that its Link leads nowhere, which is an error."""
    try:
        return {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    except ValueError:
        return {}


def read_list(
    reader: ConnectWiseReader,
    path: str,
    *,
    fields: str | None = None,
    conditions: str | None = None,
    forward_only: bool = True,
) -> Listed:
    """Read every page of the list at `path`; `conditions` narrow it on the server, who may ignore them.

    Without `forward_only` page numbers are used at once: for lists that hardly ever have a second page, where
    they tell in one request that there is none.
    Raises PermanentVendorError for an answer that is no list of records, or pages that lead nowhere.
    """
    params: dict[str, str | int] = {"pageSize": PAGE_SIZE}
    if fields:
        params["fields"] = fields
    if conditions:
        params["conditions"] = conditions
    listed = _by_page_id(reader, path, params) if forward_only else None
    return listed or _by_page_number(reader, path, params)


def _by_page_id(reader: ConnectWiseReader, path: str, params: dict[str, str | int]) -> Listed | None:
    """The list by forward-only paging; None if the server does not offer it here."""
    rows: dict[int, Row] = {}
    asked: set[str] = set()
    position: dict[str, str | int] = {}
    longest = 0
    while True:
        try:
            answer = reader.get(path, {**params, **position}, forward_only=True)
        except PermanentVendorError as error:
            if error.status == 400 and not asked:
                return (
                    None  # this list refuses forward-only; if it is something else, page numbers fail alike
                )
            raise
        page = _rows(reader, path, answer)
        following = next_page(answer.link)
        if not asked and _needs_page_numbers(answer, page, following):
            return None
        rows.update(page)
        longest = max(longest, len(page))
        if following is None or not page:
            return Listed(rows, FORWARD_ONLY, proven=answer.link is not None or not page, longest=longest)
        if following.page_id is None or following.page_id in asked:
            raise reader.wrong_shape(path, "a Link to the next pageId", answer.link)
        asked.add(following.page_id)
        position = {"pageId": following.page_id}


def _needs_page_numbers(answer: Answer, page: dict[int, Row], following: Next | None) -> bool:
    """Whether a first page shows that the server ignored the wish for forward-only paging and has more."""
    if following is not None:
        return following.page_id is None
    return answer.link is None and len(page) >= PAGE_SIZE


def _by_page_number(reader: ConnectWiseReader, path: str, params: dict[str, str | int]) -> Listed:
    rows: dict[int, Row] = {}
    number = 1
    longest = 0
    while True:
        answer = reader.get(path, {**params, "orderBy": "id asc", "page": number})
        page = _rows(reader, path, answer)
        news = page.keys() - rows.keys()
        rows.update(page)
        longest = max(longest, len(page))
        following = next_page(answer.link)
        if not page:
            return Listed(rows, PAGE_NUMBERS, proven=True, longest=longest)
        if following is None and (answer.link is not None or len(page) < PAGE_SIZE):
            return Listed(rows, PAGE_NUMBERS, proven=answer.link is not None, longest=longest)
        if not news:
            raise reader.wrong_shape(path, f"further records on page {number}", "those of a page before")
        if following is not None and following.page != number + 1:
            raise reader.wrong_shape(path, f"a Link to page {number + 1}", answer.link)
        number += 1


def _rows(reader: ConnectWiseReader, path: str, answer: Answer) -> dict[int, Row]:
    if not isinstance(answer.data, list):
        raise reader.wrong_shape(path, "a list", answer.data)
    rows: dict[int, Row] = {}
    for row in answer.data:
        if not isinstance(row, dict):
            raise reader.wrong_shape(path, "a list of records", row)
        key = row.get("id")
        if not isinstance(key, int) or isinstance(key, bool) or key < 1:
            raise reader.wrong_shape(path, "a record with an id", row)
        rows[key] = row
    return rows
