"""Answers about one agreement's additions that look right and are not the whole: never a scan, and never a number."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.connectwise.store import digest
from seatsync_pipeline.errors import IncompleteAnswer
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sandbox.messages import Request, Response
from tests.connectwise.conftest import Connect

PATH = "*/1003/additions"


def test_an_empty_answer_is_believed_only_with_its_count(sandbox: Sandbox, connect: Connect) -> None:
    whole = digest(scan(connect(sandbox)))
    sandbox.connectwise.faults.add("answer", path=PATH, value=[])
    assert digest(scan(connect(sandbox))) == whole
    sandbox.connectwise.faults.add("answer", path=PATH, value=[], times=None)
    with pytest.raises(IncompleteAnswer, match=r"agreement 1003 .*has 0 and the count says \d+, twice"):
        scan(connect(sandbox))


def test_an_addition_that_has_disappeared_is_believed_only_with_the_count(
    sandbox: Sandbox, connect: Connect
) -> None:
    known = {1003: {one["id"] for one in three_additions(sandbox)}}
    sandbox.connectwise.faults.add("rewrite", path=PATH, times=None, change=lambda rows: rows[:-1])
    with pytest.raises(IncompleteAnswer, match=r"agreement 1003 .*, twice in a row"):
        scan(connect(sandbox), known=known)
    sandbox.connectwise.faults.clear()
    del sandbox.connectwise.state.additions[9002]
    assert 9002 not in {addition.addition_id for addition in scan(connect(sandbox), known=known).additions}


def test_an_answer_meant_for_another_agreement_is_refused(sandbox: Sandbox, connect: Connect) -> None:
    """A cache that mixes two answers up would lose one agreement's additions, and every one of them counts once."""
    with connect(sandbox) as reader:
        of_another = reader.get_json("/finance/agreements/1004/additions")
    assert of_another
    mixed_up = json.loads(json.dumps(of_another, default=float))
    sandbox.connectwise.faults.add("answer", path=PATH, value=mixed_up, times=None)
    with pytest.raises(
        IncompleteAnswer, match=r"agreement 1003 .*of agreement 1004, which is no child of it"
    ):
        scan(connect(sandbox))


def in_pages_of_one(rows: list[Any], link: Callable[[str], str]) -> Callable[[Request, Response], Response]:
    """Serve one record on each page; `link` writes the Link header, given the URL of the next page."""

    def respond(request: Request, answer: Response) -> Response:
        page = int(request.parameter("page") or 1)
        url = f"https://elsewhere.example/x?pageSize=1&page={page + 1}"
        header = link(url) if page < len(rows) else ""
        return replace(answer, body=json.dumps(rows[page - 1 : page]).encode(), headers={"Link": header})

    return respond


@pytest.mark.parametrize(
    ("link", "followed"),
    [
        (lambda url: f'<{url}>; rel="next"', True),
        (lambda url: f"<{url}>; rel='next'", True),
        (lambda url: f'<{url}>; title="a, b"; REL = NEXT', True),
        (lambda url: f'<{url}>; rel="next', False),
        (lambda url: f'{url}; rel="next"', False),
        (lambda _: "nothing known", False),
    ],
    ids=["plain", "single quotes", "bare", "open quote", "no brackets", "no link at all"],
)
def test_an_odd_link_is_followed_or_doubted(
    sandbox: Sandbox, connect: Connect, link: Callable[[str], str], *, followed: bool
) -> None:
    rows = three_additions(sandbox)
    whole = digest(scan(connect(sandbox)))
    sandbox.connectwise.faults.add("respond", path=PATH, times=None, respond=in_pages_of_one(rows, link))
    if followed:
        assert digest(scan(connect(sandbox))) == whole
    else:
        with pytest.raises(IncompleteAnswer, match=r"agreement 1003 .* has 1 and the count says"):
            scan(connect(sandbox))


def test_a_page_that_was_promised_and_is_empty_is_doubted(sandbox: Sandbox, connect: Connect) -> None:
    first, *_ = three_additions(sandbox)
    link = '<http://h/x?page=2>; rel="next"'

    def respond(request: Request, answer: Response) -> Response:
        if request.parameter("page") == "2":
            return replace(answer, body=b"[]", headers={"Link": ""})
        return replace(answer, body=json.dumps([first]).encode(), headers={"Link": link})

    sandbox.connectwise.faults.add("respond", path=PATH, times=None, respond=respond)
    with pytest.raises(IncompleteAnswer, match=r"agreement 1003 .* has 1 and the count says"):
        scan(connect(sandbox))


def three_additions(sandbox: Sandbox) -> list[Any]:
    """Give the agreement two more additions; all that it then lists."""
    additions: dict[int, Any] = sandbox.connectwise.state.additions
    for key in (9001, 9002):
        additions[key] = {**copy.deepcopy(additions[5003]), "id": key}
    children = {
        key
        for key, one in sandbox.connectwise.state.agreements.items()
        if (one.get("parentAgreement") or {}).get("id") == 1003
    }
    return [one for _, one in sorted(additions.items()) if one["agreementId"] in {1003, *children}]
