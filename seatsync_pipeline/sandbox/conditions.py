"""The `conditions` language of ConnectWise's list calls: parsing, type checks and evaluation.

Grammar (Developer Guide): comparisons `field operator value` joined by AND and OR, with brackets and NOT.
Fields are case-sensitive and reach into references by slash (`company/id`). Operators: = != < <= > >=
contains like in, each of the last three also after `not`. Strings stand in double quotes (`*` is a wildcard,
with like also `%`), dates in square brackets, booleans are True and False, null is null.
Evaluation follows SQL: text is compared without regard to case, and no comparison but `= null` and `!= null`
holds for an empty field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Verdict = bool | None  # None is SQL's "unknown"
Predicate = Callable[[Record], Verdict]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*") | \[(?P<date>[^\]]*)\] | (?P<number>-?\d+(?:\.\d+)?(?![\w/]))
      | (?P<operator><=|>=|!=|=|<|>) | (?P<mark>[(),]) | (?P<word>[A-Za-z_][\w/.]*)
    )""",
    re.VERBOSE,
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")
_NESTED = {"id": "number", "name": "string", "identifier": "string", "lastUpdated": "date"}
_KINDS = {"string": str, "number": (int, float), "boolean": bool, "date": datetime}


class ConditionsRefused(ValueError):
    """The conditions cannot be understood; the text says why, as ConnectWise's 400 does."""


def parse(text: str, fields: dict[str, str]) -> Callable[[Record], bool]:
    """A filter for records whose fields have these kinds. Raises ConditionsRefused."""
    if not text.strip():
        return lambda _: True
    parser = _Parser(_tokens(text), fields)
    predicate = parser.either()
    parser.expect_end()
    return lambda record: predicate(record) is True


def value_at(record: Record, path: str) -> Any:
    """The value of a field or, by slash, of a referenced record; None where any part is missing."""
    value: Any = record
    for part in path.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def as_moment(text: str) -> datetime | None:
    """A ConnectWise date or date-time as UTC, or None when it is neither."""
    if not _DATE.fullmatch(text):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConditionsRefused(f"Conditions cannot be read at: {text[position : position + 30]}")
        kind = match.lastgroup or ""
        found.append((kind, match.group(kind)))
        position = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], fields: dict[str, str]) -> None:
        self._tokens = tokens
        self._position = 0
        self._fields = fields

    def either(self) -> Predicate:
        parts = [self._both()]
        while self._take_word("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda record: _any(part(record) for part in parts)

    def expect_end(self) -> None:
        if self._position < len(self._tokens):
            raise ConditionsRefused(f"Conditions have unexpected text: {self._peek()[1]}")

    def _both(self) -> Predicate:
        parts = [self._one()]
        while self._take_word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda record: _all(part(record) for part in parts)

    def _one(self) -> Predicate:
        if self._take_word("not"):
            return _negated(self._one())
        if self._take("mark", "("):
            inner = self.either()
            self._need(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        kind, path = self._next()
        if kind != "word":
            raise ConditionsRefused(f"Conditions need a field name instead of: {path}")
        field_kind = self._kind_of(path)
        negative = self._take_word("not")
        operator = self._next()[1].lower()
        if operator == "in":
            self._need("(")
            values = [self._literal(path, field_kind)]
            while self._take("mark", ","):
                values.append(self._literal(path, field_kind))
            self._need(")")
            wanted: Any = values
        elif operator in {"contains", "like"} or (operator in _COMPARE and not negative):
            wanted = self._literal(path, field_kind)
        else:
            raise ConditionsRefused(f"Conditions have an unknown operator: {operator}")
        test = _test(path, operator, wanted)
        return _negated(test) if negative else test

    def _kind_of(self, path: str) -> str | None:
        """The kind of a field, None for one inside a reference that has no common kind."""
        first, slash, rest = path.partition("/")
        kind = self._fields.get(first)
        if kind is None or bool(slash) != (kind in {"reference", "object"}):
            raise ConditionsRefused(f"'{path}' is not a valid field for conditions.")
        return _NESTED.get(rest) if slash else kind

    def _literal(self, path: str, field_kind: str | None) -> Any:
        kind, text = self._next()
        value: Any
        if kind == "string":
            value = re.sub(r"\\(.)", r"\1", text[1:-1])
        elif kind == "number":
            value = float(text) if "." in text else int(text)
        elif kind == "date":
            value = as_moment(text)
            if value is None:
                raise ConditionsRefused(f"[{text}] is not a date.")
        elif kind == "word" and text.lower() in {"true", "false"}:
            value = text.lower() == "true"
        elif kind == "word" and text.lower() == "null":
            return None
        else:
            raise ConditionsRefused(f"Conditions need a value instead of: {text}")
        expected = _KINDS.get(field_kind or "")
        wrong = expected is not None and not isinstance(value, expected)  # type: ignore[arg-type]
        if wrong or (isinstance(value, bool) and field_kind == "number"):
            raise ConditionsRefused(f"The value {text} does not fit the field '{path}'.")
        return value

    def _peek(self) -> tuple[str, str]:
        at_end = self._position >= len(self._tokens)
        return ("end", "the end") if at_end else self._tokens[self._position]

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._position += 1
        return token

    def _take(self, kind: str, text: str) -> bool:
        found = self._peek()
        taken = found[0] == kind and found[1].lower() == text
        self._position += taken
        return taken

    def _take_word(self, word: str) -> bool:
        return self._take("word", word)

    def _need(self, mark: str) -> None:
        if not self._take("mark", mark):
            raise ConditionsRefused(f"Conditions need '{mark}' instead of: {self._peek()[1]}")


def _both_numbers(one: Any, other: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))


def _equal(have: Any, want: Any) -> bool:
    return (
        _matches(have, want, "*") if isinstance(want, str) and isinstance(have, str) else bool(have == want)
    )


def _matches(have: str, pattern: str, wildcards: str) -> bool:
    parts = re.split(f"[{re.escape(wildcards)}]+", pattern)
    return re.fullmatch(".*".join(map(re.escape, parts)), have, re.IGNORECASE | re.DOTALL) is not None


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": _equal,
    "!=": lambda have, want: not _equal(have, want),
    "<": lambda have, want: bool(have < want),
    "<=": lambda have, want: bool(have <= want),
    ">": lambda have, want: bool(have > want),
    ">=": lambda have, want: bool(have >= want),
    "contains": lambda have, want: str(want).lower() in str(have).lower(),
    "like": lambda have, want: _matches(str(have), str(want), "*%"),
    "in": lambda have, want: any(_equal(have, one) for one in want),
}


def _test(path: str, operator: str, wanted: Any) -> Predicate:
    def test(record: Record) -> Verdict:
        have = value_at(record, path)
        if wanted is None:
            return {"=": have is None, "!=": have is not None}.get(operator)
        if have is None or have == "":
            return None
        sample = wanted[0] if isinstance(wanted, list) else wanted
        if isinstance(sample, datetime):
            have = as_moment(str(have))
        if type(have) is not type(sample) and not _both_numbers(have, sample):
            return None
        return _COMPARE[operator](have, wanted)

    return test


def _negated(predicate: Predicate) -> Predicate:
    def test(record: Record) -> Verdict:
        found = predicate(record)
        return None if found is None else not found

    return test


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    found = list(verdicts)
    return False if False in found else (None if None in found else True)


def _any(verdicts: Iterable[Verdict]) -> Verdict:
    found = list(verdicts)
    return True if True in found else (None if None in found else False)
