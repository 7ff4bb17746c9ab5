"""Where dropped files end: `archive/<month>/` when they were worked off, `rejected/` beside a report when refused.

The run that worked a file off moves it, and moves only content that it has seen: a file that was changed or replaced
meanwhile, or that is open for writing, stays in the inbox, to be worked off anew. A crash before the move leaves the
file where it was, so that the next run of the same drop finds it. What does not belong here: whether a file is taken up
at all (the sensors), and how it is moved (`moving`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seatsync_pipeline.errors import Fault, FileRefused, InputRefused, SeatSyncError
from seatsync_pipeline.orchestration.inbox import content_of, list_inbox, reason_of
from seatsync_pipeline.orchestration.moving import move, report_of
from seatsync_pipeline.orchestration.unfinished import is_being_written
from seatsync_pipeline.reconcile.spreadsheet import escaped, write_sheet
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.store import snapshot_facts
from seatsync_pipeline.warehouse import Warehouse

DROP_TAG = "seatsync/drop"
"""The run tag that names a drop: one arrival of one content. All its runs carry it, those of "Re-execute" too."""

REPORT_COLUMNS = ("line", "column", "value", "rule", "remedy")


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

    Raises SeatSyncError when it cannot be read, is open for writing, or its content is not `expected` (sha256; empty:
    any).
    """
    if not _lies_in(path, inbox):
        return None
    with _reading(path):
        written = is_being_written(path)
        found = Dropped(path, path.stat().st_size, content_of(path))
    if written:
        raise SeatSyncError(
            f"taking up {path}",
            "it is still open for writing in another program",
            "Nothing was done with it. Let that program end, or close the file there; then run this again.",
        )
    require_content(path, found.sha256, expected)
    return found


def _lies_in(path: Path, inbox: Path) -> bool:
    return not path.is_symlink() and path.is_file() and path.parent.samefile(inbox)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SeatSyncError(
            f"reading {path}", reason_of(error), "Make the file readable; it stays where it is."
        ) from error


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
        remedy = f"{error.remedy} The file is now {places[0]}, beside its report {report_of(places[0]).name}."
        raise FileRefused(error.tried, error.found, remedy, _faults(error)) from error


def reject(drop: Dropped, settings: Settings, error: InputRefused) -> list[Path]:
    """Move the file and its copies to `rejected/`, each beside a report of all faults. Raises SeatSyncError."""
    rows = [
        [escaped("" if cell is None else str(cell)) for cell in (f.line, f.column, f.value, f.rule, f.remedy)]
        for f in _faults(error)
    ]

    def report(target: Path) -> None:
        # Before the file: without its report, a rejected file would give nobody anything to act on.
        write_sheet(report_of(target), REPORT_COLUMNS, rows)

    moves = [move(path, settings.rejected, drop.sha256, report) for path in drop.copies()]
    return [move.place for move in moves if move.place]


def archive(drop: Dropped, settings: Settings) -> list[Path]:
    """Move the file and its copies to the month's archive, as what was worked off.

    Raises SeatSyncError, also for a file that holds something else by now or is open for writing: it is in the inbox
    then, and what was worked off in the archive, if it could still be had.
    """
    month = settings.archive / f"{settings.today():%Y-%m}"
    copies = drop.copies()
    left = [drop.path] if drop.path not in copies and drop.path.exists() else []
    moves = [move(path, month, drop.sha256) for path in copies]
    places = [move.place for move in moves if move.place]
    left += [move.left for move in moves if move.left]
    if left:
        raise SeatSyncError(
            f"moving {drop.path} to {month}",
            "it does not hold what was worked off: it was changed or replaced after it had been read, or is open for "
            "writing again",
            f"What was read was worked off{_kept(places)}. What is in the inbox now ({', '.join(map(str, left))}) is "
            "taken up by the inbox's sensor, if that is on, as soon as it is whole. If it is an export: approve "
            "nothing until its own preview is there.",
        )
    return places


def _kept(places: list[Path]) -> str:
    return f", and is kept as {', '.join(map(str, places))}" if places else ", and no file holds it any more"


def archive_imported(warehouse: Warehouse, settings: Settings, file: Path, snapshot_id: str) -> list[Path]:
    """Archive an export that lies in the inbox, as what that snapshot was read from. Raises SeatSyncError."""
    if not _lies_in(file, settings.avanan_inbox):
        return []
    with warehouse.read() as connection:
        imported = snapshot_facts(connection, snapshot_id).digest
    with _reading(file):
        drop = Dropped(file, file.stat().st_size, imported)
    return archive(drop, settings)


def _faults(error: InputRefused) -> tuple[Fault, ...]:
    told = error.faults if isinstance(error, FileRefused) else ()
    return told or (Fault(None, None, None, error.found, error.remedy),)
