"""JSON without floats: numbers stay exact `Decimal`s on the way in and on the way out."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any

# json cannot write a Decimal as a number. It travels as a marked string that nobody else can have written,
# and the quotes around the mark are taken off at the end.
_MARK = secrets.token_hex(16)
_MARKED = re.compile(rf'"{_MARK}(-?[0-9.]+)"')
_BETWEEN = secrets.token_hex(16)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """JSON text; Decimals become numbers without exponent or trailing zeros, dates ISO 8601, times end in Z.

    Raises TypeError for what JSON cannot say, and ValueError for NaN and infinity.
    """
    if indent is None:
        text = _COMPACT.encode(value)
    else:
        text = json.dumps(value, default=_encode, ensure_ascii=False, indent=indent, allow_nan=False)
    return _MARKED.sub(r"\1", text) if _MARK in text else text


def dumps_each(values: Sequence[Any]) -> list[str]:
    """What `dumps` makes of each of them; all in one go, which takes a fraction of the time. Raises the same."""
    mixed: list[Any] = [_BETWEEN] * (2 * len(values) - 1)
    mixed[::2] = values
    return dumps(mixed)[1:-1].split(f',"{_BETWEEN}",') if values else []


def writer_of(*names: str) -> Callable[[Sequence[object]], str]:
    """A quicker `dumps` for lists of records: each becomes an object of these attributes, two or more scalars."""
    template = f"{{{','.join([f'{_quoted(name)}:%s' for name in names])}}}"
    values_of = attrgetter(*names)

    def write(records: Sequence[object]) -> str:
        if not records:
            return "[]"
        return f"[{','.join([template % tuple(map(scalar, values_of(record))) for record in records])}]"

    return write


def scalar(value: object) -> str:
    """What `dumps` says, quicker for the scalars that records are made of."""
    write = _SCALARS.get(type(value))
    return dumps(value) if write is None else write(value)


def loads(text: str | bytes) -> Any:
    """Parse JSON; every number with a fraction or exponent becomes a Decimal, the others stay int.

    Raises ValueError for what is no JSON, in whatever way it is none.
    """
    return _loads(text, _DECODER)


def _loads(text: str | bytes, decoder: json.JSONDecoder) -> Any:
    if not isinstance(text, str):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        return decoder.decode(text)
    except RecursionError:
        # Not chained: its traceback is a thousand lines long.
        raise ValueError("it is nested too deeply") from None


class NamedTwice(ValueError):
    """An object of a foreign document gives one name two values."""


def loads_foreign(text: str | bytes) -> Any:
    """`loads` for what others wrote: which of two values of one name is meant nobody can tell.

    Raises NamedTwice for that, and ValueError for what is no JSON.
    """
    return _loads(text, _FOREIGN)


def plain(number: Decimal) -> str:
    """A number as people and hashes write it: no exponent, no trailing zeros (`12`, `0.5`)."""
    if not number.is_finite():
        raise ValueError(f"{number} is not a finite number")
    return _plain(number)


# Equal numbers have one text, and a preview says the same few of them again and again.
@lru_cache(maxsize=4096)
def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def signed(number: Decimal) -> str:
    """`+3`, `-1.5` or `0`, exactly."""
    return f"+{plain(number)}" if number > 0 else plain(number)


def money(amount: Decimal) -> str:
    """`+12.00`, `-0.125`: exact, with two places at least."""
    text = signed(amount)
    whole, _, places = text.partition(".")
    return f"{whole}.{places:0<2}"


def _encode(value: object) -> str:
    match value:
        case Decimal():
            return _MARK + plain(value)
        case datetime():
            utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return f"{utc.isoformat(timespec='seconds')}Z"
        case date():
            return value.isoformat()
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("a number's exponent is too large") from error


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        for name, value in pairs:
            if found[name] != value:
                raise NamedTwice(f"one record has two values for {name!r}")
    return found


# Kept, because a million rows each have their evidence, and making either takes longer than using it.
_DECODER = json.JSONDecoder(parse_float=_decimal, parse_constant=_refuse)
_FOREIGN = json.JSONDecoder(parse_float=_decimal, parse_constant=_refuse, object_pairs_hook=_unambiguous)
_COMPACT = json.JSONEncoder(default=_encode, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_quoted = json.encoder.encode_basestring  # what `_COMPACT` writes text with
_SCALARS: dict[type, Callable[[Any], str]] = {
    NoneType: lambda _: "null",
    bool: lambda value: "true" if value else "false",
    int: str,
    str: _quoted,
    Decimal: plain,
    date: lambda value: f'"{value.isoformat()}"',
}
