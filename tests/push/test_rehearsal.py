"""What a push would do, told before it does anything: also where a row cannot be told."""

from __future__ import annotations

import pytest

from seatsync_pipeline.errors import CredentialsRefused, TransientVendorError
from tests.push.faulty import Point, addition_point
from tests.push.one_of_each import GIVES_UP_AFTER, break_at, one_of_each
from tests.push.place import Place, Row, counts

UNREADABLE = "quantity should be a value, and is None"


def test_a_row_that_cannot_be_read_is_told_and_the_others_are_too(place: Place) -> None:
    selection = one_of_each(place)
    place.additions[5001]["quantity"] = None
    with place.opened() as push:
        rehearsal = push.rehearse(selection)
    assert [row.would for row in rehearsal.rows] == ["fail", "write", "write"]
    document = rehearsal.as_dict()
    assert {name: n for name, n in document["counts"].items() if n} == {"failed": 1, "not_attempted": 2}
    assert UNREADABLE in document["items"][0]["reason"]
    assert "scan" not in document["items"][0]["reason"]  # which is what a push is not
    report = place.push(selection)
    assert counts(report) == {"failed": 1, "created": 1, "cancelled": 1}
    assert report["items"][0]["reason"] == document["items"][0]["reason"]


@pytest.fixture
def six(place: Place) -> list[Row]:
    return [row for row in place.approvable("duo") if row["action"] == "update"][:6]


def test_what_would_stop_the_push_stops_the_rehearsal(place: Place, six: list[Row]) -> None:
    selection = place.approve(*six)
    for row in six:
        point = addition_point(row["agreement_id"], row["addition_id"])
        break_at(place, point, "error", status=503, times=GIVES_UP_AFTER)
    with place.opened() as push, pytest.raises(TransientVendorError, match="503"):
        push.rehearse(selection)
    place.connectwise.faults.clear()
    break_at(place, Point("GET", "*/finance/*"), "error", status=403)
    with place.opened() as push, pytest.raises(CredentialsRefused):
        push.rehearse(selection)
    assert not place.writes()
