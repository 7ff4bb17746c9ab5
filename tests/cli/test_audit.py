"""`seatsync audit`: the log, one operation of it, and what `--verify` finds after somebody was at the database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatsync_pipeline.push.audit import GENESIS
from tests.cli.conftest import Run
from tests.push.one_of_each import one_of_each, update
from tests.push.place import Place

ENTRY = {"seq", "at", "kind", "entry", "previous", "hash"}


def change(place: Place, *statements: str) -> None:
    with place.warehouse.write() as connection:
        for statement in statements:
            connection.execute(statement)


def test_an_empty_log_is_sound(run: Run, place: Place) -> None:
    assert run("audit", "--json").json == {"entries": []}
    said = run("audit", "--verify", "--json")
    assert (said.code, said.json) == (
        0,
        {"sound": True, "entries": 0, "head": GENESIS, "broken_at": None, "found": None},
    )


def test_who_approved_who_ran_what_before_after_and_result(run: Run, place: Place) -> None:
    first = place.push(one_of_each(place))
    place.read_again()
    second = place.push(place.approve(place.row("update", "Copperline Freight"), by="Bert"))

    entries = run("audit", "--json").json["entries"]
    assert [entry["seq"] for entry in entries] == list(range(1, 9))
    assert all(set(entry) == ENTRY for entry in entries)
    assert [entry["kind"] for entry in entries[:5]] == ["started", "item", "item", "item", "ended"]
    assert entries[0]["previous"] == GENESIS
    assert [entry["previous"] for entry in entries[1:]] == [entry["hash"] for entry in entries[:-1]]
    started, updated, created = (entry["entry"] for entry in entries[:3])
    assert (started["approved_by"], started["run_by"]) == ("Ann", "ann")
    assert (started["preview_id"], started["snapshot_id"]) == (
        first["preview_id"],
        place.previews["duo"].snapshot["id"],
    )
    assert (updated["before"]["quantity"], updated["after"]["quantity"]) == ("38", "42")
    assert updated["approved"]["reason"] is None
    assert (created["before"], created["outcome"]) == (None, "created")
    assert entries[4]["entry"]["state"] == "finished"
    assert entries[7]["hash"] == second["audit_head"]

    mine = run("audit", "--operation", second["operation_id"], "--json").json["entries"]
    assert [entry["seq"] for entry in mine] == [6, 7, 8]
    unknown = run("audit", "--operation", "op_none", "--json")
    assert (unknown.code, unknown.json["error"]["found"]) == (2, "there is none")
    text = run("audit", COLUMNS="200").out
    assert "approved by Bert" in text
    assert "update Alderpoint Dental (201), DUO-MFA: updated" in text


@pytest.mark.parametrize(
    ("statements", "broken_at", "found"),
    [
        (["update audit set entry = replace(entry, '42', '24') where seq = 2"], 2, "was changed"),
        (["update audit set made_at = made_at - interval 1 day where seq = 3"], 3, "was changed"),
        (["update audit set kind = 'accepted' where seq = 1"], 1, "was changed"),
        (["delete from audit where seq = 3"], 3, "entry 3 is missing"),
        (["delete from audit where seq = 1"], 1, "entry 1 is missing"),
        (["delete from audit where seq = 2", "update audit set seq = seq - 1 where seq > 2"], 2, "does not follow"),
        (["delete from audit where seq >= 4"], 4, "(finished) has noted: its tail was cut"),
        (["delete from audit"], 1, "its tail was cut"),
    ],
)  # fmt: skip
def test_the_first_broken_entry_is_named(
    run: Run, place: Place, statements: list[str], broken_at: int, found: str
) -> None:
    place.push(one_of_each(place))
    sound = run("audit", "--verify", "--json")
    assert (sound.code, sound.json["sound"], sound.json["entries"]) == (0, True, 5)
    change(place, *statements)
    said = run("audit", "--verify", "--json")
    assert said.code == 1
    assert (said.json["sound"], said.json["broken_at"]) == (False, broken_at)
    assert found in said.json["found"]
    told = run("audit", "--verify")
    assert told.code == 1
    assert f"BROKEN at entry {broken_at}" in told.out


def test_a_tail_cut_together_with_its_operation_is_found_in_dagsters_history(run: Run, place: Place) -> None:
    """Whoever has the database can make it consistent; the head in Dagster's materialization still tells."""
    pushed = run("push", place.approve(update(place)), "--yes", "--json")
    assert pushed.code == 0, pushed.err
    assert run("audit", "--verify", "--json").json["head"] == pushed.json["audit_head"]
    tables = ("operation", "operation_item", "operation_event", "intent", "outcome", "audit")
    change(place, *(f"truncate {table}" for table in tables))
    assert run("operations", "--json").json == {"operations": []}
    said = run("audit", "--verify", "--json")
    assert said.code == 1
    assert said.json["broken_at"] == 1
    assert "the Dagster run" in said.json["found"]


def test_a_rewritten_chain_is_found_by_the_heads_noted_elsewhere(run: Run, place: Place) -> None:
    """Every hash made anew over a changed entry: the chain is sound, and not the one that was noted."""
    from seatsync_pipeline.push import audit

    place.push(place.approve(update(place)))
    with place.warehouse.read() as connection:
        entries = audit.load(connection)
    forged = [(entry.kind, json.loads(entry.entry.replace('"42"', '"24"'))) for entry in entries]
    with place.warehouse.write() as connection:
        connection.execute("delete from audit")
        audit.append(connection, forged)
    said = run("audit", "--verify", "--json")
    assert (said.code, said.json["sound"]) == (1, False)
    assert "(running) has noted" in said.json["found"]


def test_reading_it_needs_a_database(run: Run, tmp_path: Path) -> None:
    for options in ([], ["--verify"]):
        said = run("audit", *options, "--json")
        assert said.code == 2
    assert list(tmp_path.iterdir()) == []
