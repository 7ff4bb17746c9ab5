"""What of a folder is taken for a dropped file, what is left alone, and what is an error."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.orchestration.inbox import content_of, found_file, list_inbox
from sensors import decide, drops
from sensors.decide import load_memory
from sensors.drops import EXPORTS, DropFolder, _read, tick

ODD = [
    "x.csv",
    "two words.CSV",
    "=1+1.csv",
    "line\nbreak.csv",
    "Zürich 日本.csv",
    "noending",
    "a.xlsx",
    "-rf",
]
LEFT = [
    ".x.csv",
    "~$x.csv",
    "x.csv.part",
    "x.csv.crdownload",
    "X.TMP",
    "x.csv.filepart",
    "Thumbs.db",
    "x.csv~",
]


def test_files_are_found_from_the_oldest_and_the_rest_is_left_alone(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for age, name in enumerate([*ODD, *LEFT]):
        (inbox / name).write_bytes(name.encode())
        os.utime(inbox / name, ns=(0, 10**9 * (1000 - age)))
    (inbox / "folder.csv").mkdir()
    (inbox / "out.csv").symlink_to(tmp_path / "elsewhere.csv")
    (inbox / "loop.csv").symlink_to("loop.csv")
    (inbox / "in.csv").symlink_to("x.csv")
    os.mkfifo(inbox / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(inbox / "s.csv"))
        listing = list_inbox(inbox)
    assert [file.name for file in listing.files] == ODD[::-1]
    assert len(listing.ignored) == len(LEFT) + 6
    assert listing.unreadable == ()
    assert content_of(inbox / "x.csv") == hashlib.sha256(b"x.csv").hexdigest()


def test_what_became_a_pipe_or_a_link_after_the_look_is_an_error_and_hangs_nobody(tmp_path: Path) -> None:
    files = []
    for name in ("pipe.csv", "link.csv", "gone.csv", "grown.csv", "good.csv"):
        (tmp_path / name).write_text(name)
        files.append(found_file(name, (tmp_path / name).lstat()))
        if name != "good.csv":
            (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to("good.csv")
    (tmp_path / "grown.csv").write_text("more than before")
    read = _read(tmp_path, files)
    assert list(read.contents) == ["good.csv"]
    assert sorted(what.split(":")[0] for what in read.unreadable) == ["link.csv", "pipe.csv"]


def deep(folder: Path) -> Path:
    """A folder whose path is so long that a file with a long name in it cannot be named."""
    back = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        while len(str(folder)) < 3850:
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
            folder = folder / ("d" * 200)
        Path("n" * 250).write_text("out of reach")
        Path("good.csv").write_text("within reach")
    finally:
        os.fchdir(back)
        os.close(back)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATSYNC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def looks(folder: DropFolder, cursor: str | None) -> dg.SensorResult:
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, cursor=cursor) as context,
    ):
        return tick(context, folder)


def test_a_file_that_cannot_be_read_fails_the_tick_and_holds_no_other_up(home: Path, tmp_path: Path) -> None:
    folder = deep(tmp_path)
    deep_down = DropFolder(lambda _: folder, EXPORTS.rules, EXPORTS.run_config)
    first = looks(deep_down, None)
    assert "File name too long" in str(first.skip_reason)
    second = looks(deep_down, first.cursor)
    assert [request.tags["seatsync/file"] for request in second.run_requests or ()] == ["good.csv"]
    with pytest.raises(SeatSyncError, match="File name too long"):
        looks(deep_down, second.cursor)
    assert list(load_memory(second.cursor)) == ["good.csv"]


@pytest.mark.parametrize("break_it", ["loop", "name"])
def test_nothing_to_hand_on_and_an_error_fails_at_once(home: Path, break_it: str) -> None:
    inbox = home / "inbox" / "avanan"
    inbox.parent.mkdir(parents=True)
    if break_it == "loop":
        inbox.symlink_to("avanan")
    else:
        inbox.mkdir()
        (Path(os.fsdecode(os.fsencode(inbox) + b"/caf\xe9.csv"))).write_text("no UTF-8")
    with pytest.raises(SeatSyncError, match=r"symbolic links|the name is no text|File exists"):
        looks(EXPORTS, None)


def test_an_inbox_that_is_no_folder_fails_the_tick(home: Path) -> None:
    (home / "inbox").mkdir(parents=True)
    (home / "inbox" / "avanan").write_text("a file")
    with pytest.raises(SeatSyncError, match="inbox/avanan"):
        looks(EXPORTS, None)


def test_where_nobody_can_tell_the_tick_says_what_it_waits_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drops, "is_being_written", lambda _: None)
    inbox = home / "inbox" / "avanan"
    inbox.mkdir(parents=True)
    (inbox / "a.csv").write_text("perhaps half of it")
    cursor = None
    for _ in range(3):
        result = looks(EXPORTS, cursor)
        cursor = result.cursor
        assert not result.run_requests
        assert "not yet unchanged for two minutes" in str(result.skip_reason)
    memory = {
        name: replace(seen, since=seen.since - decide.UNTOLD) for name, seen in load_memory(cursor).items()
    }
    (inbox / "b.csv").write_text("a newer one")
    later = looks(EXPORTS, decide.dump_memory(memory))
    assert [request.tags["seatsync/file"] for request in later.run_requests or ()] == ["a.csv"]


def test_a_whole_file_behind_an_older_one_that_is_not_is_named(home: Path) -> None:
    inbox = home / "inbox" / "avanan"
    inbox.mkdir(parents=True)
    (inbox / "new.csv").write_text("whole")
    with (inbox / "old.csv").open("w") as copying:
        os.utime(inbox / "old.csv", (1, 1))
        cursor = looks(EXPORTS, None).cursor
        result = looks(EXPORTS, cursor)
        copying.write("the rest")
    assert not result.run_requests
    assert "still open for writing in another program: old.csv" in str(result.skip_reason)
    assert "behind an older file that is not whole yet: new.csv" in str(result.skip_reason)


def test_an_empty_inbox_asks_for_nothing(home: Path) -> None:
    result = looks(EXPORTS, None)
    assert not result.run_requests
    assert "Nothing in " in str(result.skip_reason)
