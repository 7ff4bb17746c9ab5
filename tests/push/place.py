"""One stocked warehouse and one sandbox for all of these tests, put back to the start before each.

Scanning, pulling and reconciling the sample month takes seconds; copying the warehouse's file and the sandbox's
records takes milliseconds.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.connectwise.access import Retries
from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.push import audit
from seatsync_pipeline.push.look import Patience
from seatsync_pipeline.push.records import noted_heads
from seatsync_pipeline.push.selection import Approval, write_selection
from seatsync_pipeline.push.service import Push, opened
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.setup import import_setup
from seatsync_pipeline.reconcile.store import Preview, load_preview
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sandbox.invoices import Invoice
from seatsync_pipeline.sandbox.lag import ListLag
from seatsync_pipeline.settings import Settings, load_settings
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.base import SOURCES, Source
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.push.differences import Changes, Write, additions_of, changes, writes_of

Row = dict[str, Any]
Records = dict[int, dict[str, Any]]

TABLES = ("companies", "agreement_types", "agreements", "additions", "catalog", "invoices")
# Short enough for a test, long enough for an answer on loopback while the machine is busy.
QUICK = Patience(looks=2, pause=0.01, repost_after=0.0, answer=5.0)
FEW = Retries(attempts=2, base=0.01, cap=0.01)


@dataclass
class Stock:
    """The sandbox, and the sample month read, imported, set up and reconciled for both sources."""

    sandbox: Sandbox
    database: Path
    previews: dict[Source, Preview]
    records: dict[str, Records]

    @classmethod
    def lay_in(cls, sandbox: Sandbox, settings: Settings) -> Stock:
        month = resources.files("seatsync_pipeline.sandbox") / "sample_month"
        warehouse = Warehouse(settings.database)
        with reader_from(settings) as reader:
            save_scan(warehouse, scan(reader), run_id=None)
        save_snapshot(warehouse, pull(settings), run_id=None)
        save_snapshot(warehouse, read_export(Path(str(month / "avanan_export.csv"))), run_id=None)
        import_setup(warehouse, Path(str(month / "setup.csv")), by="tester")
        previews = {
            source: load_preview(warehouse, reconcile(warehouse, source, today=settings.today()))
            for source in SOURCES
        }
        records = {name: copy.deepcopy(getattr(sandbox.connectwise.state, name)) for name in TABLES}
        return cls(sandbox, settings.database, previews, records)

    def put_back(self) -> None:
        """ConnectWise as it was when it was scanned: no fault, no lag, nobody waiting."""
        connectwise = self.sandbox.connectwise
        connectwise.faults.clear()
        connectwise.faults.release(drop=True)
        assert connectwise.wait_until_idle()
        connectwise.list_lag = ListLag()
        with connectwise.state.lock:
            for name, records in self.records.items():
                setattr(connectwise.state, name, copy.deepcopy(records))
        connectwise.forget_requests()


@dataclass
class Place:
    """A home of its own beside the shared sandbox."""

    stock: Stock
    settings: Settings
    warehouse: Warehouse
    folder: Path
    previews: dict[Source, Preview] = field(init=False)
    _files: int = 0

    def __post_init__(self) -> None:
        self.previews = dict(self.stock.previews)
        self.renew()

    def renew(self) -> None:
        """ConnectWise and warehouse as they were before anything was pushed."""
        self.stock.put_back()
        self.settings.home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.stock.database, self.settings.database)

    @property
    def connectwise(self) -> Any:
        return self.stock.sandbox.connectwise

    @property
    def additions(self) -> Records:
        records: Records = self.connectwise.state.additions
        return records

    @property
    def agreements(self) -> Records:
        records: Records = self.connectwise.state.agreements
        return records

    def row(self, action: str, company: str, *, source: Source = "duo", product: str | None = None) -> Row:
        """The one row of a preview that would do `action` for that company."""
        (row,) = [
            row
            for row in self.previews[source].rows
            if row["action"] == action
            and row["company_name"] == company
            and product in {None, row["product_identifier"]}
        ]
        return row

    def approvable(self, source: Source) -> list[Row]:
        return approvable(self.previews[source])

    def approve(self, *rows: Row, agreements: dict[int, int] | None = None, by: str = "Ann") -> Path:
        """A selection file of these rows. `agreements` are chosen by company, where a row leaves the choice."""
        self._files += 1
        path = self.folder / f"selection-{self._files}.csv"
        write_selection(
            path,
            [
                Approval(
                    row,
                    (agreements or {}).get(row["company_id"]) or agreement_of(row),
                    "checked with the client" if row["needs_reason"] else "",
                    (),
                )
                for row in rows
            ],
            approved_by=by,
            approved_at=datetime.now(UTC).replace(tzinfo=None),
        )
        return path

    @contextmanager
    def opened(self, patience: Patience = QUICK, *, today: date | None = None) -> Iterator[Push]:
        settings = self.settings.model_copy(update={"fixed_today": today}) if today else self.settings
        with opened(settings, self.warehouse, run_by="ann", patience=patience, retries=FEW) as push:
            yield push

    def push(
        self,
        selection: Path,
        patience: Patience = QUICK,
        *,
        today: date | None = None,
        progress: Callable[..., None] = lambda *_: None,
    ) -> dict[str, Any]:
        """Push a selection and return the report; the audit log is verified each time."""
        with self.opened(patience, today=today) as push:
            report = push.run(selection, progress)
        self.verify_audit()
        return report

    def read_again(self) -> None:
        """Scan anew and make new previews."""
        with reader_from(self.settings) as reader:
            save_scan(self.warehouse, scan(reader), run_id=None)
        for source in SOURCES:
            preview_id = reconcile(self.warehouse, source, today=self.settings.today())
            self.previews[source] = load_preview(self.warehouse, preview_id)

    def verify_audit(self) -> audit.Verification:
        with self.warehouse.read() as connection:
            result = audit.verify(audit.load(connection), noted_heads(connection))
        assert result.sound, result
        return result

    def changes(self) -> Changes:
        """What of the additions differs from the beginning. Nothing else of ConnectWise ever may."""
        for name in set(TABLES) - {"additions"}:
            assert getattr(self.connectwise.state, name) == self.stock.records[name], f"{name} were changed"
        return changes(self.stock.records["additions"], additions_of(self.stock.sandbox))

    def writes(self) -> list[Write]:
        """The writes that ConnectWise was asked for, carried out or not."""
        return writes_of(self.stock.sandbox)


@dataclass(frozen=True)
class PushedAll:
    """One push of every row that can be approved: what it changed, and each agreement's next invoice around it.

    `rows` are the approved ones, `previews` were made from a new scan afterwards.
    """

    rows: list[Row]
    report: dict[str, Any]
    changes: Changes
    before: dict[int, Invoice]
    after: dict[int, Invoice]
    previews: dict[Source, Preview]

    @classmethod
    def of(cls, place: Place, source: Source) -> PushedAll:
        rows = place.approvable(source)
        agreements = {agreement_of(row) for row in rows}
        before = {key: place.connectwise.next_invoice(key) for key in agreements}
        report = place.push(place.approve(*rows))
        changes = place.changes()
        after = {key: place.connectwise.next_invoice(key) for key in agreements}
        place.read_again()
        return cls(rows, report, changes, before, after, place.previews)


def agreement_of(row: Row) -> int:
    """The agreement of a row; the first, where the operator has to choose one."""
    return int(row["agreement_id"] or row["agreements"][0]["agreement_id"])


def point_at(sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> Settings:
    """Settings that name this sandbox and a home in that folder."""
    for name, value in sandbox.settings().items():
        patch.setenv(name, value)
    patch.setenv("SEATSYNC_HOME", str(folder / "home"))
    patch.chdir(folder)
    return load_settings()


def place_in(stock: Stock, folder: Path, patch: pytest.MonkeyPatch) -> Place:
    settings = point_at(stock.sandbox, folder, patch)
    return Place(stock, settings, Warehouse(settings.database), folder)


def approvable(preview: Preview) -> list[Row]:
    return [row for row in preview.rows if row["action"] != "none" and not row["blocked"]]


def counts(report: dict[str, Any]) -> dict[str, int]:
    """The counts of a report that are not 0."""
    return {name: count for name, count in report["counts"].items() if count}


def outcomes(report: dict[str, Any]) -> list[str]:
    return [item["outcome"] for item in report["items"]]


def reasons(report: dict[str, Any]) -> Iterable[str]:
    return [item["reason"] for item in report["items"]]
