"""What DuckDB says when it cannot work, as SeatSync's errors: busy and by whom, full, or of another make.

What belongs here: reading DuckDB's messages. What does not: waiting and trying again.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from seatsync_pipeline.errors import (
    WarehouseBusy,
    WarehouseError,
    WarehouseFull,
    WarehouseIncompatible,
)

_BUSY = re.compile(
    r"could not set lock|conflicting lock|being used by another process|unique file handle conflict"
    r"|different configuration|already attached",
    re.IGNORECASE,
)
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)(?: by user (?P<user>\S+))?")
_FULL = re.compile(
    r"no space left|disk full|file too large|quota exceeded|could not write|failed to write"
    r"|read-only file system|permission denied",
    re.IGNORECASE,
)
_WORDS_SHOWN = 4
_CLOSE_IT = "Close that program (a DuckDB shell or a BI tool?) and try again; nothing was changed."


def is_busy(error: duckdb.Error) -> bool:
    """Whether another program, or another thread of this one, holds the file: worth waiting for."""
    return _BUSY.search(str(error)) is not None


def typed(error: duckdb.Error, tried: str, *, waited: float) -> WarehouseError:
    """The error as SeatSync's own. `waited` is how long, in seconds, a busy file was waited for."""
    text = str(error)
    if is_busy(error):
        return busy(tried, _holder(text), waited=waited)
    first_line = text.splitlines()[0]
    if _FULL.search(text):
        return WarehouseFull(
            tried,
            first_line,
            "Free space or correct the permissions and try again; the last good state is kept.",
        )
    if isinstance(error, duckdb.IOException | duckdb.SerializationException):
        return WarehouseIncompatible(
            tried,
            first_line,
            "Use the SeatSync and DuckDB versions that wrote it, or bring a backup back: `seatsync restore`.",
        )
    return WarehouseError(tried, first_line, "Nothing was changed. Please report this.")


def busy(tried: str, holder: str | None, *, waited: float) -> WarehouseBusy:
    """Somebody held the file for too long."""
    return WarehouseBusy(
        tried,
        f"it was held for more than {waited:g} s by {holder or 'another program'}",
        _CLOSE_IT,
        holder=holder,
    )


def _holder(text: str) -> str | None:
    """`/usr/bin/python3.11 (process 4711, user dana: dagster dev)`, as far as the system tells."""
    match = _HOLDER.search(text)
    if match is None:
        return None
    user = f", user {match['user']}" if match["user"] else ""
    command = _command(int(match["pid"]))
    return f"{match['program']} (process {match['pid']}{user}{f': {command}' if command else ''})"


def _command(pid: int) -> str | None:
    """The first words of a process's command line; None where the system does not tell.

    No word from the first one on that could carry an address or a secret.
    """
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return None  # gone by now, another system, or another user's process: the id has to do
    shown = [Path(words[0]).name]
    for word in words[1:_WORDS_SHOWN]:
        if not word.isprintable() or len(word) > 60 or re.search(r"[=@;\s]|://", word):
            break
        shown.append(word)
    return " ".join(shown).strip() or None
