"""Exports that a test makes up, read as files are."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.base import SourceSnapshot


def read_made_up(data: bytes) -> SourceSnapshot:
    """What an export of these bytes says. Raises FileRefused."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        path.write_bytes(data)
        return read_export(path)
