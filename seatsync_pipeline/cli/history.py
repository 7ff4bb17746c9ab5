"""A look into Dagster's run history without opening Dagster: `seatsync doctor` changes nothing, and an instance would.

Only the history as this project keeps it, in SQLite. One that was given PostgreSQL tells nothing here.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatsync_pipeline.settings import Settings


def pushes_on_record(settings: Settings) -> int:
    """How many runs of the push the history holds, rehearsals among them; 0 where it cannot be read."""
    file = Path(os.environ.get("DAGSTER_HOME") or settings.dagster_home) / "history" / "runs.db"
    if not file.is_file():
        return 0
    # With a log beside it somebody has it open; without one, SQLite would make one to read it in the usual way.
    mode = "mode=ro" if file.with_name("runs.db-wal").exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=2)) as history:
            found = history.execute("select count(*) from runs where pipeline_name = 'push_to_connectwise'")
            return int(found.fetchone()[0])
    except sqlite3.Error:
        return 0
