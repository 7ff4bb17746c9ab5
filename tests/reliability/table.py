"""The table: every case, run, and its row as docs/reliability.md shows it.

What belongs here: running one case and putting what was seen into words that are the same each time. What does not:
the page around it (docs/make_reliability.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module

from tests.reliability.cases import Case, Stores
from tests.reliability.picture import stored, take
from tests.reliability.place import Ground, Place

FILES = ("connectwise_cases", "duo_cases", "avanan_cases", "database_cases", "push_cases")
COLUMNS = ("fault", "how it is injected", "what the user sees", "exit code", "what is stored")
_SHOWN = 260

_MASKS = (
    (re.compile(r"\b(snap|prev|op|row)_[0-9a-z]{8,}\b"), r"\1_..."),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b"), "<run>"),
    (re.compile(r"\b(127\.0\.0\.\d+|localhost):\d+"), r"\1"),
    (re.compile(r"\bPID \d+|\bprocess \d+", re.IGNORECASE), "process <number>"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?UTC|Z)?"), "<time>"),
)


@dataclass(frozen=True)
class Seen:
    """What running a case showed. `output` is all of it, `message` the part that the table quotes."""

    exit_code: int
    output: str
    message: str
    stored: Stores


def all_cases() -> tuple[Case, ...]:
    """Every case, system by system, in the order of the files."""
    return tuple(case for name in FILES for case in import_module(f"tests.reliability.{name}").CASES)


def run_case(case: Case, ground: Ground) -> Seen:
    """Run a case in a place of its own. Raises AssertionError where a number changed."""
    with ground.place() as place:
        before = take(place)
        case.arrange(place)
        code, out, err = place.run(*case.command)
        place.let_go()
        output = _plain(f"{err}\n{out}", place)
        return Seen(code, output, _message(output, case.says), stored(before, take(place)))


def row_of(case: Case, seen: Seen) -> str:
    """The case's line of the table, in Markdown."""
    said = _short(seen.message).replace("`", "'")
    cells = (case.fault, case.injected, said, str(seen.exit_code), seen.stored.value)
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def _plain(text: str, place: Place) -> str:
    """Without what differs from run to run."""
    text = text.replace(str(place.folder), "<folder>")
    for mask, plain in _MASKS:
        text = mask.sub(plain, text)
    return text


def _message(output: str, says: tuple[str, ...]) -> str:
    """The error with its remedy where there is one, else the first line that holds the first of the words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith("Error: "):
            return " ".join(lines[number:]).removeprefix("Error: ")
    return next((line for line in lines if says[0] in line), "")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3].rsplit(' ', 1)[0]} ..."
