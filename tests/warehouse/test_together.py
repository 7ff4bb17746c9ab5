"""Many processes and threads at one database: no lock error, nothing lost, nobody sees half of anything.

`make soak` runs the same for a minute (`TOGETHER_SECONDS`); otherwise the work is bounded by rounds, not by a clock.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.warehouse import Warehouse
from tests.cli.conftest import month, stocked_home
from tests.warehouse import together

__all__ = ["month", "stocked_home"]

SECONDS = os.environ.get("TOGETHER_SECONDS", "0")
PROCESSES = 10 if SECONDS != "0" else 4
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def home(stocked_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stocked_home, tmp_path / "home"))


@pytest.mark.timeout(900)
def test_processes_that_scan_import_reconcile_and_query_at_once(home: Path) -> None:
    warehouse = Warehouse(home / "seatsync.duckdb")
    with warehouse.read() as connection:
        before = together.check(connection)
    programs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.warehouse.together", str(home), f"process {number}", "1", SECONDS],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    said = [program.communicate(timeout=800) for program in programs]
    assert [program.returncode for program in programs] == [0] * PROCESSES, [err for _, err in said]
    done = [json.loads(out) for out, _ in said]
    committed = [made for one in done for made in one["committed"]]
    rounds, waited = sum(one["rounds"] for one in done), max(one["waited"] for one in done)
    sys.stdout.write(
        f"{PROCESSES} processes, {rounds} rounds, {len(committed)} commits, longest wait {waited:.2f} s\n"
    )

    assert len(committed) == len(set(committed)) == 3 * rounds
    with warehouse.read() as connection:
        assert together.check(connection) == before | set(committed)
    for preview_id in (made for made in committed if made.startswith("prev_")):
        [sheet] = (home / "previews").glob(f"*-{preview_id}.csv")
        assert preview_id in sheet.read_text("utf-8-sig")


def test_threads_of_one_process_do_the_same(home: Path) -> None:
    """Half of them share one `Warehouse`, the others have their own."""
    path = home / "seatsync.duckdb"
    shared = Warehouse(path)
    committed: list[set[str]] = [set() for _ in range(3)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        warehouse = shared if number % 2 else Warehouse(path)
        try:
            together.rounds(warehouse, f"thread {number}", committed[number], rounds=1)
        except (SeatSyncError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(committed))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)
    assert not failures
    with shared.read() as connection:
        ids = together.check(connection)
    assert [len(own) for own in committed] == [3] * len(committed)
    assert set().union(*committed) <= ids
