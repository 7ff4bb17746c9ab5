"""The total row of an Avanan export, compared with the rows above it.

A total that agrees is evidence that the file is whole; one that differs proves that rows are missing, were
filtered, or were changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from seatsync_pipeline.sources.avanan_sheet import Footer, Row, Sheet
from seatsync_pipeline.sources.base import Finding, State, Verdict
from seatsync_pipeline.sources.file_text import Faults

_REMEDY = "Export the file again, without a filter, and do not edit it."


def check_footers(
    sheet: Sheet, users_header: str, faults: Faults
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Compare every total row; a wrong one is a fault of the file.

    The vendor does not say which rows its total covers, so the sum over all rows and the one over paid rows are
    both right, each with rows that stand twice counted as they stand or once. While a Users cell is unreadable
    the sum is unknown: a total above the known sum then makes the snapshot suspect. Returns what was found, for
    the details, and the findings.
    """
    described = []
    findings = []
    sums, counts = (_sums(sheet.rows), _counts(sheet.rows)) if sheet.footers else ({}, {})
    unreadable = sum(row.seats is None for row in sheet.rows)
    for footer in sheet.footers:
        matched = next((label for label, value in sums.items() if value == footer.total), None)
        if footer.total is not None and matched is None:
            if unreadable and footer.total > min(sums.values()):
                findings.append(_cannot_compare(footer, sums["all rows"], unreadable))
            else:
                _wrong(footer, users_header, sums, faults)
        if footer.tenants is not None and footer.tenants not in counts.values():
            faults.add(
                f"wrong footer total: it names {footer.tenants} tenants, the file has {_listed(counts)}",
                _REMEDY,
                line=footer.line,
            )
        described.append({"line": footer.line, "total": footer.users, "agrees_with": matched})
    return described, findings


def _wrong(footer: Footer, header: str, sums: dict[str, Decimal], faults: Faults) -> None:
    faults.add(
        f"wrong footer total: the rows add up to {_listed(sums)}",
        _REMEDY,
        line=footer.line,
        column=header,
        value=footer.users,
    )


def _cannot_compare(footer: Footer, known: Decimal, unreadable: int) -> Finding:
    return Finding(
        rule="footer total",
        observed=f"{footer.users} against {known} in readable rows",
        limit="equal",
        message=f"The total in line {footer.line} could not be compared: {unreadable} rows have unreadable seats.",
        verdict=Verdict.SUSPECT,
    )


def _once(rows: Iterable[Row]) -> list[Row]:
    return list({(row.key.casefold(), row.license, row.seats, row.state): row for row in rows}.values())


def _sums(rows: list[Row]) -> dict[str, Decimal]:
    paid = [row for row in rows if row.state is State.COUNTED]
    groups = {
        "all rows": rows,
        "paid rows": paid,
        "all rows, repeated ones once": _once(rows),
        "paid rows, repeated ones once": _once(paid),
    }
    return {
        label: sum((row.seats for row in group if row.seats is not None), Decimal(0))
        for label, group in groups.items()
    }


def _counts(rows: list[Row]) -> dict[str, int]:
    paid = [row for row in rows if row.state is State.COUNTED]
    return {
        "rows": len(rows),
        "tenants": len({row.key.casefold() for row in rows}),
        "paid rows": len(paid),
        "paid tenants": len({row.key.casefold() for row in paid}),
    }


def _listed(values: dict[str, Any]) -> str:
    distinct = {value: label for label, value in reversed(values.items())}
    return ", ".join(f"{value} ({label})" for value, label in reversed(distinct.items()))
