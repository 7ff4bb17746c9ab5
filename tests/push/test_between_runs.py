"""Between two runs of one operation: what people edit is never overwritten, and an open row stays in the way.

The first run lost the answer to a write and could not see what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from seatsync_pipeline.errors import ConfigurationError, FileRefused, InputRefused
from tests.push.faulty import Point
from tests.push.one_of_each import (
    GIVES_UP_AFTER,
    NEW_ID,
    POINTS,
    ROWS,
    add_by_hand,
    as_somebody,
    break_at,
    cancel,
)
from tests.push.place import QUICK, Place, counts, outcomes


def touch(place: Place, addition_id: int) -> None:
    """An edit that was taken back: nothing is different but the stamp."""
    place.additions[addition_id]["_info"] = place.connectwise.state.stamp("somebody")


def interrupted(place: Place, action: str, *, applied: bool) -> Path:
    """A push whose write lost its answer, and that could not see what became of it."""
    selection = place.approve(ROWS[action](place))
    break_at(place, replace(POINTS[action], after=applied), "reset")
    if action == "create":
        place.connectwise.list_lag.requests = 1000
    else:
        (addition_id,) = [int(POINTS[action].path.rpartition("/")[2])]
        path = f"*/additions/{addition_id}"
        break_at(place, Point("GET", path, nth=2), "error", status=500, times=GIVES_UP_AFTER)
    assert place.push(selection)["state"] == "interrupted"
    place.connectwise.faults.clear()
    place.connectwise.list_lag.requests = 0
    return selection


@dataclass(frozen=True)
class Edit:
    """A write whose answer was lost, what a person does before the next run, and what that run says."""

    action: str
    applied: bool
    act: Callable[[Place], None]
    words: tuple[str, ...]


EDITS = {
    "another quantity": Edit(
        "update", False, lambda p: as_somebody(p, 5001, quantity=40), ("it was 38, should be 42, and is 40",)
    ),
    "another quantity after ours": Edit(
        "update", True, lambda p: as_somebody(p, 5001, quantity=41), ("it was 38, should be 42, and is 41",)
    ),
    "another price": Edit(
        "update",
        False,
        lambda p: as_somebody(p, 5001, unitPrice=9),
        ("it was 38", "something else of it was changed"),
    ),
    "touched": Edit(
        "update", False, lambda p: touch(p, 5001), ("it was 38", "something else of it was changed")
    ),
    "another last day": Edit(
        "cancel",
        False,
        lambda p: as_somebody(p, 5023, cancelledDate="2026-12-31T00:00:00Z"),
        ("it was not cancelled, should be cancelled on 2026-12-14, and is cancelled on 2026-12-31",),
    ),
    "another quantity of the new one": Edit(
        "create",
        True,
        lambda p: as_somebody(p, NEW_ID, quantity=15),
        ("5102 (15 from 2026-11-20)", "sent was 12 from 2026-11-20"),
    ),
    "another price of the new one": Edit(
        "create", True, lambda p: as_somebody(p, NEW_ID, unitPrice=4), ("5102", "price should be 3, and is 4")
    ),
    "a second one like it": Edit(
        "create", True, lambda p: add_by_hand(p, 12), ("5102 (12 from", "5103 (12 from", "sent was 12 from")
    ),
    "one by hand instead": Edit(
        "create", False, lambda p: add_by_hand(p, 13), ("5102 (13 from", "sent was 12 from")
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_somebody_edits_between_two_runs_is_reported_and_never_overwritten(
    place: Place, edit: Edit
) -> None:
    selection = interrupted(place, edit.action, applied=edit.applied)
    edit.act(place)
    left, asked = place.changes(), len(place.writes())
    report = place.push(selection)
    assert (report["state"], outcomes(report)) == ("finished_with_failures", ["unresolved"])
    (reason,) = [item["reason"] for item in report["items"]]
    assert [word for word in edit.words if word not in reason] == [], reason
    assert place.changes() == left
    assert len(place.writes()) == asked


def test_what_somebody_does_as_approved_between_two_runs_is_done(place: Place) -> None:
    selection = interrupted(place, "update", applied=False)
    as_somebody(place, 5001, quantity=42)
    assert counts(place.push(selection)) == {"updated": 1}
    assert len(place.writes()) == 1


def refusal(place: Place, selection: Path) -> str:
    with place.opened() as push, pytest.raises(FileRefused) as error:
        push.run(selection)
    return "; ".join(fault.rule for fault in error.value.faults)


def test_an_unfinished_operation_blocks_every_other_selection(place: Place) -> None:
    selection = interrupted(place, "update", applied=True)
    asked = len(place.connectwise.requests)
    assert "is unfinished" in refusal(place, place.approve(cancel(place)))
    assert len(place.connectwise.requests) == asked
    with place.warehouse.write() as connection:
        connection.execute("update preview_header set created_at = created_at - interval 30 day")
    assert counts(place.push(selection)) == {"updated": 1}
    assert "pushed already" in refusal(place, selection)


def test_an_operation_is_resumed_on_the_connectwise_it_began_with(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection = interrupted(place, "update", applied=True)
    asked = len(place.connectwise.requests)
    other = place.settings.model_copy(update={"connectwise_company_id": "another_msp"})
    monkeypatch.setattr(place, "settings", other)
    with pytest.raises(ConfigurationError, match="another_msp"):
        place.push(selection)
    assert len(place.connectwise.requests) == asked


@pytest.mark.parametrize(
    ("action", "applied", "outcome"),
    [
        ("update", True, "updated"),
        ("update", False, "failed"),
        ("create", True, "created"),
        ("create", False, "unresolved"),  # a list may lag for longer than anybody looks
        ("cancel", True, "cancelled"),
    ],
)
def test_abandoning_settles_the_open_row_by_reading_alone(
    place: Place, action: str, applied: bool, outcome: str
) -> None:
    selection = interrupted(place, action, applied=applied)
    left, asked = place.changes(), len(place.writes())
    if action == "create" and applied:
        place.connectwise.list_lag.requests = QUICK.looks + 3  # it lags a little longer
    patience = replace(QUICK, repost_after=0.0 if not applied else 60.0)
    with place.opened(patience) as push:
        report = push.abandon(_operation(place), reason="the client left")
    assert (report["state"], outcomes(report)) == ("finished_with_failures", [outcome])
    assert "abandoned by ann: the client left" in report["note"]
    assert (place.changes(), len(place.writes())) == (left, asked)
    place.verify_audit()
    assert "unfinished" not in refusal(place, selection)


def test_an_operation_is_not_abandoned_while_nobody_can_tell(place: Place) -> None:
    selection = interrupted(place, "update", applied=True)
    place.connectwise.faults.add("error", "*/additions/5001", "GET", status=500, times=None)
    with place.opened() as push, pytest.raises(InputRefused, match="cannot be settled by reading"):
        push.abandon(_operation(place), reason="no patience")
    place.connectwise.faults.clear()
    assert counts(place.push(selection)) == {"updated": 1}


def _operation(place: Place) -> str:
    with place.warehouse.read() as connection:
        ((operation_id,),) = connection.execute("select operation_id from operation").fetchall()
    return str(operation_id)
