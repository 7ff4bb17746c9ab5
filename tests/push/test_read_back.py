"""Writes that ConnectWise accepted: proven by reading them back, and seen to stand there once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seatsync_pipeline.sandbox.messages import Request, Response
from tests.push.faulty import addition_point
from tests.push.one_of_each import NEW_ID, POSTED, QUANTITY, add_by_hand, addition, break_at, update
from tests.push.place import Place, counts, outcomes


def test_a_create_that_took_effect_twice_is_for_a_person(place: Place) -> None:
    """A request repeated on its way adds the line a second time, and its answer names one of the two."""

    def once_more(_: Request, answer: Response) -> Response:
        add_by_hand(place, 12, effectiveDate="2026-11-20T00:00:00Z")
        return answer

    place.connectwise.faults.add("respond", POSTED.path, "POST", respond=once_more)
    report = place.push(place.approve(addition(place)))
    assert (report["state"], outcomes(report)) == ("finished_with_failures", ["unresolved"])
    for made in (NEW_ID, NEW_ID + 1):
        assert f"{made} (12 from 2026-11-20)" in report["items"][0]["reason"]


def test_a_new_line_of_a_child_agreement_is_no_second_one(place: Place) -> None:
    """A parent agreement lists its children's additions, which other rows of one push may add at the same time."""

    def a_childs(_: Request, answer: Response) -> Response:
        add_by_hand(place, 12, effectiveDate="2026-11-20T00:00:00Z")
        place.additions[NEW_ID + 1]["agreementId"] = 1017
        place.agreements[1017]["parentAgreement"] = {"id": 1016, "name": "parent"}
        return answer

    place.connectwise.faults.add("respond", POSTED.path, "POST", respond=a_childs)
    assert counts(place.push(place.approve(addition(place)))) == {"created": 1}


@pytest.mark.parametrize(
    ("reads", "outcome"),
    [(1, "updated"), (2, "updated"), (3, "unresolved")],
    ids=["once", "twice", "for ever"],
)
def test_an_accepted_write_that_reads_back_as_before_is_read_again(
    place: Place, reads: int, outcome: str
) -> None:
    before = json.dumps(place.additions[5001]).encode()
    stale = addition_point(1001, 5001, nth=2)

    def as_before(_: Request, answer: Response) -> Response:
        return replace(answer, body=before)

    break_at(place, stale, "respond", respond=as_before, times=reads)
    report = place.push(place.approve(update(place)))
    assert outcomes(report) == [outcome]
    assert place.changes().changed == QUANTITY
    assert len(place.writes()) == 1
