"""What leaves a command: one JSON document on stdout, or text for people; everything else on stderr."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seatsync_pipeline.errors import FileRefused, SeatSyncError

if TYPE_CHECKING:
    from rich.console import Console

_FAULTS_SHOWN = 50
_ASSUMED_WIDTH = 80
# Controls of the second kind, marks that change the direction or have no width, and halves of characters, which
# no terminal and no file can take. JSON has escaped those below a blank already.
_UNSEEN = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_NOT_ASCII = re.compile("[^\x00-\x7f]")


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

    write(_escaped(exact_json.dumps(document, indent=2)) + "\n")


def _escaped(text: str) -> str:
    r"""JSON in which no character can steer a terminal: the same document, with `\u009b` for what would.

    Where stdout is not UTF-8, which JSON has to be, every character beyond ASCII is written so.
    """
    if text.isascii():
        return text
    utf_8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
    return (_UNSEEN if utf_8 else _NOT_ASCII).sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    """As JSON has it: a character beyond U+FFFF is two halves."""
    return re.sub("....", r"\\u\g<0>", found[0].encode("utf-16-be", "surrogatepass").hex())


def console(*, stderr: bool = False) -> Console:
    """A rich console that prints what it is given: no markup, no guessed colours, no emoji codes."""
    from rich.console import Console
    from rich.text import Text

    class _Console(Console):
        def on_broken_pipe(self) -> None:
            raise OutputClosed

        def render_str(self, text: str, **options: Any) -> Text:
            """Every string that is printed, also in a cell of a table, comes through here."""
            return super().render_str("\n".join(map(clean, text.split("\n"))), **options)

    return _Console(
        stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False, width=_width()
    )


def _width() -> int | None:
    """Pipes and files get room for whole rows; a terminal, or COLUMNS, says its own width.

    COLUMNS=0 is how a terminal without a size says that it knows none.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.strip("0"):
        return None
    if sys.stdout.isatty():
        return _ASSUMED_WIDTH if columns else None
    return 120


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
    print_err("\n".join(clean(line) for line in lines))  # a text of ours may hold a name with a line end


def print_err(text: str) -> None:
    """A line for a person who may be piping stdout elsewhere."""
    sys.stderr.write("\n".join(map(clean, text.split("\n"))) + "\n")
    sys.stderr.flush()


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on stderr what takes its time. No spinner: the run's own progress lines follow, and would break it."""
    print_err(f"{what} ...")
    yield
