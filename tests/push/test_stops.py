"""What stops an operation and what does not: refusals, failures in a row, and pairs."""

from __future__ import annotations

import json

import pytest

from seatsync_pipeline.sandbox.additions import create
from tests.push.faulty import addition_point, write_point
from tests.push.one_of_each import (
    CANCELLED,
    NEW_ID,
    POSTED,
    QUANTITY,
    break_at,
    one_of_each,
)
from tests.push.place import Place, Row, counts, outcomes


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_stop_everything_until_the_selection_is_pushed_again(
    place: Place, status: int
) -> None:
    selection = one_of_each(place)
    break_at(place, POSTED, "error", status=status)
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("stopped", ["updated", "failed", "not_attempted"])
    assert counts(report) == {"updated": 1, "failed": 1, "not_attempted": 1}
    assert "Edit All" in report["note"]
    report = place.push(selection)
    assert report["state"] == "finished_with_failures"
    assert counts(report) == {"updated": 1, "failed": 1, "cancelled": 1}
    assert place.changes().changed == QUANTITY | CANCELLED


@pytest.fixture
def seven(place: Place) -> list[Row]:
    """Seven updates in the order in which a push takes them."""
    return [row for row in place.approvable("duo") if row["action"] == "update"][:7]


def refuse(place: Place, *rows: Row) -> None:
    for row in rows:
        break_at(place, write_point(row["agreement_id"], row["addition_id"]), "error", status=400)


def test_five_failures_in_a_row_stop_and_the_rest_is_pushed_by_another_run(
    place: Place, seven: list[Row]
) -> None:
    refuse(place, *seven[:5])
    selection = place.approve(*seven)
    report = place.push(selection)
    assert report["state"] == "stopped"
    assert outcomes(report) == ["failed"] * 5 + ["not_attempted"] * 2
    assert place.changes().none
    report = place.push(selection)
    assert report["state"] == "finished_with_failures"
    assert outcomes(report) == ["failed"] * 5 + ["updated"] * 2
    assert len(place.changes().changed) == 2


def test_failures_that_are_not_in_a_row_stop_nothing(place: Place, seven: list[Row]) -> None:
    refuse(place, *seven[:4], *seven[5:])
    report = place.push(place.approve(*seven))
    assert report["state"] == "finished_with_failures"
    assert outcomes(report) == ["failed"] * 4 + ["updated"] + ["failed"] * 2


def test_a_cancel_waits_for_the_create_it_is_paired_with(place: Place) -> None:
    pair = [row for row in place.approvable("avanan") if row["company_name"] == "Tidewater Charter School"]
    place.connectwise.faults.add("error", "*/agreements/1032/additions", "POST", status=400)
    report = place.push(place.approve(*pair))
    assert outcomes(report) == ["failed", "skipped"]
    assert "paired with was failed: the old line stays" in report["items"][1]["reason"]
    assert place.changes().none


def test_a_create_that_reads_back_at_another_price_is_unresolved_and_its_pair_stays(place: Place) -> None:
    pair = [row for row in place.approvable("avanan") if row["company_name"] == "Tidewater Charter School"]
    break_at(
        place, addition_point(1032, NEW_ID), "rewrite", change=lambda record: record | {"unitPrice": 4.5}
    )
    report = place.push(place.approve(*pair))
    assert outcomes(report) == ["unresolved", "skipped"]
    assert "price should be 4, and is 4.5" in report["items"][0]["reason"]
    assert place.changes().changed == {}


def test_words_of_a_refusal_do_not_stand_for_a_new_line(place: Place) -> None:
    pair = [row for row in place.approvable("avanan") if row["company_name"] == "Tidewater Charter School"]
    said = {"code": "InvalidObject", "message": "A rate for this work type is already applied.", "errors": []}
    place.connectwise.faults.add("error", "*/agreements/1032/additions", "POST", status=400, body=said)
    report = place.push(place.approve(*pair))
    assert "already applied" in report["items"][0]["reason"]
    assert outcomes(report) == ["failed", "skipped"]
    assert place.changes().none


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"billCustomer": "NoCharge"}, "bill customer should be Billable, and is NoCharge"),
        ({"unitPrice": 0}, "price should be 4, and is 0"),
        ({"lessIncluded": 50}, "less included should be 0, and is 50"),
        (
            {"effectiveDate": "2026-10-01T00:00:00Z", "cancelledDate": "2026-11-25T00:00:00Z"},
            "cancelled date should be none, and is 2026-11-25",
        ),
    ],
)
def test_a_new_line_that_bills_otherwise_is_not_the_approved_one_and_the_old_one_stays(
    place: Place, made: dict[str, object], says: str
) -> None:
    pair = [row for row in place.approvable("avanan") if row["company_name"] == "Tidewater Charter School"]
    body = {"product": {"id": pair[0]["product_id"]}, "quantity": 55, "billCustomer": "Billable"} | made
    create(place.connectwise.state, place.agreements[1032], json.dumps(body).encode())
    report = place.push(place.approve(*pair))
    assert outcomes(report) == ["skipped", "skipped"]
    assert report["items"][0]["reason"].startswith("changed in ConnectWise since the preview: addition")
    assert says in report["items"][0]["reason"]
    assert place.changes().changed == {}


@pytest.mark.parametrize(
    ("status", "says"),
    [(409, "Somebody may have that record open"), (400, "Correct in ConnectWise what it names")],
)
def test_a_failed_row_says_what_to_do(place: Place, seven: list[Row], status: int, says: str) -> None:
    point = write_point(seven[0]["agreement_id"], seven[0]["addition_id"])
    break_at(place, point, "error", status=status)
    (item,) = place.push(place.approve(seven[0]))["items"]
    assert item["outcome"] == "failed"
    assert says in item["reason"]
