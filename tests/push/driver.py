"""One push in a process of its own, for tests that kill it: `python -m tests.push.driver SELECTION [DEADLINE]`.

`DEADLINE` is how long, in seconds, it waits for a database that somebody else holds. Prints the state in which the
operation ended. Exit codes are those of the command line: 2 for a push that was refused, 1 for one that broke off.
"""

from __future__ import annotations

import sys
from pathlib import Path

from seatsync_pipeline.connectwise.access import Retries
from seatsync_pipeline.errors import InputRefused, SeatSyncError
from seatsync_pipeline.push.look import Patience
from seatsync_pipeline.push.service import opened
from seatsync_pipeline.settings import load_settings
from seatsync_pipeline.warehouse import Warehouse

PATIENCE = Patience(looks=2, pause=0.02, repost_after=0.0, answer=60.0)
FEW = Retries(attempts=2, base=0.01, cap=0.01)


def main(selection: str, deadline: str = "60") -> int:
    settings = load_settings()
    warehouse = Warehouse(settings.database, deadline=float(deadline))
    try:
        with opened(settings, warehouse, run_by="ann", patience=PATIENCE, retries=FEW) as push:
            sys.stdout.write(push.run(Path(selection))["state"])
    except SeatSyncError as error:
        sys.stdout.write(str(error))
        return 2 if isinstance(error, InputRefused) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
