"""What holds for every command: start-up, help, --json, exit codes, interrupts, closed pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from seatsync_pipeline.cli.app import COMMANDS, seatsync
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.warehouse import Warehouse
from tests.cli.conftest import Run, run_process, seatsync_command


def every_command() -> Iterator[tuple[str, ...]]:
    context = click.Context(seatsync)
    for name in COMMANDS:
        command = seatsync.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, below) for below in command.list_commands(context))
        else:
            yield (name,)


def command_of(path: tuple[str, ...]) -> click.Command:
    context, command = click.Context(seatsync), None
    group: click.Group = seatsync
    for name in path:
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            group = command
    assert command is not None
    return command


@pytest.mark.parametrize("path", list(every_command()), ids=" ".join)
def test_every_command_explains_itself_and_takes_json(path: tuple[str, ...], run: Run) -> None:
    assert any("--json" in parameter.opts for parameter in command_of(path).params)
    said = run(*path, "--help")
    assert said.code == 0
    assert command_of(path).get_short_help_str(200).split(".")[0][:20] in said.out


def test_help_waits_for_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from seatsync_pipeline.cli import main\n"
        "sys.argv = ['seatsync', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'dagster', 'pandas', 'duckdb', 'numpy', 'pydantic', 'httpx', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "agreement-types" in done.stdout


def test_reading_waits_for_neither_dagster_nor_pandas(home: Path) -> None:
    code = (
        "import sys\n"
        "from seatsync_pipeline.cli import main\n"
        "sys.argv = ['seatsync', 'preview', 'duo']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'dagster', 'pandas', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "found", "remedy"),
    [
        (["preview", "dou"], "no source 'dou'", "Did you mean duo?"),
        (["preview"], "Missing argument 'SOURCE'", "seatsync preview --help"),
        (["prevew", "duo"], "prevew", "--help"),
        (["preview", "duo", "--colour"], "--colour", "seatsync preview --help"),
        (["map", "duo", "Duo MFA"], "either PRODUCT or --no-charge", "seatsync map --help"),
        (
            ["link", "duo", "DA1", "--not-billed"],
            "--not-billed needs --reason",
            "seatsync link --help",
        ),
        (["pull", "avanan"], "read from a file", "seatsync import avanan FILE"),
        (["import", "duo", "x.csv"], "over its API", "seatsync pull duo"),
        (["import", "avanan", "nowhere.csv"], "no such file", "Name the CSV"),
    ],
)
def test_a_mistake_is_one_document_or_one_message_and_exit_code_2(
    run: Run, arguments: list[str], found: str, remedy: str
) -> None:
    said = run(*arguments, "--json")
    assert said.code == 2
    assert set(said.json["error"]) == {"tried", "found", "remedy", "faults"}
    assert found in said.json["error"]["found"]
    assert remedy in said.json["error"]["remedy"]
    told = run(*arguments)
    assert (told.code, told.out) == (2, "")
    assert found in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["preview", "duo"],
        ["why", "duo", "row_x"],
        ["reconcile", "duo"],
        ["map", "duo", "Duo MFA", "--no-charge"],
        ["link", "duo", "DA1", "1"],
        ["unlink", "duo", "DA1"],
        ["agreement-types", "duo"],
        ["setup", "export", "out.csv"],
        ["setup", "import", "in.csv"],
    ],
)
def test_without_data_nothing_is_created_and_the_first_step_is_named(
    run: Run, tmp_path: Path, arguments: list[str]
) -> None:
    said = run(*arguments, "--json")
    assert said.code == 2
    assert "seatsync scan" in said.json["error"]["remedy"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["scan"], ["pull", "duo"]])
def test_what_is_not_configured_is_named(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    said = run(*arguments, "--json")
    assert said.code == 2
    names = (
        ("CONNECTWISE_URL", "CONNECTWISE_PRIVATE_KEY")
        if arguments == ["scan"]
        else ("DUO_API_HOST", "DUO_SKEY")
    )
    assert all(name in said.json["error"]["found"] for name in names)


def test_a_wrong_setting_is_named(run: Run) -> None:
    said = run("preview", "duo", "--json", SEATSYNC_TIMEZONE="New York")
    assert said.code == 2
    assert "SEATSYNC_TIMEZONE" in said.json["error"]["found"]


def test_a_closed_pipe_is_quiet(home: Path) -> None:
    process = subprocess.Popen(
        seatsync_command("preview", "avanan", "--all"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 141


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_stream_hinders_nothing(home: Path, closed: str) -> None:
    """As job runners leave them: the next file that is opened, the database, would take the stream's number."""
    before = len(list((home / "previews").iterdir())) if (home / "previews").exists() else 0
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" "$@" {closed}', *seatsync_command("reconcile", "duo", "--json")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert len(list((home / "previews").iterdir())) == before + 1
    assert ("preview_id" in done.stdout) is ("1>&-" not in closed)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_name_that_the_terminal_cannot_show_hinders_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    name = "Quarry Road \u015a\N{GRINNING FACE}"
    with Warehouse(home / "seatsync.duckdb").write() as connection:
        connection.execute("update preview set company_name = ? where company_name like 'Quarry%'", [name])

    def out(*options: str) -> bytes:
        command = seatsync_command("preview", "duo", *options)
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    assert name in {row["company_name"] for row in json.loads(out("--json").decode())["rows"]}
    assert name.encode(encoding, "backslashreplace") in out()


def test_a_width_of_zero_is_one_that_nobody_knows(run: Run, home: Path) -> None:
    assert run("preview", "duo", COLUMNS="0").out == run("preview", "duo").out


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_interrupt_is_one_line_and_130(home: Path, sandbox: Sandbox, options: list[str]) -> None:
    held = sandbox.connectwise.faults.add("hold", path="*/agreements/count")
    process = subprocess.Popen(
        seatsync_command("scan", *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert held.wait_until_held(60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    if options:
        assert json.loads(out)["error"]["found"] == "interrupted"
    else:
        assert out == ""
        assert err.splitlines()[-1].startswith("Interrupted")
    assert "Traceback" not in err


def test_the_script_runs_as_a_module() -> None:
    said = run_process("--version")
    assert said.code == 0
    assert said.out.startswith("seatsync, version ")
    assert os.linesep in said.out
