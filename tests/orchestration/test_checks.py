"""Blocking checks: a bad table is found where it lies, named, and nothing is built on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.orchestration.run import run_job
from seatsync_pipeline.orchestration.soundness import PREVIEW_CHECKS, SCAN_CHECKS, SNAPSHOT_CHECKS
from seatsync_pipeline.orchestration.stored import Problem, judge_stored, previews_of, schema, snapshots_of
from seatsync_pipeline.orchestration.tables import OBSERVATION
from seatsync_pipeline.warehouse import Connection, Warehouse
from tests.orchestration.place import Place

KINDS = {
    "scan": (snapshots_of("connectwise"), SCAN_CHECKS),
    "pull": (snapshots_of("duo"), SNAPSHOT_CHECKS),
    "preview": (previews_of("duo"), PREVIEW_CHECKS),
}


def judged(warehouse: Warehouse, kind: str) -> dict[str, tuple[Problem, ...]]:
    stored, checks = KINDS[kind]
    return {found.check.name: found.problems for found in judge_stored(warehouse, stored, checks)}


@pytest.fixture
def warehouse(homes: dict[str, Path], tmp_path: Path) -> Warehouse:
    """A scan, a pull, and a preview of Duo."""
    shutil.copy(homes["pulled"] / "seatsync.duckdb", tmp_path)
    return Warehouse(tmp_path / "seatsync.duckdb")


def damaged(warehouse: Warehouse, sql: str, *parameters: object) -> None:
    with warehouse.write() as connection:
        connection.execute(sql, parameters)


def check_alone(place: Place, asset: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Run an asset's checks without the asset, as the button in the UI does."""
    key = dg.AssetKey(asset.split("/"))
    job = dg.define_asset_job("only_checks", selection=dg.AssetSelection.checks_for_assets(key))
    overrides = {"settings": place.settings}
    defs = dg.Definitions.merge(build_defs(resource_overrides=overrides), dg.Definitions(jobs=[job]))
    result = defs.resolve_job_def("only_checks").execute_in_process(
        raise_on_error=False, run_config={"loggers": {"progress": {}}}
    )
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


@pytest.mark.parametrize(
    ("kind", "check", "damage"),
    [
        ("scan", "schema_company", "update company set company_id = -company_id"),
        ("scan", "schema_agreement", "update agreement set company_id = 0"),
        ("scan", "schema_addition", "update addition set product_id = 0"),
        ("scan", "schema_product", "update product set product_id = -product_id"),
        ("scan", "does_every_addition_have_its_agreement", "delete from agreement where additions_read"),
        ("pull", "schema_observation", "update observation set seats = -1 where state = 'counted'"),
        ("pull", "schema_observation", "update observation set reason = null where state = 'failed'"),
        ("pull", "schema_observation", "update observation set seats = 0 where state = 'failed'"),
        ("pull", "does_every_number_have_its_account", "delete from account"),
        ("preview", "schema_preview", "update preview set action = 'create'"),
        ("preview", "schema_preview", "update preview set delta = coalesce(delta, 0) + 1"),
        ("preview", "schema_preview", "update preview set blocked = true, selected_by_default = true"),
        ("preview", "schema_preview", "update preview set new_quantity = 0, delta = 0 where status = 'Source error'"),
        ("preview", "does_the_preview_add_up", "delete from preview where position = 1"),
        ("preview", "does_the_preview_add_up", "update preview_header set adds_up = false"),
        ("preview", "does_the_preview_add_up", "update preview set accounts = '[]' where position = 2"),
        ("preview", "does_the_preview_add_up", "update preview set status = 'Skipped' where position = 1"),
        ("preview", "does_the_preview_add_up", "delete from observation where position = 1"),
        ("preview", "does_the_preview_add_up", "update observation set seats = seats + 1 where position = 1"),
    ],
)  # fmt: skip
def test_damage_is_found(warehouse: Warehouse, kind: str, check: str, damage: str) -> None:
    assert not any(judged(warehouse, kind).values())

    damaged(warehouse, damage)

    assert judged(warehouse, kind)[check]


@pytest.mark.parametrize("portion", [1, 2, 7])
def test_rows_judged_in_portions_are_all_judged_and_none_twice(warehouse: Warehouse, portion: int) -> None:
    damaged(warehouse, "update observation set evidence = 'no JSON ' || position, license = ''")
    stored = snapshots_of("duo")

    [whole] = judge_stored(warehouse, stored, [schema(OBSERVATION)])
    [parts] = judge_stored(warehouse, stored, [schema(OBSERVATION, portion=portion)])

    assert len(whole.problems) > 10
    assert len(parts.problems) == len(whole.problems)
    assert set(parts.problems) == set(whole.problems)


def test_one_thing_twice_is_found_although_the_sums_agree(warehouse: Warehouse) -> None:
    """The first observation a second time in place of another one, with its seats: only its name tells."""
    with warehouse.read() as connection:
        rows = connection.execute("select accounts from preview order by position limit 2").fetchall()
    [first], [other] = (json.loads(text) for (text,) in rows)
    twin = json.dumps([{**first, "seats": other["seats"]}])
    damaged(warehouse, "update preview set accounts = ? where position = 2", twin)

    [problem] = judged(warehouse, "preview")["does_the_preview_add_up"]

    assert problem.rule == "each observation and addition is in one row"
    assert first["account_key"] in problem.row


def test_a_failed_check_shows_the_operator_why(pulled: Place) -> None:
    """The second run checks what is stored by then, without making the asset anew."""
    assert all(evaluation.passed for evaluation in check_alone(pulled, "duo/enrolled_users").values())
    pulled.change("update observation set seats = -1 where account_name = 'Copperline Freight'")

    failed = check_alone(pulled, "duo/enrolled_users")["schema_observation"]

    assert (failed.passed, failed.blocking, failed.severity) == (False, True, dg.AssetCheckSeverity.ERROR)
    assert failed.description == failed.metadata["why"].value
    assert "seats are zero or more (position " in str(failed.description)
    assert failed.metadata["problem_count"].value == 1
    assert "| seats are zero or more | position " in str(failed.metadata["problems"].value)


def test_nothing_is_built_on_a_bad_scan_by_a_later_run_either(pulled: Place) -> None:
    pulled.change("update addition set product_id = 0")
    previews = pulled.query("select count(*) from preview_header")

    result = pulled.run("reconcile_duo")

    assert isinstance(result.error, WarehouseError)
    assert "schema_addition" in result.error.found
    assert pulled.query("select count(*) from preview_header") == previews
    assert pulled.run("connectwise_scan").error is None
    assert pulled.run("reconcile_duo").error is None


class Lossy(Warehouse):
    """A database that loses every account it is given."""

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            connection.execute("delete from account")


def test_a_failed_check_stops_what_is_downstream_in_its_run(scanned: Place) -> None:
    lossy = build_defs(resource_overrides={"warehouse": Lossy(scanned.settings.database)})

    result = run_job("duo_pull", definitions=lossy, settings=scanned.settings)

    assert isinstance(result.error, WarehouseError)
    assert "does_every_number_have_its_account failed" in result.error.found
    assert list(result.materializations) == ["duo/enrolled_users"]
    assert scanned.query("select count(*) from preview_header") == [(0,)]


def test_checks_of_nothing_object_to_nothing(place: Place) -> None:
    evaluations = check_alone(place, "duo/preview")

    assert {name: evaluation.passed for name, evaluation in evaluations.items()} == {
        "schema_preview": True,
        "does_the_preview_add_up": True,
        "does_anything_need_a_decision": True,
    }
