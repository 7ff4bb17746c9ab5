"""Who runs this process, for the record."""

from __future__ import annotations

import os


def system_user() -> str:
    """The name of the user who runs this; blank where the system knows none, so that a name is asked for."""
    try:
        import pwd
    except ImportError:  # not a POSIX system
        import getpass

        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
