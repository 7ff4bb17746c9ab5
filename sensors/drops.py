"""The drop folders: a file that lies there whole starts its run.

Thin shells around `decide`: they read the folder, ask Dagster which runs there were, and hand on what was decided.
A tick changes nothing outside its cursor; the run moves the file (`orchestration/filing`), so that a process that dies
at any moment leaves the file where the next tick finds it.

A folder or file that cannot be read makes the tick fail. Dagster keeps neither cursor nor run requests of a failed
tick, so a tick that has something to hand on does that first, says in its log what it could not read, and the next
one fails.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.orchestration.filing import DROP_TAG
from seatsync_pipeline.orchestration.inbox import (
    FoundFile,
    Listing,
    content_of,
    found_file,
    list_inbox,
    reason_of,
)
from seatsync_pipeline.orchestration.jobs import avanan_import, avanan_import_config, connectwise_scan
from seatsync_pipeline.orchestration.push import push_config, push_to_connectwise
from seatsync_pipeline.orchestration.unfinished import is_being_written
from seatsync_pipeline.reconcile.due import scan_is_due
from seatsync_pipeline.settings import Settings, load_settings
from seatsync_pipeline.sources.file_text import visible
from seatsync_pipeline.warehouse import Warehouse
from sensors import decide
from sensors.decide import Drop, PastRun, Rules

INTERVAL = 30  # seconds between two ticks; a file has to lie unchanged that long, at least
FILE_TAG = "seatsync/file"
_QUEUE = 50  # drops whose runs are looked up in one tick
_MINUTE = 60.0
_UNTOLD = (
    "not yet unchanged for two minutes, as a file has to be that is another user's or on a share: nobody can tell here "
    "whether it is still being written"
)
_DATABASE = 10.0  # seconds to wait for it: a tick may last 60


@dataclass(frozen=True)
class DropFolder:
    """One folder: where it is, how its drops are worked off, and by which run config.

    A run of its own job, or of one `beside`, has to end before the next begins.
    """

    folder: Callable[[Settings], Path]
    rules: Rules
    run_config: Callable[[Path, str], Mapping[str, Any]]
    beside: tuple[str, ...] = ()


EXPORTS = DropFolder(
    folder=lambda settings: settings.avanan_inbox,
    # It only reads: what kept a run from reading (ConnectWise, the database, a restart) has often passed by then.
    rules=Rules(
        "avanan_import", delays=(10 * _MINUTE, 60 * _MINUTE), in_order=False, first="connectwise_scan"
    ),
    run_config=avanan_import_config,
    beside=("connectwise_scan", "seat_sync"),
)
SELECTIONS = DropFolder(
    folder=lambda settings: settings.selections_inbox,
    # It writes: a push that broke off is carried on when a person has looked at it, and nothing overtakes it.
    rules=Rules("push_to_connectwise", delays=(), in_order=True),
    run_config=lambda file, sha256: push_config(file, confirm=True, sha256=sha256),
)


@dg.sensor(
    name="avanan_export_drop",
    jobs=[avanan_import, connectwise_scan],
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Import every Avanan export that is put into `inbox/avanan/`, once it lay there unchanged for two "
    "ticks and no program has it open for writing, and make a preview of it. Nothing is written to "
    "ConnectWise.\n\nOn a share, and for a file of another user, the system does not tell who has it open: there it "
    "has to lie unchanged for two minutes.\n\nScans ConnectWise first when the last scan "
    "is older than a day or than the last push. An imported file moves to `archive/<month>/`; a refused one to "
    "`rejected/`, beside `<name>.errors.csv`, which says what to correct. When a run fails for another reason, the "
    "file stays, and two more runs follow: after 10 minutes, then after an hour. A file that is dropped again later is "
    "imported again.",
)
def avanan_export_drop(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    return tick(context, EXPORTS)


@dg.sensor(
    name="selection_drop",
    job=push_to_connectwise,
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="WRITES TO CONNECTWISE: every approved selection that is put into `inbox/selections/` is pushed as "
    "soon as it is whole, confirmed, and nobody is asked again. It changes what your clients are billed.\n\nOff "
    "until you switch it on; then whoever can write to that folder can have approved rows pushed. The push itself "
    "refuses what was not approved, is stale, or was pushed before. One push at a time, the oldest file first. A "
    "finished file moves to `archive/<month>/`, a refused one to `rejected/`, beside `<name>.errors.csv`. A push "
    "that was stopped or interrupted leaves its file here, and the others wait: open its run, remove the cause, "
    "press Re-execute, and it carries on.",
)
def selection_drop(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    return tick(context, SELECTIONS)


for _sensor in (avanan_export_drop, selection_drop):
    # Dagster 1.13 copies a sensor with its own empty default of a beta parameter, and warns each user of it.
    _sensor._owners = None  # type: ignore[assignment]  # noqa: SLF001


def tick(context: dg.SensorEvaluationContext, drops: DropFolder) -> dg.SensorResult:
    """One look at the folder. Raises SeatSyncError when something there cannot be read and nothing else is to do."""
    settings = load_settings()
    settings.make_folders()
    folder = drops.folder(settings)
    now = time.time()
    before = decide.load_memory(context.cursor)
    listing = list_inbox(folder)
    read = _read(folder, decide.to_read(listing, before))
    unreadable = [*listing.unreadable, *read.unreadable]
    memory = decide.observe(listing, before, read.contents, written=read.written, untold=read.untold, now=now)
    decision = decide.decide(*_considered(context.instance, settings, drops, memory, now), drops.rules)
    requests = []
    if decision.request is not None:
        memory = decide.having_asked(memory, decision.request, now)
        requests = [_run_request(folder, drops, decision.request)]
    for what in unreadable:
        context.log.error("In %s cannot be read: %s", folder, what)
    if unreadable and not requests and memory == before:
        raise SeatSyncError(
            f"reading the drop folder {folder}",
            "; ".join(unreadable),
            "Make it readable for the user that runs Dagster, or take it away. Everything else there is taken up.",
        )
    return dg.SensorResult(
        run_requests=requests,
        cursor=decide.dump_memory(memory),
        skip_reason=None if requests else _why(folder, listing, memory, decision.notes, read),
    )


@dataclass
class _Read:
    """What a tick found in the files: sha256 by name, and why it has none of the others.

    One that changed while it was read is in none of them. Of `untold` ones, which were read, nobody can tell whether
    they are open for writing.
    """

    contents: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


def _read(folder: Path, files: Sequence[FoundFile]) -> _Read:
    read = _Read()
    for file in files:
        path = folder / file.name
        try:
            # Before it is read: what is written and closed after this look shows in its times.
            written = is_being_written(path)
            if written:
                read.written.append(file.name)
                continue
            content = content_of(path)
            if found_file(file.name, path.lstat()) == file:
                read.contents[file.name] = content
                read.untold += [file.name] if written is None else []
        except FileNotFoundError:
            continue  # taken away since it was listed
        except OSError as error:
            read.unreadable.append(f"{visible(file.name)}: {reason_of(error)}")
    return read


def _reopened(folder: Path, queue: Sequence[Drop]) -> set[str]:
    """Those of the whole files that somebody has opened for writing since. Others may be gone: their run says so."""
    reopened = set()
    for drop in queue:
        with suppress(OSError):
            if is_being_written(folder / drop.name):
                reopened.add(drop.name)
    return reopened


def _considered(
    instance: dg.DagsterInstance, settings: Settings, drops: DropFolder, memory: decide.Memory, now: float
) -> tuple[list[Drop], decide.Circumstances]:
    """The drops to decide about, and what else counts. An empty folder costs no query."""
    queue = decide.drops(memory)[:_QUEUE]
    busy = _busy(instance, drops) if queue else None
    due = bool(queue and drops.rules.first and not busy) and scan_is_due(
        Warehouse(settings.database, deadline=_DATABASE)
    )
    runs = {drop.key: _past_runs(instance, drop) for drop in queue}
    return queue, decide.Circumstances(runs, busy, due, now, _reopened(drops.folder(settings), queue))


def _past_runs(instance: dg.DagsterInstance, drop: Drop) -> list[PastRun]:
    """The runs of a drop, the oldest first."""
    records = instance.get_run_records(dg.RunsFilter(tags={DROP_TAG: drop.key}))
    return [
        PastRun(
            run_id=record.dagster_run.run_id,
            job=record.dagster_run.job_name,
            succeeded=record.dagster_run.status is dg.DagsterRunStatus.SUCCESS,
            ended_at=(record.end_time or record.update_timestamp.timestamp())
            if record.dagster_run.is_finished
            else None,
        )
        for record in reversed(records)
    ]


def _busy(instance: dg.DagsterInstance, drops: DropFolder) -> str | None:
    """A run, whoever started it, that has to end before another one of this folder begins."""
    lasting = [status for status in dg.DagsterRunStatus if status not in _ENDED]
    for job in (drops.rules.job, *drops.beside):
        for run in instance.get_runs(dg.RunsFilter(job_name=job, statuses=lasting), limit=1):
            return f"waits for run {run.run_id} of {job}"
    return None


_ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


def _run_request(folder: Path, drops: DropFolder, request: decide.Request) -> dg.RunRequest:
    drop = request.drop
    own = request.job == drops.rules.job
    return dg.RunRequest(
        run_key=request.key,
        job_name=request.job,
        run_config=drops.run_config(folder / drop.name, drop.sha256) if own else {},
        tags={DROP_TAG: drop.key, FILE_TAG: visible(drop.name)},
    )


def _why(
    folder: Path,
    listing: Listing,
    memory: decide.Memory,
    notes: Sequence[str],
    read: _Read,
) -> str:
    """What a person reads when they look why nothing was started."""
    waiting = [file.name for file in listing.files[: decide.REMEMBERED] if not _is_whole(memory, file)]
    growing = [name for name in waiting if name not in read.written and name not in read.untold]
    said = [f"cannot be read: {what}" for what in (*listing.unreadable, *read.unreadable)]
    said += notes
    said += _of(read.written, decide.OPEN)
    said += _of([name for name in waiting if name in read.untold], _UNTOLD)
    said += _of(growing, "not yet unchanged for two ticks")
    said += _of(decide.behind(memory), "behind an older file that is not whole yet")
    if len(listing.files) > decide.REMEMBERED:
        said.append(f"{len(listing.files) - decide.REMEMBERED} further files wait for their turn")
    if listing.ignored:
        said.append(f"left alone: {', '.join(listing.ignored)}")
    return f"{folder}: {'; '.join(said)}" if said else f"Nothing in {folder}."


def _of(names: Sequence[str], what: str) -> list[str]:
    return [f"{what}: {', '.join(map(visible, names))}"] if names else []


def _is_whole(memory: decide.Memory, file: FoundFile) -> bool:
    return file.name in memory and memory[file.name].whole
