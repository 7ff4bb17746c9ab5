"""Reading a list whole, page by page, in an order that cannot shift.

What belongs here: ConnectWise's two ways of paging. What does not: the `Link` header (`link.py`), and whether the
result is the whole (`lists.py` compares it with `/count`).

Forward-only paging (`pagination-type: forward-only`, then `pageId`) is a keyset over the id and is asked for
first. A server that does not know it answers as if it had not been asked; its first page is then thrown away
and the list read by page numbers with `orderBy=id asc`. Between two numbered pages a record may be deleted, and the
next page then begins one record too late, which no count shows. So a list of several such pages is read twice, and
both readings must hold the same records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seatsync_pipeline.connectwise.access import Answer
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.link import Next, is_clear, next_page
from seatsync_pipeline.errors import IncompleteAnswer, PermanentVendorError

PAGE_SIZE = 1000  # the largest that ConnectWise serves; more is silently capped
FORWARD_ONLY = "forward-only"
PAGE_NUMBERS = "page numbers"

_READINGS = 3  # of several numbered pages, until two in a row agree

Row = dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """A list by id, each record once.

    `proven`: the server itself said that there is no further page. `doubted`: what it said about further pages cannot
    be understood, or contradicts itself. `longest` is the length of its longest page, `pages` their number.
    """

    rows: dict[int, Row]
    paging: str
    proven: bool
    longest: int
    pages: int = 1
    doubted: bool = False


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
    Raises PermanentVendorError for an answer that is no list of records, or pages that lead nowhere, and
    IncompleteAnswer for records that are listed twice and differ, or that move between the pages.
    """
    params: dict[str, str | int] = {"pageSize": PAGE_SIZE}
    if fields:
        params["fields"] = fields
    if conditions:
        params["conditions"] = conditions
    listed = _by_page_id(reader, path, params) if forward_only else None
    return listed or _settled(reader, path, params)


def _settled(reader: ConnectWiseReader, path: str, params: dict[str, str | int]) -> Listed:
    """The list by page numbers; of several pages, a reading that holds the same records as the one before it."""
    listed = _by_page_number(reader, path, params)
    if listed.pages == 1:
        return listed
    for _ in range(_READINGS - 1):
        before, listed = listed, _by_page_number(reader, path, params)
        if before.rows.keys() == listed.rows.keys():
            return listed
    raise IncompleteAnswer(
        f"reading {path} from ConnectWise",
        f"records came or went between its pages, in {_READINGS} readings",
        "Nothing was stored. Scan again when nobody is editing them in bulk.",
    )


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
        news = _add(rows, page, path)
        longest = max(longest, len(page))
        if following is None or not page:
            return _ended(answer, rows, FORWARD_ONLY, longest=longest, pages=len(asked) + 1, more=False)
        if following.page_id is None or following.page_id in asked or not news:
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
        news = _add(rows, page, path)
        longest = max(longest, len(page))
        following = next_page(answer.link)
        last = following is None and (answer.link is not None or len(page) < PAGE_SIZE)
        if last or not page:
            more = following is not None
            return _ended(answer, rows, PAGE_NUMBERS, longest=longest, pages=number, more=more)
        if not news:
            raise reader.wrong_shape(path, f"further records on page {number}", "those of a page before")
        if following is not None and following.page != number + 1:
            raise reader.wrong_shape(path, f"a Link to page {number + 1}", answer.link)
        number += 1


def _ended(
    answer: Answer, rows: dict[int, Row], paging: str, *, longest: int, pages: int, more: bool
) -> Listed:
    """The list whose last page is that answer. `more`: it is empty, and yet speaks of a further page."""
    # By the page before, which may have been right; forward-only ends with an empty page.
    promised = paging == PAGE_NUMBERS and pages > 1 and not answer.data
    doubted = more or promised or not is_clear(answer.link)
    proven = not doubted and (answer.link is not None or not answer.data)
    return Listed(rows, paging, proven=proven, longest=longest, pages=pages, doubted=doubted)


def _add(rows: dict[int, Row], page: dict[int, Row], path: str) -> bool:
    """Add a page to what was read before; whether it holds anything new."""
    before = len(rows)
    for key, row in page.items():
        if rows.setdefault(key, row) != row:
            raise _listed_twice(path, key)
    return len(rows) > before


def _listed_twice(path: str, key: int) -> IncompleteAnswer:
    return IncompleteAnswer(
        f"reading {path} from ConnectWise",
        f"record {key} is listed twice, with different contents",
        "Nothing was stored. Scan again when nobody is editing it; if it persists, please report this.",
    )


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
        if rows.setdefault(key, row) != row:
            raise _listed_twice(path, key)
    return rows
