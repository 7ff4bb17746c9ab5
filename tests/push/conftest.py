"""A place to push from: see `place`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seatsync_pipeline.sandbox import Sandbox
from tests.push.place import Place, Stock, place_in, point_at


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    with Sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        yield Stock.lay_in(sandbox, point_at(sandbox, tmp_path_factory.mktemp("stock"), patch))


@pytest.fixture
def place(stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place_in(stock, tmp_path, monkeypatch)
