"""The environment that SeatSync was really started with, apart from the copies of `.env` that Dagster puts there.

Each of Dagster's processes copies the `.env` of its working directory over its environment when it starts, and every
run inherits that. Taken for the environment, a copy would win over the file for as long as Dagster runs: an approver
struck off it could go on approving. And it has replaced what was really set under the same name, which has to win.

So whoever starts Dagster, or the code location when Dagster loads it, keeps what was really set in a variable of its
own, for all processes below; the file itself is read anew each time.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values

KEPT = "SEATSYNC_STARTED_WITH"
PREFIXES = ("SEATSYNC_", "DUO_", "CONNECTWISE_")
_DAGSTERS = {
    "dagster",
    "dagster-daemon",
    "dagster-webserver",
    "dagster._daemon",
    "dagster.daemon",
    "dagster_webserver",
    "dg",
}


def environment() -> Mapping[str, str]:
    """What is set outside of `.env`."""
    kept = os.environ.get(KEPT)
    return os.environ if kept is None else json.loads(kept)


def kept(environ: Mapping[str, str]) -> dict[str, str]:
    """What keeps the settings in `environ` for the processes below."""
    ours = {name: value for name, value in environ.items() if name.upper().startswith(PREFIXES)}
    ours.pop(KEPT, None)
    return {KEPT: json.dumps(ours)}


def keep_environment() -> None:
    """Keep what was really set, if one of Dagster's own programs is this process and nobody has kept it yet.

    Nothing is done elsewhere: on the command line and in tests, the environment is what it is.
    """
    if KEPT not in os.environ and _is_dagster(sys.orig_argv):
        os.environ.update(kept(_as_started()))


def _as_started(processes: Path = Path("/proc")) -> Mapping[str, str]:
    """The environment that the first of Dagster's processes above this one was started with.

    Linux tells it. Elsewhere, and where it may not be read, what equals the file is taken for a copy of it.
    """
    found: Mapping[str, str] | None = None
    process = os.getpid()
    try:
        while found is None or _is_dagster(_words(processes / str(process) / "cmdline")):
            entries = (word.partition("=") for word in _words(processes / str(process) / "environ"))
            found = {name: value for name, _, value in entries}
            if KEPT in found:
                break
            # "PID (NAME) STATE PARENT ...", and a name may hold spaces and parentheses.
            process = int((processes / str(process) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        pass  # an ancestor of another user's, such as sudo: no process of Dagster's above that one
    if found is not None:
        return found
    copies = dotenv_values(".env") if Path(".env").is_file() else {}
    return {name: value for name, value in os.environ.items() if copies.get(name) != value}


def _words(file: Path) -> list[str]:
    return [os.fsdecode(word) for word in file.read_bytes().split(b"\0") if word]


def _is_dagster(command: Sequence[str]) -> bool:
    """Whether a command line runs one of Dagster's programs: a script of that name, or a module of the interpreter."""
    words = iter(command[1:])
    for word in words:
        if word == "-m":
            return next(words, "") in _DAGSTERS
        if not word.startswith("-"):
            return Path(word).name in _DAGSTERS
    return False
