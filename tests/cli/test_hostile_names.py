"""Names that vendors send: whatever is in them, they are text on a terminal, in JSON and in a spreadsheet."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.spreadsheet import unescaped
from seatsync_pipeline.settings import load_settings
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.base import SOURCES
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.cli.conftest import Run, run_process

# What an export may hold is refused or written out by its reader; ConnectWise and Duo names come as JSON has them.
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07Clear Screen",
    "\x9b31mRed in eight bits",
    "Bell\x07 Back\x08\x08\x08 Null\x00",
    "Line\nFeed\r\nand Return",
    "\u202emoc.live\u202c",
    "Zero\u200bWidth\ufeff",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "<img src=x onerror=alert(1)>",
    "[bold red]markup[/] :boom:",
)


@pytest.fixture
def hostile(warehouse: Warehouse) -> tuple[str, ...]:
    """Every company, product, agreement and Duo account has a hostile name, and there is a preview of them."""
    with warehouse.write() as connection:
        for table, column, key in (
            ("company", "name", "company_id"),
            ("agreement", "name", "agreement_id"),
            ("addition", "product_identifier", "addition_id"),
            ("product", "identifier", "product_id"),
            ("account", "account_name", "account_key"),
            ("observation", "account_name", "position"),
        ):
            found = connection.execute(f"select distinct {key} from {table} order by 1")  # noqa: S608
            ids = [one for (one,) in found.fetchall()]
            for number, one in enumerate(ids):
                connection.execute(
                    f"update {table} set {column} = ? where {key} = ?",  # noqa: S608
                    [f"{HOSTILE[number % len(HOSTILE)]} {number}", one],
                )
    for source in SOURCES:
        reconcile(warehouse, source, today=load_settings().today())
    return HOSTILE


def test_no_command_lets_a_name_steer_the_terminal(
    hostile: tuple[str, ...], run: Run, tmp_path: Path
) -> None:
    rows = [*run("preview", "duo", "--json").json["rows"], *run("preview", "avanan", "--json").json["rows"]]
    shown = [run("preview", source, "--all") for source in ("duo", "avanan")]
    shown += [run("why", row["source"], row["row_id"]) for row in rows[::7]]
    shown.append(run("link", "duo", hostile[0], hostile[4]))
    approved = ("approve", "duo", "--preview", rows[0]["preview_id"], "--by", hostile[0])
    shown.append(run(*approved, "-o", tmp_path / "selection.csv"))
    shown.append(run("push", tmp_path / hostile[0]))
    shown.append(run("setup", "import", hostile[2].replace("\0", "") + ".csv"))
    shown.append(run("preview", "duo", hostile[0]))
    shown.append(run("preview", hostile[0]))
    for said in shown:
        for line in f"{said.out}\n{said.err}".split("\n"):
            assert line.isprintable(), line
    assert "[bold red]markup[/] :boom:" in shown[0].out + shown[1].out


def test_json_says_the_names_as_they_are_without_a_raw_control(
    hostile: tuple[str, ...], run: Run, warehouse: Warehouse
) -> None:
    said = run("preview", "duo", "--json")
    names = {row["company_name"] for row in said.json["rows"] if row["company_name"]}
    with warehouse.read() as connection:
        stored = {name for (name,) in connection.execute("select name from company").fetchall()}
    assert names
    assert names <= stored
    assert any(name.startswith(hostile[1]) for name in stored)
    assert all(line.isprintable() for line in said.out.split("\n"))


def test_sheets_hold_no_formula_and_give_the_names_back(
    hostile: tuple[str, ...], run: Run, tmp_path: Path, warehouse: Warehouse
) -> None:
    said = run("preview", "duo", "--csv", tmp_path / "preview.csv")
    assert said.code == 0
    assert run("setup", "export", tmp_path / "setup.csv").code == 0
    for name in ("preview.csv", "setup.csv"):
        with (tmp_path / name).open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        numbers = [cell for cell in cells if cell.startswith("-")]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
        assert all(float(number) < 0 for number in numbers)
    with (tmp_path / "preview.csv").open(encoding="utf-8-sig", newline="") as file:
        written = {unescaped(row["company_name"]) for row in csv.DictReader(file)} - {""}
    assert written == {row["company_name"] for row in run("preview", "duo", "--json").json["rows"]} - {None}
    # What was exported is in force already, name for name.
    back = run("setup", "import", tmp_path / "setup.csv", "--by", "Ann", "--json")
    assert back.code == 0, back.out
    assert not [change for change in back.json["changes"] if change["changed"]]


def test_arguments_that_are_no_text_are_refused_in_words(home: Path, tmp_path: Path) -> None:
    """Bytes that are no UTF-8, as a shell hands them over."""
    broken = "\udcff\udcfe"
    for arguments in (
        ("link", "duo", broken, "1"),
        ("preview", broken, "--json"),
        ("map", "duo", broken, "--no-charge", "--by", broken),
        ("setup", "import", f"{tmp_path}/{broken}.csv"),
        ("setup", "export", f"{tmp_path}/{broken}/x.csv"),
    ):
        said = run_process(*arguments)
        assert "Traceback" not in said.err, said.err
        assert said.code in {0, 2}
        if "--json" in arguments:
            json.loads(said.out)


def test_two_tenants_that_look_the_same_are_never_one(warehouse: Warehouse, tmp_path: Path) -> None:
    """One portal with a character nobody sees is a failed row beside the other, no second tenant and no sum."""
    path = tmp_path / "twins.csv"
    path.write_text(
        "Tenant,Portal,License,Users,Status\nAcme,acme.io,Tier,5,Paid\nAcme,acme\u200b.io,Tier,7,Paid\n",
        encoding="utf-8",
    )
    snapshot = read_export(path)
    assert [(o.state.value, o.seats) for o in snapshot.observations] == [("counted", 5), ("failed", None)]
    assert "nobody sees ('acme\\u200b.io')" in str(snapshot.observations[1].reason)
    save_snapshot(warehouse, snapshot, run_id=None)
