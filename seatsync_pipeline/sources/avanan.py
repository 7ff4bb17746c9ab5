"""The Avanan tenant export: a CSV file becomes a snapshot of observations.

What belongs here: the order of the steps, how rows of one tenant go together, the footer's total, and the
findings of the reading itself. Bytes and rows are `file_text.py` and `csv_file.py`, headers and status words
`avanan_columns.py` and `avanan_status.py`, single cells `avanan_rows.py`. Nothing is stored here, and comparing
with earlier imports happens where the history is known.

A structural fault refuses the whole file, because behind it rows may be missing; a bad cell makes only its own
observation failed, never a number.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatsync_pipeline.collection import collection_paused
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.settings.files import DEFAULT_SIZES, FileSettings
from seatsync_pipeline.settings.guards import DEFAULT_LIMITS, GuardSettings
from seatsync_pipeline.sources.avanan_columns import REQUIRED, Columns, Layout, load_columns
from seatsync_pipeline.sources.avanan_footer import check_footers
from seatsync_pipeline.sources.avanan_rows import read_sheet
from seatsync_pipeline.sources.avanan_sheet import Sheet
from seatsync_pipeline.sources.avanan_tenants import Tenants, gather
from seatsync_pipeline.sources.base import Finding, SourceSnapshot, State
from seatsync_pipeline.sources.csv_file import CsvTable, open_table
from seatsync_pipeline.sources.file_text import EXPORT_AGAIN, Faults, read_bytes, to_text, visible


def _utc_now() -> datetime:
    return datetime.now(UTC)


def read_export(
    path: Path,
    *,
    columns_file: Path | None = None,
    now: Callable[[], datetime] = _utc_now,
    limits: GuardSettings = DEFAULT_LIMITS,
    sizes: FileSettings = DEFAULT_SIZES,
) -> SourceSnapshot:
    """Read an Avanan export.

    `columns_file` overrides the built-in headers and status words where it exists. `taken_at` is `now()`, in
    UTC; the file's own date is in the details. More failed rows than `limits` allow make it incomplete. Raises
    FileRefused with every fault found when the file cannot be used as a whole, ConfigurationError for a bad
    `columns_file`.
    """
    faults = Faults(f"reading the Avanan export {visible(str(path), 200)}")
    data, modified = read_bytes(path, faults, limit=sizes.max_import_mib * 1024 * 1024)
    columns = load_columns(columns_file)
    with collection_paused():
        snapshot = _read(
            path.name, data, faults, columns, now=now, limits=limits, max_rows=sizes.max_import_rows
        )
    return replace(
        snapshot, details=snapshot.details | {"file_modified_at": modified.isoformat(timespec="seconds")}
    )


def _read(
    name: str,
    data: bytes,
    faults: Faults,
    columns: Columns,
    *,
    now: Callable[[], datetime],
    limits: GuardSettings,
    max_rows: int,
) -> SourceSnapshot:
    from seatsync_pipeline.sources.avanan_schema import check_observations  # pandera takes long to import

    text = to_text(data, faults)
    table = open_table(text, faults, columns.missing, max_rows=max_rows)
    _check_header(table, columns, faults)
    layout = columns.layout(table.header)
    sheet = read_sheet(table, columns, layout, faults)
    footers, findings = check_footers(sheet, table.header[layout.users], faults)
    if not sheet.rows:
        _refuse_no_rows(table, faults)
    faults.check()
    count = len(sheet.rows)
    tenants = gather(sheet, columns)
    check_observations(tenants.observations, faults)
    faults.check()
    digest = hashlib.sha256(data).hexdigest()
    details = {"file_name": visible(name, 200), "file_size": len(data), "sha256": digest}
    details |= (
        _form(table, layout, columns, sheet)
        | _counts(table, tenants, count, len(footers))
        | {"footers": footers}
    )
    return SourceSnapshot(
        source="avanan",
        taken_at=now(),
        accounts=tenants.accounts,
        observations=tenants.observations,
        digest=digest,
        findings=(*findings, *_too_many_failed(tenants, count, limits)),
        details=details,
    )


def _check_header(table: CsvTable, columns: Columns, faults: Faults) -> None:
    """Refuse a file whose columns cannot be told, with the faults of its rows where it has a header at all."""
    if len(table.missing) == len(REQUIRED):
        faults.add(
            "no header: none of the first 10 lines names the columns of a tenant export",
            f"The header has to name {', '.join(REQUIRED.values())}. {EXPORT_AGAIN}",
            line=table.header_line,
            value=table.delimiter.join(table.header),
        )
        faults.check()
    for field in table.missing:
        why = "; without it trials would be billed" if field == "status" else ""
        faults.add(
            f"missing column: {REQUIRED[field]}{why}",
            "Export the file with this column, or add its header to avanan_columns.toml.",
            line=table.header_line,
            column=REQUIRED[field],
            value=table.delimiter.join(table.header),
        )
    for header in columns.repeated(table.header):
        faults.add(
            "repeated column: two columns have this header, and either could be meant",
            "Remove or rename one of them.",
            line=table.header_line,
            column=header,
        )
    if faults:
        for _ in table.rows(faults):
            pass
    faults.check()


def _refuse_no_rows(table: CsvTable, faults: Faults) -> None:
    if not faults:
        faults.add("no usable row: there is no tenant below the header", EXPORT_AGAIN, line=table.header_line)


def _too_many_failed(tenants: Tenants, rows: int, limits: GuardSettings) -> list[Finding]:
    """A few bad rows fail alone; more than the limits, or all of them, speak against the whole import."""
    failed = tenants.failed_rows
    most, percent = limits.max_failed_rows, limits.max_failed_rows_percent
    too_many = failed > most and failed * 100 > rows * percent
    if not too_many and failed < rows:
        return []
    return [
        Finding(
            rule="failed rows",
            observed=f"{failed} of {rows}",
            limit=f"{plain(percent)} % and {most}",
            message=f"{failed} of {rows} rows could not be read; see the reasons of the failed rows.",
        )
    ]


def _form(table: CsvTable, layout: Layout, columns: Columns, sheet: Sheet) -> dict[str, Any]:
    """The form of the file, for the details: how it was read, and which column was taken for what."""
    header = table.header
    single = {"name": layout.name, "portal": layout.portal, "license": layout.license}
    single |= {"users": layout.users, "domain": layout.domain}
    mapped = {field: None if place is None else header[place] for field, place in single.items()}
    used = {*mapped.values(), *sheet.status_columns}
    return {
        "encoding": table.text.encoding,
        "encoding_note": table.text.note,
        "delimiter": table.delimiter,
        "header_line": table.header_line,
        "header": list(header),
        "columns": mapped | {"status": list(sheet.status_columns)},
        "columns_from": columns.origin,
        "ignored_columns": [cell for cell in header if cell and cell not in used],
        "preamble": [visible(table.delimiter.join(cells)) for _, cells in table.preamble],
    }


def _counts(table: CsvTable, tenants: Tenants, rows: int, footers: int) -> dict[str, Any]:
    """What became of the rows: `data` = observations + the further rows of `collapsed` and `contradicting`."""
    states = Counter(observation.state for observation in tenants.observations)
    seats = {
        state.value: int(
            sum(o.seats for o in tenants.observations if o.seats is not None and o.state is state)
        )
        for state in State
        if state is not State.FAILED
    }
    return {
        "rows": {
            "data": rows,
            "failed": tenants.failed_rows,
            "blank": table.blank_rows,
            "footer": footers,
            "collapsed": sum(len(lines) - 1 for lines in tenants.collapsed),
            "contradicting": sum(len(lines) - 1 for lines in tenants.contradicting),
        },
        "duplicates_collapsed": tenants.collapsed[:50],
        "contradictions": tenants.contradicting[:50],
        "states": {state.value: states[state] for state in State},
        "seats": seats,
    }
