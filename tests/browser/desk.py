"""An operator's desk: the sandbox, a home of its own, Dagster's servers as a person starts them, and a browser.

What belongs here: starting, stopping and restarting, and what every page needs. What is done on a page is told by the
tests, and by docs/make_screenshots.py, which uses this as well.

Dagster's processes are one process group: `dagster dev` that a shell started in the background ignores SIGTERM, and
its children outlive it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from playwright.sync_api import Browser, sync_playwright

from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.settings import Settings, load_settings
from tests.graphql import ask

SEATSYNC = Path(sys.executable).with_name("seatsync")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
Found = TypeVar("Found")
START_SECONDS = 240.0  # a busy machine with two cores took 80
STOP_SECONDS = 20.0
_LOADED = (
    "{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name } } }"
    " instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
)


class Desk:
    """`folder/home` holds the data. `settings` are further environment variables, for Dagster and for commands."""

    def __init__(self, folder: Path, sandbox: Sandbox, settings: Mapping[str, str] | None = None) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.home = folder / "home"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{
                k: v
                for k, v in os.environ.items()
                if not k.startswith(("SEATSYNC", "DAGSTER", "DUO_", "CONNECTWISE"))
            },
            **sandbox.settings(),
            "SEATSYNC_HOME": str(self.home),
            **(settings or {}),
        }
        self._servers: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What the servers printed so far."""
        return (self.folder / "dagster.log").read_text("utf-8", errors="replace")

    def settings(self) -> Settings:
        """The settings that the servers have."""
        own = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            return load_settings()
        finally:
            for name, value in own.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def seatsync(self, *arguments: str | Path, exits: tuple[int, ...] = (0,)) -> str:
        """Run a command in the desk's home, as a person would; its output. Raises AssertionError for another exit."""
        done = subprocess.run(
            [SEATSYNC, *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode in exits, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Start what `make dev` starts, and return when the code location is loaded and the daemon reports."""
        assert self._servers is None, "they run already"
        with (self.folder / "dagster.log").open("ab") as log:
            self._servers = subprocess.Popen(
                [sys.executable, "-m", "seatsync_pipeline.dev", "--port", str(self.port)],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until(self._loaded, "Dagster to serve the code location", seconds=START_SECONDS)

    def stop(self) -> None:
        """End the servers as Ctrl-C does; what is left of their group after that is killed."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the servers, and every run they started, at once and without notice."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> None:
        servers, self._servers = self._servers, None
        if servers is None:
            return
        try:
            _signal_group(servers.pid, number)
            servers.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _signal_group(servers.pid, signal.SIGKILL)
            servers.wait()

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL answer: to learn what a page would show once it is there, never instead of it."""
        return ask(self.url, query, variables)

    def runs(self, job: str | None = None) -> list[tuple[str, str, str]]:
        """Runs as (id, job, status), the newest first."""
        found = self.ask(
            "query($f: RunsFilter) { runsOrError(filter: $f) { ... on Runs"
            " { results { runId pipelineName status } } } }",
            f={"pipelineName": job} if job else {},
        )
        return [(run["runId"], run["pipelineName"], run["status"]) for run in found["runsOrError"]["results"]]

    def finished_run(
        self, job: str, *, besides: tuple[str, ...] = (), seconds: float = 120.0
    ) -> tuple[str, str]:
        """The newest run of a job once it is over, as (id, status); `besides` are ids that do not count."""

        def over() -> tuple[str, str] | None:
            new = [(run_id, status) for run_id, _, status in self.runs(job) if run_id not in besides]
            return new[0] if new and new[0][1] in {"SUCCESS", "FAILURE", "CANCELED"} else None

        return self.wait_until(over, f"a run of {job} to end", seconds=seconds)

    def wait_until(self, holds: Callable[[], Found | None], what: str, *, seconds: float = 60.0) -> Found:
        """Ask again and again until something true comes back, which is returned; AssertionError with the log else."""
        until, pause = time.monotonic() + seconds, threading.Event()
        while time.monotonic() < until:
            if found := holds():
                return found
            if self._servers is not None and self._servers.poll() is not None:
                raise AssertionError(f"Dagster ended while waiting for {what}:\n{self.log[-5000:]}")
            pause.wait(0.1)
        raise AssertionError(f"waited {seconds:.0f} s for {what}:\n{self.log[-5000:]}")

    def _loaded(self) -> bool:
        try:
            told = self.ask(_LOADED)
        except (httpx.HTTPError, ValueError):
            return False
        daemons = told["instance"]["daemonHealth"]["allDaemonStatuses"]
        return bool(told["repositoriesOrError"].get("nodes")) and all(
            daemon["healthy"] for daemon in daemons if daemon["required"]
        )


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def open_desk(
    folder: Path,
    *,
    month: SampleMonth | None = None,
    settings: Mapping[str, str] | None = None,
    start: bool = True,
) -> Iterator[Desk]:
    """A desk in `folder`, with Dagster running unless `start` is false; everything is ended afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with Sandbox(month) as sandbox:
        desk = Desk(folder, sandbox, settings)
        try:
            if start:
                desk.start()
            yield desk
        finally:
            desk.stop()


def find_chromium() -> Path:
    """The machine's own Chromium. Raises FileNotFoundError that says how to get one."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return Path(found)
    raise FileNotFoundError("no Chromium on the PATH: install it (Debian, Ubuntu: apt-get install chromium)")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless Chromium, without a sandbox of its own: containers do not allow it one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()
