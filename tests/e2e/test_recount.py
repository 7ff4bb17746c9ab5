"""Another count basis is a change of configuration, not another crawl."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.store import load_preview
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.settings import Settings, load_settings
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import latest_snapshot_id, load_snapshot
from seatsync_pipeline.warehouse import Warehouse


@pytest.mark.parametrize("basis", ["enrolled_active", "existing"])
def test_another_basis_counts_the_stored_users_anew(
    stocked: Warehouse, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, basis: str
) -> None:
    first = load_preview(stocked, reconcile(stocked, "duo", today=settings.today(), settings=settings))
    monkeypatch.setenv("DUO_COUNT_BASIS", basis)
    changed = load_settings()
    sandbox.duo.forget_requests()
    again = load_preview(stocked, reconcile(stocked, "duo", today=changed.today(), settings=changed))
    assert sandbox.duo.requests == []
    assert again.snapshot["taken_at"] == first.snapshot["taken_at"]
    assert again.snapshot["id"] != first.snapshot["id"]
    with stocked.read() as connection:
        snapshot_id = latest_snapshot_id(connection, "duo")
        assert snapshot_id is not None
        stored = load_snapshot(connection, snapshot_id)
    crawled = {o.account_key: o.seats for o in pull(changed).observations}
    assert {o.account_key: o.seats for o in stored.observations} == crawled
    assert again.totals["seats"]["in"] == sum((s for s in crawled.values() if s is not None), Decimal(0))
    assert again.totals["adds_up"]


def test_the_same_basis_stores_nothing_anew(stocked: Warehouse, settings: Settings) -> None:
    first = load_preview(stocked, reconcile(stocked, "duo", today=settings.today(), settings=settings))
    again = load_preview(stocked, reconcile(stocked, "duo", today=settings.today(), settings=settings))
    assert again.snapshot["id"] == first.snapshot["id"]
