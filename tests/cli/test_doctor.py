"""`seatsync doctor`: what it finds, and that it changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from seatsync_pipeline.cli.zones import same_days, zone_named
from seatsync_pipeline.sandbox import Sandbox
from tests.cli.conftest import Run, Said


def checks(said: Said) -> dict[str, Any]:
    return {check["name"].strip(): check for check in said.json["checks"]}


def test_a_good_set_up_passes_and_nothing_is_created(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    said = run("doctor", "--json")
    assert (said.code, said.json["ok"]) == (0, True)
    found = checks(said)
    assert {name for name, check in found.items() if check["state"] != "ok"} == {"settings"}  # SEATSYNC_TODAY
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
