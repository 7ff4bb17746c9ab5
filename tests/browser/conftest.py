"""What the months on Dagster's pages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.desk import Desk, open_browser, open_desk
from tests.browser.pages import Pages, open_pages

# Seconds that Dagster's processes wait for each other: with two cores for many tests, 60 were too few.
PATIENT = {"DAGSTER_GRPC_TIMEOUT_SECONDS": "300"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose servers are not started yet: a test lays in first what they are to find."""
    with open_desk(tmp_path, start=False, settings=PATIENT) as desk:
        yield desk


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def pages(browser: Browser, desk: Desk) -> Iterator[Pages]:
    """A tab; what it showed last is kept beside the desk when the test fails."""
    with open_pages(browser, desk) as pages:
        yield pages
