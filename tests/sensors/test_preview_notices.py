"""Notices of previews and of sources gone stale, over several ticks on a real instance: each thing told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from seatsync_pipeline.reconcile.setup import import_setup
from sensors.alerts import (
    preview_notice,
    stale_source_notice,
)
from tests.notices.servers import Hook, hook
from tests.orchestration.place import Place
from tests.sensors.alerting import (
    SAMPLE_MONTH,
    Ticks,
    new_preview,
    plant_account,
)


def test_a_new_preview_of_a_real_run_is_told_once(scanned: Place, webhook: Hook) -> None:
    tick = Ticks(preview_notice)
    assert "from now on" in tick.said
    import_setup(scanned.warehouse, SAMPLE_MONTH / "setup.csv", by="tester")
    assert scanned.run("duo_pull").success
    tick()
    tick()
    [document] = webhook.got
    [(preview_id, without)] = scanned.query(
        "select preview_id, count(*) from preview where status in ('Unmatched', 'Ambiguous') group by 1"
    )
    assert without
    assert document["event"] == "preview_needs_you"
    assert document["id"] == f"preview_needs_you:{preview_id}"
    assert document["url"] == "https://dagster.example/assets/duo/preview"
    assert document["facts"]["new accounts without a company"] == str(without)


def test_only_what_is_new_is_told(ready: Place, webhook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    tick = Ticks(preview_notice)
    monkeypatch.setenv("SEATSYNC_NOTICE_DRIFT_PERCENT", "100000")
    new_preview(ready)
    tick()
    assert "nobody needs to be told" in tick.said

    plant_account(ready)
    new_preview(ready)
    tick()
    new_preview(ready)
    tick()
    [document] = webhook.got
    assert "1 account without a company is new" in document["happened"]
    assert "seats would change" not in document["happened"]


def test_a_drift_is_told_once_for_a_snapshot(
    ready: Place, webhook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATSYNC_NOTICE_DRIFT_PERCENT", "0.1")
    tick = Ticks(preview_notice)
    new_preview(ready)  # by the same snapshot as the preview before it, which drifted as much
    tick()
    assert webhook.got == []
    ready.change(
        "update preview_header set snapshot_id = (select snapshot_id from snapshot where source = 'connectwise')"
    )
    new_preview(ready)
    tick()
    [document] = webhook.got
    assert "billed seats would change" in document["happened"]
    assert "the limit is 0.1 %" in document["happened"]


def test_an_undelivered_preview_notice_is_loud_and_not_repeated(
    ready: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = Ticks(preview_notice)
    plant_account(ready)
    new_preview(ready)
    with hook(404) as gone:
        monkeypatch.setenv("SEATSYNC_NOTICE_TEAMS_URL", gone.url)
        tick()
        assert "NOT DELIVERED to 1 of 1 channels" in tick.said
        tick()
        assert gone.tries == 1


@pytest.mark.parametrize("accepted", [True, False])
def test_a_source_goes_stale_once_a_week(
    ready: Place, webhook: Hook, monkeypatch: pytest.MonkeyPatch, *, accepted: bool
) -> None:
    tick = Ticks(stale_source_notice)
    assert "nobody needs to be told" in tick.said
    tick()
    assert "already" in tick.said
    long_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=36, hours=1)
    ready.change("update snapshot set taken_at = ? where source = 'duo'", long_ago)
    if not accepted:
        ready.change("update snapshot set verdict = 'suspect' where source = 'duo'")
    told = []
    for day in (2, 2, 3, 8, 9, 9, 15):
        monkeypatch.setenv("SEATSYNC_TODAY", f"2027-01-{day:02}")
        tick()
        told.append(len(webhook.got))
    assert told == [1, 1, 1, 1, 2, 2, 2]
    document = webhook.got[0]
    assert (document["event"], document["title"]) == ("source_stale", "Duo has gone stale")
    assert "36 days ago; the limit is 35" in document["happened"]
    assert ("has no accepted snapshot" in document["happened"]) == (not accepted)
