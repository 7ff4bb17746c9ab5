"""Looking for secrets in everything that was left behind: files as bytes, databases cell by cell, names.

What belongs here: which forms of a secret to look for, and where. A database compresses its text and breaks it over
pages, so that its file's bytes alone prove nothing.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import duckdb

_SHORTEST = 12


def forms(secret: str) -> set[str]:
    """The secret as it is, in hex, in a URL, and inside of any base64 text, whatever stands before it."""
    data = secret.encode()
    found = {secret, data.hex(), quote(secret, safe="")}
    for before in range(3):
        # The characters that mix in a neighbour's bits are left out.
        text = base64.b64encode(b"\0" * before + data).decode()
        found.add(text[(before * 8 + 5) // 6 : len(text) // 4 * 4 - 4])
    return {form for form in found if len(form) >= _SHORTEST}


def places(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything below a folder as (where, content): names, files, and each text of each database."""
    for path in sorted(folder.rglob("*")):
        yield "a file's name", str(path.relative_to(folder)).encode()
        if not path.is_file() or path.is_symlink():
            continue
        yield str(path), path.read_bytes()
        if path.suffix == ".duckdb":
            yield from _duckdb_cells(path)
        elif path.suffix == ".db":
            yield from _sqlite_cells(path)


def found_in(texts: Iterable[tuple[str, bytes]], secrets: dict[str, str]) -> dict[str, list[str]]:
    """Where each secret was found in any of its forms, by its name; upper and lower case are the same."""
    wanted = {form.lower().encode(): name for name, secret in secrets.items() for form in forms(secret)}
    spilt: dict[str, list[str]] = {}
    for where, content in texts:
        text = content.lower()
        for form, name in wanted.items():
            if form in text:
                spilt.setdefault(name, []).append(where)
    return spilt


def _duckdb_cells(path: Path) -> Iterator[tuple[str, bytes]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        for schema, table in tables:
            rows = connection.execute(f'select t::varchar from "{schema}"."{table}" t').fetchall()  # noqa: S608  # our own
            yield f"{path.name}: {table}", "\n".join(str(row[0]) for row in rows).encode()


def _sqlite_cells(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in names:
            rows = connection.execute(f'select * from "{table}"').fetchall()  # noqa: S608  # Dagster's own names
            yield f"{path.name}: {table}", repr(rows).encode()
