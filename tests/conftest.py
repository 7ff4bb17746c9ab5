"""Settings of the whole test suite."""

from __future__ import annotations

from hypothesis import settings

# A busy machine must not fail a property: timings belong to the benchmarks.
settings.register_profile("seatsync", deadline=None)
settings.load_profile("seatsync")
