"""The selection file: what an operator approved, as a spreadsheet saved it.

What belongs here: the file's columns, reading, writing, and the digest of its content. What does not: whether it
may be pushed (`gate`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from seatsync_pipeline import exact_json
from seatsync_pipeline.reconcile.sheet import SELECTION_COLUMNS, selection_sheet
from seatsync_pipeline.reconcile.spreadsheet import read_sheet
from seatsync_pipeline.warehouse.ids import stable_id

_WHOLE = re.compile(r"(\d{1,15})(?:[.,]0{1,2})?", re.ASCII)  # not 1,000: that is a thousand


@dataclass(frozen=True)
class SelectionRow:
    """One row of the file that has something in its `approve` column, as text. `line` counts from 1."""

    line: int
    preview_id: str
    row_id: str
    fingerprint: str
    approve: str
    agreement_id: str
    approval_reason: str
    overrides: tuple[str, ...]
    approved_by: str

    @property
    def approved(self) -> bool:
        return self.approve.casefold() == "yes"

    @property
    def named_agreement(self) -> int | None:
        """The agreement the operator named; None for none, or for text that is no id (`1001.0` is one)."""
        match = _WHOLE.fullmatch(self.agreement_id)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class Selection:
    """A selection file's rows that are not left blank."""

    rows: tuple[SelectionRow, ...]

    @property
    def digest(self) -> str:
        """sha256 of what is approved: the same for every file that approves the same."""
        content = sorted(
            [
                row.preview_id,
                row.row_id,
                row.fingerprint,
                row.named_agreement or 0,
                row.approval_reason,
                sorted(row.overrides),
                row.approved_by,
            ]
            for row in self.rows
            if row.approved
        )
        return hashlib.sha256(exact_json.dumps(content).encode()).hexdigest()

    @property
    def operation_id(self) -> str:
        return stable_id("op", self.digest)


def read_selection(path: Path) -> Selection:
    """Read a selection file; rows whose `approve` is blank are ignored.

    Raises InputRefused or FileRefused for a file that is no such table.
    """
    lines = read_sheet(path, SELECTION_COLUMNS, f"reading the selection {path}")
    return Selection(
        tuple(
            SelectionRow(
                line=line.number,
                preview_id=line["preview_id"],
                row_id=line["row_id"],
                fingerprint=line["fingerprint"],
                approve=line["approve"],
                agreement_id=line["agreement_id"],
                approval_reason=" ".join(line["approval_reason"].split()),
                overrides=tuple(
                    name.strip() for name in re.split(r"[;,]", line["overrides"]) if name.strip()
                ),
                approved_by=line["approved_by"],
            )
            for line in lines
            if line["approve"]
        )
    )


@dataclass(frozen=True)
class Approval:
    """One row to be written as approved."""

    row: Mapping[str, Any]
    agreement_id: int | None
    reason: str
    overrides: tuple[str, ...]


def write_selection(
    path: Path, approvals: Iterable[Approval], *, approved_by: str, approved_at: datetime
) -> None:
    """Write a selection file of approved rows; it reads back as the same selection."""
    selection_sheet(
        path,
        [
            (
                approval.row,
                {
                    "approve": "yes",
                    "agreement_id": approval.agreement_id or "",
                    "approval_reason": approval.reason,
                    "overrides": "; ".join(approval.overrides),
                    "approved_by": approved_by,
                    "approved_at": f"{approved_at.isoformat(timespec='seconds')}Z",
                },
            )
            for approval in approvals
        ],
    )
