"""A program in a process of its own: started, waited for, killed, and what it printed.

What belongs here: the process and its environment. What does not: where a sandbox stops it (faulty.py).
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import duckdb

from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sandbox.faults import Fault

PATIENCE: Final = 60.0
"""Seconds after which a process that neither ends nor arrives is a failure."""
_OURS: Final = ("CONNECTWISE_", "DUO_", "SEATSYNC_", "DAGSTER_")


@contextmanager
def taken(database: Path) -> Iterator[None]:
    """The database, held by a program that does not queue for it: as soon as nobody else has it."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection = duckdb.connect(str(database))
            break
        except duckdb.IOException:
            assert time.monotonic() < until, f"{database} is never free"
    with connection:
        yield


@dataclass(frozen=True)
class Program:
    """What is started: an argument list, the whole environment (`environment` makes one), and where."""

    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path | None = None

    def having(self, **env: str) -> Program:
        """The same with other variables."""
        return replace(self, env={**self.env, **env})


@dataclass(frozen=True)
class Ended:
    """A process that ended: its exit code (negative: the signal that killed it) and all that it printed."""

    code: int
    out: str
    err: str


class Running:
    """A started process of a group of its own; `started` makes one."""

    def __init__(self, process: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]) -> None:
        self.process = process
        self._out = out
        self._err = err

    def until_held(self, fault: Fault, seconds: float = PATIENCE) -> None:
        """Wait until the fault holds a request. Fails when the process ends without having sent it."""
        deadline = time.monotonic() + seconds
        while not fault.wait_until_held(0.05):
            if self.process.poll() is not None:
                raise AssertionError(f"the process ended before {fault.method} {fault.path}: {self._ended()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no {fault.method} {fault.path} within {seconds} seconds")

    def finish(self, seconds: float = PATIENCE) -> Ended:
        """Wait until the process has ended by itself."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the process did not end within {seconds} seconds: {self.kill()}") from None
        return self._ended()

    def kill(self) -> Ended:
        """SIGKILL to the process and all it started; what had ended already stays as it ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return self._ended()

    def _ended(self) -> Ended:
        return Ended(self.process.returncode, _text(self._out), _text(self._err))


@contextmanager
def started(program: Program) -> Iterator[Running]:
    """Start a program; what still runs at the end is killed. What it prints goes to files, so that it never waits."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            list(program.command),
            env=dict(program.env),
            cwd=program.folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        running = Running(process, out, err)
        try:
            yield running
        finally:
            running.kill()


def environment(sandbox: Sandbox, home: Path, **more: str) -> dict[str, str]:
    """The environment of a process that works on this sandbox and on `home`, and on nothing of the developer's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**inherited, **sandbox.settings(), "SEATSYNC_HOME": str(home), **more}


def run(program: Program, seconds: float = PATIENCE) -> Ended:
    """Run a program to its own end."""
    with started(program) as running:
        return running.finish(seconds)


def _text(file: IO[bytes]) -> str:
    # The process writes through its own descriptor, which shares this position: read without moving it.
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")
