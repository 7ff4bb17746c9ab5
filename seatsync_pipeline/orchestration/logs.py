"""What a person sees of a run while it lasts: short progress, not Dagster's event stream."""

import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg


def in_tenths(say: Callable[[str], None]) -> Callable[[str, int, int], None]:
    """A progress callback (what, done, total) that speaks at most about ten times per `what`.

    Safe to call from several threads at once.
    """
    lock = threading.Lock()
    last: dict[str, int] = {}

    def report(what: str, done: int, total: int) -> None:
        tenth = done * 10 // total if total else 10
        with lock:
            if tenth <= last.get(what, 0):
                return
            last[what] = tenth
        say(f"{what}: {done} of {total}")

    return report


class _ForPeople(logging.Formatter):
    """`12:34:56  Reading additions: 30 of 60`, without Dagster's run id, job name and step."""

    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", None) or {}
        message = meta.get("orig_message") or record.getMessage()
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        return f"{moment:%H:%M:%S}  {prefix}{message}"


def _is_no_event(record: logging.LogRecord) -> bool:
    meta = getattr(record, "dagster_meta", None) or {}
    return not meta.get("dagster_event")


@dg.logger({}, "What the assets themselves say, one short line each, on stderr.")
def progress_logger(context: dg.InitLoggerContext) -> logging.Logger:  # noqa: ARG001  # Dagster's signature
    """Only what assets log on purpose: Dagster's own events stay in the run's record, where the UI shows them."""
    logger = logging.getLogger("seatsync.progress")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ForPeople())
    handler.addFilter(_is_no_event)
    logger.handlers = [handler]  # of this run alone: stderr may be another one than last time
    return logger
