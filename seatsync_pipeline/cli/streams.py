"""The standard streams as a shell or a job runner leaves them: closed, or in an encoding that lacks characters."""

from __future__ import annotations

import io
import os
import sys


def make_usable() -> None:
    """Have all three streams open, and stdout take every character.

    A closed stream's number would go to the next file that is opened, the database for one, which would then be
    written into as if it were the stream. A character that stdout's encoding lacks is written as an escape: a
    client's name must not end a command, least of all after a push.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
