"""An empty warehouse, and programs that get in its way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.warehouse import Warehouse

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


def product(product_id: int = 1, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "snapshot_id": "snap_1",
        "product_id": product_id,
        "identifier": "NA",
        "description": None,
        "product_class": "Service",
        "inactive": False,
        "price": Decimal("0.1"),
        "cost": None,
        "taxable": True,
        "billing_cycle": "Monthly",
    }
    return row | changes


@contextmanager
def another_program_holding(path: Path) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdin is not None
        assert program.stdout.readline() == "held\n"
        try:
            yield program.pid
        finally:
            program.stdin.close()
            program.wait(10)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "home" / "seatsync.duckdb")


def run_python(source: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
