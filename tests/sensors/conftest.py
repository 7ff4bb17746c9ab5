"""Fixtures of the sensors' tests."""

from tests.orchestration.place import homes, place, pulled, scanned
from tests.push.conftest import stock

__all__ = ["homes", "place", "pulled", "scanned", "stock"]
