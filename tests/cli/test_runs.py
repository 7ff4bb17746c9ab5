"""Commands that run a Dagster job: the real job, on the sandbox, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.settings import load_settings
from seatsync_pipeline.warehouse import Warehouse
from tests.cli.conftest import Run, run_process


def stored(home: Path) -> dict[str, int]:
    """How many snapshots there are of each source."""
    with Warehouse(home / "seatsync.duckdb").read() as connection:
        rows = connection.execute("select source, count(*) from snapshot group by source").fetchall()
        return dict(rows)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_a_pull_scans_first_counts_the_rest_and_exits_1_for_what_failed(
    run: Run, sandbox: Sandbox, fresh: Path
) -> None:
    said = run("pull", "duo", "--json")
    failed = sum(account.error is not None for account in sandbox.month.duo_subaccounts)
    assert said.code == 1
    document = said.json
    assert document["accounts"] == len(sandbox.month.duo_subaccounts)
    assert len(document["failed"]) == failed > 0
    assert all("403" in one["reason"] for one in document["failed"])
    assert document["scan"]["companies"] == len(sandbox.month.companies)
    assert document["preview"]["totals"]["adds_up"] is True
    assert stored(fresh) == {"connectwise": 1, "duo": 1}
    sandbox.connectwise.forget_requests()
    again = run("pull", "duo")
    assert again.code == 1
    assert sandbox.connectwise.requests == []  # the scan is fresh
    assert f"{failed} failed" in again.out
    assert "License unmapped" in again.out
    assert stored(fresh) == {"connectwise": 1, "duo": 2}
    with open_instance(load_settings()) as instance:
        assert [r.job_name for r in instance.get_runs()] == ["duo_pull", "duo_pull", "connectwise_scan"]


def test_rows_without_a_license_do_not_keep_the_others_from_being_previewed(
    run: Run, home: Path, tmp_path: Path
) -> None:
    """Two of one tenant had one row id, and the whole preview was refused by the database."""
    export = tmp_path / "tenants.csv"
    bad = "Acme,acme,,3,Paid\nAcme,acme,,4,Paid\nBolt,bolt,,1,POC\nBolt,bolt,,2,POC\nCore,core,,,Expired\n"
    good = "".join(f"Client {n},client{n},EP,5,Paid\n" for n in range(60))
    export.write_text(f"Tenant,Portal,License,Users,Status\n{bad}{good}")
    said = run("import", "avanan", export, "--json")
    assert said.code == 1
    assert [(one["account_key"], one["reason"]) for one in said.json["failed"]] == [
        ("acme", "License is blank")
    ]
    preview = run("preview", "avanan", "--all", "--json").json
    assert preview["totals"]["adds_up"] is True
    found = {row["accounts"][0]["account_key"]: row["status"] for row in preview["rows"] if row["accounts"]}
    assert (found["acme"], found["bolt"], found["client7"]) == ("Source error", "Skipped", "License unmapped")
    assert "core" not in found


def test_an_old_scan_is_made_anew_before_an_import(run: Run, sandbox: Sandbox, home: Path) -> None:
    warehouse = Warehouse(home / "seatsync.duckdb")
    with warehouse.write() as connection:
        connection.execute(
            "update snapshot set taken_at = taken_at - interval 25 hour where source = 'connectwise'"
        )
    said = run("import", "avanan", home / "export.csv", "--json")
    assert said.code == 1  # the sample has rows that cannot be read
    assert said.json["failed"]
    assert said.json["scan"] is not None
    assert said.json["preview"]["stale"] is False
    assert stored(home) == {"connectwise": 2, "duo": 1, "avanan": 2}


def test_a_refused_file_lists_its_faults_and_stores_nothing(
    run: Run, sandbox: Sandbox, home: Path, month: SampleMonth
) -> None:
    bad = home / "bad.csv"
    bad.write_bytes(month.avanan_export + b"\r\nAcme,only two cells\r\n")
    before = stored(home)
    said = run("import", "avanan", bad, "--json")
    assert said.code == 2
    assert said.json["error"]["faults"][0]["line"] > 1
    assert stored(home) == before
    told = run("import", "avanan", bad)
    assert (told.code, told.out) == (2, "")
    assert f"line {said.json['error']['faults'][0]['line']}" in told.err


def test_reconcile_makes_a_new_preview_without_a_vendor(run: Run, home: Path) -> None:
    before = run("preview", "avanan", "--json").json
    said = run("reconcile", "avanan", "--json")
    assert said.code == 0
    after = run("preview", "avanan", "--json").json
    assert said.json["preview"]["preview_id"] == after["preview_id"] != before["preview_id"]
    assert [r["fingerprint"] for r in after["rows"]] == [r["fingerprint"] for r in before["rows"]]
    assert (home / "previews" / f"avanan-{after['preview_id']}.csv").exists()


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("CONNECTWISE_PRIVATE_KEY", "wrong", "CONNECTWISE_PRIVATE_KEY"),
        ("CONNECTWISE_URL", "http://127.0.0.1:9", "CONNECTWISE_URL"),
    ],
)
def test_a_scan_that_is_refused_leaves_the_last_one(
    run: Run, sandbox: Sandbox, home: Path, *, setting: str, value: str, named: str
) -> None:
    before = stored(home)
    said = run("scan", "--json", **{setting: value})
    assert said.code == 2
    assert named in said.json["error"]["remedy"]
    assert value not in said.out or setting == "CONNECTWISE_URL"
    assert stored(home) == before


def test_an_empty_duo_account_list_leaves_the_preview(run: Run, sandbox: Sandbox, home: Path) -> None:
    before = run("preview", "duo", "--json").json["preview_id"]
    sandbox.duo.faults.add("answer", path="*/account/list", value={"stat": "OK", "response": []}, times=None)
    said = run("pull", "duo", "--json")
    assert said.code == 2
    assert run("preview", "duo", "--json").json["preview_id"] == before


def test_a_process_writes_one_document_and_talks_on_stderr(sandbox: Sandbox, fresh: Path) -> None:
    said = run_process("scan", "--json")
    assert said.code == 0
    found: Any = said.json
    assert found["agreements"] == len(sandbox.month.agreements)
    assert "Scanning ConnectWise" in said.err
    assert "Traceback" not in said.err


def test_a_home_that_cannot_be_made_is_one_message(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file where the folder should be")
    said = run("scan", "--json")
    assert said.code == 2
    assert "SEATSYNC_HOME" in said.json["error"]["remedy"]
