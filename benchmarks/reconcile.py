"""One preview of a large month, and its scan: classified, stored and loaded again; and whether the time grows with the
size alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, TypeVar

from benchmarks.harness import Figure, in_child, peak_megabytes
from seatsync_pipeline.connectwise.records import Addition, Agreement, AgreementType, Company, Product, Scan
from seatsync_pipeline.connectwise.store import load_scan, save_scan
from seatsync_pipeline.reconcile.inputs import Inputs, Setup
from seatsync_pipeline.reconcile.matching import Link
from seatsync_pipeline.reconcile.preview import draft_preview
from seatsync_pipeline.reconcile.store import PreviewOrigin, load_preview, save_preview
from seatsync_pipeline.sources.base import Account, Observation, SourceSnapshot, State
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

MANY, FEW = 100_000, 10_000
MOST_MEGABYTES = 1024  # with storing: what a small machine has to spare
T = TypeVar("T")
TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 8)  # noqa: DTZ001  # stored times are naive UTC


def world(observations: int) -> Inputs:
    """Two licenses an account, four additions a company; a fifth of the seats moved, some accounts gone, some new."""
    many = observations // 2
    numbers = range(1, many + 1)
    present = [n for n in numbers if n % 50]
    scan = Scan(
        companies=tuple(Company(n, f"c{n}", f"Client {n:06} and Partners", "Active") for n in numbers),
        agreement_types=(AgreementType(1, "Managed Services"),),
        agreements=tuple(_agreement(n) for n in numbers),
        additions=tuple(
            _addition(n, product) for n in numbers for product in (1, 2, 3, 4) if product > 1 or n % 20
        ),
        products=tuple(
            Product(p, f"PRODUCT-{p}", price=Decimal("3.25"), cost=Decimal("1.2"), billing_cycle="Monthly")
            for p in (1, 2, 3, 4)
        ),
        taken_at=NOW,
    )
    accounts = tuple(Account(f"DA{n:08}", f"Client {n:06}") for n in numbers)
    return Inputs(
        source="duo",
        today=TODAY,
        snapshot_day=TODAY,
        accounts=accounts,
        observations=tuple(_observation(n, product) for n in present for product in (1, 2)),
        scan=scan,
        setup=Setup(
            {"License 1": 1, "License 2": 2},
            {"License 1": frozenset({1}), "License 2": frozenset({2})},
            {account.key: Link(account.key, account.name, n) for n, account in enumerate(accounts, 1)},
        ),
    )


def _agreement(number: int) -> Agreement:
    return Agreement(
        number,
        f"Managed Services - Client {number:06}",
        number,
        "Managed Services",
        start_date=date(2024, 3, 1),
        next_invoice_date=date(2026, 12, 1),
        billing_cycle="Monthly",
    )


def _seats(number: int, product: int) -> int:
    return 10 + (number * 7 + product) % 37


def _addition(number: int, product: int) -> Addition:
    return Addition(
        number * 10 + product,
        number,
        product,
        f"PRODUCT-{product}",
        Decimal(_seats(number, product)),
        unit_price=Decimal("3.25"),
        unit_cost=Decimal("1.2"),
        effective_date=date(2024, 3, 1),
    )


def _observation(number: int, product: int) -> Observation:
    moved = 3 if (number + product) % 5 == 0 else 0
    seats = Decimal(_seats(number, product) + moved)
    return Observation(f"DA{number:08}", f"Client {number:06}", f"License {product}", seats, State.COUNTED)


def one_preview(observations: int, folder: Path | None) -> dict[str, Any]:
    """Seconds and processor seconds of classifying; with a folder also of storing there, and of loading."""
    inputs = world(observations)
    base = peak_megabytes()
    classified, draft = _timed(lambda: draft_preview(inputs))
    found: dict[str, Any] = {
        "seconds": classified.seconds,
        "cpu": classified.cpu,
        "rows": len(draft.rows),
        "observations": len(inputs.observations),
        "additions": len(inputs.scan.additions),
        "base": base,
        "peak": peak_megabytes(),
    }
    if folder is not None:
        warehouse = Warehouse(folder / "seatsync.duckdb")
        scan_id = save_scan(warehouse, replace(inputs.scan, additions=()), run_id=None)
        taken = SourceSnapshot("duo", NOW, inputs.accounts, (), "digest")
        snapshot_id = save_snapshot(warehouse, taken, run_id=None)
        origin = PreviewOrigin("duo", TODAY, None, snapshot_id, scan_id)
        stored, preview_id = _timed(lambda: save_preview(warehouse, draft, origin))
        del draft
        loaded, _ = _timed(lambda: load_preview(warehouse, preview_id))
        found |= {"store": stored.text, "load": loaded.text, "peak_stored": peak_megabytes()}
        found["kept_seconds"] = stored.seconds + loaded.seconds
        stored, scan_id = _timed(lambda: save_scan(warehouse, inputs.scan, run_id=None))
        with warehouse.read() as connection:
            loaded, _ = _timed(lambda: load_scan(connection, scan_id))
        found |= {"store_scan": stored.text, "load_scan": loaded.text}
    return found


@dataclass(frozen=True)
class _Time:
    seconds: float
    cpu: float

    @property
    def text(self) -> str:
        return f"{self.cpu:.1f} s processor ({self.seconds:.1f} s)"


def _timed(work: Callable[[], T]) -> tuple[_Time, T]:
    began, cpu = perf_counter(), process_time()
    made = work()
    return _Time(perf_counter() - began, process_time() - cpu), made


def figures() -> list[Figure]:
    few = in_child("benchmarks.reconcile", str(FEW))
    with tempfile.TemporaryDirectory() as folder:
        many = in_child("benchmarks.reconcile", str(MANY), folder)
    growth = (many["cpu"] / many["rows"]) / (few["cpu"] / few["rows"])
    at = f"{many['observations']:,} observations, {many['additions']:,} additions"
    stored = f"stored with its sheet in {many['store']}, loaded in {many['load']}"
    scan = f"its scan stored in {many['store_scan']}, loaded in {many['load_scan']}"
    return [
        Figure(
            "reconciliation: time",
            at,
            "2.00 s",
            f"{many['cpu']:.2f} s processor, {many['seconds']:.2f} s",
            many["cpu"] / 2,
            1.0,
            note=f"{many['rows']:,} rows; {stored}; {scan}",
        ),
        Figure(
            "reconciliation: peak memory",
            f"{at}, with storing",
            f"{MOST_MEGABYTES:,} MB",
            f"{many['peak_stored']:.0f} MB",
            many["peak_stored"] / MOST_MEGABYTES,
            1.0,
            note=f"{many['base']:.0f} MB before classifying, {many['peak']:.0f} MB after it",
        ),
        Figure(
            "reconciliation: time of a row",
            f"beside {few['observations']:,} observations",
            f"{few['cpu'] / few['rows'] * 1e6:.0f} us",
            f"{many['cpu'] / many['rows'] * 1e6:.0f} us",
            growth,
            1.25,
        ),
    ]


if __name__ == "__main__":
    print(json.dumps(one_preview(int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)))
