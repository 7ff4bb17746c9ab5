"""`seatsync push`: real Dagster runs against the sandbox, from a trial to a refusal of the second time."""

from __future__ import annotations

import csv
import io
import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from seatsync_pipeline import exact_json
from seatsync_pipeline.cli.operations import outcome_line
from tests.cli.conftest import Run, seatsync_command
from tests.push.faulty import write_point
from tests.push.one_of_each import (
    CANCELLED,
    DONE,
    PATCHED,
    QUANTITY,
    assert_all_done,
    cancel,
    one_of_each,
    update,
)
from tests.push.place import Place, counts

OPERATION = {
    "operation_id", "source", "preview_id", "selection_digest", "approved_by", "started_at", "finished_at", "state",
    "note", "counts", "audit_head", "items",
}  # fmt: skip
COUNTS = {"created", "updated", "cancelled", "skipped", "failed", "unresolved", "not_attempted"}
ITEM = {
    "row_id", "action", "outcome", "reason", "agreement_id", "addition_id", "before", "after", "company_name",
    "product_identifier",
}  # fmt: skip


def saved_anew(file: Path) -> Path:
    """The same content as another spreadsheet saves it."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.reader(opened))
    out = io.StringIO()
    csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    copy = file.with_name("saved-anew.csv")
    copy.write_text(out.getvalue(), encoding="utf-8")
    return copy


def test_a_trial_reports_and_writes_nothing(run: Run, place: Place) -> None:
    selection = one_of_each(place)
    said = run("push", selection, "--json")
    assert said.code == 0, said.err
    document = said.json
    assert set(document) == OPERATION | {"confirmed", "resumes", "summary"}
    assert set(document["counts"]) == COUNTS
    assert all(set(item) >= ITEM for item in document["items"])
    assert (document["confirmed"], document["state"], document["audit_head"]) == (False, None, None)
    assert [(item["action"], item["would"]) for item in document["items"]] == [
        ("update", "write"),
        ("create", "write"),
        ("cancel", "write"),
    ]
    assert document["items"][0]["current_quantity"] == 38
    assert document["items"][0]["new_quantity"] == 42

    # Somebody applies one of them and changes another.
    place.additions[5001]["quantity"] = 42.0
    place.additions[5023]["unitPrice"] = 4.0
    said = run("push", selection)
    assert said.code == 0
    text = " ".join(said.out.split())
    assert "1 row would be written, 2 skipped" in text
    assert "already applied" in text
    assert "price was 3 and is 4" in text
    assert "Nothing was written" in text
    assert place.writes() == []
    assert run("operations", "--json").json == {"operations": []}


def test_a_push_writes_and_the_same_selection_is_refused_for_ever_after(run: Run, place: Place) -> None:
    selection = one_of_each(place)
    said = run("push", selection, "--yes", "--json")
    assert said.code == 0, said.err
    document = said.json
    assert set(document) == OPERATION
    assert set(document["counts"]) == COUNTS
    assert all(set(item) == ITEM for item in document["items"])
    assert document["counts"] == dict.fromkeys(COUNTS, 0) | DONE
    assert (document["state"], document["approved_by"]) == ("finished", "Ann")
    assert document["started_at"] <= document["finished_at"]
    first = document["items"][0]
    assert (first["before"]["quantity"], first["after"]["quantity"]) == (38, 42)
    assert_all_done(place)
    assert run("operations", document["operation_id"], "--json").json == document
    assert "Pushing" in said.err
    assert "1/3 update" in said.err

    place.connectwise.forget_requests()
    for file in (selection, saved_anew(selection)):
        again = run("push", file, "--yes", "--json")
        assert again.code == 2
        rules = [fault["rule"] for fault in again.json["error"]["faults"]]
        assert f"this selection was pushed already, as operation {document['operation_id']}" in rules
        assert place.connectwise.requests == []
    told = run("push", selection)
    assert (told.code, told.out) == (2, "")
    assert document["operation_id"] in told.err


def test_a_refused_file_names_every_fault_with_its_line_and_asks_nobody(run: Run, place: Place) -> None:
    selection = place.approve(update(place), cancel(place))
    with selection.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    rows[0] |= {"fingerprint": "fp_0", "approved_by": "Bert"}
    rows[1] |= {"approval_reason": "", "overrides": "caution"}
    with selection.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows, rows[1], rows[0] | {"approve": "x", "row_id": "row_x"}])
    said = run("push", selection, "--yes", "--json")
    assert said.code == 2
    faults = said.json["error"]["faults"]
    assert {(fault["line"], fault["column"]) for fault in faults} == {
        (None, None), (2, "fingerprint"), (3, "approval_reason"), (3, "overrides"), (4, "row_id"),
        (4, "approval_reason"), (4, "overrides"), (5, "approve"),
    }  # fmt: skip
    assert all(fault["remedy"] for fault in faults)
    assert place.connectwise.requests == []
    told = run("push", selection, "--yes")
    assert told.code == 2
    assert f"{len(faults)} faults" in told.err
    assert told.err.count("  line 3 ") == 2
    assert run("operations", "--json").json == {"operations": []}


@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n", "PK\x03\x04\xff"])
def test_what_is_no_selection_is_refused(run: Run, place: Place, content: str | None) -> None:
    file = place.folder / "file.csv"
    if content is not None:
        file.write_bytes(content.encode("latin-1"))
    said = run("push", file, "--yes", "--json")
    assert said.code == 2
    assert said.json["error"]["remedy"]


def test_a_refused_right_stops_the_push_and_it_is_resumed_with_the_same_file(run: Run, place: Place) -> None:
    selection = one_of_each(place)
    PATCHED.add(place.stock.sandbox, "error", status=403)
    said = run("push", selection, "--yes", "--json")
    assert said.code == 1
    document = said.json
    assert document["state"] == "stopped"
    assert counts(document) == {"failed": 1, "not_attempted": 2}
    assert "the server answered 403" in document["note"]
    assert "no Delete" in document["note"]
    assert place.changes().none
    checks = {check["name"].strip(): check for check in run("doctor", "--json").json["checks"]}
    assert checks["writing"]["state"] == "warn"
    assert document["operation_id"] in checks["writing"]["found"]

    other = place.approve(place.row("update", "Copperline Freight"))
    refused = run("push", other, "--yes", "--json")
    assert refused.code == 2
    assert f"operation {document['operation_id']} is unfinished" in str(refused.json["error"]["faults"])

    resumed = run("push", saved_anew(selection), "--yes")
    assert resumed.code == 1  # its first row has failed
    text = " ".join(resumed.out.split())
    assert f"Operation {document['operation_id']}: finished with failures" in text
    assert "1 created, 1 cancelled, 1 failed" in text
    assert place.changes().changed == CANCELLED
    assert run("doctor", "--json").json["ok"] is True


@pytest.mark.parametrize(("answer", "written"), [("n", False), ("y", True)])
def test_on_a_terminal_it_asks_first(place: Place, answer: str, *, written: bool) -> None:
    selection = place.approve(update(place))
    keyboard, terminal = pty.openpty()
    process = subprocess.Popen(
        seatsync_command("push", selection), stdin=terminal, stdout=terminal, stderr=subprocess.DEVNULL
    )
    os.close(terminal)
    shown = read_until(keyboard, b"[y/N]")
    assert b"38 -> 42" in shown
    assert place.writes() == []
    os.write(keyboard, f"{answer}\n".encode())
    shown = read_until(keyboard, b": finished" if written else b"Nothing was written")
    process.wait(60)
    os.close(keyboard)
    assert process.returncode == 0
    assert place.changes().changed == (QUANTITY if written else {})


def read_until(descriptor: int, text: bytes) -> bytes:
    """What a terminal shows up to that text. Fails when it does not come."""
    shown, deadline = b"", time.monotonic() + 60
    while text not in shown:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, shown
        shown += os.read(descriptor, 4096)
    return shown


def test_ctrl_c_leaves_an_operation_to_resume_and_says_so(run: Run, place: Place) -> None:
    selection = one_of_each(place)
    held = write_point(1001, 5001).add(place.stock.sandbox, "hold")
    process = subprocess.Popen(
        seatsync_command("push", selection, "--yes"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert held.wait_until_held(60)
    process.send_signal(signal.SIGINT)
    held.release()  # the row that is under way is carried to its end, and no further one starts
    out, err = process.communicate(timeout=60)
    assert place.connectwise.wait_until_idle()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "run it again with the same selection" in err
    (operation,) = run("operations", "--json").json["operations"]
    assert operation["state"] == "interrupted"
    assert (operation["counts"]["updated"], operation["counts"]["not_attempted"]) == (1, 2)

    said = run("push", selection, "--yes", "--json")
    assert (said.code, said.json["state"]) == (0, "finished")
    assert counts(said.json) == DONE
    assert_all_done(place)
    assert len(place.writes()) == 3


def test_without_a_time_zone_nothing_is_pushed(run: Run, place: Place) -> None:
    said = run("push", place.approve(update(place)), "--yes", "--json", SEATSYNC_TIMEZONE="")
    assert said.code == 2
    assert "SEATSYNC_TIMEZONE" in str(said.json["error"])
    assert place.connectwise.requests == []


def test_a_second_push_at_once_is_refused(run: Run, place: Place) -> None:
    selection = place.approve(update(place))
    held = write_point(1001, 5001).add(place.stock.sandbox, "hold")
    process = subprocess.Popen(
        seatsync_command("push", selection, "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert held.wait_until_held(60)
    (operation,) = run("operations", "--json").json["operations"]
    assert operation["state"] == "running"
    said = run("push", selection, "--yes", "--json")
    assert (said.code, said.json["error"]["found"]) == (2, "another push is running")
    held.release()
    assert process.wait(60) == 0
    assert place.changes().changed == QUANTITY
    assert len(place.writes()) == 1


def test_a_run_history_that_fails_in_the_middle_hides_nothing_that_was_written(
    run: Run, place: Place
) -> None:
    """As on a disk that fills up: exit code 2 would say that nothing was written."""
    selection = one_of_each(place)
    held = write_point(1001, 5001).add(place.stock.sandbox, "hold")
    process = subprocess.Popen(
        seatsync_command("push", selection, "--yes", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert held.wait_until_held(60)
    histories = [path for path in (place.settings.home / "dagster").rglob("*.db") if path.stat().st_size]
    assert histories
    for history in histories:
        history.write_bytes(b"this is no database" * 1000)
    held.release()
    out, _ = process.communicate(timeout=60)
    report = exact_json.loads(out)
    assert (process.returncode, report["counts"]["updated"]) == (1, 1)
    assert "run history" in report["note"]
    assert place.changes().changed == QUANTITY | (CANCELLED if report["counts"]["cancelled"] else {})


@pytest.mark.parametrize(
    ("outcome", "says"), [("not_attempted", "not reached"), ("outcome unknown", "its write was begun")]
)
def test_a_row_whose_write_was_begun_is_not_told_as_not_reached(outcome: str, says: str) -> None:
    whose = {"company_name": "Alderpoint Dental", "product_identifier": "DUO-MFA"}
    line = outcome_line({"outcome": outcome, "reason": None, "before": None, "after": None, **whose})
    assert line.endswith(f": {says}") or f": {says}, " in line
