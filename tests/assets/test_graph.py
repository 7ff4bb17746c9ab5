"""The asset graph as the outside knows it: names, dependencies, jobs, checks, and what the UI shows of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from seatsync_pipeline.definitions import build_defs

SNAPSHOT = Path(__file__).with_name("asset_graph.json")
DEFS = build_defs()
GRAPH = DEFS.resolve_asset_graph()
KEYS = sorted(GRAPH.get_all_asset_keys(), key=lambda key: key.to_user_string())


def asset_jobs() -> list[dg.JobDefinition]:
    """The named jobs that make assets: not Dagster's implicit one, and no op job."""
    jobs = DEFS.resolve_all_job_defs()
    return [job for job in jobs if job.asset_layer.selected_asset_keys and not job.name.startswith("__")]


def described() -> dict[str, Any]:
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
        for job in asset_jobs()
    }
    assets = {}
    for key in KEYS:
        node = GRAPH.get(key)
        assets[key.to_user_string()] = {
            "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "blocking_checks": sorted(
                check.name for check in node.check_keys if GRAPH.get_check_spec(check).blocking
            ),
            "other_checks": sorted(
                check.name for check in node.check_keys if not GRAPH.get_check_spec(check).blocking
            ),
        }
    return {"assets": assets, "jobs": jobs}


def test_the_graph_is_the_recorded_one() -> None:
    """A change is fine when it is meant: write `described()` into the file and say so in the changelog."""
    assert described() == json.loads(SNAPSHOT.read_text("utf-8"))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.to_user_string())
def test_every_asset_says_what_it_is(key: dg.AssetKey) -> None:
    node = GRAPH.get(key)
    schema = node.metadata["dagster/column_schema"]

    assert node.owners
    assert node.kinds
    assert node.description
    assert "def " not in node.description
    assert len(schema.columns) > 5
    assert all(column.description for column in schema.columns)


@pytest.mark.parametrize("job", asset_jobs(), ids=lambda job: job.name)
def test_only_an_import_asks_for_config(job: dg.JobDefinition) -> None:
    if job.name == "avanan_import":
        with pytest.raises(dg.DagsterInvalidConfigError, match="file"):
            dg.validate_run_config(job)
    else:
        dg.validate_run_config(job)


def test_nothing_retries_a_run_by_itself() -> None:
    for key in KEYS:
        definition = DEFS.resolve_assets_def(key)
        assert definition.op.retry_policy is None


def test_the_code_location_loads_without_pandas_and_pandera() -> None:
    code = (
        "import sys\n"
        "import seatsync_pipeline.definitions\n"
        "heavy = {'numpy', 'pandas', 'pandera', 'pyarrow', 'rapidfuzz'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
