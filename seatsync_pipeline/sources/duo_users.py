"""How many users a Duo subaccount has: the pager over `/admin/v1/users`.

What belongs here: which users there are. What does not: which of them are billed (`duo_counts.py`), HTTP
(`duo_api.py`) and the subaccounts side by side (`duo.py`).

A number leaves this module only when the whole list was provably read. Whole user objects never outlive their
page; what stays is an id and its category.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from seatsync_pipeline.errors import IncompleteAnswer, PermanentVendorError
from seatsync_pipeline.sources.duo_api import DuoApi
from seatsync_pipeline.sources.duo_counts import KNOWN_STATUSES, Category, UserCounts

USERS = "/admin/v1/users"
# Duo's limit for /admin/v1/users. It is a request: the server may send fewer.
PAGE = 300
# What Duo sends when no limit is asked for; a last page of this length could have been cut.
_DEFAULT_PAGE = 100


def count_users(api: DuoApi, account_id: str, host: str, name: str) -> UserCounts:
    """Count the users of one subaccount, at its own host.

    Users who come or go while the pages are read shift them, so that one is skipped or stands twice. Duo
    counts the list itself (`total_objects`): when the distinct users are not as many, the list is read once
    more. Where Duo gives no count, two readings of several pages have to agree. Raises IncompleteAnswer when the
    list is still not provably whole, and VendorError of other kinds for the rest.
    """
    crawl = _Crawl(api, api.child(account_id, host), f"counting the users of {name}")
    try:
        users, certain = crawl.run()
    except IncompleteAnswer:
        users, certain = crawl.run()
    if not certain:
        crawl.compare(users, crawl.run()[0])
    return UserCounts(dict(Counter(users.values())))


@dataclass(frozen=True)
class _Page:
    """One answer: `following` is the next page's offset, None on the last; `total` is Duo's own count."""

    offset: int
    rows: list[Any]
    total: int | None
    following: int | None


@dataclass(frozen=True)
class _Crawl:
    api: DuoApi
    client: Any
    tried: str

    def run(self) -> tuple[dict[str, Category], bool]:
        """Read every page once: the users by id, and whether nobody can have been skipped between two pages.

        IncompleteAnswer: not provably all; PermanentVendorError: no user list.
        """
        users: dict[str, Category] = {}
        totals: set[int] = set()
        offset = 0
        while True:
            page = self._page(offset)
            if page.total is not None:
                totals.add(page.total)
            known = len(users)
            for user_id, category in self._users(page.rows):
                if users.setdefault(user_id, category) != category:
                    self._incomplete("a user's status changed while the pages were read")
            self._check_count(page, len(users), totals)
            if page.following is None:
                if not totals:
                    self._check_end(page)
                return users, bool(totals) or not page.offset
            self._check_progress(page, new=len(users) - known)
            offset = page.following

    def compare(self, once: dict[str, Category], again: dict[str, Category]) -> None:
        """Raises IncompleteAnswer when two readings of the list differ."""
        if once != again:
            self._incomplete(
                f"Duo did not say how many users there are: first {len(once)} were read, then {len(again)}"
            )

    def _page(self, offset: int) -> _Page:
        rows, metadata = self.api.read(
            self.client,
            "GET",
            USERS,
            {"limit": str(PAGE), "offset": str(offset)},
            tried=self.tried,
            about="subaccount",
        )
        if not isinstance(rows, list):
            self._wrong_shape(f"the answer is not a list of users but {_kind(rows)}")
        return _Page(
            offset,
            rows,
            total=self._whole_number(metadata, "total_objects"),
            following=self._whole_number(metadata, "next_offset"),
        )

    def _users(self, rows: list[Any]) -> Iterator[tuple[str, Category]]:
        for row in rows:
            if not isinstance(row, dict):
                self._wrong_shape(f"a user is not an object but {_kind(row)}")
            user_id, status, enrolled = row.get("user_id"), row.get("status"), row.get("is_enrolled")
            if not isinstance(user_id, str) or not user_id.strip():
                self._wrong_shape("a user has no user_id")
            if not isinstance(enrolled, bool):
                self._wrong_shape(f"user {user_id[:40]!r} has no is_enrolled of true or false")
            if not isinstance(status, str) or not status.strip():
                self._wrong_shape(f"user {user_id[:40]!r} has no status")
            yield user_id, (_status(status), enrolled)

    def _check_count(self, page: _Page, seen: int, totals: set[int]) -> None:
        """Compare with Duo's own count, which every page repeats."""
        if len(totals) > 1:
            self._incomplete(f"Duo's count of users went from {min(totals)} to {max(totals)} or back")
        if totals:
            (total,) = totals
            if seen > total or (page.following is None and seen != total):
                self._incomplete(f"{seen} users were read, and Duo counts {total}")
        elif page.following is not None and page.following != page.offset + len(page.rows):
            self._incomplete(
                f"Duo did not say how many users there are, and sent {len(page.rows)} from offset {page.offset} "
                f"to {page.following}"
            )

    def _check_end(self, last: _Page) -> None:
        """Without Duo's own count: nothing may follow, and an empty list is no proof that there is nobody."""
        found = f"Duo did not say how many users there are, and the last page has {len(last.rows)}"
        if not last.rows:
            self._incomplete(found)
        beyond = self._page(last.offset + len(last.rows))
        if not beyond.rows and beyond.following is None:
            return
        # A server that knows no offsets sends its only page again; one of that length could have been cut.
        if last.offset or beyond.rows != last.rows or len(last.rows) >= _DEFAULT_PAGE:
            self._incomplete(f"{found}, but more came after it")

    def _check_progress(self, page: _Page, *, new: int) -> None:
        """Without this, a list that does not advance would be read for ever."""
        if page.following is not None and page.following <= page.offset:
            self._wrong_shape(f"the list does not advance: after offset {page.offset} comes {page.following}")
        if not new:
            self._incomplete(f"the page at offset {page.offset} brought no new user and announced more")

    def _whole_number(self, metadata: dict[str, Any], name: str) -> int | None:
        value = metadata.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15):
            return value
        return self._wrong_shape(f"{name} is no whole number but {_kind(value)}")

    def _wrong_shape(self, found: str) -> NoReturn:
        raise PermanentVendorError(self.tried, found, "Report this to Duo.", status=200)

    def _incomplete(self, found: str) -> NoReturn:
        raise IncompleteAnswer(
            self.tried,
            found,
            "Users came or went during the pull: pull again later, and report this to Duo if it lasts.",
        )


@lru_cache(maxsize=256)  # a handful of words, asked for once for each user
def _status(text: str) -> str:
    """One spelling of a status: a `Pending_Deletion` must not be billed for its spelling."""
    known = " ".join(text.replace("_", " ").replace("-", " ").casefold().split())
    return known if known in KNOWN_STATUSES else text.strip().encode("utf-8", "replace").decode()


def _kind(value: object) -> str:
    """A JSON value's kind, for messages that must not quote it."""
    if value is None:
        return "null"
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return kinds.get(type(value), "another number")
