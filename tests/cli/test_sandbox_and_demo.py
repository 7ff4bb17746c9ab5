"""`seatsync sandbox` and `seatsync demo`, each in a process of its own."""

from __future__ import annotations

import csv
import io
import json
import shlex
import signal
import subprocess
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from seatsync_pipeline.cli.demo_story import tell
from tests.cli.conftest import Run, Said, run_process, seatsync_command

EXPECTED = Path(__file__).parent.parent / "expected"


@pytest.mark.parametrize(("options", "stop"), [([], signal.SIGINT), (["--json"], signal.SIGTERM)])
def test_the_sandbox_prints_its_settings_serves_and_stops(options: list[str], stop: signal.Signals) -> None:
    process = subprocess.Popen(
        seatsync_command("sandbox", *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert "Serving" in process.stderr.readline()
    if options:
        text = ""
        while not text.endswith("}\n}\n") and (line := process.stdout.readline()):
            text += line
        settings = json.loads(text)["settings"]
    else:
        words = [shlex.split(process.stdout.readline()) for _ in range(14)]
        assert all(word[0] == "export" for word in words)
        settings = dict(word[1].split("=", 1) for word in words)
    path = f"/login/companyinfo/{settings['CONNECTWISE_COMPANY_ID']}"
    answer = httpx.get(settings["CONNECTWISE_URL"] + path, trust_env=False)
    assert "Codebase" in answer.json()
    process.send_signal(stop)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Path]:
    """One run of the demo, beside settings that must not matter: it takes its time."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / ".env").write_text("DUO_COUNT_BASIS=existing\nSEATSYNC_TIMEZONE=Nowhere\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run_process("demo", "--home", folder / "home", "--json"), folder


def test_the_demo_gives_the_previews_worked_out_by_hand_and_touches_nothing_else(
    demo: tuple[Said, Path],
) -> None:
    said, folder = demo
    assert said.code == 0, said.err
    document = said.json
    for source in ("duo", "avanan"):
        preview = document["previews"][source]
        with (EXPECTED / f"{source}_preview.csv").open(encoding="utf-8", newline="") as file:
            expected = sorted((row["status"], row["company_name"]) for row in csv.DictReader(file))
        assert sorted((row["status"], row["company_name"] or "") for row in preview["rows"]) == expected
        assert preview["totals"]["adds_up"] is True
    assert sorted(path.name for path in folder.iterdir()) == [".env", "home"]
    assert (folder / "home" / "dagster" / "dagster.yaml").exists()


def test_the_demo_pushes_to_finished_operations_and_proves_them(demo: tuple[Said, Path]) -> None:
    document = demo[0].json
    first, second = document["operation"], document["second_operation"]
    assert (first["state"], second["state"]) == ("finished", "finished")
    assert {name: n for name, n in first["counts"].items() if n} == {
        "updated": 6,
        "created": 1,
        "cancelled": 1,
    }
    # A pair: the new product bills before the old one ends.
    assert [item["outcome"] for item in second["items"]] == ["created", "cancelled"]
    assert len({item["company_name"] for item in second["items"]}) == 1
    rows = {
        row["row_id"]: row["status"]
        for preview in document["second_previews"].values()
        for row in preview["rows"]
    }
    for item in [*first["items"], *second["items"]]:
        assert rows[item["row_id"]] == "No change"
    assert all(preview["stale"] is False for preview in document["second_previews"].values())
    # No agreement of these prorates or bills but monthly: the invoice moves by what the preview has said.
    assert len(document["invoices"]) == 9
    for invoice in document["invoices"]:
        assert invoice["after"] - invoice["before"] == pytest.approx(invoice["previewed"])
    assert sum(invoice["change"] for invoice in document["invoices"]) == pytest.approx(190.25)
    assert document["proven"] is True


@pytest.mark.parametrize("width", [80, 120])
def test_the_demo_is_told_in_two_screens(demo: tuple[Said, Path], width: int) -> None:
    document = json.loads(demo[0].out, parse_float=Decimal, parse_int=Decimal)
    screen = io.StringIO()
    tell(Console(file=screen, width=width, markup=False, highlight=False), document)
    lines = screen.getvalue().splitlines()
    assert len(lines) <= 90
    text = " ".join(screen.getvalue().split())
    for item in [*document["operation"]["items"], *document["second_operation"]["items"]]:
        assert f"{item['outcome']} {item['company_name']}, {item['product_identifier']}" in text
    for told in ("10 rows, now: 10 No change", "audit --verify", "seatsync doctor", "+12.50"):
        assert told in text
    (line,) = [line for line in lines if "Copperline Freight (" in line]
    assert line.split()[-5:] == ["2027-01-01", "4923.00", "4975.80", "+52.80", "+52.80"]


def test_the_demo_refuses_a_folder_with_something_in_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "seatsync.duckdb").write_text("mine")
    said = run("demo", "--home", tmp_path / "full", "--json")
    assert said.code == 2
    assert "not empty" in said.json["error"]["found"]
