"""The setup from the launchpad: one decision, its preview anew, and what became of the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.errors import InputRefused
from seatsync_pipeline.orchestration.acceptance import AcceptanceConfig
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.orchestration.run import RunResult, run_job
from seatsync_pipeline.orchestration.setup_jobs import AgreementTypesConfig, LicenseConfig, LinkConfig
from seatsync_pipeline.reconcile.store import latest_preview_id, load_preview
from tests.orchestration.place import Place as Home
from tests.push.place import Place, Stock, place_in

OPS = {
    "map_license": "map_and_reclassify",
    "link_company": "link_and_reclassify",
    "set_agreement_types": "set_types_and_reclassify",
}


@pytest.fixture
def desk(stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return place_in(stock, tmp_path, monkeypatch)


def run(desk: Place, job: str, **config: Any) -> RunResult:
    return run_job(
        job,
        definitions=build_defs(),
        settings=desk.settings,
        run_config={"ops": {OPS[job]: {"config": {"by": "Ann"} | config}}},
    )


def rows(desk: Place, source: str) -> dict[str, dict[str, Any]]:
    with desk.warehouse.read() as connection:
        preview_id = latest_preview_id(connection, source)  # type: ignore[arg-type]
    assert preview_id is not None
    return {row["row_id"]: row for row in load_preview(desk.warehouse, preview_id).rows}


def first(desk: Place, source: str, status: str) -> dict[str, Any]:
    return next(row for row in rows(desk, source).values() if row["status"] == status)


def test_a_mapped_license_becomes_rows_and_the_page_says_which(desk: Place) -> None:
    unmapped = first(desk, "avanan", "License unmapped")
    license_name = unmapped["accounts"][0]["license"]
    result = run(desk, "map_license", source="avanan", license=license_name, no_charge=True)
    assert result.success, result.error
    assert unmapped["row_id"] not in rows(desk, "avanan")
    page = result.materializations["avanan/preview"]
    assert "License unmapped" in page["what_changed"]
    assert page["preview_id"] in page["csv"]


def test_a_decision_before_the_first_preview_says_that_it_is_kept(scanned: Home) -> None:
    config = {"source": "duo", "license": "Duo MFA", "product": "DUO-MFA", "by": "Ann"}
    result = scanned.run("map_license", {"ops": {OPS["map_license"]: {"config": config}}})
    assert result.success, result.error
    assert result.materializations == {}
    with open_instance(scanned.settings) as instance:
        said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert "The decision is kept. There is no preview yet that it could change." in said
    assert scanned.query("select decision from mapping_change") == [("product",)]


def test_a_linked_account_leaves_the_unmatched(desk: Place) -> None:
    unmatched = first(desk, "duo", "Unmatched")
    account = unmatched["accounts"][0]
    company = next(row["company_id"] for row in rows(desk, "duo").values() if row["company_id"])
    result = run(desk, "link_company", source="duo", account=account["account_key"], company=str(company))
    assert result.success, result.error
    assert unmatched["row_id"] not in rows(desk, "duo")
    assert "| Unmatched |  |" in result.materializations["duo/preview"]["what_changed"]
    not_billed = run(
        desk, "link_company", source="duo", account=account["account_key"], not_billed=True, reason="ours"
    )
    assert not_billed.success


def test_the_agreement_types_move_the_scope(desk: Place) -> None:
    result = run(desk, "set_agreement_types", source="duo", names=[])
    assert result.success, result.error
    again = run(desk, "set_agreement_types", source="duo", names=[])
    assert again.success
    assert again.materializations == {}


@pytest.mark.parametrize(
    ("job", "config", "found"),
    [
        ("map_license", {"license": "Duo MFA"}, "neither is given"),
        ("map_license", {"license": "Duo MFA", "product": "MFA-SEAT", "no_charge": True}, "both are given"),
        ("map_license", {"license": "Duo MFB", "no_charge": True}, "Duo MFB"),
        ("map_license", {"license": "Duo MFA", "product": "nothing"}, "nothing"),
        ("link_company", {"account": "nobody", "company": "1"}, "nobody"),
        ("link_company", {"account": "nobody"}, "neither is given"),
        ("set_agreement_types", {"names": ["Nonsense"]}, "Nonsense"),
    ],
)
def test_a_refused_decision_changes_nothing_and_says_why(
    desk: Place, job: str, config: dict[str, Any], found: str
) -> None:
    before = rows(desk, "duo")
    result = run(desk, job, source="duo", **config)
    assert not result.success
    assert found in f"{result.error}"
    assert rows(desk, "duo") == before


@pytest.mark.parametrize(
    ("config", "required"),
    [
        (LicenseConfig, {"source", "license", "by"}),
        (LinkConfig, {"source", "account", "by"}),
        (AgreementTypesConfig, {"source", "names", "by"}),
        (AcceptanceConfig, {"source", "snapshot_id", "accepted_by", "reason"}),
    ],
)
def test_the_launchpad_explains_every_field(config: type[dg.Config], required: set[str]) -> None:
    fields = config.model_fields
    assert all(field.description for field in fields.values())
    assert {name for name, field in fields.items() if field.is_required()} == required


def test_the_source_is_chosen_not_typed(desk: Place) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        run(desk, "map_license", source="dou", license="Duo MFA", no_charge=True)
    with open_instance(desk.settings) as instance:
        assert instance.get_runs_count() == 0


def test_errors_are_refusals(desk: Place) -> None:
    result = run(desk, "map_license", source="duo", license="Duo MFA", product="", no_charge=False)
    assert isinstance(result.error, InputRefused)
