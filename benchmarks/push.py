"""A push of 500 changes to as many companies, against what latency allows with four companies at a time.

The sandbox answers, in a process of its own. The ideal counts the requests that the push itself makes, spread over the
four: what is above it is the careful start, the journal, and processor time (the sandbox's too, on a small machine).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks.harness import PROJECT, Figure
from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.scan import scan
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.push.selection import Approval, write_selection
from seatsync_pipeline.push.service import Push
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.setup import map_license
from seatsync_pipeline.reconcile.store import load_preview
from seatsync_pipeline.sandbox import SampleMonth, Sandbox
from seatsync_pipeline.sandbox.month import AdditionRow, AgreementRow, CompanyRow
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.base import Account, Observation, SourceSnapshot, State
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

CHANGES, LATENCY, AT_ONCE = 500, 0.05, 4
STEPS = 5  # requests of an update: agreements, their additions, the addition, the write, the read-back
PRODUCT, IDENTIFIER = 701, "DUO-MFA"


def month(companies: int) -> SampleMonth:
    """The sample month's catalog, and companies with one agreement and one addition each."""
    numbers = range(1, companies + 1)
    began = date(2024, 3, 1)
    return replace(
        SampleMonth.load(),
        companies=tuple(CompanyRow(n, f"Client{n:05}", f"Client {n:05}") for n in numbers),
        agreements=tuple(
            AgreementRow(
                n, f"Managed Services - {n:05}", n, 1, start_date=began, next_invoice_date=date(2026, 12, 1)
            )
            for n in numbers
        ),
        additions=tuple(
            AdditionRow(10_000 + n, n, PRODUCT, Decimal(20), unit_price=Decimal(3), effective_date=began)
            for n in numbers
        ),
        duo_subaccounts=(),
    )


@contextmanager
def sandbox(companies: int, latency: float) -> Iterator[dict[str, str]]:
    """The sandbox in a process of its own; gives the settings that point at it."""
    command = [sys.executable, "-m", "benchmarks.push", str(companies), str(latency)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        if server.stdout is None:
            raise OSError("the server has no output")
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.terminate()


def approved(settings: Settings, warehouse: Warehouse, companies: int) -> Path:
    """Scan, count, map, reconcile: a selection file with one more seat for every company."""
    with reader_from(settings) as reader:
        save_scan(warehouse, scan(reader), run_id=None)
    numbers = range(1, companies + 1)
    counted = SourceSnapshot(
        "duo",
        datetime.now(UTC),
        tuple(Account(f"DA{n:05}", f"Client {n:05}") for n in numbers),
        tuple(
            Observation(f"DA{n:05}", f"Client {n:05}", "Duo MFA", Decimal(21), State.COUNTED) for n in numbers
        ),
        "digest",
    )
    save_snapshot(warehouse, counted, run_id=None)
    map_license(warehouse, "duo", "Duo MFA", IDENTIFIER, by="bench")
    preview = load_preview(warehouse, reconcile(warehouse, "duo", today=settings.today()))
    rows = [row for row in preview.rows if row["status"] == "Ready"]
    path = warehouse.path.parent / "selection.csv"
    made = [Approval(row, row["agreement_id"], "", ()) for row in rows]
    write_selection(path, made, approved_by="bench", approved_at=datetime.now(UTC).replace(tzinfo=None))
    return path


def one_push(companies: int, latency: float) -> dict[str, Any]:
    """Seconds, processor seconds and requests of pushing one change for each company."""
    with sandbox(companies, latency) as found, tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            found
            | {
                "SEATSYNC_HOME": folder,
                "CONNECTWISE_REQUESTS_PER_MINUTE": "1000000",
                "SEATSYNC_PUSH_CONCURRENCY": str(AT_ONCE),
            }
        )
        warehouse = Warehouse(settings.database)
        path = approved(settings, warehouse, companies)
        with reader_from(settings) as reader:
            push = Push(settings, warehouse, reader, run_by="bench", run_id=None)
            moments: list[float] = []
            cpu, began = process_time(), perf_counter()
            report = push.run(path, lambda *_: moments.append(perf_counter()))
            seconds = perf_counter() - began
            return {
                "seconds": seconds,
                "cpu": process_time() - cpu,
                "before": moments[0] - began,
                "requests": reader.requests + report["counts"]["updated"],
                "updated": report["counts"]["updated"],
            }


def figures() -> list[Figure]:
    return [*figures_at(CHANGES, LATENCY), *figures_at(CHANGES // 2, 4 * LATENCY)]


def figures_at(changes: int, latency: float) -> list[Figure]:
    """Also with longer answers: there, processor time weighs as it does on a machine that is so much quicker."""
    found = one_push(changes, latency)
    ideal = found["requests"] * latency / AT_ONCE
    note = f"{found['updated']} updated; processor {found['cpu']:.1f} s; {found['before']:.1f} s to the first row's end"
    at = f"{changes} changes of as many companies, {latency * 1000:.0f} ms, {AT_ONCE} at a time"
    return [
        Figure(
            "push: time",
            at,
            f"{ideal:.1f} s",
            f"{found['seconds']:.1f} s",
            found["seconds"] / ideal,
            1.3,
            note=note,
        ),
        Figure(
            "push: requests",
            at,
            f"{STEPS * changes}",
            f"{found['requests']}",
            found["requests"] / (STEPS * changes),
            1.01,
        ),
    ]


def main(companies: int, latency: float) -> None:
    with Sandbox(month(companies)) as served:
        served.connectwise.latency = latency
        print(json.dumps(served.settings()), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
