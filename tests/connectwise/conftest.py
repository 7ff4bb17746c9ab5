"""A sandbox per test, and readers that lose no time between two attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from seatsync_pipeline.connectwise.access import Retries
from seatsync_pipeline.connectwise.client import ConnectWiseReader, reader_from
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.settings import Settings

QUICK = Retries(attempts=4, attempts_when_limited=7, base=0.01, cap=0.05, patience=5)

Connect = Callable[..., ConnectWiseReader]


def settings_for(sandbox: Sandbox, **changed: str) -> Settings:
    """The settings that point at the sandbox, with some of them changed, by their environment names."""
    return Settings.model_validate({**sandbox.settings(), **changed})


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens readers of a sandbox, and closes them after the test."""
    with ExitStack() as stack:

        def open_reader(sandbox: Sandbox, *, retries: Retries = QUICK, **changed: str) -> ConnectWiseReader:
            settings = settings_for(sandbox, **changed)
            return stack.enter_context(reader_from(settings, retries=retries))

        yield open_reader
