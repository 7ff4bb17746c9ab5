"""Good documents, damaged: strategies that begin with what is right and break it in a few places.

What belongs here: damage to JSON documents, to tables and to bytes. Damage keeps most of the structure, because
what is broken everywhere is refused at the first look and tests nothing behind it.
"""

from __future__ import annotations

import codecs
import copy
import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Json = Any
Table = list[list[str]]

JUNK: list[Json] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        12,
        2**31,
        2**63,
        10**30,
        0.1,
        1.5,
        -0.0,
        1e300,
        float("inf"),
        float("nan"),
    ),
    *("", " ", "0", "12", "12.5", "1,234", "-1", "+5", "1e400", "NaN", "true", "yes", "null", "２"),
    *("2026-11-20", "2026-11-20T00:00:00Z", "2026-02-30", "0000-00-00", "9999-12-31", "20.11.2026"),
    *("\0", "\ud83d", "\u202e", "\ufeff", "a\nb", "=1+1", "x" * 3000, "9" * 5000, "<html>", "http://[x"),
    *([], {}, [[]], [None], [1, 2], {"id": 1}, {"id": None}, {"name": "x"}, {"count": 3}),
]
# Not to be had from a Python value: what a text may hold in a number's place.
_RAW = [
    "1e99999999999999999999",
    "-0",
    "9" * 5000,
    "[" * 3000,
    "Infinity",
    "01",
    "1.",
    '"\\ud83d"',
    '"\\u0000"',
]
_NOISE = [
    b"\0",
    b"\xff",
    b'"',
    b",",
    b";",
    b"\n",
    b"\r",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"=",
    b"[",
    b"}",
    b"9" * 40,
]
_ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32", "cp437"]
CELLS = [str(value) for value in JUNK if isinstance(value, str)] + [
    *(
        "5.0",
        "1.234",
        "42.00",
        "1 234",
        "5 seats",
        "(5)",
        "$5",
        "'=1",
        "Total",
        "Grand total",
        "POC",
        "Paid",
        "Expired",
    ),
    *(
        "YES",
        " yes ",
        "x",
        "no",
        "1001.0",
        "row_x",
        "prev_x",
        "avanan",
        "duo",
        "mapping",
        "link",
        "company",
        "product",
    ),
    *('"', '""', 'a"b', "a,b", "a;b", "a\tb", "\u00a0", "\u2028", "\x85", "\x1c"),
]


@st.composite
def damaged(draw: st.DrawFn, document: Json, *, most: int = 3) -> Json:
    """A copy of the document with up to `most` fields or entries dropped, doubled, renamed, or put to junk."""
    document = [copy.deepcopy(document)]
    for _ in range(draw(st.integers(0, most))):
        container, key = draw(st.sampled_from(list(_places(document))))
        kind = draw(st.sampled_from(["drop", "junk", "junk", "retype", "rename", "double", "swap"]))
        if kind == "junk":
            container[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        elif kind == "retype":
            retype = _RETYPED[draw(st.integers(0, len(_RETYPED) - 1))]
            container[key] = retype(container[key])
        elif container is document:
            continue
        elif kind == "drop":
            del container[key]
        elif kind == "rename" and isinstance(container, dict):
            container[draw(st.sampled_from([str(key).upper(), f"{key} ", "x", "id", "name"]))] = (
                container.pop(key)
            )
        elif kind == "double" and isinstance(container, list):
            container.insert(draw(st.integers(0, len(container))), copy.deepcopy(container[key]))
        elif kind == "swap":
            other, where = draw(st.sampled_from(list(_places(document))))
            if other is not document:
                container[key] = copy.deepcopy(other[where])
    return document[0]


def _places(document: list[Json]) -> Any:
    """Every (container, key) of a document, in a stable order."""
    todo: list[Any] = [document]
    while todo:
        container = todo.pop()
        keys = range(len(container)) if isinstance(container, list) else list(container)
        for key in keys:
            yield container, key
            if isinstance(container[key], dict | list):
                todo.append(container[key])


_RETYPED: list[Callable[[Json], Json]] = [
    str,
    lambda value: [value],
    lambda value: {"value": value},
    lambda value: len(str(value)),
]


@st.composite
def bodies(draw: st.DrawFn, document: Json) -> bytes:
    """The body of an answer: a damaged document in some encoding, its text or bytes damaged now and then."""
    text = json.dumps(draw(damaged(document)), ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 7)) == 7:
        place = draw(st.sampled_from([i for i, c in enumerate(text) if c in "[{:,0123456789"] or [0]))
        text = text[: place + 1] + draw(st.sampled_from(_RAW)) + text[place + 1 :]
    return draw(encoded(text))


@st.composite
def encoded(draw: st.DrawFn, text: str) -> bytes:
    """A text as bytes: mostly UTF-8, else another encoding, cut, or with bytes put in."""
    kind = draw(st.integers(0, 7))
    name = draw(st.sampled_from(_ENCODINGS)) if kind == 7 else "utf-8"
    data = codecs.encode(text, name, "surrogatepass" if name.startswith("utf") else "replace")
    for _ in range(draw(st.integers(1, 2)) if kind == 6 else 0):
        place = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["cut", "noise", "lose", "flip"])):
            case "cut":
                data = data[:place]
            case "noise":
                data = data[:place] + draw(st.sampled_from(_NOISE)) + data[place:]
            case "lose":
                data = data[:place] + data[place + draw(st.integers(1, 9)) :]
            case _:
                data = (
                    data[:place]
                    + bytes(b ^ draw(st.integers(1, 255)) for b in data[place : place + 1])
                    + data[place + 1 :]
                )
    return data


@st.composite
def tables(draw: st.DrawFn, table: Sequence[Sequence[str]], *, most: int = 4) -> Table:
    """A copy of a table (header first) with columns, rows and cells dropped, doubled, renamed, moved or junk."""
    rows = [list(row) for row in table]
    for _ in range(draw(st.integers(0, most))):
        row = draw(st.sampled_from(rows))
        column = draw(st.integers(0, max(0, len(rows[0]) - 1)))
        kind = draw(
            st.sampled_from(
                ["cell", "cell", "cell", "copy", "row", "again", "column", "twice", "order", "short", "long"]
            )
        )
        if kind == "cell" and column < len(row):
            row[column] = draw(st.sampled_from(CELLS) | st.text(max_size=6))
        elif kind == "copy" and column < len(row):
            row[column] = (draw(st.sampled_from(rows))[column : column + 1] or [""])[0]
        elif kind == "row" and len(rows) > 1:
            rows.remove(row)
        elif kind == "again":
            rows.insert(draw(st.integers(0, len(rows))), list(row))
        elif kind == "column":
            rows = [each[:column] + each[column + 1 :] for each in rows]
        elif kind == "twice":
            rows = [each[: column + 1] + each[column:] for each in rows]
        elif kind == "order":
            rows = [list(reversed(each)) for each in rows]
        elif kind == "short":
            del row[column : column + 1]
        else:
            row.insert(column, draw(st.sampled_from(CELLS)))
    return rows


@st.composite
def files(draw: st.DrawFn, table: Sequence[Sequence[str]], *, most: int = 4) -> bytes:
    """A damaged table as some program saves it, its bytes damaged now and then."""
    out = io.StringIO(newline="")
    if draw(st.integers(0, 9)) == 9:
        out.write(draw(st.sampled_from(["sep=;\n", "Report of 2026\n", "\n", "\ufeff", "<html>"])))
    csv.writer(
        out,
        delimiter=draw(st.sampled_from(",,;\t")),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    ).writerows(draw(tables(table, most=most)))
    return draw(encoded(out.getvalue()))
