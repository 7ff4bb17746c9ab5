"""Which of many names are nearest to a name.

What belongs here: scores, and finding the few best of them. What does not: what a name is stripped of before
(`names`), and what follows from a score (`matching`).

A score is the better of two ratios: of the names as they are, and of their words in alphabetical order. 100: the same.
A ratio is 200 * (letters in common, in their order) / (both lengths), as `fuzz.ratio` of rapidfuzz has it. Counting
them takes half the time of that, is exact, and makes a blank name like none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    _Ints: TypeAlias = npt.NDArray[np.int64]
    _Floats: TypeAlias = npt.NDArray[np.float32]

_AT_ONCE = 256  # names compared at a time, and fewer where there are many to compare with: bounds the memory
_PAIRS_AT_ONCE = 2_560_000
_COSTLIER = 32  # so many times as long takes a pair that is compared for itself as one among all pairs
_FEATURES = 128
_FULL = 10_000  # the highest score in hundredths
_SLACK = 0.01  # far more than single precision loses, far less than a letter


class NearNames:
    """Names in their order, to find the nearest of."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def best(
        self, names: Sequence[str], floor: float, preferred: Sequence[Collection[int]], most: int
    ) -> list[list[tuple[int, Decimal]]]:
        """For each of `names` the places of the nearest in our list and their scores, `most` of them, best first.

        `floor` is the least score; it is returned with two decimals. For each name, `preferred` places come first
        among equals, and come whatever their score (0 below the floor).
        """
        if not self._names:
            return [[] for _ in names]
        found: list[list[tuple[int, Decimal]]] = []
        at_once = max(1, min(_AT_ONCE, _PAIRS_AT_ONCE // len(self._names)))
        for start in range(0, len(names), at_once):
            chunk = slice(start, start + at_once)
            found += self._best(names[chunk], floor, preferred[chunk], most)
        return found

    def _best(
        self, names: Sequence[str], floor: float, preferred: Sequence[Collection[int]], most: int
    ) -> list[list[tuple[int, Decimal]]]:
        import numpy as np

        width = len(self._names)
        wanted = np.array(
            [row * width + column for row, columns in enumerate(preferred) for column in columns], np.int64
        )
        pairs, scores = self._scores(names, floor, wanted)
        others = ~np.isin(pairs, wanted)
        kept = (scores > 0) | ~others
        pairs, scores, others = pairs[kept], scores[kept], others[kept]
        rows, columns = np.divmod(pairs, width)
        order = np.argsort(((rows * (_FULL + 1) + (_FULL - scores)) * 2 + others) * width + columns)
        rows = rows[order]
        among_its_row = np.arange(len(rows)) - np.searchsorted(rows, rows)
        leading = order[among_its_row < most]
        found: list[list[tuple[int, Decimal]]] = [[] for _ in names]
        for pair, score in zip(pairs[leading].tolist(), scores[leading].tolist(), strict=True):
            row, column = divmod(pair, width)
            found[row].append((column, Decimal(score).scaleb(-2) if score else Decimal(0)))
        return found

    def _scores(self, names: Sequence[str], floor: float, wanted: _Ints) -> tuple[_Ints, _Ints]:
        """Pairs (row * our length + column) and their scores in hundredths: all that reach the floor, all that are
        wanted, and some others. The score of what does not reach the floor is 0.
        """
        import numpy as np
        from rapidfuzz import process  # slow to import, as numpy is
        from rapidfuzz.distance import LCSseq

        possible = _with(self._may_reach(names, floor), wanted)
        rows, columns = np.divmod(possible, len(self._names))
        all_of_them = len(possible) * _COSTLIER > len(names) * len(self._names)
        scores = np.zeros(len(possible))
        for left, right in zip((names, [_in_order(name) for name in names]), self._both_orders, strict=True):
            if all_of_them:
                common = process.cdist(left, right, scorer=LCSseq.similarity, workers=-1).ravel()[possible]
            else:
                common = process.cpdist(
                    [left[row] for row in rows.tolist()],
                    [right[column] for column in columns.tolist()],
                    scorer=LCSseq.similarity,
                    workers=-1,
                )
            lengths = _lengths(left)[rows] + _lengths(right)[columns]
            scores = np.maximum(scores, 2.0 * _FULL * common / np.maximum(lengths, 1))
        scores[scores < floor * 100] = 0
        return possible, np.rint(scores).astype(np.int64)

    @cached_property
    def _both_orders(self) -> tuple[Sequence[str], Sequence[str]]:
        # The library would put the words in order for every pair.
        return self._names, [_in_order(name) for name in self._names]

    def _may_reach(self, names: Sequence[str], floor: float) -> npt.NDArray[np.bool_]:
        """For every pair whether its letters, in whatever order, let it reach the floor. Never False for one that does.

        In common, in whatever order, are at most as many letters as the product of the two rows of counts says: where
        2 and 1 letters fall together it says 2, and never less than there are.
        """
        import numpy as np

        least = floor - _SLACK
        counts, lengths = _letters(names)
        left = np.column_stack((counts * 200, -least * lengths, np.full(len(names), -least, np.float32)))
        reached: npt.NDArray[np.bool_] = left.astype(np.float32) @ self._right >= 0
        return reached

    @cached_property
    def _right(self) -> _Floats:
        """Ours, so that a product with a row of `_may_reach` gives 200 * common - least * (both lengths)."""
        import numpy as np

        parts = []
        for start in range(0, len(self._names), _AT_ONCE):
            counts, lengths = _letters(self._names[start : start + _AT_ONCE])
            parts.append(np.column_stack((counts, np.ones_like(lengths), lengths)))
        return np.ascontiguousarray(np.concatenate(parts).T)


def _letters(names: Sequence[str]) -> tuple[_Floats, _Floats]:
    """How often each feature occurs in each name, and each name's length.

    A feature is a letter and its how-manieth it is in the name, so that two names have as many features in common
    as letters. Different features may fall together; those of Latin names hardly do.
    """
    import numpy as np

    lengths = _lengths(names)
    # Sorted numbers of name and letter: equal ones, which are one letter of one name, stand side by side.
    letters = np.frombuffer("".join(names).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    keys = np.sort((np.repeat(np.arange(len(names)), lengths) << 21) + letters)
    how_manieth = np.arange(len(keys)) - np.searchsorted(keys, keys)
    feature = ((keys & 0x1FFFFF) + 29 * how_manieth) % _FEATURES
    counts = np.bincount((keys >> 21) * _FEATURES + feature, minlength=len(names) * _FEATURES)
    return counts.reshape(len(names), _FEATURES).astype(np.float32), lengths.astype(np.float32)


def _lengths(names: Sequence[str]) -> _Ints:
    import numpy as np

    return np.fromiter(map(len, names), np.int64, len(names))


def _with(marked: npt.NDArray[np.bool_], wanted: _Ints) -> _Ints:
    """The places that are marked or wanted."""
    import numpy as np

    flat = marked.ravel()
    flat[wanted] = True
    return np.flatnonzero(flat)


def _in_order(name: str) -> str:
    return " ".join(sorted(name.split()))
