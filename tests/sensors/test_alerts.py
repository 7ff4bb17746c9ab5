"""Alerts of runs and pushes on a real instance: told once, told to whom, and never with a client's name."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.notices.deliver import DEADLINE_SECONDS
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.orchestration.notices import _DATABASE_PATIENCE
from seatsync_pipeline.orchestration.push import push_config
from seatsync_pipeline.orchestration.run import run_job
from seatsync_pipeline.push.selection import read_selection
from seatsync_pipeline.settings import load_settings
from sensors.alerts import (
    _PUSHES_A_TICK,
    preview_notice,
    push_canceled_alert,
    push_notice,
    run_failure_alert,
)
from tests.notices.servers import Hook, hook
from tests.orchestration.place import Place
from tests.orchestration.terminate import terminated
from tests.orchestration.test_checks import Lossy
from tests.sensors.alerting import (
    PLANTED,
    Ticks,
    approve,
    fail,
    new_preview,
    plant_account,
    texts,
)


def test_a_failed_run_is_told_once_whoever_started_it(
    place: Place, webhook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = Ticks(run_failure_alert)
    monkeypatch.setenv("DUO_SKEY", "")
    place.settings = load_settings()
    run_id = place.run("duo_pull").run_id  # in-process, without a code location, as from the command line
    tick()
    tick()
    [document] = webhook.got
    assert document["event"] == "run_failed"
    assert document["id"] == f"run_failed:{run_id}"
    assert document["url"] == f"https://dagster.example/runs/{run_id}"
    assert document["facts"] == {
        "job": "duo_pull",
        "run": run_id,
        "step": "duo__enrolled_users",
        "error": "ConfigurationError",
        "settings named": "DUO_SKEY",
    }
    assert "a setting is missing or wrong" in document["happened"]
    assert "the last preview stay" in document["means"]
    assert "seatsync doctor" in document["next_step"]


def test_a_failed_run_of_chosen_assets_is_told_by_their_names(
    place: Place, webhook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Materialize on an asset's page starts: the job that it belongs to is Dagster's own."""
    tick = Ticks(run_failure_alert)
    monkeypatch.setenv("DUO_SKEY", "")
    job = build_defs().resolve_implicit_global_asset_job_def()
    with open_instance(place.settings) as instance:
        job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(["duo", "enrolled_users"])],
            run_config={"loggers": {"progress": {}}},
        )
    tick()
    [document] = webhook.got
    assert document["title"] == "duo/enrolled_users failed"
    assert "of duo/enrolled_users failed" in document["happened"]
    assert document["facts"]["assets"] == "duo/enrolled_users"
    assert "__" not in document["happened"] + document["title"]


def test_no_tick_can_come_near_dagsters_minute() -> None:
    """With every channel hanging: so many notices at most, each until its deadline, one after another."""
    runs_a_tick = 5  # Dagster's own limit for sensors of run states
    assert max(runs_a_tick, _PUSHES_A_TICK) * (DEADLINE_SECONDS + _DATABASE_PATIENCE) < 55


def test_an_alert_is_repeated_by_a_crash_alone_and_breaks_no_run(
    place: Place, webhook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = Ticks(run_failure_alert)
    run_id = fail(place)
    tick(keep=False)
    tick()
    tick()
    assert [document["id"] for document in webhook.got] == [f"run_failed:{run_id}"] * 2
    assert webhook.got[0]["facts"]["error"] == "ZeroDivisionError"
    assert "please report it" in webhook.got[0]["next_step"]

    fail(place)
    with hook(403) as slack:
        monkeypatch.setenv("SEATSYNC_NOTICE_SLACK_URL", slack.url)
        tick()
        [failed] = tick.failed
        assert "NOT DELIVERED to 1 of 2 channels" in failed
        assert "answered 403" in failed
        assert "secret" not in failed
        tick()
        assert tick.failed == []
        assert (len(webhook.got), slack.tries) == (3, 1)


def test_a_check_that_failed_says_what_it_means(pulled: Place, webhook: Hook) -> None:
    tick = Ticks(run_failure_alert)
    lossy = build_defs(resource_overrides={"warehouse": Lossy(pulled.settings.database)})
    assert not run_job("duo_pull", definitions=lossy, settings=pulled.settings).success
    tick()
    [check] = webhook.got
    assert "did not pass a check" in check["happened"]
    assert "Nothing was written to ConnectWise" in check["means"]


def test_a_failed_push_says_what_became_of_it(ready: Place, webhook: Hook) -> None:
    """A rehearsal, a refusal, one that was stopped on its way, and a refusal while that one is open."""
    tick, faulty = Ticks(run_failure_alert), ready.settings.home / "faulty.csv"
    selection = approve(ready)
    faulty.write_text(selection.read_text("utf-8-sig").replace("fp_", "fp_0"), "utf-8")
    ready.sandbox.connectwise.faults.add("error", method="PATCH", status=401, times=None)
    for file, confirm in ((faulty, False), (faulty, True), (selection, True), (faulty, True)):
        assert not ready.run("push_to_connectwise", push_config(file, confirm=confirm)).success
        tick()
    rehearsal, refused, stopped, after = webhook.got
    [(operation,)] = ready.query("select operation_id from operation")
    for document in (rehearsal, refused):
        assert "othing was written to ConnectWise" in document["means"]
        assert "No other push starts" not in document["means"]
        assert "resumes" not in document["next_step"]
        assert "operation" not in document["facts"]
    assert "a rehearsal" in rehearsal["means"]
    assert "ended before its first row" in refused["means"]
    assert "approve from a new preview" in refused["next_step"]

    assert "No other push starts until this one is settled" in stopped["means"]
    assert f"seatsync operations {operation}" in stopped["next_step"]
    assert "same selection again resumes it" in stopped["next_step"]
    assert stopped["facts"]["operation"] == operation

    assert "othing was written to ConnectWise" in after["means"]
    assert f"The operation {operation} is unfinished" in after["means"]
    assert "resumes" not in after["next_step"]


def test_a_terminated_push_is_told_while_its_operation_is_open(ready: Place, webhook: Hook) -> None:
    tick, failures = Ticks(push_canceled_alert), Ticks(run_failure_alert)
    selection = approve(ready)
    held = ready.sandbox.connectwise.faults.add("hold", method="PATCH")
    with terminated(ready.settings, held):
        run_id = ready.run("push_to_connectwise", push_config(selection, confirm=True)).run_id
    failures()
    assert webhook.got == []  # canceled is not failed
    tick()
    tick()
    [document] = webhook.got
    [(operation,)] = ready.query("select operation_id from operation")
    assert (document["event"], document["id"]) == ("push_canceled", f"push_canceled:{run_id}")
    assert document["facts"] == {"run": run_id, "operation": operation}
    assert "No other push starts until this one is settled" in document["means"]
    assert "same selection again resumes it" in document["next_step"]


def test_a_terminated_run_that_left_nothing_open_is_not_told(place: Place, webhook: Hook) -> None:
    tick = Ticks(push_canceled_alert)
    with open_instance(place.settings) as instance:
        for job in ("push_to_connectwise", "duo_pull"):
            run = instance.create_run_for_job(
                build_defs().resolve_job_def(job),
                run_config=push_config(place.settings.home / "none.csv", confirm=True)
                if job == "push_to_connectwise"
                else {},
            )
            instance.report_run_canceled(run)
    tick()
    assert (webhook.got, tick.failed) == ([], [])


def test_what_leaves_the_house_names_no_client_unless_that_is_allowed(
    ready: Place, webhook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures and previews full of names, and a search of every byte that was sent."""
    failures, previews = Ticks(run_failure_alert), Ticks(preview_notice)

    def spoil(value: Any) -> Any:
        return [{**row, "id": row["name"]} for row in value]

    names = {name for (name,) in ready.query("select name from company")}
    names |= {name for (name,) in ready.query("select account_name from account")}
    names = {name for name in names if len(name) > 3} | {"Zebra", "Umbrella"}

    ready.sandbox.connectwise.faults.add("rewrite", path="*/company/companies", times=None, change=spoil)
    refused = ready.run("connectwise_scan").error
    assert refused is not None
    assert any(name in str(refused) for name in names)
    fail(ready)
    plant_account(ready)
    new_preview(ready)
    with hook() as slack, hook() as teams:
        monkeypatch.setenv("SEATSYNC_NOTICE_SLACK_URL", slack.url)
        monkeypatch.setenv("SEATSYNC_NOTICE_TEAMS_URL", teams.url)
        states = failures.cursor, previews.cursor
        failures()
        previews()
        assert [len(receiver.got) for receiver in (webhook, slack, teams)] == [3, 3, 3]
        assert [name for name in names if name in texts(webhook, slack, teams)] == []

        monkeypatch.setenv("SEATSYNC_NOTICE_CLIENT_NAMES", "true")
        failures.cursor, previews.cursor = states
        failures()
        previews()
        assert PLANTED in webhook.got[-1]["clients"]
        assert f"{PLANTED} owes 12 dollars" in webhook.got[-2]["clients"][0]
        assert "<!" not in texts(slack)


def test_a_push_that_left_rows_is_told_once(ready: Place, webhook: Hook) -> None:
    tick = Ticks(push_notice)
    selection = approve(ready)
    chosen = read_selection(selection)
    ready.sandbox.connectwise.faults.add("error", method="PATCH", status=400)
    assert ready.run("push_to_connectwise", push_config(selection, confirm=True)).success
    tick()
    tick()
    [document] = webhook.got
    rows = len(chosen.rows)
    assert document["event"] == "push_left_rows"
    assert f"{rows - 1} rows written, 1 row failed." in document["happened"]
    assert (document["facts"]["written"], document["facts"]["failed"]) == (str(rows - 1), "1")
    assert document["url"] == f"https://dagster.example/runs/{document['facts']['run']}"
    [(client, *_), *_] = ready.query(
        "select company_name from preview where row_id = ?", chosen.rows[0].row_id
    )
    assert client not in texts(webhook)


def test_without_a_channel_the_tick_says_so(ready: Place) -> None:
    failures, previews = Ticks(run_failure_alert), Ticks(preview_notice)
    fail(ready)
    plant_account(ready)
    new_preview(ready)
    failures()
    previews()
    assert "No channel" in failures.said
    assert "No channel" in previews.said
