"""A reading that lost clients, and the person who says that it is right: over real pulls from the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.sandbox import Sandbox
from tests.cli.conftest import Run, Said


def lose_clients(sandbox: Sandbox, share: float = 0.5) -> int:
    """Take subaccounts away, as a key that sees half of them would; how many are left."""
    with sandbox.duo.state.lock:
        keys = sorted(sandbox.duo.state.subaccounts)
        for key in keys[: int(len(keys) * share)]:
            del sandbox.duo.state.subaccounts[key]
        return len(sandbox.duo.state.subaccounts)


def statuses(preview: dict[str, Any]) -> list[str]:
    return [row["status"] for row in preview["rows"]]


def refusal(said: Said) -> str:
    assert said.code == 2
    return str(said.json["error"]["found"])


def accept(run: Run, snapshot: str, *, by: str = "Ann", reason: str = "they were sold", **env: str) -> Said:
    return run("accept", "duo", snapshot, "--by", by, "--reason", reason, "--json", **env)


@pytest.fixture
def lost(run: Run, home: Path, sandbox: Sandbox) -> dict[str, Any]:
    """The document of a pull that lost half of the clients."""
    assert run("scan").code == 0
    lose_clients(sandbox)
    said = run("pull", "duo", "--json")
    assert said.code == 1, said.err
    document: dict[str, Any] = said.json
    return document


def test_a_pull_that_lost_clients_proves_no_absence(run: Run, lost: dict[str, Any]) -> None:
    assert lost["snapshot"]["verdict"] == "incomplete"
    (reason,) = [r for r in lost["snapshot"]["reasons"] if r["rule"] == "paid accounts fell"]
    assert reason["observed"]
    assert reason["limit"] == "20 % and 2"
    preview = run("preview", "duo", "--all", "--json").json
    assert preview["orphan_detection"]["ran"] is False
    assert "Orphaned" not in statuses(preview)
    for row in preview["rows"]:
        if row["status"] == "Ready" and row["delta"] < 0:
            assert row["selected_by_default"] is False
            assert "decrease on unaccepted snapshot" in [guard["guard"] for guard in row["guards"]]
    shown = run("preview", "duo")
    assert "Snapshot incomplete: There are" in " ".join(shown.out.split())


def test_an_accepted_snapshot_is_the_baseline(run: Run, lost: dict[str, Any]) -> None:
    said = accept(run, lost["snapshot"]["id"])
    assert said.code == 0, said.err
    preview = run("preview", "duo", "--all", "--json").json
    assert preview["snapshot"]["accepted_by"] == "Ann"
    assert preview["orphan_detection"]["ran"] is True
    assert "Orphaned" in statuses(preview)
    assert preview["preview_id"] == said.json["preview"]["preview_id"] != lost["preview"]["preview_id"]
    shown = run("preview", "duo").out
    assert "incomplete, accepted by Ann" in shown
    assert "Snapshot incomplete:" not in shown
    again = run("pull", "duo", "--json").json
    assert again.get("error") is None
    assert again["snapshot"]["verdict"] == "complete"
    assert again["snapshot"]["accepted_by"] is None
    log = run("audit", "--verify", "--json")
    assert log.code == 0
    (entry,) = [e for e in run("audit", "--json").json["entries"] if e["kind"] == "accepted"]
    assert entry["entry"]["snapshot_id"] == lost["snapshot"]["id"]
    assert (entry["entry"]["accepted_by"], entry["entry"]["reason"]) == ("Ann", "they were sold")


@pytest.mark.parametrize(
    ("asked", "found"),  # by, reason, SEATSYNC_APPROVERS
    [
        ((" ", "sold", ""), "nobody is named"),
        (("Ann", " ", ""), "there is no reason"),
        (("Mallory", "sold", "Ann,Bob"), "Mallory is not on the list of approvers"),
    ],
)
def test_who_may_accept_and_why(
    run: Run, lost: dict[str, Any], asked: tuple[str, str, str], found: str
) -> None:
    by, reason, approvers = asked
    said = accept(run, lost["snapshot"]["id"], by=by, reason=reason, SEATSYNC_APPROVERS=approvers)
    assert found in refusal(said)
    assert run("preview", "duo", "--json").json["snapshot"]["accepted_by"] is None


def test_what_cannot_be_accepted(run: Run, lost: dict[str, Any], sandbox: Sandbox) -> None:
    assert "snap_nothing" in refusal(accept(run, "snap_nothing"))
    other = run("accept", "avanan", lost["snapshot"]["id"], "--by", "Ann", "--reason", "sold", "--json")
    assert "it is a snapshot of duo" in refusal(other)
    run("pull", "duo", "--json")
    assert "something newer was read since" in refusal(accept(run, lost["snapshot"]["id"]))
    newest = run("preview", "duo", "--json").json["snapshot"]["id"]
    assert accept(run, newest).code == 0
    assert "Ann accepted it already" in refusal(accept(run, newest))


def test_a_complete_snapshot_needs_no_acceptance(run: Run, home: Path) -> None:
    snapshot = run("preview", "duo", "--json").json["snapshot"]
    assert snapshot["verdict"] == "complete"
    assert "it is complete" in refusal(accept(run, snapshot["id"]))


def test_an_empty_list_counts_only_once_accepted(run: Run, home: Path, sandbox: Sandbox) -> None:
    before = run("preview", "duo", "--json").json
    lose_clients(sandbox, 1.0)
    failed = run("pull", "duo")
    assert failed.code == 2
    assert run("preview", "duo", "--json").json["preview_id"] == before["preview_id"]
    (snapshot_id,) = [word for word in failed.err.replace("`", " ").split() if word.startswith("snap_")]
    assert accept(run, snapshot_id).code == 0
    preview = run("preview", "duo", "--all", "--json").json
    assert preview["snapshot"]["id"] == snapshot_id
    orphans = [row for row in preview["rows"] if row["status"] == "Orphaned"]
    assert orphans
    assert all(row["blocked"] for row in orphans)


def test_the_orphan_share_is_overridden_by_name_for_one_selection(
    run: Run, lost: dict[str, Any], tmp_path: Path
) -> None:
    accept(run, lost["snapshot"]["id"])
    preview = run("preview", "duo", "--all", "--json").json
    orphan = next(
        row
        for row in preview["rows"]
        if row["status"] == "Orphaned" and "possible rename" not in row["flags"]
    )
    assert [guard["guard"] for guard in orphan["guards"]] == ["orphan share"]
    assert (orphan["blocked"], orphan["needs_reason"]) == (True, False)
    chosen = ["approve", "duo", "--preview", preview["preview_id"], "--by", "Ann", "-o", tmp_path / "s.csv"]
    chosen += ["--row", orphan["row_id"]]
    refused = run(*chosen)
    assert (refused.code, '--override "orphan share"' in refused.err) == (2, True)
    without_reason = run(*chosen, "--override", "orphan share")
    assert (without_reason.code, "needs a reason" in without_reason.err) == (2, True)
    idle = run(*chosen, "--override", "orphan share", "--override", "large increase", "--reason", "sold")
    assert (idle.code, "no chosen row has tripped large increase" in idle.err) == (2, True)
    approved = run(*chosen, "--override", "orphan share", "--reason", "they were sold")
    assert approved.code == 0, approved.err
    pushed = run("push", tmp_path / "s.csv", "--yes", "--json")
    assert pushed.code == 0, pushed.err
    assert pushed.json["counts"]["cancelled"] == 1
    items = [e["entry"] for e in run("audit", "--json").json["entries"] if e["kind"] == "item"]
    approvals = [(item["approved"]["overrides"], item["approved"]["reason"]) for item in items]
    assert approvals == [(["orphan share"], "they were sold")]
