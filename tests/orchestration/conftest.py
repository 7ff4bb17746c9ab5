"""Fixtures of the Dagster tests."""

from tests.orchestration.place import environment, place

__all__ = ["environment", "place"]
