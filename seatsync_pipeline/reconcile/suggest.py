"""What an operator may have meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping

_SHOWN = 3
_NEAR = 0.6


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """At most three of the names, nearest first, whatever their case; empty when none is near.

    A mapping gives labels to show for the names to compare: `{label: name}`.
    """
    labels = names if isinstance(names, Mapping) else {name: name for name in names}
    by_folded: dict[str, list[str]] = defaultdict(list)
    for label, name in labels.items():
        by_folded[name.strip().casefold()].append(label)
    folded = text.strip().casefold()
    near = difflib.get_close_matches(folded, by_folded, n=_SHOWN, cutoff=_NEAR)
    near += [name for name in by_folded if len(folded) > 1 and folded in name and name not in near]
    return [label for name in near for label in by_folded[name]][:_SHOWN]


def did_you_mean(text: str, names: Iterable[str], otherwise: str) -> str:
    """`Did you mean A or B? Otherwise ...`: a remedy that names what is near, if anything is."""
    near = nearest(text, names)
    return f"Did you mean {' or '.join(near)}? {otherwise}".strip() if near else otherwise
