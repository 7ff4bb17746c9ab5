"""The op jobs that approve and push: what their runs record, and that nothing starts them by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.errors import FileRefused, InputRefused, SeatSyncError
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.orchestration.push import (
    PUSH,
    SELECTION,
    ApprovalConfig,
    PushConfig,
    broken_off,
    push_config,
)
from seatsync_pipeline.orchestration.run import RunResult, run_job
from seatsync_pipeline.push.selection import read_selection
from seatsync_pipeline.push.service import opened
from tests.orchestration.place import failure_metadata
from tests.orchestration.terminate import terminated
from tests.push.faulty import write_point
from tests.push.one_of_each import CANCELLED, DONE, PATCHED, QUANTITY, assert_all_done, one_of_each
from tests.push.place import Place, Stock, place_in

JOBS = ("push_to_connectwise", "approve_preview")


@pytest.fixture
def desk(stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A home with both previews, beside the ConnectWise they were made from."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return place_in(stock, tmp_path, monkeypatch)


def run(desk: Place, job: str, config: dict[str, Any]) -> RunResult:
    return run_job(job, definitions=build_defs(), settings=desk.settings, run_config=config)


def push(desk: Place, selection: Path, *, confirm: bool) -> RunResult:
    return run(desk, "push_to_connectwise", push_config(selection, confirm=confirm))


def events(desk: Place, run_id: str) -> list[dg.DagsterEvent]:
    with open_instance(desk.settings) as instance:
        return [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event]


def kinds(desk: Place, run_id: str) -> set[dg.DagsterEventType]:
    return {event.event_type for event in events(desk, run_id)}


@pytest.mark.parametrize("config", [{}, {"confirm": True}, {"selection_file": None}])
def test_without_a_selection_file_no_run_begins(desk: Place, config: dict[str, Any]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="selection_file"):
        run(desk, "push_to_connectwise", {"ops": {"push_selection": {"config": config}}})
    with open_instance(desk.settings) as instance:
        assert instance.get_runs_count() == 0
    assert desk.connectwise.requests == []


@pytest.mark.parametrize("confirm", [True, False])
def test_an_empty_selection_file_is_told_as_none(desk: Place, *, confirm: bool) -> None:
    config = {"selection_file": " ", "confirm": confirm}
    result = run(desk, "push_to_connectwise", {"ops": {"push_selection": {"config": config}}})
    assert "selection_file names no file" in str(result.error)
    assert desk.connectwise.requests == []


def test_unconfirmed_it_observes_and_writes_nothing(desk: Place) -> None:
    result = run(
        desk,
        "push_to_connectwise",
        {
            "ops": {"push_selection": {"config": {"selection_file": str(one_of_each(desk))}}}
        },  # confirm: its default
    )
    assert result.success
    assert result.materializations == {}
    seen = result.observations["connectwise/push"]
    assert seen["summary"].startswith("1 update, 1 create, 1 cancel;")
    assert "Nothing was written" in seen["next"]
    assert seen["table"].count("| write |") == 3
    assert [item["would"] for item in json.loads(seen["rehearsal"])["items"]] == ["write"] * 3
    assert dg.DagsterEventType.ASSET_OBSERVATION in kinds(desk, result.run_id)
    assert desk.writes() == []
    assert desk.changes().none


def test_confirmed_it_writes_and_leaves_the_proof_on_record(desk: Place) -> None:
    result = push(desk, one_of_each(desk), confirm=True)
    assert result.success
    assert_all_done(desk)
    made = result.materializations["connectwise/push"]
    assert {name: made[name] for name in DONE} == DONE
    assert [made[name] for name in ("skipped", "failed", "unresolved", "not_attempted")] == [0] * 4
    assert (made["state"], made["approved_by"], made["dagster/row_count"]) == ("finished", "Ann", 3)
    assert made["audit_head"] == desk.verify_audit().head
    for told in ("Alderpoint Dental", "| 38 | 42 |", "11 until 2026-12-14", "read back"):
        assert told in made["table"]
    assert made["report"]["operation_id"] == made["operation_id"]
    with open_instance(desk.settings) as instance:
        latest = instance.get_latest_materialization_event(PUSH)
        recorded = instance.get_run_by_id(result.run_id)
    assert latest is not None
    assert latest.run_id == result.run_id
    assert recorded is not None
    with desk.warehouse.read() as connection:
        runs = connection.execute("select distinct run_id, by_whom from operation_event").fetchall()
    assert [run_id for run_id, _ in runs] == [result.run_id]

    again = push(desk, one_of_each(desk), confirm=True)
    assert not again.success
    assert isinstance(again.error, FileRefused)
    assert made["operation_id"] in again.error.found
    assert len(desk.writes()) == 3


def test_a_terminated_push_says_how_far_it_came_and_how_to_carry_on(desk: Place) -> None:
    held = write_point(1001, 5001).add(desk.stock.sandbox, "hold")
    with terminated(desk.settings, held):
        result = push(desk, one_of_each(desk), confirm=True)
    with open_instance(desk.settings) as instance:
        ended = instance.get_run_by_id(result.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.CANCELED
    made = result.materializations["connectwise/push"]
    assert (made["state"], made["updated"], made["not_attempted"]) == ("interrupted", 1, 2)
    assert "push the same selection again" in made["next"]
    facts = failure_metadata(events(desk, result.run_id))
    assert facts["operation_id"] == made["operation_id"]
    assert "interrupted after 1 writes: its run was terminated" in facts["found"]
    assert "carries on" in facts["remedy"]

    assert push(desk, one_of_each(desk), confirm=True).success
    assert_all_done(desk)
    assert len(desk.writes()) == 3


def test_a_push_that_is_terminated_before_it_began_says_so(desk: Place) -> None:
    with (
        opened(desk.settings, desk.warehouse, run_by="Ann", run_id="none") as unbegun,
        pytest.raises(SeatSyncError, match="terminated before anything was written"),
    ):
        broken_off(unbegun)


def test_a_refused_selection_fails_the_run_with_every_fault(desk: Place) -> None:
    selection = desk.approve(desk.row("update", "Alderpoint Dental"), desk.row("cancel", "Wrenfield Nursery"))
    selection.write_text(selection.read_text(encoding="utf-8-sig").replace("fp_", "fp_0"), encoding="utf-8")
    result = push(desk, selection, confirm=True)
    assert not result.success
    assert isinstance(result.error, FileRefused)
    assert len(result.error.faults) == 2
    facts = failure_metadata(events(desk, result.run_id))
    assert facts["fault_count"] == 2
    assert "fingerprint" in facts["found"]
    assert desk.connectwise.requests == []


@pytest.mark.parametrize("file", ["none.csv", "relative/none.csv"])
def test_a_file_that_is_not_there_fails_the_run(desk: Place, file: str) -> None:
    result = push(desk, Path(file), confirm=True)
    assert isinstance(result.error, InputRefused)
    assert str(desk.folder / file) in result.error.tried


def test_a_stopped_operation_fails_the_run_is_on_record_and_is_resumed(desk: Place) -> None:
    selection = one_of_each(desk)
    PATCHED.add(desk.stock.sandbox, "error", status=403)
    result = push(desk, selection, confirm=True)
    assert not result.success
    assert type(result.error) is SeatSyncError
    assert "stopped after 0 writes" in result.error.found
    assert "the server answered 403" in result.error.found
    assert "push the same selection again" in result.error.remedy
    facts = failure_metadata(events(desk, result.run_id))
    made = result.materializations["connectwise/push"]
    assert facts["operation_id"] == made["operation_id"]
    assert (made["state"], made["failed"], made["not_attempted"]) == ("stopped", 1, 2)
    assert made["audit_head"] == desk.verify_audit().head
    assert dg.DagsterEventType.ASSET_MATERIALIZATION in kinds(desk, result.run_id)
    assert desk.changes().none

    resumed = push(desk, selection, confirm=True)
    assert resumed.success
    made = resumed.materializations["connectwise/push"]
    assert (made["operation_id"], made["state"]) == (facts["operation_id"], "finished_with_failures")
    assert "approve them from the new preview" in made["next"]
    assert desk.changes().changed == CANCELLED
    with open_instance(desk.settings) as instance:
        assert len(instance.fetch_materializations(PUSH, limit=10).records) == 2


def test_what_the_launchpad_approves_is_what_the_push_takes(desk: Place) -> None:
    preview = desk.previews["duo"]
    create = desk.row("create", "Marigold Senior Living")
    config = {
        "preview_id": f" {preview.preview_id} ",
        "approved_by": "Ann",
        "statuses": ["Orphaned"],
        "rows": [create["row_id"]],
        "agreements": {create["row_id"]: 1019},
        "reason": "agreed by mail",
    }
    result = run(desk, "approve_preview", {"ops": {"approve_rows": {"config": config}}})
    assert result.success, result.error
    made = result.materializations[SELECTION.to_user_string()]
    file = Path(made["selection_file"])
    assert file.parent == desk.settings.home / "selections"
    assert made["dagster/row_count"] == len(read_selection(file).rows) == 7
    assert any("one by one" in why for why in made["left_out"])
    assert str(file) in made["next"]
    assert "Marigold Senior Living" in made["table"]

    pushed = push(desk, file, confirm=True)
    assert pushed.success, pushed.error
    assert pushed.materializations["connectwise/push"]["operation_id"] == read_selection(file).operation_id
    (added,) = desk.changes().created.values()
    assert (added["agreementId"], added["quantity"]) == (1019, 31.0)
    assert desk.changes().changed.items() >= QUANTITY.items()


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"approved_by": "Mallory"}, "Mallory is not on the list"),
        ({"approved_by": " "}, "nobody is named"),
        ({"preview_id": "prev_none"}, "there is none"),
        ({"defaults": False}, "no row was chosen"),
        ({"rows": ["row_none"]}, "it has no row row_none"),
        ({"overrides": ["caution"]}, "no guard is named caution"),
    ],
)
def test_what_cannot_be_approved_fails_the_run_and_writes_no_file(
    desk: Place, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], found: str
) -> None:
    monkeypatch.setenv("SEATSYNC_APPROVERS", "Ann")
    whole = {"preview_id": desk.previews["duo"].preview_id, "approved_by": "Ann"} | config
    result = run(desk, "approve_preview", {"ops": {"approve_rows": {"config": whole}}})
    assert isinstance(result.error, InputRefused)
    assert found in result.error.found
    assert result.error.remedy
    assert not (desk.settings.home / "selections").exists()


@pytest.mark.parametrize("name", JOBS)
def test_nothing_but_a_person_starts_them_and_nothing_repeats_them(name: str) -> None:
    definitions = build_defs()
    job = definitions.resolve_job_def(name)
    assert job.executor_def is dg.in_process_executor
    assert job.tags["dagster/max_retries"] == "0"
    assert job.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    assert job.op_retry_policy is None
    for node in job.nodes:
        assert node.retry_policy is None
        assert isinstance(node.definition, dg.OpDefinition)
        assert node.definition.retry_policy is None
    assert job.description
    graph = definitions.resolve_asset_graph()
    assert not {PUSH, SELECTION} & set(graph.get_all_asset_keys())
    for other in definitions.resolve_all_job_defs():
        if other.name not in JOBS:
            assert not {node.name for node in other.nodes} & {"push_selection", "approve_rows"}


@pytest.mark.parametrize(
    ("config", "required"),
    [(PushConfig, {"selection_file"}), (ApprovalConfig, {"preview_id", "approved_by"})],
)
def test_the_launchpad_explains_every_field(config: type[dg.Config], required: set[str]) -> None:
    fields = config.model_fields
    assert all(field.description for field in fields.values())
    assert {name for name, field in fields.items() if field.is_required()} == required
