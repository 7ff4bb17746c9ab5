"""What a desk has before the month begins, made in this process: the pages are for what the tests are about."""

from __future__ import annotations

import csv
from decimal import Decimal
from importlib import resources
from pathlib import Path

from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.setup import import_setup
from seatsync_pipeline.sources.base import Source
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.browser.desk import Desk

MONTH = Path(str(resources.files("seatsync_pipeline.sandbox") / "sample_month"))
EXPORT = MONTH / "avanan_export.csv"
EXPECTED = Path(__file__).parents[1] / "expected"


def lay_in(desk: Desk) -> Warehouse:
    """ConnectWise is scanned, and the sample month's mappings, links and filters are set."""
    settings = desk.settings()
    settings.make_folders()
    warehouse = Warehouse(settings.database)
    with reader_from(settings) as reader:
        save_scan(warehouse, scan(reader), run_id=None)
    import_setup(warehouse, MONTH / "setup.csv", by="tester")
    return warehouse


def read_duo(desk: Desk, warehouse: Warehouse) -> str:
    """Duo is read once; the preview's id."""
    settings = desk.settings()
    save_snapshot(warehouse, pull(settings), run_id=None)
    return reconcile(warehouse, "duo", today=settings.today())


def drop(desk: Desk, name: str, content: bytes) -> Path:
    """Put a file into the inbox of Avanan's exports."""
    inbox = desk.settings().avanan_inbox
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / name).write_bytes(content)
    return inbox / name


def expected_quantities(source: Source) -> dict[int, Decimal]:
    """The quantity of each addition that the sample month's preview proposes by itself, as worked out by hand."""
    with (EXPECTED / f"{source}_preview.csv").open(encoding="utf-8", newline="") as file:
        return {
            int(row["addition_id"]): Decimal(row["new_quantity"])
            for row in csv.DictReader(file)
            if row["selected_by_default"] == "true" and row["action"] == "update"
        }


def count(warehouse: Warehouse, sql: str) -> int:
    with warehouse.read() as connection:
        (found,) = connection.execute(sql).fetchall()[0]
    return int(found)
