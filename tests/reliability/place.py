"""Where a case is run: a home with good data in it, beside a sandbox that can be told to fail.

What belongs here: making the home once, copying it for each case, running commands in it. What does not: what a
case is (`cases.py`), and what it has left behind (`picture.py`). Waits between two attempts are cut short; how
often is tried is not.
"""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from click.testing import CliRunner

from seatsync_pipeline.cli.app import seatsync
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.sandbox.connectwise import ConnectWise
from seatsync_pipeline.sandbox.duo import Duo
from seatsync_pipeline.sandbox.lag import ListLag
from seatsync_pipeline.sources.duo_api import DuoApi
from seatsync_pipeline.warehouse import Warehouse

OURS = ("SEATSYNC_", "CONNECTWISE_", "DUO_", "DAGSTER_HOME", "SSL_CERT_FILE")
WIDE = "1000"  # so that no message is wrapped
_LONGEST_WAIT = 0.01
_FOR_DATABASE = 2.0
_CONNECTWISE = (
    *("companies", "agreement_types", "agreements", "additions", "catalog", "invoices"),
    *("codebase", "forward_only", "whole_record_checks"),
)
_DUO = ("subaccounts", "users", "errors", "ikey", "skey", "parent_host", "max_page", "now")

Said = tuple[int, str, str]


@dataclass
class Place:
    """A fresh SEATSYNC_HOME (`home`) in a `folder` of its own: the sample month scanned, set up, pulled, imported and
    previewed. `sandbox` is as it was when that was done, until the case changes it. `environment` is what commands run
    with; `set` changes it. `folder` also has `export.csv` (the month's Avanan export) and `setup.csv`.
    """

    folder: Path
    sandbox: Sandbox
    environment: dict[str, str | None]
    _undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def database(self) -> Path:
        return self.home / "seatsync.duckdb"

    @property
    def export(self) -> Path:
        return self.folder / "export.csv"

    @property
    def connectwise(self) -> ConnectWise:
        return self.sandbox.connectwise

    @property
    def duo(self) -> Duo:
        return self.sandbox.duo

    def set(self, **settings: str | None) -> None:
        """Change settings by their environment names; None takes one away."""
        self.environment.update(settings)

    def until_the_end(self, manager: contextlib.AbstractContextManager[Any]) -> Any:
        """Enter a context that lasts until the case is over: a server of the case's own, a lock that it holds."""
        return self._undo.enter_context(manager)

    def let_go(self) -> None:
        """End what `until_the_end` began, so that what is stored can be looked at."""
        self._undo.close()

    def run(self, *arguments: str) -> Said:
        """Run `seatsync` as an operator does; the exit code, stdout and stderr. `{folder}` is this place's."""
        words = [argument.replace("{folder}", str(self.folder)) for argument in arguments]
        theirs: dict[str, str | None] = {name: None for name in os.environ if name.startswith(OURS)}
        with contextlib.chdir(self.folder), _hurry():
            result = CliRunner().invoke(seatsync, words, env=theirs | self.environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with Warehouse(self.database).read() as connection:
            return connection.execute(sql, parameters).fetchall()


class Ground:
    """The sandbox and the home that are made once; `place` gives a copy."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._places = 0
        origin = self._place_in(folder / "origin")
        (origin.folder / "export.csv").write_bytes(sandbox.month.avanan_export)
        (origin.folder / "setup.csv").write_bytes(sandbox.month.setup)
        self._connectwise = _copied(sandbox.connectwise.state, _CONNECTWISE)
        self._duo = _copied(sandbox.duo.state, _DUO)
        for command, code in (
            (("scan",), 0),
            (("setup", "import", "{folder}/setup.csv"), 0),
            (("pull", "duo"), 1),  # the sample month has subaccounts that cannot be read
            (("import", "avanan", "{folder}/export.csv"), 1),  # and rows
        ):
            said = origin.run(*command)
            assert said[0] == code, (command, said)

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """A copy of the home, and a sandbox without faults that has the data the home was made from."""
        self._places += 1
        folder = self._folder / f"place-{self._places}"
        shutil.copytree(self._folder / "origin", folder)
        self._put_back()
        place = self._place_in(folder)
        try:
            with place._undo:
                yield place
        finally:
            self._put_back()
            shutil.rmtree(folder, ignore_errors=True)

    def _place_in(self, folder: Path) -> Place:
        folder.mkdir(parents=True, exist_ok=True)
        environment: dict[str, str | None] = {
            **self._sandbox.settings(),
            "SEATSYNC_HOME": str(folder / "home"),
            "COLUMNS": WIDE,
        }
        return Place(folder, self._sandbox, environment)

    def _put_back(self) -> None:
        for stand_in, was in (
            (self._sandbox.connectwise, self._connectwise),
            (self._sandbox.duo, self._duo),
        ):
            stand_in.faults.clear()
            stand_in.faults.release(drop=True)
            assert stand_in.wait_until_idle()
            with stand_in.state.lock:
                for name, value in was.items():
                    setattr(stand_in.state, name, copy.deepcopy(value))
            stand_in.forget_requests()
        self._sandbox.connectwise.list_lag = ListLag()


@contextlib.contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """A sandbox with the sample month, and a home made from it in `folder`."""
    with Sandbox(SampleMonth.load()) as sandbox:
        yield Ground(folder, sandbox)


@contextlib.contextmanager
def _hurry() -> Iterator[None]:
    """Cut every wait of both clients short, and that for the database. A pause that a vendor asked for has to pass."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.object(Warehouse.__init__, "__kwdefaults__", {"deadline": _FOR_DATABASE}))
        for client in (ConnectWiseReader, DuoApi):
            stack.enter_context(patch.object(client, "_sleep", _short(client._sleep)))
        yield


def _short(sleep: Any) -> Any:
    return lambda client, seconds: sleep(client, min(seconds, _LONGEST_WAIT))


def _copied(state: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: copy.deepcopy(getattr(state, name)) for name in names}
