"""A backup as one file: a ZIP of the database, the files of SEATSYNC_HOME and a manifest with every checksum.

What belongs here: what goes in, packing, and unpacking nothing but what the manifest vouches for. What does not:
what the database says (`push/backup.py`), and bringing it back (`push/restore.py`).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.errors import InputRefused
from seatsync_pipeline.warehouse.files import sync

DATABASE = "seatsync.duckdb"
# Not the inboxes: a selection that comes back into one could be pushed a second time. Not Dagster's history: it is
# the second witness of the audit log's head. Not `.env`: a backup holds no secret.
FOLDERS = ("previews", "selections", "archive", "rejected")
FILES = ("avanan_columns.toml",)
MANIFEST = "manifest.json"
_FORMAT = 1
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Member:
    """One file in a backup. `name` is relative to SEATSYNC_HOME, with slashes; `size` in bytes."""

    name: str
    size: int
    sha256: str


def home_files(home: Path) -> Iterator[tuple[str, Path]]:
    """What of a home goes into a backup beside the database: (name, path), links and unfinished files left out."""
    candidates = [home / name for name in FILES]
    for folder in FOLDERS:
        if not (home / folder).is_symlink():
            candidates += sorted((home / folder).rglob("*"))
    for path in candidates:
        relative = path.relative_to(home)
        if any(part.startswith(".") for part in relative.parts):
            continue  # half written: it appears under its own name when it is whole
        if path.is_file() and not path.is_symlink():
            yield relative.as_posix(), path


def pack(target: Path, database: Path, home: Path, facts: dict[str, Any], tried: str) -> tuple[Member, ...]:
    """Write a backup beside `target`, read it back, and move it into place. Raises InputRefused, OSError."""
    half = target.with_name(f".{target.name}.{secrets.token_hex(8)}.half")
    try:
        with os.fdopen(os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                members = [_add(archive, DATABASE, database)]
                for name, path in home_files(home):
                    try:
                        members.append(_add(archive, name, path))
                    except FileNotFoundError:
                        continue  # taken away since it was listed, as an operator may
                manifest = {"format": _FORMAT, **facts, "files": [vars(member) for member in members]}
                archive.writestr(MANIFEST, exact_json.dumps(manifest, indent=2))
            file.flush()
            os.fsync(file.fileno())
        read(half, tried)
        half.replace(target)
        sync(target.parent)
    finally:
        half.unlink(missing_ok=True)
    return tuple(members)


def read(path: Path, tried: str, *, into: Path | None = None) -> dict[str, Any]:
    """The manifest of a backup, after every file in it was compared with its checksum.

    With `into`, the files are unpacked there. Raises InputRefused for what is no backup, or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest, members = _manifest(archive, tried)
            for member in members:
                found = _take(archive, member.name, None if into is None else into / member.name)
                if found != member:
                    raise _damaged(tried, f"{member.name} is not what was written")
            return manifest
    except FileNotFoundError as error:
        raise InputRefused(
            tried, f"there is no file {path}", "Name a file that `seatsync backup` wrote."
        ) from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(tried, str(error)) from error
    except OSError as error:
        raise InputRefused(
            tried, error.strerror or str(error), "Check the disk and the permissions."
        ) from error


def _manifest(archive: zipfile.ZipFile, tried: str) -> tuple[dict[str, Any], list[Member]]:
    names = [info.filename for info in archive.infolist()]
    if MANIFEST not in names:
        raise InputRefused(tried, "it is no backup of SeatSync", "Name a file that `seatsync backup` wrote.")
    try:
        manifest = exact_json.loads(archive.read(MANIFEST))
        if manifest["format"] != _FORMAT:
            raise InputRefused(
                tried,
                f"its format is {manifest['format']}, and this SeatSync knows {_FORMAT}",
                "Use a newer one.",
            )
        members = [Member(**entry) for entry in manifest["files"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(tried, f"its manifest cannot be read ({error})") from error
    expected = [MANIFEST, *(member.name for member in members)]
    if sorted(names) != sorted(expected) or len(set(names)) != len(names):
        raise _damaged(tried, "it does not hold exactly the files of its manifest")
    for member in members:
        if not _belongs(member.name):
            raise _damaged(tried, f"{member.name!r} does not belong into a backup")
    return manifest, members


def _belongs(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if name in {DATABASE, *FILES}:
        return True
    plain = not name.startswith("/") and ".." not in parts and "\\" not in name
    return plain and len(parts) > 1 and parts[0] in FOLDERS


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> Member:
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
        return _copied(name, source, target.write)


def _take(archive: zipfile.ZipFile, name: str, target: Path | None) -> Member:
    with archive.open(name) as source:
        if target is None:
            return _copied(name, source, len)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            member = _copied(name, source, file.write)
            file.flush()
            os.fsync(file.fileno())
    return member


def _copied(name: str, source: IO[bytes], write: Callable[[bytes], int]) -> Member:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        write(chunk)
    return Member(name, size, digest.hexdigest())


def _damaged(tried: str, found: str) -> InputRefused:
    return InputRefused(tried, f"the backup is damaged: {found.rstrip('.')}", "Use another backup.")
