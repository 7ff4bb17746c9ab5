"""Reading a file whose path comes from outside: only a regular one, only as much as allowed, only as a whole.

What belongs here: opening without ever waiting (a pipe would hang, a device would never end) and noticing that
the file changed meanwhile. What does not: what is in it.
"""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from seatsync_pipeline.errors import InputRefused

READABLE = "Give the path of a CSV file that this user may read."
# Windows has neither: it knows no pipes in folders, and opens text unless told otherwise.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_regular(path: Path, *, tried: str, remedy: str = READABLE) -> None:
    """Raise InputRefused unless a regular file, or a link to one, stands at that path."""
    try:
        _require_regular(path.stat(), tried, remedy)
    except FileNotFoundError as error:
        raise InputRefused(tried, "there is no such file", remedy) from error
    except (OSError, ValueError) as error:  # ValueError: the path holds a NUL
        raise InputRefused(tried, f"unreadable file: {_reason(error)}", remedy) from error


def read_regular(path: Path, *, tried: str, limit: int, remedy: str = READABLE) -> tuple[bytes, datetime]:
    """The bytes of a regular file and when it was last changed (UTC).

    Raises InputRefused for anything else, for more than `limit` bytes, for a file that may not be read and for one
    that was written to while it was read.
    """
    try:
        require_regular(path, tried=tried, remedy=remedy)  # opening some devices has effects of its own
        with open(os.open(path, _FLAGS), "rb") as file:  # noqa: PTH123  # Path.open takes no flags
            before = os.fstat(file.fileno())
            _require_regular(before, tried, remedy)
            data = file.read(min(before.st_size, limit) + 1)
            after = os.fstat(file.fileno())
    except (OSError, ValueError) as error:  # ValueError: the path holds a NUL
        raise InputRefused(tried, f"unreadable file: {_reason(error)}", remedy) from error
    if len(data) > limit:
        raise InputRefused(
            tried,
            f"file too large: more than {limit // (1024 * 1024)} MiB",
            "Is this the right file? Split it, export fewer columns, or raise the limit where it is a setting.",
        )
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(
        data
    ) != after.st_size:
        raise InputRefused(
            tried,
            "the file changed while it was read: another program is still writing it",
            "Wait until it is complete, then try again.",
        )
    return data, datetime.fromtimestamp(after.st_mtime, UTC)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _require_regular(status: os.stat_result, tried: str, remedy: str) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "no regular file")
    raise InputRefused(tried, f"not a file: the path is {kind}", remedy)
