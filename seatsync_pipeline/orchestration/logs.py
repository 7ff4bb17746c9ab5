"""What a person sees of a run while it lasts: short progress, not Dagster's event stream."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from seatsync_pipeline.sources.file_text import visible


def at_intervals(
    say: Callable[[str], None], *, seconds: float = 1.0, now: Callable[[], float] = time.monotonic
) -> Callable[[str, int, int], None]:
    """A progress callback (what, done, total) that speaks at each tenth of the way and at its end.

    Tenths that follow each other faster than `seconds` are left out, so that quick work takes one line and
    long work about ten. Safe to call from several threads at once.
    """
    lock = threading.Lock()
    tenths: dict[str, int] = {}
    spoke: dict[str, float] = {}

    def report(what: str, done: int, total: int) -> None:
        with lock:
            moment = now()
            spoke.setdefault(what, moment)
            tenth = done * 10 // total if total else 10
            soon = tenth < 10 and moment - spoke[what] < seconds
            if soon or tenth <= tenths.get(what, 0):
                return
            tenths[what], spoke[what] = tenth, moment
        say(f"{what}: {done} of {total}")

    return report


class _ForPeople(logging.Formatter):
    """`12:34:56  Reading additions: 30 of 60`, without Dagster's run id, job name and step."""

    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", None) or {}
        message = meta.get("orig_message") or record.getMessage()
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        shown = message if message.isprintable() else visible(message, len(message))
        return f"{moment:%H:%M:%S}  {prefix}{shown}"


# Dagster's remarks about its plan, logged in the name of the step: consequences of what was said before.
_REMARKS = ("Dependencies for step ", "Skipping step ")


def _said_by_an_asset(record: logging.LogRecord) -> bool:
    meta = getattr(record, "dagster_meta", None) or {}
    message = str(meta.get("orig_message") or "")
    return not meta.get("dagster_event") and not message.startswith(_REMARKS)


@dg.logger({}, "What the assets themselves say, one short line each, on stderr.")
def progress_logger(context: dg.InitLoggerContext) -> logging.Logger:  # noqa: ARG001  # Dagster's signature
    """Only what assets log on purpose: Dagster's own events stay in the run's record, where the UI shows them."""
    logger = logging.getLogger("seatsync.progress")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ForPeople())
    handler.addFilter(_said_by_an_asset)
    logger.handlers = [handler]  # of this run alone: stderr may be another one than last time
    return logger
