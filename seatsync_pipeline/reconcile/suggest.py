"""What an operator may have meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable

_SHOWN = 3
_NEAR = 0.6


def nearest(text: str, names: Iterable[str | tuple[str, str]]) -> list[str]:
    """At most three of the names, nearest first, whatever their case; empty when none is near.

    A pair is the text to show and the name to compare.
    """
    by_folded: dict[str, list[str]] = defaultdict(list)
    for each in names:
        shown, name = each if isinstance(each, tuple) else (each, each)
        by_folded[name.strip().casefold()].append(shown)
    folded = text.strip().casefold()
    near = difflib.get_close_matches(folded, by_folded, n=_SHOWN, cutoff=_NEAR)
    near += [name for name in by_folded if len(folded) > 1 and folded in name and name not in near]
    return [shown for name in near for shown in by_folded[name]][:_SHOWN]


def did_you_mean(text: str, names: Iterable[str | tuple[str, str]], otherwise: str) -> str:
    """`Did you mean A or B? Otherwise ...`: a remedy that names what is near, if anything is."""
    near = nearest(text, names)
    return f"Did you mean {' or '.join(near)}? {otherwise}".strip() if near else otherwise
