"""The setup as one CSV file: every mapping, link and agreement-type filter, to keep, to edit and to bring back.

Columns: kind, source, key, key_name, decision, target, target_name, reason. `key_name` and `target_name` are
for the reader. What a row can say:

* mapping: license -> `product` (a catalog id or identifier) or `no_charge`
* link: account key -> `company` (its id) or `not_billed` (with a reason)
* agreement_type: `include` (a type's name), one row for each, or `all`; a source's rows replace its filter
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.reconcile.setup.file_rows import SetupRows
from seatsync_pipeline.reconcile.setup.lookup import Known
from seatsync_pipeline.reconcile.setup.tables import (
    REMOVED,
    Change,
    Link,
    Mapping,
    Tables,
    TypeFilter,
    person,
)
from seatsync_pipeline.reconcile.spreadsheet import escaped, read_sheet, write_sheet
from seatsync_pipeline.warehouse import Warehouse

COLUMNS = ("kind", "source", "key", "key_name", "decision", "target", "target_name", "reason")


def export_setup(warehouse: Warehouse, path: Path) -> int:
    """Write everything that is decided now, and return how many rows that is. Replaces the file whole.

    Raises InputRefused when the file cannot be written.
    """
    with warehouse.read() as connection:
        tables = Tables(connection)
        known = Known(connection, f"exporting the setup to {path}")
        decisions: list[Mapping | Link] = [*tables.mappings.values(), *tables.links.values()]
        rows = [_row(decision, known) for decision in decisions if decision.decision != REMOVED]
        rows += [row for filtered in tables.filters.values() for row in _filter_rows(filtered)]
    write_sheet(path, COLUMNS, [[escaped(row.get(name, "")) for name in COLUMNS] for row in rows])
    return len(rows)


def import_setup(warehouse: Warehouse, path: Path, *, by: str) -> tuple[Change, ...]:
    """Apply every row of the file, or none. Returns one change per decision, also of those in force already.

    What the file does not name stays as it is; only the agreement types of a source that has rows of them
    become exactly the listed ones. Accounts and licenses that were not read yet are accepted with a note, so
    that a setup can be brought back before the first pull. Raises FileRefused with every fault, InputRefused
    for a file that is no such table or while ConnectWise was not scanned.
    """
    name = person(by)
    tried = f"importing the setup {path}"
    lines = read_sheet(path, COLUMNS, tried)
    with warehouse.write() as connection:
        tables = Tables(connection)
        rows = SetupRows(Known(connection, tried), tables)
        changes = rows.changes(lines)
        if rows.faults:
            raise FileRefused(
                tried,
                f"{len(rows.faults)} fault{'s' if len(rows.faults) > 1 else ''} in {len(lines)} rows",
                "Correct them all and import again; nothing was changed.",
                tuple(sorted(rows.faults, key=lambda fault: fault.line or 0)),
            )
        tables.append(changes, by=name)
    return changes


def _row(decision: Mapping | Link, known: Known) -> dict[str, str]:
    row = {"source": decision.source, "decision": decision.decision}
    if isinstance(decision, Mapping):
        row |= {"kind": "mapping", "key": decision.license}
        if decision.product_id is not None:
            name = known.product_name(decision.product_id)
            row |= {"target": str(decision.product_id), "target_name": name}
        return row
    row |= {"kind": "link", "key": decision.account_key, "key_name": decision.account_name}
    row |= {"reason": decision.reason or ""}
    if decision.company_id is not None:
        name = known.company_name(decision.company_id)
        row |= {"target": str(decision.company_id), "target_name": name}
    return row


def _filter_rows(filtered: TypeFilter) -> Iterator[dict[str, str]]:
    common = {"kind": "agreement_type", "source": filtered.source}
    if not filtered.names:
        yield common | {"decision": "all"}
    for name in filtered.names:
        yield common | {"decision": "include", "target": name}
