"""`seatsync sandbox` and `seatsync demo`, each in a process of its own."""

from __future__ import annotations

import csv
import json
import shlex
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Run, run_process, seatsync_command

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


def test_the_demo_gives_the_previews_worked_out_by_hand_and_touches_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DUO_COUNT_BASIS=existing\nSEATSYNC_TIMEZONE=Nowhere\n")
    said = run_process("demo", "--home", tmp_path / "demo", "--json")
    assert said.code == 0, said.err
    document = said.json
    for source in ("duo", "avanan"):
        preview = document["previews"][source]
        with (EXPECTED / f"{source}_preview.csv").open(encoding="utf-8", newline="") as file:
            expected = sorted((row["status"], row["company_name"]) for row in csv.DictReader(file))
        assert sorted((row["status"], row["company_name"] or "") for row in preview["rows"]) == expected
        assert preview["totals"]["adds_up"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "demo"]
    assert (tmp_path / "demo" / "dagster" / "dagster.yaml").exists()


def test_the_demo_refuses_a_folder_with_something_in_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "seatsync.duckdb").write_text("mine")
    said = run("demo", "--home", tmp_path / "full", "--json")
    assert said.code == 2
    assert "not empty" in said.json["error"]["found"]
