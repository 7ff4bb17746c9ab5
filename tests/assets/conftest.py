"""Fixtures of the Dagster tests."""

from tests.orchestration.place import homes, place, pulled, scanned

__all__ = ["homes", "place", "pulled", "scanned"]
