"""Which column of an Avanan export is which, and what its status words mean.

The lists are data: `avanan_columns.toml` here, overridden list by list by a file of an operator. What belongs
here: reading those files and applying them to a header row and to status words. Cells of other columns are read
in `avanan_rows.py`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from seatsync_pipeline.errors import ConfigurationError, InputRefused
from seatsync_pipeline.sources.base import State
from seatsync_pipeline.sources.regular_file import read_regular

REQUIRED: Final = {"name": "tenant name", "license": "License", "users": "Users", "status": "status"}
_SINGLE: Final = ("name", "portal", "license", "users", "domain")
_SECTIONS: Final = {
    "columns": (*_SINGLE, "status", "possible_status"),
    "status": (State.COUNTED.value, State.POC.value, State.EXPIRED.value),
    "domains": ("vendor",),
}
_MAX_BYTES = 1024 * 1024
_GAPS = re.compile(r"[\s_-]+")


def normalised(word: str) -> str:
    """A header or status word for comparing: NFKC, without case, blanks, underscores and hyphens."""
    return _GAPS.sub("", unicodedata.normalize("NFKC", word).replace("\ufeff", "").casefold())


@dataclass(frozen=True)
class Layout:
    """Where each field stands in the header row (positions from 0)."""

    name: int
    license: int
    users: int
    portal: int | None
    domain: int | None
    status: tuple[int, ...]
    possible_status: tuple[int, ...]
    other_names: tuple[int, ...]


@dataclass(frozen=True)
class Columns:
    """Header aliases by field, states by status word, and the vendor's own domains, all normalised."""

    aliases: dict[str, tuple[str, ...]]
    words: dict[str, State]
    vendor_domains: tuple[str, ...]
    origin: str

    def missing(self, header: Sequence[str]) -> list[str]:
        """The required fields that these header cells lack."""
        present = {normalised(cell) for cell in header}
        found = {field for field, aliases in self.aliases.items() if not present.isdisjoint(aliases)}
        if "possible_status" in found:
            found.add("status")
        return [field for field in REQUIRED if field not in found]

    def repeated(self, header: Sequence[str]) -> list[str]:
        """Headers that stand twice, among those that name a field (as written the second time)."""
        known = {alias for aliases in self.aliases.values() for alias in aliases}
        seen: set[str] = set()
        twice = []
        for cell in header:
            word = normalised(cell)
            if word in seen and word in known:
                twice.append(cell)
            seen.add(word)
        return twice

    def layout(self, header: Sequence[str]) -> Layout:
        """Map a header that lacks and repeats nothing."""
        places = {normalised(cell): index for index, cell in enumerate(header)}

        def all_of(field: str) -> tuple[int, ...]:
            return tuple(places[alias] for alias in self.aliases[field] if alias in places)

        name, *other_names = all_of("name")
        return Layout(
            name=name,
            license=all_of("license")[0],
            users=all_of("users")[0],
            portal=next(iter(all_of("portal")), None),
            domain=next(iter(all_of("domain")), None),
            status=all_of("status"),
            possible_status=all_of("possible_status"),
            other_names=tuple(other_names),
        )

    def word_state(self, word: str) -> State | None:
        """What one status cell says; None when it is blank or unknown."""
        return self.words.get(normalised(word))


def load_columns(override: Path | None = None) -> Columns:
    """The default lists, each replaced where `override` names it. An `override` that does not exist is ignored.

    Raises ConfigurationError when the file cannot be read, has an unknown key, or lets one header or word mean
    two things.
    """
    default = files("seatsync_pipeline.sources").joinpath("avanan_columns.toml").read_bytes()
    lists = _checked(_parsed(default, "the built-in avanan_columns.toml"), "the built-in avanan_columns.toml")
    origin = "built-in"
    if override is not None and override.exists():
        try:
            content, _ = read_regular(override, tried=f"reading {override}", limit=_MAX_BYTES)
        except InputRefused as error:
            raise _wrong(str(override), error.found) from error
        lists |= _checked(_parsed(content, str(override)), str(override))
        origin = str(override)
    columns = {key: words for (section, key), words in lists.items() if section == "columns"}
    states = {key: words for (section, key), words in lists.items() if section == "status"}
    # A domain may serve as the portal too; every other header means one thing.
    _refuse_two_meanings({key: words for key, words in columns.items() if key != "domain"}, origin)
    _refuse_two_meanings(states, origin)
    return Columns(
        aliases=columns,
        words={word: State(state) for state, words in states.items() for word in words},
        vendor_domains=lists["domains", "vendor"],
        origin=origin,
    )


def _parsed(content: bytes, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(origin, str(error)) from error
    except RecursionError:
        raise _wrong(origin, "it is nested too deeply") from None


def _checked(parsed: dict[str, Any], origin: str) -> dict[tuple[str, str], tuple[str, ...]]:
    lists: dict[tuple[str, str], tuple[str, ...]] = {}
    for section, content in parsed.items():
        if section not in _SECTIONS or not isinstance(content, dict):
            raise _wrong(origin, f"there is no section [{section}]; known: {', '.join(_SECTIONS)}")
        for key, words in content.items():
            if key not in _SECTIONS[section]:
                raise _wrong(origin, f"[{section}] has no {key!r}; known: {', '.join(_SECTIONS[section])}")
            if not isinstance(words, list) or not all(isinstance(w, str) and normalised(w) for w in words):
                raise _wrong(origin, f"{key!r} in [{section}] is not a list of words")
            prepare = normalised if section != "domains" else str.casefold
            lists[section, key] = tuple(dict.fromkeys(prepare(word) for word in words))
    return lists


def _refuse_two_meanings(lists: dict[str, tuple[str, ...]], origin: str) -> None:
    counts = Counter(word for words in lists.values() for word in words)
    if twice := sorted(word for word, count in counts.items() if count > 1):
        homes = [key for key, words in lists.items() if twice[0] in words]
        raise _wrong(origin, f"{twice[0]!r} stands in {' and '.join(homes)}")


def _wrong(origin: str, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"reading the column and status lists from {origin}",
        found,
        "Correct that file, or remove it to use the built-in lists.",
    )
