"""SIGKILL during a write: the last good state stays, whole, and the next write works."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import month, stocked_home

__all__ = ["month", "stocked_home"]

PROJECT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_whoever_is_killed_while_writing_leaves_the_last_good_state(
    stocked_home: Path, tmp_path: Path
) -> None:
    """Between the inserts, before, in and after the commit, at a database's birth, and at a preview's sheet."""
    home = Path(shutil.copytree(stocked_home, tmp_path / "home"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.warehouse.killed", str(home)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["inserting"], found["born"]) == (4, 8)
    assert sum(found["committing"].values()) == 12
