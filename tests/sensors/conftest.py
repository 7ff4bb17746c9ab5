"""Fixtures of the sensors' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seatsync_pipeline.reconcile.setup import import_setup
from tests.notices.servers import Hook, hook
from tests.orchestration.place import Place, homes, place, pulled, scanned
from tests.push.conftest import stock
from tests.sensors.alerting import SAMPLE_MONTH, new_preview

__all__ = ["homes", "place", "pulled", "scanned", "stock"]


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    with hook() as receiver:
        monkeypatch.setenv("SEATSYNC_NOTICE_WEBHOOK_URL", receiver.url)
        monkeypatch.setenv("SEATSYNC_UI_URL", "https://dagster.example/")
        yield receiver


@pytest.fixture
def ready(pulled: Place) -> Place:
    """Mapped and linked, with a preview of that."""
    import_setup(pulled.warehouse, SAMPLE_MONTH / "setup.csv", by="tester")
    new_preview(pulled)
    return pulled
