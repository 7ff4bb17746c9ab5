"""What a drop folder asks for: pure decisions from a listing, what was remembered, and the runs so far.

What belongs here: when a file is whole, which files are one drop, whose turn it is, and when a failed run is tried
again. What does not: reading the folder (`orchestration/inbox`), and Dagster's side of a tick (`drops`).
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile
from typing import Any

from seatsync_pipeline.orchestration.inbox import FoundFile, Listing
from seatsync_pipeline.sources.file_text import visible

REMEMBERED = 500  # files of a folder that are looked at; the newest beyond that wait for their turn
HASHED_FILES = 50  # within one tick, which Dagster ends after 60 seconds
HASHED_BYTES = 512 * 1024 * 1024
LOST_AFTER = 600.0  # seconds after which a run that was asked for and never appeared is asked for again
FIRST_COUNTS = 3600.0
UNTOLD = 120.0  # seconds that a file lies unchanged before it is whole, where nobody can tell whether it is written to
OPEN = "still open for writing in another program"

_VERSION = 2


@dataclass(frozen=True)
class Sighting:
    """What is remembered of one file that lies in the folder.

    `sha256` is what it held when it was last read, `since` when it was first read and held that; `whole`: it held that
    for long enough. `asked` is the key of the run that was last asked for, `asked_at` when. Times are seconds since
    the epoch, by this machine's clock: a share may have another.
    """

    size: int
    modified: int
    arrived: int
    sha256: str
    whole: bool = False
    asked: str = ""
    asked_at: float = 0.0
    since: float = 0.0

    def is_of(self, file: FoundFile) -> bool:
        return (self.size, self.modified, self.arrived) == (file.size, file.modified, file.arrived)


Memory = Mapping[str, Sighting]
"""Sightings by file name. Only of files that lie there: it is as large as the folder, and forgets nothing in it."""


def load_memory(cursor: str | None) -> dict[str, Sighting]:
    """The memory that a cursor holds; nothing when it is no cursor of ours.

    Losing it is harmless: the runs themselves tell which drops were worked on.
    """
    try:
        document: Any = json.loads(cursor or "{}")
        if document.get("version") != _VERSION:
            return {}
        return {name: Sighting(*fields) for name, fields in document["files"].items()}
    except (ValueError, TypeError, AttributeError, KeyError):
        return {}


def dump_memory(memory: Memory) -> str:
    files = {
        name: [
            seen.size,
            seen.modified,
            seen.arrived,
            seen.sha256,
            seen.whole,
            seen.asked,
            seen.asked_at,
            seen.since,
        ]
        for name, seen in sorted(memory.items())
    }
    return json.dumps({"version": _VERSION, "files": files})


def to_read(listing: Listing, memory: Memory) -> list[FoundFile]:
    """The files whose content this tick has to look at, as many as one tick may read; the first one always."""
    chosen: list[FoundFile] = []
    size = 0
    for file in listing.files[:REMEMBERED]:
        seen = memory.get(file.name)
        if seen is not None and seen.whole and seen.is_of(file):
            continue
        size += file.size
        if chosen and (len(chosen) >= HASHED_FILES or size > HASHED_BYTES):
            break
        chosen.append(file)
    return chosen


def observe(
    listing: Listing,
    memory: Memory,
    contents: Mapping[str, str],
    *,
    written: Container[str] = (),
    untold: Container[str] = (),
    now: float = 0.0,
) -> dict[str, Sighting]:
    """The memory after a tick that read `contents` (sha256 by name) of the listed files.

    A file that has changed since begins anew, and one that could not be read is as if it had not been looked at.
    `written` ones are open for writing and were not read. Of `untold` ones nobody knows whether they are: they have
    to lie unchanged for longer.
    """
    after: dict[str, Sighting] = {}
    for file in listing.files[:REMEMBERED]:
        seen = memory.get(file.name)
        seen = seen if seen is not None and seen.is_of(file) else None
        content = contents.get(file.name)
        if content is not None and not (seen and seen.whole):
            again = seen if seen and seen.sha256 == content else None
            since = again.since if again else now
            whole = again is not None and (file.name not in untold or now - since >= UNTOLD)
            after[file.name] = Sighting(
                file.size, file.modified, file.arrived, content, whole=whole, since=since
            )
        elif seen is not None:
            after[file.name] = seen
        elif file.name in written:
            after[file.name] = Sighting(file.size, file.modified, file.arrived, sha256="", since=now)
    return after


@dataclass(frozen=True)
class Drop:
    """One content that arrived, under one or several names. `key` names this arrival of it."""

    name: str
    sha256: str
    key: str
    seen: Sighting


def drops(memory: Memory) -> list[Drop]:
    """The whole files up to the first that is not whole yet, the oldest first, each content once."""
    found: dict[str, Drop] = {}
    for name, seen in _by_age(memory):
        if not seen.whole:
            break
        # The content alone would make a file that is dropped again in a later month the same drop.
        found.setdefault(seen.sha256, Drop(name, seen.sha256, f"{seen.sha256}-{seen.arrived:x}", seen))
    return list(found.values())


def behind(memory: Memory) -> list[str]:
    """The whole files that wait for an older one: of two exports the newer one has to be imported last."""
    unfinished = dropwhile(lambda item: item[1].whole, _by_age(memory))
    return [name for name, seen in unfinished if seen.whole]


def _by_age(memory: Memory) -> list[tuple[str, Sighting]]:
    return sorted(memory.items(), key=lambda item: (item[1].modified, item[0]))


@dataclass(frozen=True)
class PastRun:
    """A run that was started for a drop. `ended_at` is in seconds since the epoch, None while it lasts."""

    run_id: str
    job: str
    succeeded: bool
    ended_at: float | None


@dataclass(frozen=True)
class Rules:
    """How a folder's drops are worked off: by which job, and after how many seconds each failed run is repeated.

    `first` is a job that has to succeed first when it is due; a success counts for an hour. A drop whose runs all
    failed waits for a person. `in_order`: the drops behind it wait as well.
    """

    job: str
    delays: Sequence[float]
    in_order: bool
    first: str | None = None


@dataclass(frozen=True)
class Request:
    """A run to start for a drop. Dagster starts one run at most under a `key`."""

    drop: Drop
    job: str
    key: str


@dataclass(frozen=True)
class Decision:
    """The run to start now, None for none. `notes` say what waits, and why."""

    request: Request | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Circumstances:
    """What there is beside the files: past runs by drop key (the oldest first), a run that has to end before
    another begins, whether the job that goes first is due, the time in seconds since the epoch, and the names of
    those files that are open for writing although they were whole before.
    """

    runs: Mapping[str, Sequence[PastRun]]
    busy: str | None
    first_is_due: bool
    now: float
    reopened: Container[str] = ()


def decide(queue: Sequence[Drop], now: Circumstances, rules: Rules) -> Decision:
    """Whose turn it is. One run at a time, in order: of two exports the newer one has to be imported last."""
    notes: list[str] = []
    for drop in queue:
        past = now.runs.get(drop.key, ())
        name = visible(drop.name)
        if lasting := [run for run in past if run.ended_at is None]:
            return Decision(notes=(*notes, f"{name}: run {lasting[0].run_id} works on it"))
        if done := [run for run in past if run.succeeded and run.job == rules.job]:
            notes.append(f"{name}: run {done[0].run_id} has worked it off; move it away, or drop it again")
            continue
        failed = [run for run in past if not run.succeeded]
        if len(failed) > len(rules.delays):
            notes.append(
                f"{name}: run {failed[-1].run_id} failed. Open it, remove the cause, and press Re-execute there; or "
                "take the file away"
            )
            if rules.in_order:
                return Decision(notes=tuple(notes))
            continue
        if drop.name in now.reopened:
            notes.append(f"{name}: {OPEN}")
            if rules.in_order:
                return Decision(notes=tuple(notes))
            continue
        request = _next_request(drop, past, failed, now, rules)
        if why := now.busy or _too_early(request, failed, now, rules):
            return Decision(notes=(*notes, f"{name}: {why}"))
        return Decision(request, tuple(notes))
    return Decision(notes=tuple(notes))


def _next_request(
    drop: Drop, past: Sequence[PastRun], failed: Sequence[PastRun], now: Circumstances, rules: Rules
) -> Request:
    key = f"{drop.key}-{len(failed) + 1}"
    fresh = any(
        run.job == rules.first and run.succeeded and now.now - (run.ended_at or 0.0) < FIRST_COUNTS
        for run in past
    )
    if rules.first and now.first_is_due and not fresh:
        return Request(drop, rules.first, f"{key}-{rules.first}-{len(past)}")
    return Request(drop, rules.job, key)


def _too_early(request: Request, failed: Sequence[PastRun], now: Circumstances, rules: Rules) -> str | None:
    if failed:
        left = max(run.ended_at or 0.0 for run in failed) + rules.delays[len(failed) - 1] - now.now
        if left > 0:
            return f"run {failed[-1].run_id} failed; the next one follows in {left / 60:.0f} minutes"
    seen = request.drop.seen
    if seen.asked == request.key and now.now - seen.asked_at < LOST_AFTER:
        return "its run was asked for and has not appeared yet"
    return None


def having_asked(memory: Memory, request: Request, now: float) -> dict[str, Sighting]:
    """The memory after a run was asked for."""
    drop = request.drop
    return {**memory, drop.name: replace(drop.seen, asked=request.key, asked_at=now)}
