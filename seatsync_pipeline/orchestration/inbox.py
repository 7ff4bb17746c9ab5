"""A drop folder as it is found: which of its entries are files to take up, and what each holds.

What belongs here: listing and reading, safely and without changing anything. What does not: what is to be done
with a file (the sensors), whether it is still being written (`unfinished`), and moving it (`filing`).
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.sources.file_text import visible

# What browsers, copying programs and office programs leave beside or instead of the finished file.
_UNFINISHED = tuple(".part .partial .tmp .temp .crdownload .download .opdownload .filepart .swp ~".split())
_NOT_FOR_US = ("thumbs.db", "desktop.ini")
_BLOCK = 1024 * 1024
_MOST = 4097 * _BLOCK  # more than any import can be allowed to take
_SAFELY = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True)
class FoundFile:
    """A regular file of the folder. Times are nanoseconds since the epoch; `arrived` changes with every copy, move
    or write, `modified` travels with the file.
    """

    name: str
    size: int
    modified: int
    arrived: int


@dataclass(frozen=True)
class Listing:
    """A folder at one moment: files from the oldest to the newest, and sentences about the other entries."""

    files: tuple[FoundFile, ...] = ()
    ignored: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


def list_inbox(folder: Path) -> Listing:
    """What lies in a drop folder itself. Symlinks are never followed, nothing but regular files is opened.

    Raises SeatSyncError when the folder cannot be read: that is not an empty folder.
    """
    files: list[FoundFile] = []
    ignored: list[str] = []
    unreadable: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # taken away while we look
                except OSError as error:
                    unreadable.append(f"{visible(entry.name)}: {reason_of(error)}")
                    continue
                if why := _not_a_drop(entry.name, status.st_mode):
                    ignored.append(f"{visible(entry.name)} ({why})")
                elif not _is_text(entry.name):
                    unreadable.append(f"{visible(entry.name)}: the name is no text; rename the file")
                else:
                    files.append(found_file(entry.name, status))
    except OSError as error:
        raise SeatSyncError(
            f"looking into the drop folder {folder}",
            reason_of(error),
            "Nothing was taken up. Make the folder readable for the user that runs Dagster.",
        ) from error
    files.sort(key=lambda file: (file.modified, file.name))
    return Listing(tuple(files), tuple(sorted(ignored)), tuple(sorted(unreadable)))


def found_file(name: str, status: os.stat_result) -> FoundFile:
    return FoundFile(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def open_safely(path: Path) -> int:
    """A descriptor to read a regular file by. Never follows a symlink or waits for a pipe. Raises OSError."""
    descriptor = os.open(path, _SAFELY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return descriptor


def content_of(path: Path, copy: BinaryIO | None = None) -> str:
    """sha256 (hex) of a regular file, of its first bytes where it is larger than any import takes.

    What was read goes into `copy` too. Opens as `open_safely` does. Raises OSError.
    """
    with os.fdopen(open_safely(path), "rb") as file:
        content = hashlib.sha256()
        left = _MOST
        while left and (block := file.read(min(_BLOCK, left))):
            content.update(block)
            left -= len(block)
            if copy is not None:
                copy.write(block)
        if copy is not None:
            shutil.copyfileobj(file, copy)  # the rest of one that is too large
    return content.hexdigest()


def reason_of(error: OSError) -> str:
    return error.strerror or str(error)


def _not_a_drop(name: str, mode: int) -> str | None:
    """Why an entry is left alone; None for a file to take up."""
    if name.startswith((".", "~$")) or name.casefold() in _NOT_FOR_US:
        return "hidden"
    if stat.S_ISLNK(mode):
        return "a link; drop the file itself"
    if stat.S_ISDIR(mode):
        return "a folder; drop the files themselves"
    if not stat.S_ISREG(mode):
        return "no regular file"
    if name.casefold().endswith(_UNFINISHED):
        return "unfinished, by its name"
    return None


def _is_text(name: str) -> bool:
    """Whether Dagster can store the name: bytes that are no UTF-8 cannot travel as text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
