"""Moving dropped files: nothing overwritten, nothing lost, only what was worked off."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest

from seatsync_pipeline.errors import FileRefused, InputRefused, SeatSyncError
from seatsync_pipeline.orchestration import moving
from seatsync_pipeline.orchestration.filing import Dropped, archive, dropped, reject, rejecting
from seatsync_pipeline.settings import Settings, load_settings

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # another file system, where there is one


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATSYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEATSYNC_TODAY", "2026-11-20")
    settings = load_settings()
    settings.make_folders()
    return settings


def put(settings: Settings, name: str, content: bytes = b"content") -> Dropped:
    path = settings.avanan_inbox / name
    path.write_bytes(content)
    found = dropped(path, settings.avanan_inbox)
    assert found is not None
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("a.csv", "a (2).csv"),
        ("noending", "noending (2)"),
        (".profile.tar.gz", ".profile.tar (2).gz"),
        ("a b.long-long-ending", "a b.long-long-ending (2)"),
        ("=1+1\n.csv", "=1+1\n (2).csv"),
    ],
)
def test_a_name_that_is_taken_gets_a_number(settings: Settings, name: str, again: str) -> None:
    first = archive(put(settings, name, b"one"), settings)
    second = archive(put(settings, name, b"two"), settings)
    assert [first[0].name, second[0].name] == [name, again]
    assert (first[0].read_bytes(), second[0].read_bytes()) == (b"one", b"two")
    assert first[0].parent == settings.archive / "2026-11"
    assert names(settings.avanan_inbox) == []


@pytest.mark.parametrize("name", ["n" * 255, f"{'ü' * 125}.csv", "日" * 85])
def test_a_name_too_long_for_its_report_is_cut(settings: Settings, name: str) -> None:
    error = FileRefused("reading", "a fault", "correct it")
    (file,) = reject(put(settings, name), settings, error)
    (other,) = reject(put(settings, name), settings, error)
    assert len({file.name, other.name, *names(settings.rejected)}) == 4
    assert file.with_name(f"{file.name}.errors.csv").exists()


def test_what_replaced_the_file_meanwhile_stays(settings: Settings) -> None:
    drop = put(settings, "a.csv")
    drop.path.write_bytes(b"CONTENT")
    with pytest.raises(SeatSyncError, match="changed or replaced after it had been read"):
        archive(drop, settings)
    assert reject(drop, settings, InputRefused("reading", "a fault", "correct it")) == []
    assert drop.path.read_bytes() == b"CONTENT"
    assert names(settings.rejected) == []


def test_a_file_that_somebody_has_open_for_writing_is_not_taken_up(settings: Settings) -> None:
    path = put(settings, "a.csv").path
    with path.open("ab"), pytest.raises(SeatSyncError, match="still open for writing"):
        dropped(path, settings.avanan_inbox)
    assert dropped(path, settings.avanan_inbox)


def test_the_archive_holds_what_was_read_and_the_inbox_what_is_still_written(settings: Settings) -> None:
    drop = put(settings, "a.csv", b"half")
    with drop.path.open("ab") as writer:
        with pytest.raises(SeatSyncError, match="open for writing") as told:
            archive(drop, settings)
        writer.write(b" and the rest")
    (place,) = (settings.archive / "2026-11").iterdir()
    assert place.read_bytes() == b"half"
    assert str(place) in str(told.value)
    assert names(settings.avanan_inbox) == ["a.csv"]
    assert drop.path.read_bytes() == b"half and the rest"


def test_a_file_that_is_still_written_is_refused_as_it_was_and_comes_again(settings: Settings) -> None:
    drop = put(settings, "a.csv", b"half")
    with drop.path.open("ab") as writer:
        (place,) = reject(drop, settings, InputRefused("reading", "a fault", "correct it"))
        writer.write(b" and the rest")
    assert place.read_bytes() == b"half"
    assert drop.path.read_bytes() == b"half and the rest"
    assert names(settings.avanan_inbox) == ["a.csv"]


def test_what_is_written_to_the_inbox_file_afterwards_never_reaches_the_archive(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the system does not tell who has a file open, a writer may outlast the two minutes.
    monkeypatch.setattr(moving, "is_being_written", lambda _: None)
    drop = put(settings, "a.csv", b"half")
    with drop.path.open("ab") as writer:
        (place,) = archive(drop, settings)
        writer.write(b" and the rest")
    assert place.read_bytes() == b"half"
    assert names(settings.avanan_inbox) == []


@pytest.mark.parametrize("replaced", [b"CONTENT", b"content and more"])
def test_what_comes_under_its_name_while_it_is_archived_is_not_removed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, replaced: bytes
) -> None:
    drop = put(settings, "a.csv")
    remove = moving._take_away

    def late(path: Path, sha256: str) -> Path | None:
        path.unlink()
        path.write_bytes(replaced)
        return remove(path, sha256)

    monkeypatch.setattr(moving, "_take_away", late)
    with pytest.raises(SeatSyncError, match="changed or replaced"):
        archive(drop, settings)
    assert drop.path.read_bytes() == replaced
    assert [path.read_bytes() for path in (settings.archive / "2026-11").iterdir()] == [b"content"]


def test_a_run_killed_between_archiving_and_removing_archives_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = put(settings, "a.csv")

    def killed(_path: Path, _sha256: str) -> Path | None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(moving, "_take_away", killed)
        with pytest.raises(KeyboardInterrupt):
            archive(drop, settings)
    assert names(settings.avanan_inbox) == ["a.csv"]
    (place,) = archive(drop, settings)
    assert names(settings.archive / "2026-11") == ["a.csv"]
    assert place.read_bytes() == b"content"
    assert names(settings.avanan_inbox) == []


def test_an_inbox_that_lets_nothing_go_leaves_no_copy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = put(settings, "a.csv")

    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.is_relative_to(settings.avanan_inbox):
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(SeatSyncError, match="Permission denied"):
            archive(drop, settings)
    assert list((settings.archive / "2026-11").iterdir()) == []
    assert drop.path.read_bytes() == b"content"
    assert names(settings.avanan_inbox) == ["a.csv"]


def test_a_refusal_of_a_file_that_lies_elsewhere_moves_nothing(settings: Settings, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("mine")
    link = settings.avanan_inbox / "link.csv"
    link.symlink_to(mine)
    for path in (mine, link, settings.avanan_inbox / "none.csv", settings.avanan_inbox):
        assert dropped(path, settings.avanan_inbox) is None
    with pytest.raises(InputRefused, match=r"correct it$"), rejecting(None, settings):
        raise InputRefused("reading", "a fault", "correct it")
    assert mine.exists()


def test_another_failure_than_a_refusal_moves_nothing(settings: Settings) -> None:
    drop = put(settings, "a.csv")
    with pytest.raises(SeatSyncError), rejecting(drop, settings):
        raise SeatSyncError("storing it", "the disk is full", "free space")
    assert names(settings.avanan_inbox) == ["a.csv"]
    assert names(settings.rejected) == []


def test_a_move_that_fails_leaves_the_file_and_no_trace(settings: Settings) -> None:
    drop = put(settings, "a.csv")
    (settings.archive / "2026-11").write_text("no folder")
    with pytest.raises(SeatSyncError, match=r"moving .*a\.csv"):
        archive(drop, settings)
    settings.rejected.rmdir()
    settings.rejected.symlink_to("/proc/self")
    with pytest.raises(SeatSyncError):
        reject(drop, settings, InputRefused("reading", "a fault", "correct it"))
    assert names(settings.avanan_inbox) == ["a.csv"]


def test_an_archive_on_another_file_system_gets_the_whole_file(settings: Settings) -> None:
    content = b"x" * 3_000_000
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as elsewhere:
        (settings.archive / "2026-11").symlink_to(elsewhere)
        (place,) = archive(put(settings, "a.csv", content), settings)
        assert hashlib.sha256(place.read_bytes()).digest() == hashlib.sha256(content).digest()
        assert names(Path(elsewhere)) == ["a.csv"]
    assert names(settings.avanan_inbox) == []
