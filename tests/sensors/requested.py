"""One requested run in a process of its own, for tests that kill it: `python -m tests.sensors.requested JSON`.

JSON holds the run's `job`, `config` and `tags`.
"""

from __future__ import annotations

import json
import sys

from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.settings import load_settings


def main(request: str) -> int:
    asked = json.loads(request)
    job = build_defs().resolve_job_def(asked["job"])
    with open_instance(load_settings()) as instance:
        result = job.execute_in_process(
            run_config=asked["config"], tags=asked["tags"], instance=instance, raise_on_error=False
        )
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
