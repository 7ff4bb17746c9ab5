"""The Dagster instance: where run history lives, and how it is configured.

`DAGSTER_HOME` wins when it is set; otherwise history is kept in `SEATSYNC_HOME/dagster`, so that it survives a
restart and the web UI and the command line show the same runs.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
WORKSPACE = PROJECT / "workspace.yaml"
INSTANCE_CONFIG = PROJECT / "dagster.yaml"


def dagster_home(settings: Settings) -> Path:
    """The folder of the instance, ready for use: it exists and has a `dagster.yaml`.

    Raises ConfigurationError when DAGSTER_HOME is relative or does not exist, as Dagster does: a mistyped
    folder would start a second, empty history.
    """
    chosen = os.environ.get("DAGSTER_HOME")
    if chosen:
        home = Path(chosen)
        if not home.is_absolute() or not home.is_dir():
            raise ConfigurationError(
                "opening Dagster's run history",
                f"DAGSTER_HOME is {chosen!r}, which is no absolute path of an existing folder",
                f"Create that folder, or unset DAGSTER_HOME to use {settings.dagster_home}.",
            )
    else:
        settings.make_folders()
        home = settings.dagster_home
    _configure(home)
    return home


def _configure(home: Path) -> None:
    """Put the project's `dagster.yaml` there, unless an operator's own one is there already."""
    target = home / "dagster.yaml"
    if target.exists():
        return
    try:
        # Written aside and renamed: a run that starts at the same moment must not read half a file.
        half = home / f".dagster.yaml.{secrets.token_hex(8)}"
        shutil.copyfile(INSTANCE_CONFIG, half)
        half.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"writing {target}",
            error.strerror or str(error),
            "Check that the folder is writable and that SeatSync is installed with `make setup`.",
        ) from error


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of `dagster_home`, closed afterwards; inside `shared_instance` the one that is open already.

    Opening is done one at a time: Dagster creates its SQLite tables then, and two processes that meet on an empty
    folder fail each other with "table already exists".
    """
    home = dagster_home(settings)
    if home in _shared:
        yield _shared[home]
        return
    with FileLock(home / ".opening.lock", timeout=60):
        instance = dg.DagsterInstance.from_config(str(home))
        _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage
    with instance:
        yield instance


_shared: dict[Path, dg.DagsterInstance] = {}


@contextmanager
def shared_instance(settings: Settings) -> Iterator[None]:
    """Open the instance once for several jobs in a row: it takes a quarter of a second each time."""
    with open_instance(settings) as instance:
        home = dagster_home(settings)
        _shared[home] = instance
        try:
            yield
        finally:
            del _shared[home]
