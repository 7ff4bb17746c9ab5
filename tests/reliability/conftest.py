"""One home and one sandbox for all cases of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reliability.place import Ground, ground


@pytest.fixture(scope="session")
def good_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("reliability")) as made:
        yield made
