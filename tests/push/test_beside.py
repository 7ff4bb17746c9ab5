"""Somebody else bills the same line at the very moment: between the company's read and the create."""

from __future__ import annotations

import copy
from typing import Any

from tests.push.place import Place, outcomes


def test_an_addition_made_by_hand_just_before_the_create_is_seen(place: Place) -> None:
    row = next(r for r in place.approvable("duo") if r["action"] == "create")
    state = place.connectwise.state
    by_hand = copy.deepcopy(next(iter(state.additions.values()))) | {
        "id": 9900,
        "agreementId": row["agreement_id"],
        "product": {"id": row["product_id"], "identifier": row["product_identifier"]},
        "quantity": 1.0,
        "effectiveDate": "2026-11-01T00:00:00Z",
        "cancelledDate": None,
    }

    def add_by_hand(product: Any) -> Any:
        state.additions[9900] = by_hand
        return product

    # The catalog is read after the company, and before the agreement is listed for the last time.
    place.connectwise.faults.add(
        "rewrite", path=f"*/procurement/catalog/{row['product_id']}", change=add_by_hand
    )
    report = place.push(place.approve(row))
    assert outcomes(report) == ["skipped"]
    assert "9900" in report["items"][0]["reason"]
    assert place.writes() == []


def test_a_refused_date_is_known_by_what_was_said_however_long_it_is(place: Place) -> None:
    row = next(r for r in place.approvable("duo") if r["action"] == "create")
    said = {
        "code": "InvalidObject",
        "message": "addition object is invalid. " + "See the documentation of this object. " * 20,
        "errors": [
            {
                "code": "Invalid",
                "message": "Since this period has already been invoiced there will not be an invoice generated",
            }
        ],
    }
    place.connectwise.faults.add("error", method="POST", path="*/additions", status=400, body=said)
    report = place.push(place.approve(row))
    assert outcomes(report) == ["created"]
    assert report["items"][0]["after"]["effective_date"].isoformat() == "2026-12-01"
