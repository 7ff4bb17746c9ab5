"""`seatsync doctor`: what it finds, and that it changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from seatsync_pipeline.cli.zones import same_days, zone_named
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.warehouse import Warehouse, insert_rows
from tests.cli.conftest import Run, Said

WHEN = datetime(2026, 11, 20, 12, 30, tzinfo=UTC).replace(tzinfo=None)


def checks(said: Said) -> dict[str, Any]:
    return {check["name"].strip(): check for check in said.json["checks"]}


def test_a_good_set_up_passes_and_nothing_is_created(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    said = run("doctor", "--json")
    assert (said.code, said.json["ok"]) == (0, True)
    found = checks(said)
    # SEATSYNC_TODAY is set, SEATSYNC_APPROVERS is not.
    assert {name for name, check in found.items() if check["state"] != "ok"} == {"settings", "approvers"}
    assert str(len(sandbox.month.duo_subaccounts)) in found["duo"]["found"]
    assert "Eastern Standard Time" in found["time zone"]["found"]
    assert set(found) >= {
        "companies",
        "agreements",
        "additions",
        "catalog",
        "clock",
        "disk",
        "database",
        "home",
    }
    assert list(tmp_path.iterdir()) == []
    methods = {request.method for request in sandbox.connectwise.requests}
    assert methods <= {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("environment", "check", "state", "text"),
    [
        ({"CONNECTWISE_PRIVATE_KEY": "wrong"}, "connectwise", "fail", "401"),
        ({"CONNECTWISE_URL": "http://127.0.0.1:9"}, "connectwise", "fail", "127.0.0.1:9"),
        ({"CONNECTWISE_CLIENT_ID": ""}, "connectwise", "fail", "CONNECTWISE_CLIENT_ID"),
        ({"DUO_SKEY": "wrong"}, "duo", "fail", "401"),
        ({"DUO_SKEY": ""}, "duo", "fail", "DUO_SKEY"),
        ({"DUO_API_HOST": "", "DUO_IKEY": "", "DUO_SKEY": ""}, "duo", "warn", "not set up"),
        ({"SEATSYNC_TIMEZONE": "America/Chicago"}, "time zone", "fail", "Eastern Standard Time"),
        ({"SEATSYNC_TIMEZONE": ""}, "time zone", "warn", "not set"),
    ],
)
def test_a_fault_is_named_with_its_remedy(
    run: Run, sandbox: Sandbox, *, environment: dict[str, str], check: str, state: str, text: str
) -> None:
    said = run("doctor", "--json", **environment)
    found = checks(said)[check]
    assert (found["state"], said.code) == (state, 1 if state == "fail" else 0)
    assert text in found["found"]
    assert found["remedy"]
    assert "wrong" not in said.out
    assert text.partition(":")[0] in run("doctor", **environment, COLUMNS="400").out


def test_a_right_that_is_missing_is_named(run: Run, sandbox: Sandbox) -> None:
    sandbox.connectwise.faults.add("error", path="*/procurement/catalog*", status=403, times=None)
    said = run("doctor", "--json")
    assert said.code == 1
    found = checks(said)
    assert [name for name, check in found.items() if check["state"] == "fail"] == ["catalog"]
    assert "Product Catalog" in found["catalog"]["remedy"]


def test_a_wrong_setting_hides_nothing_else(run: Run) -> None:
    said = run("doctor", "--json", SEATSYNC_TIMEZONE="Nowhere")
    assert said.code == 1
    assert "SEATSYNC_TIMEZONE" in checks(said)["settings"]["found"]
    assert checks(said)["python"]["state"] == "ok"


def test_a_home_open_to_others_and_a_broken_database_are_told(run: Run, home: Path) -> None:
    home.chmod(0o755)
    (home / "seatsync.duckdb").write_bytes(b"no database at all" * 100)
    found = checks(run("doctor", "--json"))
    assert (found["home"]["state"], found["database"]["state"]) == ("warn", "fail")
    assert "chmod 700" in found["home"]["remedy"]


@pytest.mark.parametrize(
    ("name", "ours", "same"),
    [
        ("Eastern Standard Time", "America/New_York", True),
        ("Eastern Standard Time", "America/Toronto", True),
        ("US Mountain Standard Time", "America/Denver", False),  # no daylight saving in Arizona
        ("Europe/Berlin", "Europe/Paris", True),
        ("GMT Standard Time", "UTC", False),
    ],
)
def test_zones_are_compared_throughout_the_year(name: str, ours: str, *, same: bool) -> None:
    theirs = zone_named(name)
    assert theirs is not None
    assert same_days(ZoneInfo(ours), theirs, datetime.now(UTC).year) is same


def test_an_unknown_zone_is_unknown() -> None:
    assert zone_named("Martian Standard Time") is None


def test_the_approvers_are_listed(run: Run, sandbox: Sandbox) -> None:
    found = checks(run("doctor", "--json", SEATSYNC_APPROVERS="Ann, Bert"))["approvers"]
    assert (found["state"], found["found"]) == ("ok", "Ann, Bert")
    empty = checks(run("doctor", "--json"))["approvers"]
    assert "anybody may approve" in empty["found"]
    assert empty["remedy"]


@pytest.mark.parametrize(
    ("resource", "right"),
    [
        ("company/companies", "Company Maintenance"),
        ("finance/agreements", "Finance > Agreements"),
        ("finance/agreements/*/additions", "Finance > Agreements"),
        ("procurement/catalog", "Product Catalog"),
    ],
)
def test_each_right_to_read_is_told_by_its_name(
    run: Run, sandbox: Sandbox, resource: str, right: str
) -> None:
    sandbox.connectwise.faults.add("error", path=f"*/{resource}/count", status=403, times=None)
    said = run("doctor", "--json")
    lacking = [check for check in said.json["checks"] if check["state"] == "fail"]
    assert [check["name"].strip() for check in lacking] == [resource.rsplit("/", 1)[-1]]
    assert right in lacking[0]["remedy"]


def test_the_right_to_write_is_recommended_and_told_from_the_journal(
    run: Run, sandbox: Sandbox, home: Path, warehouse: Warehouse
) -> None:
    written = {"operation_id": "op_one", "row_id": "row_one"}
    with warehouse.write() as connection:
        insert_rows(
            connection, "intent", [{**written, "intent_id": "int_1", "made_at": WHEN, "request": "{}"}]
        )

    def writing(number: int, outcome: str, reason: str, **other: str) -> Any:
        row = {
            **written,
            "outcome_id": f"out_{number}",
            "made_at": WHEN,
            "outcome": outcome,
            "reason": reason,
        }
        with warehouse.write() as connection:
            connection.execute("delete from outcome where row_id = 'row_one'")
            insert_rows(connection, "outcome", [row | other])
        sandbox.connectwise.forget_requests()
        found = checks(run("doctor", "--json"))["writing"]
        assert {request.method for request in sandbox.connectwise.requests} <= {"GET", "HEAD"}
        assert "Add All, Edit All, Inquire All; no Delete" in found["remedy"]
        return found["state"], found["found"]

    assert writing(1, "failed", "sending PATCH /x: the server answered 403: Security") == (
        "warn",
        "ConnectWise answered 403 to the last write (operation op_one, 2026-11-20 12:30 UTC)",
    )
    # Refused while re-checking, before any intent: it says nothing about the right to write.
    refused = "sending GET /x: the server answered 401"
    assert "not tried yet" in writing(2, "failed", refused, row_id="row_two")[1]
    state, found = writing(3, "updated", "written and read back")
    assert (state, "the last write was taken" in found) == ("ok", True)


def test_a_name_that_is_no_setting_is_told_with_the_nearest_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SEATSYNC_APROVERS=Dana\nDUO_PORT=1\nDUO_PORT=2\nOTHER_NAME=x\n")
    said = run("doctor", "--json", CONNECTWISE_KEY_OF_ANOTHER_PROGRAM="x")
    told = [check for check in said.json["checks"] if check["name"] == "setting"]
    assert {check["state"] for check in told} == {"warn"}
    assert [(check["found"].split()[0], check["remedy"]) for check in told] == [
        ("SEATSYNC_APROVERS", "Did you mean SEATSYNC_APPROVERS?"),
        ("CONNECTWISE_KEY_OF_ANOTHER_PROGRAM", "docs/reference.md lists all settings."),
        ("DUO_PORT", "Keep one of them."),
    ]
    assert "Dana" not in str(told)


def test_a_damaged_line_of_the_dotenv_file_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('DUO_PORT=443\nSEATSYNC_APPROVERS="Dana\n')
    said = run("doctor", "--json")
    assert said.code == 1
    assert "line 2" in checks(said)["settings"]["found"]


def test_a_home_that_is_a_file_is_told_as_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = run("doctor", "--json", SEATSYNC_HOME=str(tmp_path / "file"))
    assert (said.code, checks(said)["home"]["state"]) == (1, "fail")
    assert "is a file" in checks(said)["home"]["found"]


def test_a_database_that_vanished_beside_a_history_of_pushes_is_told(run: Run, home: Path) -> None:
    """What a restore is for: a new, empty database would take what was pushed for never pushed."""
    selection = home / "selection.csv"
    selection.write_text("nothing\n")
    assert run("push", selection, "--yes").code == 2
    (home / "seatsync.duckdb").unlink()
    before = sorted(home.rglob("*"))
    said = run("doctor", "--json")
    found = checks(said)["database"]
    assert (said.code, found["state"]) == (1, "fail")
    assert "history holds 1 run of the push" in found["found"]
    assert "seatsync restore" in found["remedy"]
    assert sorted(home.rglob("*")) == before
