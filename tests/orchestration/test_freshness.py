"""Freshness: what is read from outside goes stale by the setting; what is derived has no age of its own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.orchestration.jobs import AVANAN_EXPORT, DUO_USERS, SCAN

READ = {SCAN, DUO_USERS, AVANAN_EXPORT}


@pytest.mark.parametrize(("setting", "days"), [(None, 35), ("10", 10), ("none", 35)])
def test_readings_go_stale_by_the_setting(
    setting: str | None, days: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a setting that is wrong: the UI has to come up and say so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEATSYNC_NOTICE_STALE_DAYS", raising=False)
    if setting is not None:
        monkeypatch.setenv("SEATSYNC_NOTICE_STALE_DAYS", setting)
    graph = build_defs().resolve_asset_graph()
    policies = {key: graph.get(key).freshness_policy for key in graph.get_all_asset_keys()}
    stale = timedelta(days=days)
    wanted = dg.FreshnessPolicy.time_window(fail_window=stale, warn_window=stale * 0.9)
    assert {key for key, policy in policies.items() if policy is not None} == READ
    assert all(policies[key] == wanted for key in READ)


def test_a_reading_every_month_never_warns() -> None:
    assert timedelta(days=35) * 0.9 > timedelta(days=31)
