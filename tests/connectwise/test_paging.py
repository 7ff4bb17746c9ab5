"""Lists: forward-only and page numbers, the Link header in every shape, and pages that lead nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatsync_pipeline.connectwise.link import Next, is_clear, next_page
from seatsync_pipeline.connectwise.paging import FORWARD_ONLY, PAGE_NUMBERS, read_list
from seatsync_pipeline.errors import IncompleteAnswer, PermanentVendorError
from tests.connectwise.stub import Answer, Asked, Reply, reader_of, serve

PATH = "/company/companies"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (None, None),
        ("", None),
        ('<https://cw/x?pageSize=1000&page=2>; rel="next", <https://cw/x?page=4>; rel="last"', Next(None, 2)),
        ("<https://cw/x?page=2&pageSize=1000&orderBy=id%20asc>;rel=next", Next(None, 2)),
        (
            '<https://cw/x?page=4>; rel="last", <https://cw/x?page=3&a=b>; title="t"; rel="next"',
            Next(None, 3),
        ),
        ('<https://cw/x?page=1>; rel="first", <https://cw/x?page=1>; rel="prev"', None),
        ('<https://cw/x?pageId=77&pageSize=1000>; rel="next"', Next("77", None)),
        ('<https://cw/x?PAGEID=77>; REL="Next"', Next("77", None)),
        ("<https://cw/x?page=2>; rel='next'", Next(None, 2)),
        ('<https://cw/x?conditions=name=%22a,b%22&page=2>; rel="next last"', Next(None, 2)),
        ('<https://cw/x?conditions=page=9&page=0>; rel="next"', Next(None, None)),
        ('<https://[cw/x?page=2>; rel="next"', Next(None, None)),  # no URL: leads nowhere, and is not the end
    ],
)
def test_the_next_page_is_found_wherever_its_number_stands(link: str | None, expected: Next | None) -> None:
    assert next_page(link) == expected


@given(st.text(max_size=80))
def test_no_link_header_breaks_the_reading(link: str) -> None:
    assert next_page(link) is None or "next" in link.lower()


@pytest.mark.parametrize(
    ("link", "clear"),
    [
        (None, True),
        ("", True),
        ('<https://cw/x?page=1>; rel="first", <https://cw/x?page=1>; rel=prev', True),
        ('<https://cw/x?page=2>; rel="next', False),
        ('https://cw/x?page=2; rel="next"', False),
        ("<https://cw/x?page=2>; rel*=UTF-8''next", False),
        ("<https://cw/x?page=2>", False),
        ('<https://cw/x?page=1>; rel="first", next=2', True),
        ("next=2, <https://cw/x?page=1>; rel=first", False),
        ("nothing known", False),
    ],
)
def test_a_link_that_is_not_understood_is_no_proof_of_an_end(link: str | None, clear: bool) -> None:
    assert is_clear(link) is clear


def records(first: int, last: int) -> list[dict[str, int]]:
    return [{"id": key} for key in range(first, last + 1)]


def numbered(asked: Asked, *, total: int, link: str) -> Reply:
    """A server of page numbers. `link`: same (our host), other (another one) or none (no header at all)."""
    page, size = int(asked.query.get("page", "1")), int(asked.query["pageSize"])
    if asked.query.get("orderBy") != "id asc":
        return Reply(records(total - size + 1, total))  # any order will do when none is asked for
    rows = records(1, total)[(page - 1) * size : page * size]
    host = {"same": asked.headers["host"], "other": "attacker.example"}.get(link)
    more = page * size < total
    if host is None:
        return Reply(rows)
    relation = f'<http://{host}{asked.path}?page={page + 1}&pageSize={size}>; rel="next"' if more else ""
    previous = f'<http://{host}{asked.path}?page={page - 1}>; rel="prev"'
    return Reply(rows, headers={"Link": relation or previous})


@pytest.mark.parametrize("link", ["same", "other", "none"])
@pytest.mark.parametrize("total", [2000, 2500])
def test_page_numbers_reach_every_record_on_our_own_host(link: str, total: int) -> None:
    with (
        serve(lambda asked: numbered(asked, total=total, link=link)) as (url, asked),
        reader_of(url) as reader,
    ):
        listed = read_list(reader, PATH)
    assert set(listed.rows) == set(range(1, total + 1))
    assert listed.paging == PAGE_NUMBERS
    ordered = [request for request in asked if "page" in request.query]
    assert all(request.query["orderBy"] == "id asc" for request in ordered)
    assert all(
        request.headers["pagination-type"] == "forward-only" for request in asked if request not in ordered
    )


def forward(asked: Asked, *, total: int, link_on_last: bool) -> Reply:
    assert "orderBy" not in asked.query, "not allowed with forward-only"
    after, size = int(asked.query.get("pageId", "0")), int(asked.query["pageSize"])
    rows = records(after + 1, min(after + size, total))
    more = after + size < total
    if more or (link_on_last and rows):
        last = rows[-1]["id"]
        return Reply(
            rows, headers={"Link": f'<http://elsewhere/x?pageSize={size}&pageId={last}>; rel="next"'}
        )
    return Reply(rows, headers={"Link": ""})


@pytest.mark.parametrize("link_on_last", [False, True])
@pytest.mark.parametrize("total", [1, 1000, 2500])
def test_forward_only_follows_the_page_ids_to_the_end(total: int, link_on_last: bool) -> None:
    def answer(asked: Asked) -> Reply:
        return forward(asked, total=total, link_on_last=link_on_last)

    with serve(answer) as (url, asked), reader_of(url) as reader:
        listed = read_list(reader, PATH)
    assert set(listed.rows) == set(range(1, total + 1))
    assert (listed.paging, listed.proven) == (FORWARD_ONLY, True)
    assert len(asked) == -(-total // 1000) + link_on_last


def test_a_list_that_refuses_forward_only_is_read_by_page_numbers() -> None:
    def answer(asked: Asked) -> Reply:
        if "pagination-type" in asked.headers:
            return Reply({"code": "InvalidRequest", "message": "not supported here"}, status=400)
        return numbered(asked, total=1500, link="same")

    with serve(answer) as (url, asked), reader_of(url) as reader:
        assert len(read_list(reader, PATH).rows) == 1500
    assert len(asked) == 1 + 2 * 2  # two pages, read twice


def test_a_short_page_without_a_link_is_the_last_but_proves_nothing() -> None:
    with serve(lambda _: Reply(records(1, 30))) as (url, asked), reader_of(url) as reader:
        listed = read_list(reader, PATH, forward_only=False)
    assert (len(asked), len(listed.rows), listed.proven) == (1, 30, False)


@pytest.mark.parametrize(("deletions", "readings"), [(1, 3), (9, 3)])
def test_a_record_deleted_between_two_pages_hides_no_other(deletions: int, readings: int) -> None:
    """Its successors move up by one: the first of the next page is then on no page, and every count agrees."""
    held = records(1, 1500)

    def answer(asked: Asked) -> Reply:
        if "pagination-type" in asked.headers:
            return Reply({"message": "not here"}, status=400)
        page = int(asked.query["page"])
        rows = held[(page - 1) * 1000 : page * 1000]
        nonlocal deletions
        if page == 1 and deletions:
            deletions -= 1
            del held[4]
        return Reply(rows)

    with serve(answer) as (url, asked), reader_of(url) as reader:
        if deletions == 1:
            assert list(read_list(reader, PATH).rows) == [row["id"] for row in held]
        else:
            with pytest.raises(IncompleteAnswer, match="came or went between its pages, in 3 readings"):
                read_list(reader, PATH)
    assert len(asked) == 1 + 2 * readings


@pytest.mark.parametrize("forward_only", [True, False])
@pytest.mark.parametrize("size", [2, 1000], ids=["on one page", "on two pages"])
def test_a_record_listed_twice_with_different_contents_is_no_number(size: int, forward_only: bool) -> None:
    def answer(asked: Asked) -> Reply:
        if size == 2:
            return Reply([{"id": 1, "quantity": 4}, {"id": 1, "quantity": 9}])
        if "page" in asked.query and asked.query["page"] == "1":
            return Reply(records(1, 1000))
        if forward_only and "pageId" not in asked.query:
            return Reply(records(1, 1000), headers={"Link": '<http://h/x?pageId=1000>; rel="next"'})
        return Reply([{"id": 7, "quantity": 9}], headers={"Link": ""})

    with serve(answer) as (url, _), reader_of(url) as reader, pytest.raises(IncompleteAnswer) as caught:
        read_list(reader, PATH, forward_only=forward_only)
    assert "is listed twice, with different contents" in caught.value.found


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            lambda asked: Reply(
                records(1, 9),
                headers={"Link": f'<http://h/x?pageId={int(asked.query.get("pageId", 0)) + 1}>; rel="next"'},
            ),
            "pageId",
        ),
        (lambda _: Reply(records(1, 1000)), "page 2"),
        (lambda _: Reply(records(1, 9), headers={"Link": '<http://h/x?page=1>; rel="next"'}), "page 2"),
        (lambda _: Reply(records(1, 9), headers={"Link": '<http://h/x?pageId=4>; rel="next"'}), "pageId"),
        (lambda _: Reply(records(1, 9), headers={"Link": '<http://[h/x?page=2>; rel="next"'}), "page 2"),
        (lambda _: Reply({"id": 1}), "a list"),
        (lambda _: Reply(["a"]), "records"),
        (lambda _: Reply([{"name": "no id"}]), "an id"),
        (lambda _: Reply([{"id": True}]), "an id"),
        (lambda _: Reply([{"id": "7"}]), "an id"),
        (lambda _: Reply(None), "a list"),
    ],
)
def test_pages_that_lead_nowhere_and_answers_that_are_no_list_are_refused(answer: Answer, says: str) -> None:
    with (
        serve(answer) as (url, asked),
        reader_of(url) as reader,
        pytest.raises(PermanentVendorError) as caught,
    ):
        read_list(reader, PATH)
    assert says in str(caught.value)
    assert len(asked) <= 3


def test_an_empty_page_that_speaks_of_another_is_an_end_in_doubt() -> None:
    link = '<http://h/x?page=2>; rel="next"'
    with serve(lambda _: Reply([], headers={"Link": link})) as (url, asked), reader_of(url) as reader:
        listed = read_list(reader, PATH, forward_only=False)
    assert (listed.rows, listed.proven, listed.doubted, len(asked)) == ({}, False, True, 1)
