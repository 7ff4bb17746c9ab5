"""Counting one subaccount's users: the three bases, paging, and lists that are not what they claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from seatsync_pipeline.errors import IncompleteAnswer, PermanentVendorError, VendorError
from seatsync_pipeline.settings import CountBasis
from seatsync_pipeline.sources.duo_api import DuoApi, Retries
from seatsync_pipeline.sources.duo_counts import UserCounts
from seatsync_pipeline.sources.duo_users import count_users
from tests.sources.duo_stub import NORMAL, Answer, Asked, DuoStub, page, user

QUICK = Retries(timeout=20, attempts=3, attempts_when_limited=3, first_wait=0.001, longest_wait=0.002)
ONE = "DA1"


@pytest.fixture
def duo() -> Iterator[DuoStub]:
    with DuoStub() as stub:
        yield stub


def count(duo: DuoStub) -> UserCounts:
    return count_users(DuoApi(duo.settings(), QUICK), ONE, "127.0.0.1", "Client One")


def staff(size: int) -> list[dict[str, object]]:
    return [user(number) for number in range(size)]


MIXED = [
    user(1),
    user(2, enrolled=False),
    user(3, status="bypass"),
    user(4, status="disabled"),
    user(5, status="disabled", enrolled=False),
    user(6, status="locked out"),
    user(7, status="pending deletion"),
    user(8, status="Pending_Deletion", enrolled=False),
    user(9, status="frozen solid"),
]


@pytest.mark.parametrize(("basis", "seats"), [("enrolled", 5), ("enrolled_active", 4), ("existing", 7)])
def test_each_basis_counts_its_users_and_never_the_trash(duo: DuoStub, basis: CountBasis, seats: int) -> None:
    duo.users[ONE] = MIXED
    counts = count(duo)
    assert counts.seats(basis) == Decimal(seats)
    assert (counts.total, counts.enrolled, counts.pending_deletion) == (9, 5, 2)
    assert counts.unknown_statuses() == ["frozen solid"]
    assert counts.by_status() == {
        "active": {"enrolled": 1, "not_enrolled": 1},
        "bypass": {"enrolled": 1, "not_enrolled": 0},
        "disabled": {"enrolled": 1, "not_enrolled": 1},
        "frozen solid": {"enrolled": 1, "not_enrolled": 0},
        "locked out": {"enrolled": 1, "not_enrolled": 0},
        "pending deletion": {"enrolled": 1, "not_enrolled": 1},
    }


@pytest.mark.parametrize(("size", "requests"), [(0, 1), (1, 1), (300, 1), (301, 2), (705, 3)])
def test_every_page_is_read(duo: DuoStub, size: int, requests: int) -> None:
    duo.users[ONE] = staff(size)
    assert count(duo).seats("enrolled") == size
    assert [asked.offset for asked in duo.asked] == [300 * n for n in range(requests)]
    assert {asked.limit for asked in duo.asked} == {"300"}


def test_a_smaller_page_than_asked_for_is_followed_by_its_next_offset(duo: DuoStub) -> None:
    users = staff(250)

    def hundred(stub: DuoStub, asked: Asked) -> Answer:
        end = asked.offset + 100
        more = {"next_offset": str(end)} if end < len(users) else {"next_offset": None}
        return page(users[asked.offset : end], total_objects=str(len(users)), prev_offset=0, **more)

    duo.answers[ONE] = [hundred]
    assert count(duo).total == 250
    assert duo.count(ONE) == 3


def ok(response: object, metadata: object = None) -> Answer:
    return Answer({"stat": "OK", "response": response, "metadata": metadata})


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (ok({}), "not a list of users but an object"),
        (ok("abc"), "not a list of users but a text"),
        (ok(None), "not a list of users but null"),
        (ok(["abc"]), "a user is not an object"),
        (ok([{**user(1), "user_id": None}]), "no user_id"),
        (ok([{**user(1), "user_id": " "}]), "no user_id"),
        (ok([user(1, enrolled=None)]), "no is_enrolled"),
        (ok([user(1, enrolled="true")]), "no is_enrolled"),
        (ok([user(1, enrolled=1)]), "no is_enrolled"),
        (ok([user(1, status=None)]), "no status"),
        (ok([user(1)], []), "metadata is not an object"),
        (page([user(1)], total_objects=1.0), "total_objects is no whole number"),
        (page([user(1)], total_objects=True), "total_objects is no whole number"),
        (page([user(1)], total_objects=10**400), "total_objects is no whole number"),
        (page([user(1)], total_objects=9, next_offset=0), "does not advance"),
        (page([user(1)], total_objects=9, next_offset=-1), "next_offset is no whole number"),
        (page([user(1)], total_objects=9, next_offset="soon"), "next_offset is no whole number"),
        (Answer({"stat": "FAIL", "code": 50001}), "no response in it"),
        (Answer({"stat": "OK"}), "no response in it"),
    ],
)
def test_what_is_no_user_list_is_an_error_and_never_a_number(
    duo: DuoStub, answer: Answer, found: str
) -> None:
    duo.answers[ONE] = [answer]
    with pytest.raises(PermanentVendorError, match=found) as caught:
        count(duo)
    assert duo.count(ONE) == 1, "trying again changes nothing"
    assert "example.com" not in str(caught.value)


def test_an_endless_list_ends(duo: DuoStub) -> None:
    def endless(stub: DuoStub, asked: Asked) -> Answer:
        new = [user(asked.offset + n) for n in range(300)]
        return page(new, total_objects=600, next_offset=asked.offset + 300)

    duo.answers[ONE] = [endless]
    with pytest.raises(IncompleteAnswer, match="900 users were read, and Duo counts 600"):
        count(duo)
    duo.answers[ONE] = [lambda _, asked: page([], total_objects=600, next_offset=asked.offset + 1)]
    with pytest.raises(IncompleteAnswer, match="brought no new user"):
        count(duo)


def test_a_list_that_changed_meanwhile_is_read_once_more(duo: DuoStub) -> None:
    """While the first page travels, its first user is deleted: the page after it skips one user."""
    before = staff(302)
    duo.users[ONE] = before[1:]
    duo.answers[ONE] = [page(before[:300], total_objects=302, next_offset=300), NORMAL]
    assert count(duo).total == 301
    assert [asked.offset for asked in duo.asked] == [0, 300, 0, 300]


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (page(staff(300), total_objects=301, next_offset=300), page([], total_objects=301), "300 users were"),
        # Deleted and skipped cancel out in the number; Duo's own count gives it away.
        (
            page(staff(300), total_objects=302, next_offset=300),
            page([user(301)], total_objects=301),
            "count of users went from 301 to 302",
        ),
        (
            page(staff(300), total_objects=301, next_offset=300),
            page([user(1, enrolled=False), user(300)], total_objects=301),
            "status changed",
        ),
    ],
)
def test_a_list_that_changes_again_has_no_number(
    duo: DuoStub, first: Answer, second: Answer, found: str
) -> None:
    duo.answers[ONE] = [first, second, first, second]
    with pytest.raises(IncompleteAnswer, match=found):
        count(duo)
    assert duo.count(ONE) == 4, "one more crawl, and only one"


def test_a_user_on_two_pages_counts_once(duo: DuoStub) -> None:
    first, second = staff(300), [user(299), user(300)]
    duo.answers[ONE] = [
        page(first, total_objects=301, next_offset=300),
        page(second, total_objects=301),
    ]
    assert count(duo).seats("enrolled") == 301


@pytest.mark.parametrize(
    ("users", "metadata", "proven"),
    [(99, {}, True), (99, None, True), (100, {}, False), (300, {}, False), (5, {"next_offset": 5}, False)],
)
def test_without_duos_own_count_a_list_that_knows_no_offset_must_be_short(
    duo: DuoStub, users: int, metadata: dict[str, int] | None, *, proven: bool
) -> None:
    duo.answers[ONE] = [ok(staff(users), metadata)]
    if proven:
        assert count(duo).total == users
        return
    with pytest.raises(VendorError, match="did not say how many"):
        count(duo)


def test_without_duos_own_count_an_empty_list_is_no_zero(duo: DuoStub) -> None:
    duo.answers[ONE] = [ok([], {})]
    with pytest.raises(IncompleteAnswer, match="did not say how many"):
        count(duo)
    duo.answers[ONE] = [ok([], {"total_objects": 0})]
    assert count(duo).total == 0


def uncounted(
    users: list[dict[str, object]], most: int, **spoilt: object
) -> Callable[[DuoStub, Asked], Answer]:
    """Duo without `total_objects`, with pages of at most `most` users."""

    def answer(stub: DuoStub, asked: Asked) -> Answer:
        end = asked.offset + most
        more = {"next_offset": end} if end < len(users) else {}
        return page(users[asked.offset : end], **(more | spoilt))

    return answer


@pytest.mark.parametrize(
    ("size", "most", "requests"), [(7, 10, 2), (300, 300, 2), (650, 300, 8), (20, 10, 6)]
)
def test_without_duos_own_count_the_end_is_looked_behind(
    duo: DuoStub, size: int, most: int, requests: int
) -> None:
    """One page: nothing comes after it. Several: nobody was skipped either, for two readings agree."""
    duo.answers[ONE] = [uncounted(staff(size), most)]
    assert count(duo).total == size
    assert duo.count(ONE) == requests


@pytest.mark.parametrize("most", [5, 100, 300])
def test_a_page_that_lost_its_metadata_is_not_the_whole(duo: DuoStub, most: int) -> None:
    duo.answers[ONE] = [uncounted(staff(650), most, next_offset=None)]
    with pytest.raises(IncompleteAnswer, match=f"the last page has {most}, but more came after it"):
        count(duo)


def test_without_duos_own_count_a_gap_between_pages_is_seen(duo: DuoStub) -> None:
    duo.answers[ONE] = [page(staff(299), next_offset=300)]
    with pytest.raises(IncompleteAnswer, match="sent 299 from offset 0 to 300"):
        count(duo)


def test_without_duos_own_count_a_skipped_user_is_missed_by_the_second_reading(duo: DuoStub) -> None:
    """The first user is deleted while the pages travel: the one that moved into the first page is never sent."""
    before = staff(302)
    first, rest, end = page(before[:300], next_offset=300), page(before[301:]), page([])
    duo.answers[ONE] = [first, rest, end, uncounted(before[1:], 300)]
    with pytest.raises(IncompleteAnswer, match="first 301 were read, then 301"):
        count(duo)
