"""Scans in the warehouse: append-only, one transaction each.

What belongs here: the scan's tables (`company`, `agreement_type`, `agreement`, `addition`, `product`) and its
row in `snapshot`. What does not: snapshots of the sources, and what a scan means for a preview.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

from seatsync_pipeline.collection import collection_paused
from seatsync_pipeline.connectwise.records import (
    Addition,
    Agreement,
    AgreementType,
    Company,
    Product,
    Scan,
)
from seatsync_pipeline.errors import NotFound
from seatsync_pipeline.warehouse import (
    PORTION,
    Connection,
    Warehouse,
    exact_number,
    insert_columns,
    insert_rows,
    new_id,
)
from seatsync_pipeline.warehouse.kept import require_kept

SOURCE = "connectwise"

_ZERO = Decimal(0)

_T = TypeVar("_T", Company, AgreementType, Agreement, Addition, Product)


@collection_paused()
def save_scan(warehouse: Warehouse, scan: Scan, *, run_id: str | None) -> str:
    """Store a scan whole or not at all, and return its new snapshot id. Raises WarehouseError."""
    header = {
        "source": SOURCE,
        "taken_at": scan.taken_at.astimezone(UTC).replace(tzinfo=None),
        "run_id": run_id,
        "digest": digest(scan),
        "verdict": "complete",  # a scan is the whole or an error
        "reasons": "[]",
        "details": json.dumps(scan.details, sort_keys=True, ensure_ascii=False),
    }
    with warehouse.write() as connection:
        snapshot_id = new_id("snap")
        insert_rows(connection, "snapshot", [{"snapshot_id": snapshot_id, **header}])
        for table, records in _tables(scan).items():
            for count, columns in _by_column(records):
                own = {"snapshot_id": [snapshot_id] * count, **columns}
                insert_columns(connection, table, own)
    return snapshot_id


@collection_paused()
def load_scan(connection: Connection, snapshot_id: str) -> Scan:
    """A stored scan as it was saved, its records in the order of their ids. Raises NotFound."""
    header = connection.execute(
        "select taken_at, details from snapshot where snapshot_id = ? and source = ?", [snapshot_id, SOURCE]
    ).fetchone()
    if header is None:
        raise NotFound(
            f"reading the ConnectWise scan {snapshot_id}", "there is none with that id", "Run a scan first."
        )
    require_kept(connection, snapshot_id)
    taken_at: datetime = header[0]
    return Scan(
        companies=_load(connection, "company", Company, snapshot_id),
        agreement_types=_load(connection, "agreement_type", AgreementType, snapshot_id),
        agreements=_load(connection, "agreement", Agreement, snapshot_id),
        additions=_load(connection, "addition", Addition, snapshot_id),
        products=_load(connection, "product", Product, snapshot_id),
        taken_at=taken_at.replace(tzinfo=UTC),
        details=json.loads(header[1]),
    )


def latest_scan_id(connection: Connection) -> str | None:
    """The id of the scan that was stored last; None before the first one."""
    row = connection.execute("select max(snapshot_id) from snapshot where source = ?", [SOURCE]).fetchone()
    return row[0] if row else None


def known_additions(warehouse: Warehouse) -> dict[int, set[int]]:
    """The ids of the additions that each agreement had at the scan that was stored last; empty before the first."""
    known: dict[int, set[int]] = {}
    with warehouse.read() as connection:
        rows = connection.execute(
            """
            select agreement_id, addition_id
            from addition
            where snapshot_id = ?
            """,
            [latest_scan_id(connection)],
        ).fetchall()
    for agreement_id, addition_id in rows:
        known.setdefault(agreement_id, set()).add(addition_id)
    return known


def digest(scan: Scan) -> str:
    """sha256 (hex) of everything read: equal content gives an equal digest, whenever and however it was read."""
    content = hashlib.sha256()
    for table, records in _tables(scan).items():
        content.update(f"{table}\n".encode())
        # Sorted by their own hashes, which need far less room than the lines themselves.
        hashes = []
        for _, columns in _by_column(records):
            hashes += [
                hashlib.sha256(f"[{', '.join(row)}]".encode()).digest()
                for row in zip(*map(_canonical_column, columns.values()), strict=True)
            ]
        content.update(b"".join(sorted(hashes)))
    return content.hexdigest()


def _tables(scan: Scan) -> dict[str, Iterable[Any]]:
    return {
        "company": scan.companies,
        "agreement_type": scan.agreement_types,
        "agreement": scan.agreements,
        "addition": scan.additions,
        "product": scan.products,
    }


def _by_column(records: Iterable[_T]) -> Iterator[tuple[int, dict[str, list[Any]]]]:
    """Records as columns, with their number: the tables have the names of their fields.

    A portion at a time: all of a large scan at once would take more memory than the scan itself.
    """
    incoming = iter(records)
    while portion := list(islice(incoming, PORTION)):
        names = [field.name for field in fields(portion[0])]
        yield len(portion), {name: list(map(attrgetter(name), portion)) for name in names}


def _canonical_column(values: Sequence[Any]) -> list[str]:
    """Every value as a JSON text; each different one is written once, as most columns have few of them."""
    written = {value: json.dumps(_canonical(value)) for value in set(values)}
    return [written[value] for value in values]


def _canonical(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value or _ZERO:.6f}"  # a negative zero is no other content
    return "" if value is None else f"={value}"  # so that empty text and no value differ


def _load(connection: Connection, table: str, kind: type[_T], snapshot_id: str) -> tuple[_T, ...]:
    columns = [(field.name, "Decimal" in str(field.type)) for field in fields(kind)]
    # Numbers are read as text, see `exact_number`.
    read = ", ".join(f"cast({name} as varchar)" if exact else name for name, exact in columns)
    rows = connection.execute(
        f'select {read} from "{table}" where snapshot_id = ? order by {columns[0][0]}',  # noqa: S608
        [snapshot_id],
    ).fetchall()
    numbers = [place for place, (_, exact) in enumerate(columns) if exact]
    return tuple([kind(*_with_numbers(row, numbers)) for row in rows])


def _with_numbers(row: tuple[Any, ...], numbers: Sequence[int]) -> Sequence[Any]:
    if not numbers:
        return row
    values = list(row)
    for place in numbers:
        if values[place] is not None:
            values[place] = exact_number(values[place])
    return values
