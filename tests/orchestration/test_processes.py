"""The code location as its users run it: several processes, two runs at once, and the web server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.graphql import ask
from tests.orchestration.place import Place

EXECUTE = [sys.executable, "-m", "dagster", "job", "execute", "-m", "seatsync_pipeline.definitions", "-j"]
LOCATION = """
    { repositoriesOrError { ... on RepositoryConnection { nodes {
        location { name } jobs { name } assetNodes { assetKey { path } } } } } }
"""


def test_two_runs_at_once_under_the_multiprocess_executor(scanned: Place, tmp_path: Path) -> None:
    """Each step is a process of its own, and both runs write to one database: neither may fail the other."""
    environment = {**os.environ, "DAGSTER_HOME": str(scanned.settings.dagster_home)}
    runs = [
        subprocess.Popen(
            [*EXECUTE, job],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for job in ("connectwise_scan", "duo_pull")
    ]
    outputs = [run.communicate(timeout=240)[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0], "\n".join(outputs)
    stored = dict(scanned.query("select source, count(*) from snapshot group by source"))
    assert stored == {"connectwise": 2, "duo": 1}
    assert scanned.query("select count(*), bool_and(adds_up) from preview_header") == [(1, True)]
    processes = {
        event.pid
        for (run_id,) in scanned.query("select distinct run_id from preview_header")
        for event in scanned.events(run_id)
        if event.pid
    }
    assert len(processes) >= 4  # duo_pull: its own process and one for each of four steps


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_make_dev_serves_the_code_location(scanned: Place, tmp_path: Path) -> None:
    """`python -m seatsync_pipeline.dev` from another folder: its own history, and workspace.yaml's location loaded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "dev.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "seatsync_pipeline.dev", "--port", str(port)],
            cwd=tmp_path,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            nodes = _ask(port, server)
        finally:
            os.killpg(server.pid, signal.SIGINT)
            try:
                server.wait(timeout=60)
            finally:
                if server.poll() is None:  # a group that is left behind would disturb whatever runs next
                    os.killpg(server.pid, signal.SIGKILL)
                    server.wait()

    [node] = nodes
    assert node["location"]["name"] == "seatsync"
    assert {"seat_sync", "duo_pull", "avanan_import"} <= {job["name"] for job in node["jobs"]}
    assert ["duo", "preview"] in [asset["assetKey"]["path"] for asset in node["assetNodes"]]
    text = log.read_text()
    assert f"http://127.0.0.1:{port}" in text
    assert str(scanned.settings.dagster_home) in text
    assert not list(tmp_path.glob(".tmp_dagster_home*"))


def _ask(port: int, server: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    """What the web server knows of its code locations, as soon as it answers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            nodes = ask(f"http://127.0.0.1:{port}", LOCATION)["repositoriesOrError"].get("nodes")
        except (httpx.HTTPError, ValueError):
            nodes = None
        if nodes:
            return list(nodes)
        time.sleep(0.25)
    raise AssertionError("the web server never showed the code location")
