"""`seatsync operations`: the list, one operation, and giving an unfinished one up."""

from __future__ import annotations

import pytest

from seatsync_pipeline.cli.session import Session
from seatsync_pipeline.push import operate
from tests.cli.conftest import Run
from tests.cli.test_push import COUNTS, ITEM, OPERATION
from tests.push.one_of_each import DONE, PATCHED, POSTED, QUANTITY, addition, one_of_each, update
from tests.push.place import Place, counts


def test_nothing_was_pushed_yet(run: Run, place: Place) -> None:
    assert run("operations", "--json").json == {"operations": []}
    assert "Nothing was pushed yet" in run("operations").out
    for options in ([], ["--abandon", "--reason", "why"]):
        said = run("operations", "op_none", *options, "--json")
        assert (said.code, said.json["error"]["found"]) == (2, "there is none")


def test_without_a_database_nothing_is_created(run: Run) -> None:
    said = run("operations", "--json")
    assert said.code == 2
    assert "no database" in said.json["error"]["found"]


def test_the_list_and_one_operation(run: Run, place: Place) -> None:
    first = place.push(one_of_each(place))
    place.read_again()
    # Somebody does by hand what was approved next.
    row = place.row("update", "Copperline Freight")
    selection = place.approve(row, by="Bert")
    place.additions[row["addition_id"]]["quantity"] = 612.0
    second = place.push(selection)

    listed = run("operations", "--json").json["operations"]
    assert [one["operation_id"] for one in listed] == [second["operation_id"], first["operation_id"]]
    assert all(set(one) == OPERATION - {"items"} for one in listed)
    assert all(set(one["counts"]) == COUNTS for one in listed)
    assert counts(listed[0]) == {"skipped": 1}
    assert counts(listed[1]) == DONE

    one = run("operations", first["operation_id"], "--json").json
    assert set(one) == OPERATION
    assert all(set(item) == ITEM for item in one["items"])
    assert one["finished_at"].endswith("Z")
    updated, created, cancelled = one["items"]
    assert (updated["before"]["quantity"], updated["after"]["quantity"]) == (38, 42)
    assert (created["before"], created["after"]["addition_id"]) == (None, created["addition_id"])
    assert cancelled["before"]["cancelled_date"] is None
    assert cancelled["after"]["cancelled_date"] == "2026-12-14"

    text = " ".join(run("operations", first["operation_id"]).out.split())
    for told in ("finished", "38 -> 42", "12 from 2026-11-20", "last billed day 2026-12-14", "by Ann"):
        assert told in text
    assert "already applied" in run("operations", second["operation_id"], COLUMNS="200").out
    assert "1 created, 1 updated, 1 cancelled" in " ".join(run("operations").out.split())


def test_a_reason_without_abandoning_is_refused(run: Run, place: Place) -> None:
    operation_id = place.push(place.approve(update(place)))["operation_id"]
    said = run("operations", operation_id, "--by", "Ann", "--reason", "nobody knows", "--json")
    assert (said.code, "--abandon" in said.json["error"]["found"]) == (2, True)


def test_a_push_that_died_is_interrupted_and_one_under_way_is_running(run: Run, place: Place) -> None:
    place.push(place.approve(update(place)))
    with place.warehouse.write() as connection:  # as after a kill: the last event is that it began
        connection.execute("delete from operation_event where state = 'finished'")
    assert run("operations", "--json").json["operations"][0]["state"] == "interrupted"
    with operate.exclusive(place.settings.home):
        assert run("operations", "--json").json["operations"][0]["state"] == "running"


def test_a_stopped_operation_is_abandoned_with_a_name_and_a_reason(run: Run, place: Place) -> None:
    PATCHED.add(place.stock.sandbox, "error", status=401)
    stopped = place.push(one_of_each(place))
    assert stopped["state"] == "stopped"
    number = stopped["operation_id"]
    place.connectwise.forget_requests()

    for options, text in (
        (["--abandon", "--reason", "why"], "none is named"),
        ([number, "--abandon", "--by", "Ann"], "no reason"),
        ([number, "--abandon", "--by", "Ann", "--reason", " "], "no reason"),
        ([number, "--abandon", "--by", " ", "--reason", "why"], "nobody"),
    ):
        said = run("operations", *options, "--json")
        assert (said.code, text in said.json["error"]["found"]) == (2, True)

    said = run("operations", number, "--abandon", "--by", "Bert", "--reason", "wrong month", "--json")
    assert said.code == 0, said.out
    assert set(said.json) == OPERATION
    assert said.json["state"] == "finished_with_failures"
    assert said.json["note"] == "abandoned by Bert: wrong month"
    assert counts(said.json) == {"failed": 1, "not_attempted": 2}
    assert place.writes() == []
    assert place.changes().none
    place.verify_audit()

    again = run("operations", number, "--abandon", "--by", "Bert", "--reason", "twice", "--json")
    assert (again.code, "it has ended" in again.json["error"]["found"]) == (2, True)
    place.read_again()
    assert place.push(place.approve(update(place)))["state"] == "finished"


@pytest.mark.parametrize(("taken", "outcome"), [(True, "updated"), (False, "failed")])
def test_abandoning_finds_out_by_reading_what_became_of_an_open_row(
    run: Run, place: Place, *, taken: bool, outcome: str
) -> None:
    """The answer to the write is lost, and so is every read after it."""
    place.connectwise.faults.add("reset", path="*/additions/5001", method="PATCH", applied=taken)
    place.connectwise.faults.add("error", path="*/additions/5001", method="GET", after=1, times=None)
    interrupted = place.push(place.approve(update(place), addition(place)))
    assert (interrupted["state"], counts(interrupted)) == (
        "interrupted",
        {"unresolved": 1, "not_attempted": 1},
    )
    number = interrupted["operation_id"]
    shown = run("operations", number)
    assert "outcome unknown" in shown.out
    assert "Push the same selection again" in shown.out

    if taken:
        unreadable = run("operations", number, "--abandon", "--by", "Ann", "--reason", "x", "--json")
        assert unreadable.code == 2
        assert "cannot be settled" in unreadable.json["error"]["found"]
    place.connectwise.faults.clear()
    said = run("operations", number, "--abandon", "--by", "Ann", "--reason", "x", "--json")
    assert said.code == 0
    assert [item["outcome"] for item in said.json["items"]] == [outcome, "not_attempted"]
    assert place.changes().changed == (QUANTITY if taken else {})
    assert not place.changes().created
    assert len(place.writes()) == 1


def test_another_connectwise_cannot_settle_it(run: Run, place: Place) -> None:
    POSTED.add(place.stock.sandbox, "error", status=403)
    number = place.push(place.approve(addition(place)))["operation_id"]
    with place.warehouse.write() as connection:
        connection.execute("update operation set server = 'https://elsewhere (other)'")
    said = run("operations", number, "--abandon", "--by", "Ann", "--reason", "x", "--json")
    assert said.code == 2
    assert "https://elsewhere" in said.json["error"]["found"]


def test_after_a_push_the_next_pull_scans_first(place: Place) -> None:
    assert not Session().scan_is_due()
    place.push(place.approve(update(place)))
    assert Session().scan_is_due()
    place.read_again()
    assert not Session().scan_is_due()
