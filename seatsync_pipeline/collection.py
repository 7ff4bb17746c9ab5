"""Python's garbage collector, kept away while millions of records are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """No collection meanwhile, also not in other threads: it would look at every record again and again.

    Counting references still frees what is dropped; only cycles wait. A third of the time of a large import.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            # To the oldest generation, unlooked at: else the very next object that is made has all of them examined.
            gc.freeze()
            gc.unfreeze()
            gc.enable()
