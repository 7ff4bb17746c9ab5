"""Faults of files that are no export at all, or hostile ones: what an import makes of each."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable

from tests.reliability.cases import Case, Place, Stores

IMPORT = ("import", "avanan", "{folder}/export.csv")
HEADER = b"Tenant,Portal,License,Users,Status\n"


def hostile(fault: str, injected: str, arrange: Callable[[Place], None], *says: str) -> Case:
    """A file that is refused whole."""
    return Case("Hostile files", fault, injected, arrange, IMPORT, 2, says, Stores.NOTHING)


def written(content: bytes) -> Callable[[Place], None]:
    def arrange(place: Place) -> None:
        place.export.write_bytes(content)

    return arrange


def changed(change: Callable[[bytes], bytes]) -> Callable[[Place], None]:
    def arrange(place: Place) -> None:
        place.export.write_bytes(change(place.export.read_bytes()))

    return arrange


def _pipe(place: Place) -> None:
    place.export.unlink()
    os.mkfifo(place.export)


def _device(place: Place) -> None:
    place.export.unlink()
    place.export.symlink_to("/dev/zero")


def _folder(place: Place) -> None:
    place.export.unlink()
    place.export.mkdir()


def _too_large(place: Place) -> None:
    place.set(SEATSYNC_MAX_IMPORT_MIB="1")
    place.export.write_bytes(HEADER + b"A,a,T,1,Paid\n" * 100_000)


def _too_many_rows(place: Place) -> None:
    place.set(SEATSYNC_MAX_IMPORT_ROWS="10")


def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export.csv", bytes(50_000_000))
    return packed.getvalue()


def _without_mark(content: bytes) -> bytes:
    return content.decode("utf-8-sig").encode("utf-16-le")


def _two_encodings(content: bytes) -> bytes:
    return content + "Ünal,u,T,1,Paid\n".encode() + b"\xdcnal,v,T,1,Paid\n"


def _large_cell(content: bytes) -> bytes:
    return content.rstrip() + b"\n" + b"x" * 10_000_000 + b",p,T,1,Paid\n"


def _seats_twice(content: bytes) -> bytes:
    return content.replace(b"Users", b"Users,Users", 1)


_WIDE = HEADER.strip() + b",x" * 100_000 + b"\nA,a,T,1,Paid" + b",y" * 100_000
_GZIP_BOMB = gzip.compress(bytes(50_000_000), mtime=0)

CASES: tuple[Case, ...] = (
    hostile("a pipe in its place", "nobody ever writes to it", _pipe, "the path is a pipe"),
    hostile("a link to a device", "`/dev/zero`, which never ends", _device, "the path is a device"),
    hostile("a folder in its place", "of the same name", _folder, "the path is a folder"),
    hostile("larger than allowed", "1.3 MB where SEATSYNC_MAX_IMPORT_MIB is 1", _too_large, "more than 1 MiB"),
    hostile("more rows than allowed", "SEATSYNC_MAX_IMPORT_ROWS is 10", _too_many_rows, "more than 10"),
    hostile("a zip bomb", "50 MB of zeros, packed, under the name .csv", written(_zip_bomb()), "zip archive"),
    hostile("a gzip bomb", "50 MB of zeros, packed, under the name .csv", written(_GZIP_BOMB), "gzip archive"),
    hostile("UTF-16 without its mark", "as some programs save it", changed(_without_mark), "NUL character"),
    hostile("two encodings", "a Windows-1252 row among UTF-8 rows", changed(_two_encodings), "not valid utf-8"),
    hostile("a cell of 10 MB", "in the last row", changed(_large_cell), "line too long"),
    hostile("100,000 columns", "behind the proper ones", written(_WIDE), "too many columns"),
    hostile("two columns of seats", "a second Users column", changed(_seats_twice), "repeated column"),
)  # fmt: skip
