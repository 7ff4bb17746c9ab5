"""Where dropped files end: `archive/<month>/` when they were worked off, `rejected/` beside a report when refused.

The run that worked a file off moves it, and moves only content that it has seen: a file that was replaced meanwhile
stays in the inbox. Nothing is ever overwritten. A crash before the move leaves the file where it was, so that the
next run of the same drop finds it. What does not belong here: whether a file is taken up at all (the sensors).
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from seatsync_pipeline.errors import Fault, FileRefused, InputRefused, SeatSyncError
from seatsync_pipeline.orchestration.inbox import content_of, list_inbox, reason_of
from seatsync_pipeline.reconcile.spreadsheet import escaped, write_sheet
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.store import snapshot_facts
from seatsync_pipeline.warehouse import Warehouse

DROP_TAG = "seatsync/drop"
"""The run tag that names a drop: one arrival of one content. All its runs carry it, those of "Re-execute" too."""

REPORT_COLUMNS = ("line", "column", "value", "rule", "remedy")
_REPORT = ".errors.csv"
_LONGEST_NAME = 200  # bytes; leaves room for the report's ending and a temporary one within the usual 255


@dataclass(frozen=True)
class Dropped:
    """A file in a drop folder, with its size (bytes) and the sha256 of what a run works off."""

    path: Path
    size: int
    sha256: str

    def copies(self) -> list[Path]:
        """The file and every other one in its folder that holds the same, as far as they are there now."""
        folder = self.path.parent
        beside = (folder / file.name for file in list_inbox(folder).files if file.size == self.size)
        return [path for path in dict.fromkeys((self.path, *beside)) if self._is(path)]

    def _is(self, path: Path) -> bool:
        try:
            return content_of(path) == self.sha256
        except OSError:
            return False  # gone, or not to be read: the sensor says so


def dropped(path: Path, inbox: Path, expected: str = "") -> Dropped | None:
    """The file at `path` when it lies in `inbox`; None when it lies elsewhere, or is not there.

    Raises SeatSyncError when it cannot be read or its content is not `expected` (sha256; empty: any).
    """
    if path.is_symlink() or not path.is_file() or not path.parent.samefile(inbox):
        return None
    try:
        found = Dropped(path, path.stat().st_size, content_of(path))
    except OSError as error:
        raise SeatSyncError(
            f"reading {path}", reason_of(error), "Make the file readable; it stays where it is."
        ) from error
    require_content(path, found.sha256, expected)
    return found


def require_content(path: Path, found: str, expected: str) -> None:
    """Raises SeatSyncError unless `found` is the content that the run was started for."""
    if expected and found != expected:
        raise SeatSyncError(
            f"taking up {path}",
            "the file was replaced after the sensor had seen it",
            "Nothing was done with it. The sensor takes up what is there now by itself, as soon as it is whole.",
        )


@contextmanager
def rejecting(
    drop: Dropped | None, settings: Settings, refusal: type[InputRefused] = InputRefused
) -> Iterator[None]:
    """Move the dropped file to `rejected/` when the body refuses it; the refusal goes on, and says where it is."""
    try:
        yield
    except refusal as error:
        places = [] if drop is None else reject(drop, settings, error)
        if not places:
            raise
        remedy = (
            f"{error.remedy} The file is now {places[0]}, beside its report {_report_of(places[0]).name}."
        )
        raise FileRefused(error.tried, error.found, remedy, _faults(error)) from error


def reject(drop: Dropped, settings: Settings, error: InputRefused) -> list[Path]:
    """Move the file and its copies to `rejected/`, each beside a report of all faults. Raises SeatSyncError."""
    rows = [
        [escaped("" if cell is None else str(cell)) for cell in (f.line, f.column, f.value, f.rule, f.remedy)]
        for f in _faults(error)
    ]

    def report(target: Path) -> None:
        # Before the file: without its report, a rejected file would give nobody anything to act on.
        write_sheet(_report_of(target), REPORT_COLUMNS, rows)

    moved = [_move(path, settings.rejected, drop.sha256, report) for path in drop.copies()]
    return [path for path in moved if path]


def archive(drop: Dropped, settings: Settings) -> list[Path]:
    """Move the file and its copies to the month's archive. Raises SeatSyncError."""
    month = settings.archive / f"{settings.today():%Y-%m}"
    moved = [_move(path, month, drop.sha256) for path in drop.copies()]
    return [path for path in moved if path]


def archive_imported(warehouse: Warehouse, settings: Settings, file: Path, snapshot_id: str) -> list[Path]:
    """Archive an export that lies in the inbox, when it is what that snapshot was read from. Raises SeatSyncError."""
    drop = dropped(file, settings.avanan_inbox)
    if drop is None:
        return []
    with warehouse.read() as connection:
        imported = snapshot_facts(connection, snapshot_id).digest
    return archive(drop, settings) if drop.sha256 == imported else []


def _faults(error: InputRefused) -> tuple[Fault, ...]:
    told = error.faults if isinstance(error, FileRefused) else ()
    return told or (Fault(None, None, None, error.found, error.remedy),)


def _report_of(target: Path) -> Path:
    return target.with_name(f"{target.name}{_REPORT}")


def _move(
    path: Path, folder: Path, sha256: str, prepare: Callable[[Path], None] = lambda _: None
) -> Path | None:
    """Move a file, under a numbered name where its own is taken. None when it is gone or was replaced."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = _reserve(folder, path.name)
        try:
            prepare(target)
            _replace(path, target)
        except BaseException:
            _report_of(target).unlink(missing_ok=True)
            target.unlink()
            raise
        if content_of(target) == sha256:
            return target
        # Replaced between our look and the move: the newcomer goes back, for a run of its own.
        _report_of(target).unlink(missing_ok=True)
        target.replace(_reserve(path.parent, path.name))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.exists():
            return None
        raise SeatSyncError(
            f"moving {path} to {folder}",
            reason_of(error),
            "It was worked off. Make room, or correct the folder's permissions; then run this again: nothing is done "
            "twice.",
        ) from error
    return None


def _reserve(folder: Path, name: str) -> Path:
    """An empty file of that name, or of a numbered one, that nobody else has: to be replaced, never overwritten."""
    suffix = Path(name).suffix if len(Path(name).suffix) <= 10 else ""
    stem = name.removesuffix(suffix).encode()[: _LONGEST_NAME - 20].decode(errors="ignore")
    for number in count(1):
        target = folder / (f"{stem}{suffix}" if number == 1 else f"{stem} ({number}){suffix}")
        if _report_of(target).exists():
            continue
        try:
            target.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            continue
        return target
    raise AssertionError("unreachable: the numbers do not end")


def _replace(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The inbox is a share of another machine: copied beside the target first, so that it is never half there.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".moving-") as aside:
            copy = Path(shutil.copy2(path, aside))
            copy.replace(target)
        path.unlink(missing_ok=True)
