"""What Terminate in the UI does to a run of this process: the run is marked, and its process gets a SIGINT."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.sandbox.faults import Fault
from seatsync_pipeline.settings import Settings


@contextmanager
def terminated(settings: Settings, held: Fault) -> Iterator[None]:
    """The run that the body begins is terminated as soon as a request of it is held, which then goes on."""

    def person() -> None:
        assert held.wait_until_held(60)
        with open_instance(settings) as instance:
            (under_way,) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            instance.report_run_canceling(under_way)
        os.kill(os.getpid(), signal.SIGINT)
        held.release()

    thread = threading.Thread(target=person)
    thread.start()
    try:
        yield
    finally:
        thread.join()
