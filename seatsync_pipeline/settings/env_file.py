"""What is wrong with a `.env` file itself: the library that reads it leaves out a line that it cannot read.

A setting left out has its default, and the default of some is the wider one: no list of approvers lets anybody approve.
No value is ever repeated here, nor a name that is none of ours: it may be the rest of a secret.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from seatsync_pipeline.settings.environment import PREFIXES

ENV_FILE = Path(".env")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def damaged_lines(file: Path = ENV_FILE) -> list[str]:
    """Each line that sets nothing, though it looks as if it did: which, why, and what to write.

    Raises OSError and UnicodeDecodeError.
    """
    return [told for binding in _bindings(file) if (told := _damage(binding))]


def unknown_names(names: Iterable[str], known: Iterable[str]) -> dict[str, str | None]:
    """Those names that look like a setting and are none, each with the setting nearest to it."""
    settings = set(known)
    strange = [name for name in names if name.upper().startswith(PREFIXES) and name.upper() not in settings]
    return {name: next(iter(get_close_matches(name.upper(), settings, 1)), None) for name in strange}


def names_in(file: Path = ENV_FILE) -> list[str]:
    """The names that the file sets, repeated ones as often as they are. Raises OSError and UnicodeDecodeError."""
    return [binding.key for binding in _bindings(file) if binding.key]


def _bindings(file: Path) -> Iterator[Binding]:
    if file.is_file():
        yield from parse_stream(io.StringIO(file.read_text("utf-8")))


def _damage(binding: Binding) -> str | None:
    text = binding.original.string
    lines = text.strip().splitlines()
    line = binding.original.line + len(re.findall(r"\r\n|\n|\r", text[: len(text) - len(text.lstrip())]))
    first = re.sub(r"^export\s+", "", lines[0]) if lines else ""
    found = _NAME.match(first)
    name = found[0].upper() if found and found[0].upper().startswith(PREFIXES) else "NAME"
    if not binding.error and binding.value is not None:
        return _swallowed(binding, lines, name, line)
    if not binding.error and binding.key is None:
        return None  # empty, or a comment
    if "=" not in first:
        return f"line {line} has no equals sign; write {name}=VALUE"
    _, _, value = first.partition("=")
    quote = value.strip()[:1]
    if quote in {'"', "'"}:
        rest = "is not closed, or something follows it"
        return f"the quotation mark in line {line} {rest}; write {name}={quote}VALUE{quote}"
    return f"line {line} cannot be read; write {name}=VALUE"


def _swallowed(binding: Binding, lines: list[str], name: str, line: int) -> str | None:
    """A quotation mark that is closed by one of a later line has taken the settings in between into its value."""
    if not _NAME.fullmatch(binding.key or ""):
        return f"line {line} begins with no name; write NAME=VALUE"
    ours = [name != "NAME", *(text.lstrip().upper().startswith(PREFIXES) for text in lines[1:])]
    if len(lines) > 1 and any(ours):
        return f'the quotation mark in line {line} is not closed there; write {name}="VALUE"'
    return None
