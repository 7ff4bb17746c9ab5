"""Settings that change while Dagster runs: its processes hold copies of `.env`, and the file has to count."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from seatsync_pipeline.orchestration.instance import WORKSPACE
from tests.graphql import ask
from tests.orchestration.place import Place

LAUNCH = """
    mutation($execution: ExecutionParams!) { launchPipelineExecution(executionParams: $execution) {
        ... on LaunchRunSuccess { run { runId } } } }
"""
TOLD = """
    query($run: ID!) { runOrError(runId: $run) { ... on Run { status eventConnection(limit: 1000) { events {
        ... on ExecutionStepFailureEvent { error { message } } } } } } }
"""
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "seatsync") { __typename } }'
MAKE_DEV = [sys.executable, "-m", "seatsync_pipeline.dev", "--port"]
BY_HAND = [sys.executable, "-m", "dagster", "dev", "-w", str(WORKSPACE), "-h", "127.0.0.1", "-p"]


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
@pytest.mark.parametrize("command", [MAKE_DEV, BY_HAND], ids=["make dev", "dagster dev"])
def test_an_edit_counts_from_the_next_run_on_and_the_environment_wins(
    scanned: Place, tmp_path: Path, command: list[str]
) -> None:
    file, other = tmp_path / ".env", tmp_path / "other"
    # Dagster puts the file's SEATSYNC_HOME in the place of the one that is really set.
    file.write_text(f"SEATSYNC_APPROVERS=Ann\nSEATSYNC_HOME={other}\n")
    with _served(command, tmp_path, scanned) as ui:
        assert "prev_none: there is none" in ui.approve("Ann")
        assert "Bo is not on the list" in ui.approve("Bo")

        file.write_text(f"SEATSYNC_APPROVERS=Bo\nSEATSYNC_HOME={other}\n")
        assert "Ann is not on the list" in ui.approve("Ann")
        assert "prev_none: there is none" in ui.approve("Bo")

        file.write_text("# nobody is named any more\n")
        assert ui.ask(RELOAD)["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry"
        assert "prev_none: there is none" in ui.approve("Cy")
    assert not other.exists()


class _UI:
    """What a person does in Dagster's pages, over the same GraphQL."""

    def __init__(self, port: int, server: subprocess.Popen[bytes]) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._server = server

    def ask(self, query: str, **variables: object) -> Any:
        """Raises AssertionError when the server never answers with data."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._server.poll() is None:
            try:
                return ask(self._address, query, variables)
            except httpx.HTTPError:
                time.sleep(0.25)
        raise AssertionError("the web server did not answer")

    def approve(self, name: str) -> str:
        """Why the approval of a preview that does not exist fails, in that name."""
        config = {"ops": {"approve_rows": {"config": {"preview_id": "prev_none", "approved_by": name}}}}
        selector = {
            "repositoryLocationName": "seatsync",
            "repositoryName": "__repository__",
            "pipelineName": "approve_preview",
        }
        execution = {"selector": selector, "runConfigData": config, "mode": "default"}
        deadline = time.monotonic() + 120
        while "run" not in (launched := self.ask(LAUNCH, execution=execution)["launchPipelineExecution"]):
            assert time.monotonic() < deadline, "the code location was never loaded"
            time.sleep(0.25)
        while True:
            run = self.ask(TOLD, run=launched["run"]["runId"])["runOrError"]
            if run["status"] == "FAILURE":
                return " ".join(
                    event["error"]["message"] for event in run["eventConnection"]["events"] if event
                )
            assert run["status"] not in {"SUCCESS", "CANCELED"}
            assert time.monotonic() < deadline, run["status"]
            time.sleep(0.25)


@contextmanager
def _served(command: list[str], folder: Path, place: Place) -> Iterator[_UI]:
    """Dagster in that folder, started by a person; ended afterwards with all its processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "dev.log").open("w") as log:
        server = subprocess.Popen(
            [*command, str(port)],
            cwd=folder,
            env={**os.environ, "DAGSTER_HOME": str(place.settings.dagster_home)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield _UI(port, server)
        finally:
            os.killpg(server.pid, signal.SIGINT)
            try:
                server.wait(timeout=60)
            finally:
                if server.poll() is None:
                    os.killpg(server.pid, signal.SIGKILL)
                    server.wait()
