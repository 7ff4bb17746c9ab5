"""Faults of Duo: what a pull makes of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from seatsync_pipeline.sandbox.messages import Request, Response
from tests.reliability.cases import Case, Place, Stores

PULL = ("pull", "duo")
LIST = "/accounts/v1/account/list"
USERS = "/admin/v1/users"
# 650 users, of whom 612 are enrolled: three pages.
LARGE = "DA03COPPERLINEFREIGH"
# The sample month has subaccounts that cannot be read, so that a pull ends with 1 also where nothing else is wrong.
SOME_FAILED = 1

Arrange = Callable[[Place], None]


def outlived(fault: str, injected: str, arrange: Arrange) -> Case:
    """A fault that the pull reads past: it gives what it would have given without it."""
    return Case(
        "Duo", fault, injected, arrange, PULL, SOME_FAILED, ("30 subaccounts read, 2 failed",), Stores.SAME
    )


def failed(fault: str, injected: str, arrange: Arrange, *says: str) -> Case:
    """A fault that fails its subaccount alone."""
    return Case("Duo", fault, injected, arrange, PULL, SOME_FAILED, says, Stores.FAILED)


def refused(fault: str, injected: str, arrange: Arrange, *says: str) -> Case:
    """A fault that ends the pull."""
    return Case("Duo", fault, injected, arrange, PULL, 2, says, Stores.NOTHING)


def strike(kind: str, path: str = USERS, **options: Any) -> Arrange:
    """Switch one of the sandbox's faults on; for ever, unless told otherwise. Users: of one large subaccount."""
    query = {"account_id": LARGE} if path == USERS else {}

    def arrange(place: Place) -> None:
        place.duo.faults.add(kind, path=path, **{"times": None, "query": query, **options})

    return arrange


def change_users(change: Callable[[dict[str, Any]], None], **options: Any) -> Arrange:
    """Change the JSON of the large subaccount's pages."""
    return strike("rewrite", change=_changed(change), **options)


def change_list(change: Callable[[list[dict[str, Any]]], None]) -> Arrange:
    """Change the account list."""

    def on_answer(answer: dict[str, Any]) -> None:
        change(answer["response"])

    return strike("rewrite", LIST, change=_changed(on_answer))


def _changed(change: Callable[[dict[str, Any]], None]) -> Callable[[Any], Any]:
    def changed(answer: Any) -> Any:
        change(answer)
        return answer

    return changed


def entry(**values: Any) -> Arrange:
    """Change these fields of the large subaccount in the account list."""

    def change(accounts: list[dict[str, Any]]) -> None:
        next(one for one in accounts if one["account_id"] == LARGE).update(values)

    return change_list(change)


def user(**values: Any) -> Arrange:
    """Change these fields of the first user of each page."""
    return change_users(lambda answer: answer["response"][0].update(values))


def users(value: Any) -> Arrange:
    return strike("answer", value={"stat": "OK", "response": value})


def _answers(status: int) -> Arrange:
    def arrange(place: Place) -> None:
        place.duo.state.errors[LARGE] = status

    return arrange


def _all_401(place: Place) -> None:
    place.duo.faults.add("error", USERS, status=401, times=None)


def _other_key(place: Place) -> None:
    place.duo.state.ikey = "DIOTHER0000000000000"


def _other_secret(place: Place) -> None:
    place.duo.state.skey = "another"


def _slow_clock(place: Place) -> None:
    place.duo.state.now = lambda: datetime.now(UTC) + timedelta(minutes=10)


def _login_page(_: Request, answer: Response) -> Response:
    return replace(answer, body=b"<html>Sign in</html>", content_type="text/html")


def _without_names(answer: dict[str, Any]) -> None:
    for one in answer["response"]:
        del one["is_enrolled"]


def _twice_on_two_pages(place: Place) -> None:
    """The last user of the first page opens the second one as well."""
    seen: list[Any] = []

    def respond(request: Request, answer: Response) -> Response:
        body = json.loads(answer.body)
        if request.parameter("offset") == "0":
            seen[:] = body["response"][-1:]
        elif request.parameter("offset") == "300":
            body["response"] = seen + body["response"]
        return replace(answer, body=json.dumps(body).encode())

    strike("respond", respond=respond)(place)


def _moves_while_read(place: Place) -> None:
    """One user goes after the first page was sent: the second page begins one user later than it should."""

    def gone(body: Any) -> Any:
        del place.duo.state.users[LARGE][0]
        return body

    first = place.duo.state.users[LARGE][0]
    place.duo.state.users[LARGE].insert(0, first | {"user_id": "DUGONE00000000000000", "is_enrolled": False})
    strike("rewrite", change=gone, times=1)(place)


CASES = (
    outlived("429 twice, without Retry-After", "two answers 429 (42901)", strike("rate_limit", times=2)),
    outlived("429 with Retry-After", "429, `Retry-After: 1`", strike("rate_limit", times=1, retry_after=1)),
    outlived("reset once", "one connection is reset in the middle of a pull", strike("reset", times=1)),
    outlived("user on two pages", "the last user of page 1 opens page 2 as well", _twice_on_two_pages),
    outlived("users move between pages", "a user is deleted after page 1 was sent", _moves_while_read),
    outlived(
        "no count of users",
        "`total_objects` is absent everywhere; the list is read twice, and its end looked behind",
        change_users(lambda answer: answer["metadata"].pop("total_objects")),
    ),
    outlived("unknown status", "one user of each page has the status `frozen`", user(status="frozen")),
    outlived(
        "account listed twice",
        "the account list has one entry twice, word for word",
        change_list(lambda accounts: accounts.append(dict(accounts[0]))),
    ),
    failed(
        "endless list",
        "`next_offset` always advances",
        strike("next_offset", value="endless"),
        "brought no new user",
    ),
    failed(
        "offset stands still",
        "`next_offset` is the page's own",
        strike("next_offset", value="same"),
        "does not advance",
    ),
    failed(
        "offset goes back",
        "after page 2 comes `next_offset` 0",
        strike("next_offset", value=0, after=1),
        "after offset 300 comes 0",
    ),
    failed(
        "offset is a text", '`next_offset` is "soon"', strike("next_offset", value="soon"), "no whole number"
    ),
    failed("`{}` as users", "`response` is `{}`", users({}), "not a list of users but an object"),
    failed(
        "no users and no count",
        "`response` is `[]`, without metadata",
        users([]),
        "did not say how many users",
    ),
    failed(
        "page without metadata",
        "page 1 has no metadata",
        change_users(lambda answer: answer.pop("metadata")),
        "more came after it",
    ),
    failed(
        "user missing from a page",
        "the last user of each page is not sent",
        change_users(lambda answer: answer["response"].pop()),
        "users were read, and Duo counts 650",
    ),
    failed(
        "count changes between pages",
        "`total_objects` is one more from page 2 on",
        strike("count", delta=1, after=1),
        "650",
    ),
    failed(
        "no enrolment",
        "users have no `is_enrolled`",
        change_users(_without_names),
        "no is_enrolled of true or false",
    ),
    failed("401 from one", "one subaccount answers 401", _answers(401), "Duo answered 401"),
    failed("403 from one", "one subaccount answers 403", _answers(403), "Duo answered 403, code 40301"),
    failed("deleted meanwhile", "one subaccount answers 404", _answers(404), "probably deleted meanwhile"),
    failed(
        "429 for ever",
        "one subaccount answers 429 each time",
        strike("rate_limit"),
        "lower DUO_REQUESTS_PER_MINUTE",
    ),
    failed(
        "500 for ever",
        "one subaccount answers 500 each time",
        strike("error", status=500),
        "Duo answered 500",
    ),
    failed("resets for ever", "each connection for one subaccount is reset", strike("reset"), "broken off"),
    failed(
        "HTML", "a log-in page with status 200", strike("respond", respond=_login_page), "not readable JSON"
    ),
    failed("host not given", "`api_hostname` is null", entry(api_hostname=None), "lists no API host for it"),
    failed(
        "host that is not Duo's",
        "`api_hostname` is `duo.example.net`",
        entry(api_hostname="duo.example.net"),
        "its API host duo.example.net is not this machine",
    ),
    failed("no name", "`name` is null", entry(name=None), "blank name"),
    refused(
        "wrong integration key",
        "Duo knows another key",
        _other_key,
        "code 40102",
        "Check DUO_IKEY, DUO_SKEY",
        "clock agrees",
    ),
    refused(
        "wrong secret key",
        "Duo knows another secret",
        _other_secret,
        "code 40103",
        "Check DUO_IKEY, DUO_SKEY",
        "clock agrees",
    ),
    refused(
        "wrong clock",
        "Duo's clock is 10 minutes ahead",
        _slow_clock,
        "code 40105",
        "Set this machine's clock: it is",
    ),
    refused(
        "401 from all",
        "every subaccount answers 401",
        _all_401,
        "every one of the",
        "Check DUO_IKEY, DUO_SKEY",
    ),
    refused(
        "account list forbidden",
        "the account list answers 403",
        strike("error", LIST, status=403),
        "Accounts API application",
    ),
    refused(
        "account listed twice, differently",
        "one `account_id` has two entries with different names",
        change_list(lambda accounts: accounts.append(accounts[0] | {"name": "Another"})),
        "twice, with different data",
    ),
    refused(
        "account list is only a page",
        "the list comes with `next_offset`",
        strike("rewrite", LIST, change=_changed(lambda answer: answer.update(metadata={"next_offset": 100}))),
        "Duo says that there are more",
    ),
    Case(
        "Duo",
        "no account at all",
        "the account list is empty",
        strike("answer", LIST, value={"stat": "OK", "response": []}),
        PULL,
        2,
        ("no subaccount",),
        Stores.EVIDENCE,
    ),
)
