"""SeatSync's errors survive the way through Dagster's metadata and back."""

from __future__ import annotations

import dagster as dg
import pytest

from seatsync_pipeline import errors
from seatsync_pipeline.errors import Fault, FileRefused, SeatSyncError
from seatsync_pipeline.orchestration.failures import (
    MAX_FAULTS,
    error_from,
    failure_from,
    refusals_as_failures,
)

MESSAGE = ("reading the moon", "it is cheese", "Bring crackers.")
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SeatSyncError)]
FAULTS = (
    Fault(3, "Users", "n/a", "a whole number", "Write a number."),
    Fault(None, None, "", "a header", "Export again."),
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_itself(kind: type[SeatSyncError]) -> None:
    failure = failure_from(kind(*MESSAGE))

    error = error_from(failure.metadata)

    assert type(error) is kind
    assert error is not None
    assert (error.tried, error.found, error.remedy) == MESSAGE
    assert failure.description == str(error)
    assert failure.allow_retries is False


def test_what_an_error_carries_comes_back_with_it() -> None:
    refused = error_from(failure_from(errors.CredentialsRefused(*MESSAGE, status=403)).metadata)
    busy = error_from(failure_from(errors.WarehouseBusy(*MESSAGE, holder="a shell (process 7)")).metadata)
    limited = error_from(failure_from(errors.TransientVendorError(*MESSAGE, retry_after=1.5)).metadata)
    faulty = error_from(failure_from(FileRefused(*MESSAGE, faults=FAULTS)).metadata)

    assert isinstance(refused, errors.CredentialsRefused)
    assert refused.status == 403
    assert isinstance(busy, errors.WarehouseBusy)
    assert busy.holder == "a shell (process 7)"
    assert isinstance(limited, errors.TransientVendorError)
    assert limited.retry_after == 1.5
    assert isinstance(faulty, FileRefused)
    assert faulty.faults == FAULTS


def test_a_rubbish_file_does_not_flood_the_log_but_says_how_much_there_was() -> None:
    faults = tuple(Fault(line, None, "x", "rule", "remedy") for line in range(MAX_FAULTS + 5))

    metadata = failure_from(FileRefused(*MESSAGE, faults=faults)).metadata

    assert metadata["fault_count"].value == MAX_FAULTS + 5
    table = metadata["faults"]
    assert isinstance(table, dg.TableMetadataValue)
    assert len(table.records) == MAX_FAULTS


def test_only_refusals_are_translated() -> None:
    with pytest.raises(dg.Failure) as refused, refusals_as_failures():
        raise errors.NotFound(*MESSAGE)
    assert isinstance(refused.value.__cause__, errors.NotFound)

    with pytest.raises(ZeroDivisionError), refusals_as_failures():
        1 / 0  # noqa: B018


def test_a_failure_of_somebody_else_is_not_taken_for_ours() -> None:
    assert error_from(dg.Failure("no", metadata={"error": "Warehouse"}).metadata) is None
    assert error_from(dg.Failure("no").metadata) is None
