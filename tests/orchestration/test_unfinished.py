"""Whether somebody has a file open for writing: asked of real processes and file systems."""

from __future__ import annotations

import errno
import fcntl
import mmap
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.orchestration import unfinished
from seatsync_pipeline.orchestration.unfinished import is_being_written

WRITER = "import sys; f = open(sys.argv[1], 'ab'); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * 5000)
    return path


def test_another_process_that_has_it_open_for_writing(file: Path) -> None:
    assert is_being_written(file) is False
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdout.readline()
        assert is_being_written(file) is True
        writer.stdin.close()
    assert is_being_written(file) is False


def test_a_reader_is_no_writer_and_a_writable_map_is_one(file: Path) -> None:
    with file.open("rb"):
        assert is_being_written(file) is False
    with file.open("r+b") as opened:
        mapped = mmap.mmap(opened.fileno(), 0)
    assert is_being_written(file) is True  # nobody has a descriptor of it any more
    mapped.close()
    assert is_being_written(file) is False


def test_the_look_keeps_no_writer_waiting_afterwards(file: Path) -> None:
    assert is_being_written(file) is False
    with file.open("ab") as opened:
        opened.write(b"y")
    assert file.stat().st_size == 5001


@pytest.mark.parametrize("refused", [errno.EACCES, errno.EINVAL, errno.EPERM])
def test_a_system_that_does_not_say_is_no_answer(
    file: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(refused, "no lease")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    assert is_being_written(file) is None
    monkeypatch.setattr(sys, "platform", "win32")
    assert is_being_written(file) is None


def test_on_a_share_of_another_machine_a_lease_proves_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "_LOCAL", frozenset())
    assert is_being_written(file) is None
    with file.open("ab"):
        assert is_being_written(file) is None


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no regular file"):
        is_being_written(tmp_path)
    with pytest.raises(FileNotFoundError):
        is_being_written(tmp_path / "none")
