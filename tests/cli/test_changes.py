"""Commands that change the setup: recorded, classified anew at once, and without one vendor call.

The sandbox that filled the home is gone, so that any vendor call would fail.
"""

from __future__ import annotations

import csv
import os
import pwd
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.warehouse import Warehouse
from tests.cli.conftest import Run

Load = Callable[[str], Any]


def statuses(document: Any) -> Counter[str]:
    return Counter(row["status"] for row in document["rows"])


def last_change(warehouse: Warehouse, table: str) -> dict[str, Any]:
    with warehouse.read() as connection:
        cursor = connection.execute(f"select * from {table} order by change_id desc limit 1")  # noqa: S608
        row = cursor.fetchone()
        assert row is not None
        return dict(zip([column[0] for column in cursor.description or ()], row, strict=True))


def test_unmapping_and_mapping_move_the_rows_and_back(run: Run, preview: Load, warehouse: Warehouse) -> None:
    before = preview("duo")
    said = run("unmap", "duo", "Duo MFA", "--by", "ann", "--json")
    assert said.code == 0
    assert said.json["changed"] == 1
    assert set(said.json["previews"]) == {"duo", "avanan"}  # a product belongs to one source only
    unmapped = preview("duo")
    assert said.json["previews"]["duo"]["preview_id"] == unmapped["preview_id"] != before["preview_id"]
    assert set(statuses(unmapped)) <= {"License unmapped", "Source error", "Orphaned", "No change"}
    told = run("map", "duo", "Duo MFA", "DUO-MFA", "--by", "ann")
    assert told.code == 0
    assert "Duo MFA of duo is billed as DUO-MFA." in told.out
    assert "New duo preview" in told.out
    after = preview("duo")
    assert statuses(after) == statuses(before)
    assert [r["fingerprint"] for r in after["rows"]] == [r["fingerprint"] for r in before["rows"]]
    assert last_change(warehouse, "mapping_change")["changed_by"] == "ann"


def test_a_repeated_decision_changes_nothing(run: Run, preview: Load) -> None:
    before = preview("duo")["preview_id"]
    said = run("map", "duo", "Duo MFA", "DUO-MFA", "--json")
    assert (said.code, said.json["changed"], said.json["previews"]) == (0, 0, {})
    assert preview("duo")["preview_id"] == before


def test_an_account_is_linked_by_name_and_unlinked_for_good(
    run: Run, preview: Load, warehouse: Warehouse
) -> None:
    row = next(r for r in preview("duo")["rows"] if r["status"] == "Ambiguous" and r["candidates"])
    account, company = row["accounts"][0], row["candidates"][0]
    said = run("link", "duo", account["account_name"], company["company_id"], "--json")
    assert said.code == 0
    assert list(said.json["previews"]) == ["duo"]
    change = last_change(warehouse, "link_change")
    assert (change["account_key"], change["company_id"]) == (account["account_key"], company["company_id"])
    assert change["changed_by"] == pwd.getpwuid(os.getuid()).pw_name
    assert row["row_id"] not in {r["row_id"] for r in preview("duo")["rows"]}
    assert run("unlink", "duo", account["account_key"]).code == 0
    resolved = {r["row_id"]: r["status"] for r in preview("duo")["rows"]}
    assert resolved[row["row_id"]] in {"Ambiguous", "Unmatched"}


def test_an_account_that_is_not_billed_has_no_row_but_stays_in_the_totals(
    run: Run, preview: Load, warehouse: Warehouse
) -> None:
    before = preview("duo")
    row = next(r for r in before["rows"] if r["status"] == "Unmatched")
    arguments = ["link", "duo", row["accounts"][0]["account_key"], "--not-billed", "--reason", "our own"]
    assert run(*arguments).code == 0
    after = preview("duo")
    count = after["totals"]["observations"]["not_billed"]
    assert count == before["totals"]["observations"]["not_billed"] + 1
    assert after["totals"]["adds_up"]
    assert "is it a client by now" not in " ".join(run("preview", "duo").out.split())
    with warehouse.write() as connection:  # the next pull finds it renamed
        key = [row["accounts"][0]["account_key"]]
        connection.execute("update account set account_name = 'New Client' where account_key = ?", key)
        connection.execute("update observation set account_name = 'New Client' where account_key = ?", key)
    assert run("reconcile", "duo").code == 0
    said = " ".join(run("preview", "duo").out.split())
    assert f"New Client [{row['accounts'][0]['account_key']}] has no row" in said
    assert "is it a client by now? Then: seatsync unlink duo ACCOUNT" in said


def test_the_agreement_types_of_a_source(run: Run, preview: Load) -> None:
    every = preview("duo")
    said = run("agreement-types", "duo", "Managed Services", "--json")
    assert said.code == 0
    assert said.json["changes"][0]["now"] == ["Managed Services"]
    assert statuses(preview("duo")) != statuses(every) or said.json["changed"] == 1
    assert "every agreement" in run("agreement-types", "duo").out
    refused = run("agreement-types", "duo", "managed services", "--json")
    assert refused.code == 2
    assert "Did you mean Managed Services" in refused.json["error"]["remedy"]


def test_an_exported_setup_imports_without_a_change(run: Run, preview: Load, tmp_path: Path) -> None:
    before = preview("duo")["preview_id"]
    exported = run("setup", "export", tmp_path / "out.csv", "--json")
    assert exported.code == 0
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == exported.json["rows"] > 40
    imported = run("setup", "import", tmp_path / "out.csv", "--json")
    assert (imported.code, imported.json["changed"], imported.json["previews"]) == (0, 0, {})
    assert preview("duo")["preview_id"] == before


def test_a_setup_with_faults_lists_them_all_and_changes_nothing(
    run: Run, preview: Load, tmp_path: Path
) -> None:
    run("setup", "export", tmp_path / "out.csv")
    text = (tmp_path / "out.csv").read_text("utf-8-sig").replace("DUO-MFA", "DUO-MFA ")
    (tmp_path / "bad.csv").write_text(
        text + "mapping,duo,Other,,product,NOPE,,\nlink,duo,DA1,,not_billed,,,\n", encoding="utf-8"
    )
    before = preview("duo")["preview_id"]
    said = run("setup", "import", tmp_path / "bad.csv", "--json")
    assert said.code == 2
    assert [fault["column"] for fault in said.json["error"]["faults"]] == ["target", "reason"]
    told = run("setup", "import", tmp_path / "bad.csv")
    assert told.code == 2
    assert "'NOPE'" in told.err
    assert "needs a reason" in told.err
    assert preview("duo")["preview_id"] == before


def test_a_change_that_cannot_be_classified_is_told_with_exit_code_1(
    run: Run, warehouse: Warehouse, preview: Load
) -> None:
    with warehouse.write() as connection:
        connection.execute("update agreement set additions_read = false")
    said = run(
        "link",
        "duo",
        preview("duo")["rows"][0]["accounts"][0]["account_key"],
        "--not-billed",
        "--reason",
        "x",
        "--json",
    )
    assert said.code == 1
    assert said.json["changed"] == 1
    assert "seatsync scan" in said.json["not_reclassified"]["duo"]["remedy"]


@pytest.mark.parametrize("by", ["", "   ", "a\nb"])
def test_nobody_cannot_change_anything(run: Run, home: Path, by: str) -> None:
    said = run("map", "duo", "Duo MFA", "--no-charge", "--by", by, "--json")
    assert said.code == 2
    assert "--by" in said.json["error"]["remedy"]


@pytest.mark.parametrize(
    "damage",
    [
        "update addition set product_id = 0 where addition_id = (select min(addition_id) from addition)",
        "update observation set seats = -1 where state = 'counted'",
    ],
)
@pytest.mark.parametrize(
    "decision", [("unmap", "duo", "Duo MFA"), ("agreement-types", "duo", "Managed Services")]
)
def test_nothing_is_classified_of_data_that_a_run_would_refuse(
    run: Run, preview: Load, warehouse: Warehouse, damage: str, decision: tuple[str, ...]
) -> None:
    """A decision is kept, and a preview of it made when the data is sound again."""
    before = preview("duo")["preview_id"]
    with warehouse.write() as connection:
        connection.execute(damage)
    said = run(*decision, "--json")
    assert (said.code, said.json["changed"], said.json["previews"].get("duo")) == (1, 1, None)
    assert "schema_" in said.json["not_reclassified"]["duo"]["found"]
    assert preview("duo")["preview_id"] == before
