"""One process that runs `seatsync` commands one after the other, with every logger of every library at DEBUG.

What belongs here: running commands as loudly as an operator in trouble could make them. What does not: what they are
run against, and what is looked for in their output.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_DONE = "== exit code "

# Each line of stdin is a command, as a JSON list; `!` in its place runs Python, for a defect of our own making.
_LOOP = f"""
import json, logging, sys, traceback, warnings
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.captureWarnings(True)
for name in ("httpx", "httpcore", "duo_client", "urllib3", "dagster", "sqlalchemy", "asyncio"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from seatsync_pipeline.cli.app import seatsync
for line in sys.stdin:
    words = json.loads(line)
    code = 0
    try:
        if words[0] == "!":
            exec(words[1])
        else:
            seatsync.main(words)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 70
    print({_DONE!r} + str(code), flush=True)
"""


class Shell:
    """`said` is all that was written to stdout; stderr goes to the file it was opened with."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.said = ""

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command; its exit code and what it wrote to stdout."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

        told = ""
        for line in self._process.stdout:
            if line.startswith(_DONE):
                self.said += told
                return int(line.removeprefix(_DONE)), told
            told += line
        raise AssertionError(f"the process ended in the middle of {words}: {told}")


@contextmanager
def shell(folder: Path, environment: dict[str, str], errors: IO[str]) -> Iterator[Shell]:
    """A process in `folder`. What it writes to stderr goes to `errors`."""
    with subprocess.Popen(
        [sys.executable, "-c", _LOOP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        cwd=folder,
        env=environment,
    ) as process:
        yield Shell(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=60) == 0
