"""Whether somebody still has a file open for writing, as far as the operating system tells it.

A copy that stalls looks like one that has ended: only who has it open tells them apart. Linux grants a read lease on a
file that nobody on this machine has open for writing, whatever user or container they are of. What belongs here: that
question. What does not: what follows from the answer (the sensors, and `filing`).
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

from seatsync_pipeline.orchestration.inbox import open_safely

if sys.platform == "linux":
    import fcntl

# All writers of these are programs of this machine. On any other kind, a share above all, its kernel knows but its own.
_LOCAL = frozenset("bcachefs btrfs exfat ext2 ext3 ext4 f2fs jfs ntfs3 overlay tmpfs vfat xfs zfs".split())


def is_being_written(path: Path) -> bool | None:
    """Whether a program has that regular file open for writing; None when it cannot be told.

    It cannot on a share of another machine, and for a file of another user, unless this one may take leases on it.
    Raises OSError when the file cannot be opened.
    """
    try:
        descriptor = open_safely(path)
    except BlockingIOError:
        return True  # a file server holds it for a client of its own, and is now asked to give it up
    try:
        return _has_writer(descriptor) if _is_local(descriptor) else None
    finally:
        os.close(descriptor)  # and with it the lease


def _has_writer(descriptor: int) -> bool | None:
    if sys.platform != "linux":
        return None
    try:
        # Who opens the file for writing meanwhile waits for the lease to go, and its holder gets a signal. The usual
        # one, SIGIO, would end this process; this one is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno in {errno.EAGAIN, errno.EWOULDBLOCK} else None
    return False


def _is_local(descriptor: int) -> bool:
    """Whether the file lies on a file system of this machine's own; False also when that cannot be told."""
    try:
        about = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return False
    number = next((line.split()[1] for line in about.splitlines() if line.startswith("mnt_id:")), None)
    for line in mounts.splitlines():
        mount, _, kind = line.partition(" - ")
        if mount.split()[0] == number:
            return kind.split()[0] in _LOCAL
    return False
