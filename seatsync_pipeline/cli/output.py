"""What leaves a command: one JSON document on stdout, or text for people; everything else on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seatsync_pipeline.errors import FileRefused, SeatSyncError

if TYPE_CHECKING:
    from rich.console import Console

_FAULTS_SHOWN = 50


class OutputClosed(Exception):
    """Nobody reads stdout any more, as in `seatsync preview duo | head`. No error of SeatSync's."""


def write(text: str) -> None:
    """Write to stdout. Raises OutputClosed."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError as error:
        raise OutputClosed from error


def finish(document: Mapping[str, Any], show: Callable[[Console], None], *, as_json: bool) -> None:
    """Print the result of a command: the document as JSON, or `show` it on a console."""
    if as_json:
        write_json(document)
    else:
        show(console())


def write_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document; Decimals as exact numbers, times in UTC."""
    from seatsync_pipeline import exact_json

    write(exact_json.dumps(document, indent=2) + "\n")


def console(*, stderr: bool = False) -> Console:
    """A rich console that prints what it is given: no markup, no guessed colours, no emoji codes."""
    from rich.console import Console

    class _Console(Console):
        def on_broken_pipe(self) -> None:
            raise OutputClosed

    return _Console(
        stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False, width=_width()
    )


def _width() -> int | None:
    """Pipes and files get room for whole rows; a terminal, or COLUMNS, says its own width."""
    return None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 120


def clean(text: object) -> str:
    """Text from outside for a terminal: nothing in it may move the cursor or end a line."""
    text = str(text)
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def show_error(error: SeatSyncError, *, as_json: bool) -> None:
    """Say what was tried, what was found, what to do: as JSON on stdout, or for people on stderr."""
    faults = error.faults if isinstance(error, FileRefused) else ()
    if as_json:
        found = {"tried": error.tried, "found": error.found, "remedy": error.remedy}
        write_json({"error": found | {"faults": [asdict(fault) for fault in faults]}})
        return
    lines = [f"Error: {error.tried}: {error.found.rstrip('.')}."]
    for fault in faults[:_FAULTS_SHOWN]:
        place = " ".join(
            part
            for part in (
                f"line {fault.line}" if fault.line is not None else "",
                fault.column or "",
                f"{fault.value!r}" if fault.value else "",
            )
            if part
        )
        lines.append(f"  {place or '-'}: {fault.rule.rstrip('.')}. {fault.remedy}")
    if len(faults) > _FAULTS_SHOWN:
        lines.append(f"  ... and {len(faults) - _FAULTS_SHOWN} more (all of them with --json).")
    if error.remedy:
        lines.append(error.remedy)
    print_err("\n".join(clean(line) for line in lines))


def print_err(text: str) -> None:
    """A line for a person who may be piping stdout elsewhere."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on stderr what takes its time. No spinner: the run's own progress lines follow, and would break it."""
    print_err(f"{what} ...")
    yield
