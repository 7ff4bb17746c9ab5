"""The data a sandbox starts with: one month of a made-up MSP, or a few rows written in a test.

What belongs here: the rows, their columns, and reading them from CSV files. What does not: the shapes in
which ConnectWise and Duo answer (records.py, duo_state.py). The files of the sample month lie in
`sample_month/`; booleans are true or false, dates YYYY-MM-DD, and an empty cell is no value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any, Self, TypeVar, get_type_hints

from seatsync_pipeline.errors import Fault, FileRefused

SAMPLE_TODAY = date(2026, 11, 20)
SAMPLE_ZONE = "America/New_York"


@dataclass(frozen=True)
class CompanyRow:
    id: int
    identifier: str
    name: str
    status: str = "Active"
    deleted: bool = False
    website: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class AgreementTypeRow:
    id: int
    name: str
    inactive: bool = False
    note: str | None = None


@dataclass(frozen=True)
class AgreementRow:
    """No `end_date` means that the agreement has no ending date. `period_type`: Current or Future (in advance)."""

    id: int
    name: str
    company_id: int
    type_id: int
    parent_agreement_id: int | None = None
    status: str = "Active"
    cancelled: bool = False
    start_date: date | None = None
    end_date: date | None = None
    bill_start_date: date | None = None
    next_invoice_date: date | None = None
    billing_cycle: str | None = "Monthly"
    period_type: str = "Current"
    prorate: bool = False
    note: str | None = None


@dataclass(frozen=True)
class AdditionRow:
    id: int
    agreement_id: int
    product_id: int
    quantity: Decimal
    less_included: Decimal = Decimal(0)
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    bill_customer: str = "Billable"
    effective_date: date | None = None
    cancelled_date: date | None = None
    description: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class ProductRow:
    id: int
    identifier: str
    description: str | None = None
    product_class: str = "Service"
    inactive: bool = False
    price: Decimal | None = None
    cost: Decimal | None = None
    taxable: bool = False
    billing_cycle: str | None = "Monthly"
    note: str | None = None


@dataclass(frozen=True)
class SubaccountRow:
    """One Duo subaccount with its users by enrolment and status.

    `error` is the HTTP status with which every call for this subaccount is answered.
    """

    account_id: str
    name: str
    error: int | None = None
    enrolled_active: int = 0
    enrolled_bypass: int = 0
    enrolled_disabled: int = 0
    enrolled_locked_out: int = 0
    enrolled_pending_deletion: int = 0
    not_enrolled_active: int = 0
    not_enrolled_disabled: int = 0
    not_enrolled_pending_deletion: int = 0
    note: str | None = None


@dataclass(frozen=True)
class SampleMonth:
    """Everything one sandbox serves. `avanan_export` and `setup` are the files' bytes, served by nobody."""

    companies: tuple[CompanyRow, ...] = ()
    agreement_types: tuple[AgreementTypeRow, ...] = ()
    agreements: tuple[AgreementRow, ...] = ()
    additions: tuple[AdditionRow, ...] = ()
    catalog: tuple[ProductRow, ...] = ()
    duo_subaccounts: tuple[SubaccountRow, ...] = ()
    avanan_export: bytes = b""
    setup: bytes = b""
    today: date = SAMPLE_TODAY
    timezone: str = SAMPLE_ZONE

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read the CSV files of `folder`, by default the sample month that ships with SeatSync.

        Raises FileRefused with every wrong cell of the first file that cannot be used.
        """
        return cls(
            companies=_rows(folder, "companies.csv", CompanyRow),
            agreement_types=_rows(folder, "agreement_types.csv", AgreementTypeRow),
            agreements=_rows(folder, "agreements.csv", AgreementRow),
            additions=_rows(folder, "additions.csv", AdditionRow),
            catalog=_rows(folder, "catalog.csv", ProductRow),
            duo_subaccounts=_rows(folder, "duo_subaccounts.csv", SubaccountRow),
            avanan_export=_bytes(folder, "avanan_export.csv"),
            setup=_bytes(folder, "setup.csv"),
        )


Row = TypeVar("Row")
Readers = dict[str, Callable[[str], object]]


def _bytes(folder: Path | None, name: str) -> bytes:
    place = folder or files("seatsync_pipeline.sandbox").joinpath("sample_month")
    try:
        return place.joinpath(name).read_bytes()
    except OSError as error:
        raise FileRefused(
            f"reading the sandbox file {name}",
            error.strerror or str(error),
            "Give a folder with all the files of a sample month.",
        ) from error


def _rows(folder: Path | None, name: str, kind: type[Row]) -> tuple[Row, ...]:
    readers = _readers(kind)
    reader = csv.DictReader(io.StringIO(_bytes(folder, name).decode("utf-8-sig")))
    header = list(reader.fieldnames or ())
    faults = [
        Fault(1, column, None, "the column is not known", f"Use {', '.join(readers)}.")
        for column in header
        if column not in readers
    ]
    found = [_row(reader.line_num, row, kind, readers, faults) for row in reader] if not faults else []
    rows = tuple(row for row in found if row is not None)
    if faults:
        raise FileRefused(
            f"reading the sandbox file {name}",
            f"{len(faults)} faults, the first in line {faults[0].line}, "
            f"column {faults[0].column}: {faults[0].rule}",
            faults[0].remedy,
            tuple(faults),
        )
    return rows


def _row(
    line: int, cells: dict[str, Any], kind: type[Row], readers: Readers, faults: list[Fault]
) -> Row | None:
    """One record, or None after adding to `faults` what is wrong with it."""
    values: dict[str, Any] = {}
    optional = {one.name for one in _columns(kind) if "None" in str(one.type)}
    before = len(faults)
    if None in cells or None in cells.values():
        faults.append(Fault(line, None, None, "the row has not the header's length", "Quote commas."))
        return None
    for column, text in cells.items():
        if text == "":
            if column in optional:
                values[column] = None
            continue
        try:
            values[column] = readers[column](text)
        except (ValueError, InvalidOperation):
            faults.append(Fault(line, column, text, "the value cannot be read", "Correct the cell."))
    needed = [one.name for one in _columns(kind) if one.default is MISSING]
    faults += [
        Fault(line, column, "", "a value is needed", "Fill the cell.")
        for column in needed
        if cells.get(column, "") == ""
    ]
    return kind(**values) if len(faults) == before else None


def _readers(kind: Any) -> Readers:
    """How each column of a record is read from text."""
    hints = get_type_hints(kind)
    known: dict[object, Callable[[str], object]] = {
        int: int, str: str, bool: _flag, date: date.fromisoformat, Decimal: Decimal,
        int | None: int, str | None: str, date | None: date.fromisoformat, Decimal | None: Decimal,
    }  # fmt: skip
    return {one.name: known[hints[one.name]] for one in _columns(kind)}


def _columns(kind: Any) -> tuple[Field[Any], ...]:
    return fields(kind)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"
