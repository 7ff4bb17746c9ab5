"""The check that asks whether a reading can be trusted: its answer follows the reading, and a person's decision."""

from __future__ import annotations

import dagster as dg

from seatsync_pipeline.orchestration.jobs import DUO_USERS
from seatsync_pipeline.orchestration.trust import CHECK
from tests.orchestration.place import Place


def answers(place: Place, run_id: str) -> list[dg.AssetCheckEvaluation]:
    events = [
        event
        for event in place.events(run_id)
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    return [
        event.asset_check_evaluation_data
        for event in events
        if event.asset_check_evaluation_data.check_name == CHECK
    ]


def test_half_a_reading_is_doubted_until_a_person_accepts_it(pulled: Place) -> None:
    duo = pulled.sandbox.duo.state
    with duo.lock:
        duo.subaccounts = dict(list(duo.subaccounts.items())[:15])
    read = pulled.run("duo_pull")
    assert read.error is None
    (doubt,) = answers(pulled, read.run_id)
    assert (doubt.asset_key, doubt.passed) == (DUO_USERS, False)
    snapshot_id = str(pulled.query("select max(snapshot_id) from snapshot where source = 'duo'")[0][0])
    assert f"accept_snapshot with source duo, snapshot_id {snapshot_id}" in str(doubt.description)

    config = {"source": "duo", "snapshot_id": snapshot_id, "accepted_by": "Ann", "reason": "sold"}
    accepted = pulled.run("accept_snapshot", {"ops": {"accept_and_reconcile": {"config": config}}})
    assert accepted.error is None
    (answer,) = answers(pulled, accepted.run_id)
    assert (answer.asset_key, answer.passed) == (DUO_USERS, True)
    assert str(answer.description).endswith("Accepted by Ann: sold")
