"""What is really set in the environment, apart from Dagster's copies of `.env`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatsync_pipeline.settings import Settings, environment, load_settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    monkeypatch.delenv(environment.KEPT, raising=False)
    monkeypatch.chdir(tmp_path)


def test_what_was_kept_wins_over_the_file_and_a_copy_of_the_file_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("duo_port", "8443")
    monkeypatch.setenv("DUO_CONCURRENCY", "")
    for name, value in environment.kept(os.environ).items():
        monkeypatch.setenv(name, value)
    # What Dagster does: the file's values over whatever was set.
    for name, value in {"duo_port": "1", "DUO_CONCURRENCY": "2", "DUO_COUNT_BASIS": "existing"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".env").write_text("DUO_PORT=1\nDUO_CONCURRENCY=3\nDUO_COUNT_BASIS=enrolled_active\n")
    settings = load_settings()
    assert (settings.duo_port, settings.duo_concurrency) == (8443, 3)
    assert settings.duo_count_basis == "enrolled_active"
    (tmp_path / ".env").unlink()
    assert load_settings().duo_count_basis == "enrolled"


def test_where_the_system_does_not_tell_what_equals_the_file_is_taken_for_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DUO_COUNT_BASIS=existing\nDUO_PORT=1\n")
    monkeypatch.setenv("DUO_COUNT_BASIS", "existing")
    monkeypatch.setenv("DUO_PORT", "8443")
    found = environment._as_started(tmp_path / "no-proc")
    assert (found.get("DUO_COUNT_BASIS"), found.get("DUO_PORT")) == (None, "8443")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="Linux tells how a process was started")
def test_linux_tells_how_the_topmost_of_dagsters_processes_was_started(tmp_path: Path) -> None:
    def process(number: int, parent: int, command: str, environ: str) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "cmdline").write_text(command.replace(" ", "\0") + "\0")
        (folder / "environ").write_text(environ.replace(" ", "\0") + "\0")
        (folder / "stat").write_text(f"{number} (a) name) S {parent} 1 1")

    process(1, 0, "bash", "DUO_PORT=9")
    process(2, 1, "/x/python /x/bin/dagster dev", "DUO_PORT=8443")
    process(3, 2, "/x/python -m dagster_webserver --port 3000", "DUO_PORT=1 DUO_CONCURRENCY=2")
    process(os.getpid(), 3, "/x/python -m dagster api grpc", "DUO_PORT=1 DUO_CONCURRENCY=2")
    assert environment._as_started(tmp_path) == {"DUO_PORT": "8443"}


def test_nothing_is_kept_outside_of_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    environment.keep_environment()
    assert environment.KEPT not in os.environ


@pytest.mark.parametrize(
    ("command", "dagsters"),
    [
        ("/x/python /x/bin/dagster dev", True),
        ("/x/python -u -m dagster_webserver", True),
        ("/x/python -m dagster._daemon run", True),
        ("/x/python -m pytest tests/dagster", False),
        ("/x/python /x/bin/seatsync push dagster", False),
        ("/x/python -c pass dagster", False),
        ("dagster", False),  # a script has its interpreter before it
        ("", False),
    ],
)
def test_which_programs_are_dagsters(command: str, *, dagsters: bool) -> None:
    assert environment._is_dagster(command.split()) is dagsters
