"""What `seatsync doctor` looks at on this machine; the vendors are `vendor_checks`.

A check never raises for what it is there to find, and changes nothing: not even SEATSYNC_HOME is created.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seatsync_pipeline.errors import SeatSyncError, WarehouseBusy

if TYPE_CHECKING:
    from seatsync_pipeline.settings import Settings

State = Literal["ok", "warn", "fail"]

_FULL, _TIGHT = 200 * 1024**2, 1024**3  # bytes
_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 11), (3, 14)
_OLDEST_DUCKDB, _NEWEST_DUCKDB = (1, 5), 2  # a major newer than this is untried
_DATABASE_PATIENCE = 2.0  # seconds: a doctor who waits a minute for a lock looks ill himself


@dataclass(frozen=True)
class Check:
    """One finding. `fail` stops the work, `warn` will stop or mislead it some day."""

    name: str
    state: State
    found: str
    remedy: str = ""


def from_error(name: str, error: SeatSyncError, state: State = "fail") -> Check:
    return Check(name, state, f"{error.tried}: {error.found}", error.remedy)


def all_checks() -> list[Check]:
    """Every check, in the order in which an operator would mend things."""
    from seatsync_pipeline.settings import load_settings

    try:
        settings = load_settings()
    except SeatSyncError as error:
        return [from_error("settings", error), *name_checks(), *version_checks()]
    from seatsync_pipeline.cli.vendor_checks import connectwise_checks, duo_checks

    return [
        settings_check(settings),
        *name_checks(),
        approvers_check(settings),
        *version_checks(),
        home_check(settings.home),
        disk_check(settings.home),
        database_check(settings),
        columns_check(settings.home),
        notices_check(settings),
        *connectwise_checks(settings),
        writing_check(settings),
        *duo_checks(settings),
    ]


def settings_check(settings: Settings) -> Check:
    if settings.fixed_today:
        return Check(
            "settings",
            "warn",
            f"today is fixed to {settings.fixed_today}",
            "Unset SEATSYNC_TODAY unless you work with the sandbox.",
        )
    return Check("settings", "ok", f"SEATSYNC_HOME is {settings.home}")


def name_checks() -> list[Check]:
    """A mistyped name sets nothing, and nobody is told of it when a command runs: it may be of another program."""
    from seatsync_pipeline.settings import Settings
    from seatsync_pipeline.settings.env_file import names_in, unknown_names
    from seatsync_pipeline.settings.environment import environment

    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    try:
        written = names_in()
    except (OSError, UnicodeDecodeError):
        written = []  # told by `settings`
    found = []
    for place, names in ((".env", written), ("the environment", list(environment()))):
        for name, nearest in unknown_names(names, known).items():
            remedy = f"Did you mean {nearest}?" if nearest else "docs/reference.md lists all settings."
            found.append(
                Check("setting", "warn", f"{name} in {place} is no setting and does nothing", remedy)
            )
    for name in sorted({name for name in written if name.upper() in known and written.count(name) > 1}):
        told = f"{name} is set more than once in .env, and the last one counts"
        found.append(Check("setting", "warn", told, "Keep one of them."))
    return found


def approvers_check(settings: Settings) -> Check:
    """Who may approve what is written to ConnectWise."""
    if settings.approvers:
        return Check("approvers", "ok", ", ".join(settings.approvers))
    return Check(
        "approvers",
        "warn",
        "SEATSYNC_APPROVERS is empty: anybody may approve a push",
        "Name who may, separated by commas.",
    )


def version_checks() -> list[Check]:
    import duckdb

    python = sys.version_info[:2]
    fits = _OLDEST_PYTHON <= python <= _NEWEST_PYTHON
    major, minor = (int(part) for part in duckdb.__version__.split(".")[:2])
    tried = (major, minor) >= _OLDEST_DUCKDB and major <= _NEWEST_DUCKDB
    return [
        Check(
            "python",
            "ok" if fits else "fail",
            ".".join(str(part) for part in sys.version_info[:3]),
            "" if fits else "Use Python 3.11 to 3.14.",
        ),
        Check(
            "duckdb",
            "ok" if tried else "fail",
            duckdb.__version__,
            "" if tried else "Install what requirements.lock names: make setup.",
        ),
    ]


def home_check(home: Path) -> Check:
    """Whether the folder can be written to, and read by its owner alone: it holds whom the MSP bills."""
    if not home.exists():
        parent = next((folder for folder in home.parents if folder.exists()), Path("/"))
        if os.access(parent, os.W_OK | os.X_OK):
            return Check("home", "ok", f"{home} does not exist yet and will be created")
        return Check("home", "fail", f"{home} cannot be created", "Point SEATSYNC_HOME at a folder of yours.")
    if not home.is_dir():
        return Check("home", "fail", f"{home} is a file, and no folder", "Point SEATSYNC_HOME at a folder.")
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return Check("home", "fail", f"{home} cannot be written to", "Correct its permissions.")
    mode = stat.S_IMODE(home.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        return Check("home", "warn", f"{home} is open to other users ({mode:o})", f"Run: chmod 700 {home}")
    return Check("home", "ok", f"{home} is writable and private")


def disk_check(home: Path) -> Check:
    folder = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(folder).free
    told = f"{free / 1024**3:.1f} GiB free"
    if free < _FULL:
        return Check("disk", "fail", told, "Free some space: nothing can be stored.")
    return Check(
        "disk", "warn" if free < _TIGHT else "ok", told, "Free some space soon." if free < _TIGHT else ""
    )


def database_check(settings: Settings) -> Check:
    from seatsync_pipeline.warehouse import Warehouse

    if not settings.database.exists():
        return _no_database(settings)
    try:
        with Warehouse(settings.database, deadline=_DATABASE_PATIENCE).read() as connection:
            rows = connection.execute("select source, count(*) from snapshot group by source order by source")
            counts = ", ".join(f"{source} {count}" for source, count in rows.fetchall())
    except WarehouseBusy as error:
        return from_error("database", error, "warn")
    except SeatSyncError as error:
        return from_error("database", error)
    return Check("database", "ok", f"opens; snapshots: {counts or 'none'}")


def _no_database(settings: Settings) -> Check:
    from seatsync_pipeline.cli.history import pushes_on_record

    if not (pushes := pushes_on_record(settings)):
        return Check("database", "ok", "none yet; the first scan creates it")
    return Check(
        "database",
        "fail",
        f"{settings.database} is gone: Dagster's history holds {pushes} run{'' if pushes == 1 else 's'} of the push",
        "Put it back, or bring a backup back with `seatsync restore`: a new one would not know what was pushed.",
    )


def writing_check(settings: Settings) -> Check:
    """What the journal tells of the right to write. ConnectWise is not asked: any probe would be a write."""
    from seatsync_pipeline.push.rights import WRITE_ROLE, last_write
    from seatsync_pipeline.warehouse import Warehouse

    name, role = "  writing", f"Recommended role of the API member: {WRITE_ROLE}."
    if not settings.database.exists():
        return Check(name, "ok", "not tried yet, and there is no harmless way to ask", role)
    try:
        with Warehouse(settings.database, deadline=_DATABASE_PATIENCE).read() as connection:
            last = last_write(connection)
    except SeatSyncError:
        return Check(name, "warn", "the journal of past writes cannot be read: see database", role)
    if last is None:
        return Check(name, "ok", "not tried yet, and there is no harmless way to ask", role)
    told = f"operation {last.operation_id}, {last.made_at:%Y-%m-%d %H:%M} UTC"
    if last.refused is None:
        return Check(name, "ok", f"the last write was taken ({told})", role)
    return Check(
        name,
        "warn",
        f"ConnectWise answered {last.refused} to the last write ({told})",
        f"Give the API member's role {WRITE_ROLE}; then push the same selection again.",
    )


def columns_check(home: Path) -> Check:
    """Whether the Avanan header aliases and status words can be read."""
    from seatsync_pipeline.sources.avanan_columns import load_columns

    try:
        columns = load_columns(home / "avanan_columns.toml")
    except SeatSyncError as error:
        return from_error("avanan columns", error)
    return Check("avanan columns", "ok", columns.origin)


def notices_check(settings: Settings) -> Check:
    """Who is told when a run fails. Nothing is sent: `seatsync notify` does that."""
    from seatsync_pipeline.notices.channels import channels_from, faults_of

    channels = channels_from(settings)
    if not channels:
        return Check("notices", "ok", "nobody is told of failed runs but in the UI: no channel is set")
    if fault := faults_of(settings):
        return Check("notices", "fail", f"e-mail: {fault}", "Correct it in the environment or in .env.")
    told = ", ".join(f"{channel.name} ({channel.where})" for channel in channels)
    return Check("notices", "ok", told, "To send a test message, run: seatsync notify.")
