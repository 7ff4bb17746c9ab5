"""The table: every case, run, and its row as docs/reliability.md shows it.

What belongs here: running one case, judging what was seen, and putting it into words that are the same each time. What
does not: the page around it (docs/make_reliability.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import import_module

from tests.push.differences import additions_of
from tests.reliability.cases import Case, Stores
from tests.reliability.picture import stored, take
from tests.reliability.place import Ground, Place

FILES = ("connectwise_cases", "duo_cases", "avanan_cases", "file_cases", "database_cases", "push_cases")
HEADER = (
    "| fault | how it is injected | what the user sees | exit code | what is stored |",
    "| --- | --- | --- | --- | --- |",
)
_SHOWN = 300

_MASKS = (
    (re.compile(r"^\d\d:\d\d:\d\d +", re.MULTILINE), ""),
    (re.compile(r"\b(snap|prev|op|row)_[0-9a-z]{8,}\b"), r"\1_..."),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b"), "<run>"),
    (re.compile(r"\b(127\.0\.0\.\d+|localhost):\d+"), r"\1"),
    (
        re.compile(r"more than \d+ s by .*?\(process \d+[^)]*\)"),
        "more than a minute by <program> (process <number>)",
    ),
    (re.compile(r"it is \d+ s (behind|ahead of)"), r"it is N s \1"),
    (re.compile(r"this SeatSync knows \d+ at most"), "this SeatSync knows <number> at most"),
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
        before = replace(
            before, additions=additions_of(place.sandbox)
        )  # a fault may be somebody's edit there
        code, out, err = place.run(*case.command)
        place.let_go()
        output = _plain(f"{err}\n{out}", place)
        return Seen(code, output, _message(output, case.says), stored(before, take(place)))


def require(case: Case, seen: Seen) -> None:
    """Raise AssertionError unless a case showed what it should."""
    assert seen.exit_code == case.exit_code, f"{case.name}: {seen.exit_code}\n{seen.output}"
    for words in case.says:
        assert words in seen.output, f"{case.name}: not said: {words}\n{seen.output}"
    assert seen.stored is case.stores, f"{case.name}: {seen.stored.name}\n{seen.output}"


def row_of(case: Case, seen: Seen) -> str:
    """The case's line of the table, in Markdown."""
    said = _short(seen.message).replace("`", "'")
    said = said.replace("<", "&lt;")
    cells = (case.fault, case.injected, said, str(seen.exit_code), seen.stored.value)
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def _plain(text: str, place: Place) -> str:
    """Without what differs from run to run."""
    text = text.replace(str(place.folder), "<folder>")
    for mask, plain in _MASKS:
        text = mask.sub(plain, text)
    return text


def _message(output: str, says: tuple[str, ...]) -> str:
    """The error with its remedy where there is one, else the first line that holds the first of the words.

    The single faults of a file, which are indented, are left out: the error tells the first of them.
    """
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith("Error: "):
            return " ".join(one for one in lines[number:] if one[0] != " ").removeprefix("Error: ")
    return next((line.strip() for line in lines if says[0] in line), "")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3].rsplit(' ', 1)[0]} ..."
