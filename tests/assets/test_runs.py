"""Real Dagster runs over HTTP: what each asset stores, shows, refuses and leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatsync_pipeline.errors import (
    CredentialsRefused,
    FileRefused,
    IncompleteAnswer,
    InputRefused,
)
from tests.orchestration.place import EXPORT, Place, failure_metadata


def test_a_scan_shows_what_it_read(place: Place) -> None:
    result = place.run("connectwise_scan")

    assert result.error is None
    shown = result.materializations["connectwise/agreement_scan"]
    [(additions,)] = place.query("select count(*) from addition")
    [(agreements,)] = place.query("select count(*) from agreement")
    assert (shown["dagster/row_count"], shown["agreements"]) == (additions, agreements)
    assert additions > 50
    assert shown["verdict"] == "complete"
    assert sum(shown["by_status"].values()) == agreements
    assert "| Managed Services |" in shown["table"]
    assert place.query("select run_id from snapshot") == [(result.run_id,)]


def test_a_pull_with_failed_accounts_succeeds_and_names_them_first(scanned: Place) -> None:
    result = scanned.run("duo_pull")

    shown = result.materializations["duo/enrolled_users"]
    failed = [
        name for (name,) in scanned.query("select account_name from observation where state = 'failed'")
    ]
    assert result.error is None
    assert failed
    assert shown["failed_accounts"] == len(failed)
    assert shown["by_status"]["failed"] == len(failed)
    first_rows = shown["table"].splitlines()[2 : 2 + len(failed)]
    assert sorted(name for name in failed for row in first_rows if f"| {name} |" in row) == sorted(failed)
    assert all("| ? | failed |" in row for row in first_rows)
    [(seats,)] = scanned.query("select sum(seats) from observation")
    assert shown["seats"] == seats


def test_an_empty_account_list_is_kept_as_evidence_and_fails_the_run(scanned: Place) -> None:
    before = scanned.run("duo_pull").materializations["duo/preview"]["preview_id"]
    scanned.sandbox.duo.state.subaccounts.clear()

    result = scanned.run("duo_pull")

    assert isinstance(result.error, IncompleteAnswer)
    assert result.materializations == {}
    stored = failure_metadata(scanned.events(result.run_id))["snapshot_id"]
    assert scanned.query("select verdict from snapshot where snapshot_id = ?", stored) == [("incomplete",)]
    assert scanned.query("select preview_id from preview_header") == [(before,)]


def test_a_refused_export_lists_its_faults_and_stores_nothing(scanned: Place, tmp_path: Path) -> None:
    ragged = tmp_path / "ragged.csv"
    lines = EXPORT.read_text("utf-8-sig").splitlines()
    ragged.write_text("\n".join([*lines[:5], f"{lines[5]},surplus", *lines[6:], "short,row"]), "utf-8")

    result = scanned.import_avanan(ragged)

    assert isinstance(result.error, FileRefused)
    assert {fault.line for fault in result.error.faults} >= {6}
    metadata = failure_metadata(scanned.events(result.run_id))
    assert metadata["fault_count"] == len(result.error.faults) == len(metadata["faults"])
    assert metadata["remedy"] == result.error.remedy
    assert scanned.query("select count(*) from snapshot where source = 'avanan'") == [(0,)]
    assert scanned.query("select count(*) from preview_header") == [(0,)]


def test_an_import_makes_its_preview(scanned: Place) -> None:
    result = scanned.import_avanan()

    assert result.error is None
    preview = result.materializations["avanan/preview"]
    assert sum(preview["by_status"].values()) == preview["dagster/row_count"] > 0
    assert preview["adds_up"] is True
    assert Path(preview["csv"]).read_bytes().count(b"\n") >= preview["dagster/row_count"]


def test_the_monthly_round_skips_avanan_while_nothing_was_imported(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    result = place.run("seat_sync")

    assert result.error is None
    assert sorted(result.materializations) == [
        "connectwise/agreement_scan",
        "duo/enrolled_users",
        "duo/preview",
    ]
    assert result.skipped == {"avanan/preview": "nothing was read from Avanan yet"}
    assert "Avanan: no preview" in capfd.readouterr().err

    place.import_avanan()
    again = place.run("seat_sync")
    assert "avanan/preview" in again.materializations
    assert again.skipped == {}


def test_reconciling_what_was_never_read_is_refused(scanned: Place) -> None:
    result = scanned.run("reconcile_avanan")

    assert isinstance(result.error, InputRefused)
    assert "import" in result.error.remedy


@pytest.mark.parametrize("source", ["duo", "avanan"])
def test_reconciling_asks_no_vendor(scanned: Place, source: str) -> None:
    first = scanned.run("duo_pull") if source == "duo" else scanned.import_avanan()
    asked = scanned.asked()

    again = scanned.run(f"reconcile_{source}")

    assert again.error is None
    assert scanned.asked() == asked
    key = f"{source}/preview"
    assert again.materializations[key]["preview_id"] > first.materializations[key]["preview_id"]
    assert again.materializations[key]["totals"] == first.materializations[key]["totals"]


def test_refused_credentials_leave_the_last_good_data(pulled: Place) -> None:
    before = pulled.query("select * from snapshot order by 1"), pulled.query("select * from preview_header")
    pulled.sandbox.connectwise.state.private_key = "rotated"
    pulled.sandbox.duo.state.skey = "rotated"

    result = pulled.run("seat_sync")

    assert isinstance(result.error, CredentialsRefused)
    assert result.materializations == {}
    assert (
        pulled.query("select * from snapshot order by 1"),
        pulled.query("select * from preview_header"),
    ) == before
