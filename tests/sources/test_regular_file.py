"""A path from outside: a regular file whole, or a refusal; never a wait."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from seatsync_pipeline.errors import ConfigurationError, InputRefused
from seatsync_pipeline.push.selection import read_selection
from seatsync_pipeline.reconcile.setup import import_setup
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.avanan_columns import load_columns
from seatsync_pipeline.sources.regular_file import read_regular
from seatsync_pipeline.warehouse import Warehouse


def pipe(folder: Path) -> Path:
    """Nobody writes to it: whoever opens it to read would wait for ever."""
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


def link_to_pipe(folder: Path) -> Path:
    (folder / "link.csv").symlink_to(pipe(folder))
    return folder / "link.csv"


def listening(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
    return folder / "s"


def endless(folder: Path) -> Path:
    return Path("/dev/zero")


def dangling(folder: Path) -> Path:
    (folder / "dangling.csv").symlink_to(folder / "nowhere")
    return folder / "dangling.csv"


ODD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a pipe": (pipe, "the path is a pipe"),
    "a link to a pipe": (link_to_pipe, "the path is a pipe"),
    "a socket": (listening, "the path is a socket"),
    "a device": (endless, "the path is a device"),
    "a folder": (lambda folder: folder, "the path is a folder"),
    "a dangling link": (dangling, "there is no such file"),
    "a NUL in the path": (lambda folder: folder / "a\0b", "unreadable file: embedded null"),
    "a name too long": (lambda folder: folder / ("x" * 300), "unreadable file: File name too long"),
}
READERS: dict[str, Callable[[Path], object]] = {
    "export": read_export,
    "selection": read_selection,
    "setup": lambda path: import_setup(Warehouse(path.parent / "w.duckdb"), path, by="Ann"),
}


@pytest.mark.parametrize(("path", "found"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_every_reader_refuses_what_is_no_file_at_once(
    read: Callable[[Path], object], path: Callable[[Path], Path], found: str, tmp_path: Path
) -> None:
    with pytest.raises(InputRefused, match=found):
        read(path(tmp_path))


def test_a_pipe_in_place_of_the_column_list_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the path is a pipe"):
        load_columns(pipe(tmp_path))


def test_a_column_list_nested_without_end_is_a_wrong_setting(tmp_path: Path) -> None:
    path = tmp_path / "avanan_columns.toml"
    path.write_text("[columns]\nname = " + "[" * 100_000)
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        load_columns(path)


def test_a_file_at_the_limit_is_read_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (1024 * 1024))
    data, _ = read_regular(path, tried="reading", limit=1024 * 1024)
    assert len(data) == 1024 * 1024
    path.write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(InputRefused, match="more than 1 MiB"):
        read_regular(path, tried="reading", limit=1024 * 1024)


def test_a_file_that_has_more_than_its_size_says_was_written_to_meanwhile() -> None:
    # The kernel's own files are of this kind at all times: their size is 0, and there is something to read.
    with pytest.raises(InputRefused, match="the file changed while it was read"):
        read_regular(Path("/proc/self/status"), tried="reading", limit=1024)
