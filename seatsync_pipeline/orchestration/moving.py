"""How a file leaves the inbox for good: copied as it was read, and only then removed.

It is a copy, since whoever still writes to the file would write into the archive otherwise. Nothing is ever
overwritten, and nothing is removed but content that was seen. What does not belong here: where files go, and when
(`filing`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.orchestration.inbox import content_of, reason_of
from seatsync_pipeline.orchestration.unfinished import is_being_written

_REPORT = ".errors.csv"
_LONGEST_NAME = 200  # bytes; leaves room for the report's ending and a temporary one within the usual 255


@dataclass(frozen=True)
class Move:
    """Where a file is now, None for nowhere; and what of it is left in the inbox, to be worked off anew."""

    place: Path | None = None
    left: Path | None = None


def move(path: Path, folder: Path, sha256: str, prepare: Callable[[Path], None] | None = None) -> Move:
    """Move a file that holds that, under a numbered name where its own is taken; `prepare` is told that name before.

    Raises SeatSyncError.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A run that was killed between archiving and removing the file is not to archive it twice.
        known = prepare is None and _is_copy(folder / path.name, path, sha256)
        target = folder / path.name if known else _copy(path, folder, sha256, prepare)
        if target is None:
            return Move(left=path)
        try:
            return Move(target, _take_away(path, sha256))
        except OSError:
            if path.exists():
                report_of(target).unlink(missing_ok=True)
                target.unlink()
            raise
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.exists():
            return Move()
        raise SeatSyncError(
            f"moving {path} to {folder}",
            reason_of(error),
            "It was worked off. Make room, or correct the folder's permissions; then run this again: nothing is done "
            "twice.",
        ) from error


def _is_copy(there: Path, path: Path, sha256: str) -> bool:
    """Whether a file is that very one, and not another arrival of the same content."""
    try:
        one, other = there.lstat(), path.lstat()
        same = (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
        return same and content_of(there) == sha256
    except OSError:
        return False


def _copy(path: Path, folder: Path, sha256: str, prepare: Callable[[Path], None] | None) -> Path | None:
    """Copy a file that holds that, so that it is on the disk whole or not at all. None when it holds something else."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".moving-") as aside:
        copy = Path(aside) / "file"
        with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            status = path.lstat()
            content = content_of(path, file)
            file.flush()
            os.fsync(file.fileno())
        if content != sha256:
            return None
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        target = _reserve(folder, path.name)
        try:
            if prepare is not None:
                prepare(target)
            copy.replace(target)
        except BaseException:
            report_of(target).unlink(missing_ok=True)
            target.unlink()
            raise
    _sync(folder)
    return target


def _sync(folder: Path) -> None:
    """Let the names in a folder survive a power cut, where the system can do that for a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _take_away(path: Path, sha256: str) -> Path | None:
    """Remove a file that holds that and is not open for writing; any other goes back, and its path is returned.

    It is out of everybody's reach when it is looked at: nobody can replace it, or open it by its name, after that.
    """
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=".worked-off-"))
    taken, back = aside / path.name, None
    try:
        with suppress(FileNotFoundError):  # taken away by somebody else
            path.replace(taken)
        if taken.exists() and not is_being_written(taken) and content_of(taken) == sha256:
            taken.unlink()
    finally:
        if os.path.lexists(taken):
            back = _reserve(path.parent, path.name)
            taken.replace(back)
        with suppress(OSError):
            aside.rmdir()
    return back


def _reserve(folder: Path, name: str) -> Path:
    """An empty file of that name, or of a numbered one, that nobody else has: to be replaced, never overwritten."""
    suffix = Path(name).suffix if len(Path(name).suffix) <= 10 else ""
    stem = name.removesuffix(suffix).encode()[: _LONGEST_NAME - 20].decode(errors="ignore")
    for number in count(1):
        target = folder / (f"{stem}{suffix}" if number == 1 else f"{stem} ({number}){suffix}")
        if report_of(target).exists():
            continue
        try:
            target.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            continue
        return target
    raise AssertionError("unreachable: the numbers do not end")


def report_of(target: Path) -> Path:
    return target.with_name(f"{target.name}{_REPORT}")
