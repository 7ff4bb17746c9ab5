"""The units and the container files: every command in them exists and is understood, and the three processes run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import pytest
import yaml  # type: ignore[import-untyped]  # comes with Dagster, without types

from seatsync_pipeline.settings import Settings

PROJECT = Path(__file__).parents[1]
DEPLOY = PROJECT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
SHELL = re.compile(r"until (\S+ \w+); do sleep 1; done")


def values(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text("utf-8"), re.MULTILINE)


def commands(unit: Path) -> list[list[str]]:
    found = [line for name in ("ExecStartPre", "ExecStart", "ExecStartPost") for line in values(unit, name)]
    words = [shlex.split(line) for line in found]
    return [shlex.split(SHELL.fullmatch(w[2])[1]) if w[0] == "/bin/sh" else w for w in words]  # type: ignore[index]


def understood(words: list[str]) -> None:
    """The program is there, and its parser takes these arguments."""
    from dagster._cli import cli as dagster
    from dagster._daemon.cli import cli as daemon
    from dagster_webserver.cli import dagster_webserver

    from seatsync_pipeline.cli.app import seatsync

    program, arguments = Path(words[0]).name, words[1:]
    if program == "healthcheck":
        assert set(arguments) <= {"code", "webserver", "daemon"}
        return
    if program in {"find", "python"}:
        assert program == "find" or arguments == ["-m", "seatsync_pipeline.dev", "--prepare"]
        return
    command: click.Command = {
        "seatsync": seatsync,
        "dagster": dagster,
        "dagster-daemon": daemon,
        "dagster-webserver": dagster_webserver,
    }[program]
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), arguments.pop(0))
        assert found is not None, words
        command = found
    options = iter([word.replace("/opt/seatsync", str(PROJECT)) for word in arguments])
    command.make_context(program, list(options), resilient_parsing=False)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_every_command_of_a_unit_exists(unit: Path) -> None:
    assert commands(unit)
    for words in commands(unit):
        file = Path(words[0].replace("/opt/seatsync", str(PROJECT)))
        assert os.access(file, os.X_OK), file
        understood(words)
    assert {"UMask", "User", "NoNewPrivileges", "ProtectSystem"} <= {
        line.split("=")[0] for line in unit.read_text("utf-8").splitlines()
    }


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_name_units_and_settings_that_exist(unit: Path) -> None:
    text = unit.read_text("utf-8")
    assert set(re.findall(r"seatsync[\w-]*\.(?:service|timer|target)", text)) <= {u.name for u in UNITS}
    named = set(re.findall(r"\b(?:SEATSYNC|CONNECTWISE|DUO)_[A-Z_]+", text))
    assert named <= {str(field.validation_alias) for field in Settings.model_fields.values()}
    if unit.suffix == ".timer":
        assert unit.with_suffix(".service") in UNITS


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """Where systemd is installed; the paths are this checkout's, since it looks for the programs."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/seatsync", str(PROJECT))
        (tmp_path / unit.name).write_text(re.sub(r"^(User|Group)=.*$", r"\1=root", text, flags=re.MULTILINE))
    done = subprocess.run(
        [analyze, "verify", "--man=no", *(tmp_path / unit.name for unit in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "seatsync" in line]
    assert ours == []


def test_the_container_files_name_what_exists() -> None:
    lines = (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    let_in = (PROJECT / ".containerignore").read_text("utf-8")
    for line in lines:
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (PROJECT / source).exists(), line
                assert f"!{source.removeprefix('./')}\n" in let_in, line
    for name in ("entrypoint", "healthcheck"):
        assert os.access(DEPLOY / name, os.X_OK)
        assert subprocess.run(["sh", "-n", DEPLOY / name], check=False).returncode == 0
    assert any(line == 'ENTRYPOINT ["/opt/seatsync/deploy/entrypoint"]' for line in lines)

    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    assert set(services) == {"code", "webserver", "daemon"}
    for name, service in services.items():
        understood(list(service["command"]))
        assert service["healthcheck"]["test"] == ["CMD", "/opt/seatsync/deploy/healthcheck", name]
        assert service["volumes"] == ["home:/var/lib/seatsync"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@contextmanager
def process(
    command: list[str], environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{Path(command[0]).name}.log").open("ab") as log:
        started = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield started
        finally:
            os.killpg(started.pid, signal.SIGTERM)
            try:
                started.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()


def test_the_three_processes_of_the_units_run_and_answer(tmp_path: Path) -> None:
    """As the units start them, in another folder and on other ports."""
    ports = {}
    with ExitStack() as open_ports:
        for default in ("4000", "3000"):
            probe = open_ports.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports[default] = str(probe.getsockname()[1])
    home = tmp_path / "home"
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text((DEPLOY / "workspace.yaml").read_text("utf-8").replace("4000", ports["4000"]))

    def placed(word: str) -> str:
        word = word.replace("/opt/seatsync/deploy/workspace.yaml", str(workspace))
        word = word.replace("/opt/seatsync", str(PROJECT)).replace("/var/lib/seatsync", str(home))
        return ports.get(word, word)

    code = DEPLOY / "systemd" / "seatsync-code.service"
    given = dict(placed(line).split("=", 1) for line in values(code, "Environment"))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SEATSYNC", "DAGSTER"))},
        **given,
        "PYTHON": str(PROJECT / ".venv/bin/python"),
        "CODE_SERVER_PORT": ports["4000"],
        "WEBSERVER_PORT": ports["3000"],
    }
    home.mkdir(mode=0o700)
    (home / "dagster").mkdir()
    subprocess.run(
        [placed(w) for w in commands(code)[0]], env=environment, cwd=tmp_path, check=True, timeout=120
    )
    assert (home / "dagster" / "dagster.yaml").exists()

    def healthy(part: str, *, within: float = 120.0) -> bool:
        until = time.monotonic() + within
        while True:
            done = subprocess.run(
                [DEPLOY / "healthcheck", part], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                assert f"ok    {part}" in done.stdout
                return True
            assert f"FAIL  {part}" in done.stdout
            if time.monotonic() > until:
                return False

    assert not healthy("code", within=0)
    with ExitStack() as running:
        for part in ("code", "daemon", "webserver"):
            [line] = values(DEPLOY / "systemd" / f"seatsync-{part}.service", "ExecStart")
            running.enter_context(process([placed(w) for w in shlex.split(line)], environment, tmp_path))
        for part in ("code", "webserver", "daemon"):
            assert healthy(part), (
                tmp_path / f"{part}.log",
                [p.read_text()[-2000:] for p in tmp_path.glob("*.log")],
            )
    assert not healthy("webserver", within=0)
