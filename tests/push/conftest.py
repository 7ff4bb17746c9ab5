"""A place to push from: see `place`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sources.base import SOURCES, Source
from tests.push.place import Place, PushedAll, Stock, place_in, point_at


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    with Sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        yield Stock.lay_in(sandbox, point_at(sandbox, tmp_path_factory.mktemp("stock"), patch))


@pytest.fixture
def place(stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place_in(stock, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def pushed_all(stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> dict[Source, PushedAll]:
    """Everything that each source's preview offers, pushed; for tests that only look at what came of it."""
    made = {}
    for source in SOURCES:
        with pytest.MonkeyPatch.context() as env:
            made[source] = PushedAll.of(place_in(stock, tmp_path_factory.mktemp("all"), env), source)
    return made
