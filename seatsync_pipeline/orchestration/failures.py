"""SeatSync's errors, as Dagster shows them.

Below this layer errors are plain exceptions. Here each becomes a `dagster.Failure` whose metadata says what was
tried, what was found and what to do, and here that metadata becomes the exception again for the command line.
No step is retried by Dagster: the reads retry by themselves where that helps.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from seatsync_pipeline import errors
from seatsync_pipeline.errors import Fault, FileRefused, SeatSyncError

# A file of rubbish can have a fault in every line; the run's log is no place for 100,000 of them.
MAX_FAULTS = 1000

_FAULT_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("line", "int", description="counted from 1, as an editor shows it"),
        dg.TableColumn("column", "string"),
        dg.TableColumn("value", "string", description="what stands there"),
        dg.TableColumn("rule", "string", description="what it broke"),
        dg.TableColumn("remedy", "string", description="what to do"),
    ]
)


@contextmanager
def refusals_as_failures() -> Iterator[None]:
    """Let a SeatSyncError that leaves the body fail the step as a `dagster.Failure` with its facts."""
    try:
        yield
    except SeatSyncError as error:
        raise failure_from(error) from error


def failure_from(error: SeatSyncError, **facts: str | int) -> dg.Failure:
    """The failure that shows `error` in the UI; `facts` are further metadata, such as a snapshot's id."""
    metadata: dict[str, Any] = {
        "error": type(error).__name__,
        "tried": error.tried,
        "found": error.found,
        "remedy": error.remedy,
        **facts,
    }
    for name in ("status", "holder", "retry_after"):
        value = getattr(error, name, None)
        if value is not None:
            metadata[name] = value
    if isinstance(error, FileRefused):
        metadata["fault_count"] = len(error.faults)
        metadata["faults"] = _fault_table(error.faults[:MAX_FAULTS])
    return dg.Failure(description=str(error), metadata=metadata, allow_retries=False)


def _fault_table(faults: tuple[Fault, ...]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "line": fault.line,
                "column": fault.column,
                "value": fault.value,
                "rule": fault.rule,
                "remedy": fault.remedy,
            }
        )
        for fault in faults
    ]
    return dg.MetadataValue.table(records=records, schema=_FAULT_COLUMNS)


def error_from(metadata: Mapping[str, dg.MetadataValue]) -> SeatSyncError | None:
    """The error that `failure_from` described; None when the failure was not made by it."""
    values = {name: value.value for name, value in metadata.items() if name != "faults"}
    kind = getattr(errors, str(values.get("error")), None)
    if not (isinstance(kind, type) and issubclass(kind, SeatSyncError)):
        return None
    message = (str(values["tried"]), str(values["found"]), str(values["remedy"]))
    if issubclass(kind, FileRefused):
        return kind(*message, faults=_faults(metadata.get("faults")))
    extra: dict[str, Any] = {
        name: values[name] for name in ("status", "holder", "retry_after") if name in values
    }
    return kind(*message, **extra)


def _faults(table: object) -> tuple[Fault, ...]:
    if not isinstance(table, dg.TableMetadataValue):
        return ()
    return tuple(Fault(**dict(record.data)) for record in table.records)  # type: ignore[arg-type]
