"""Every error SeatSync raises on purpose, in one tree.

* SeatSyncError                     something was refused or failed; the last good data is untouched
  * ConfigurationError              a setting is missing or wrong
  * InputRefused                    an operator's file or argument cannot be used
    * FileRefused                   a dropped or imported file, with its faults one by one
  * NotFound                        a named row, snapshot, company, product ... does not exist
  * VendorError                     ConnectWise or Duo could not be read
    * TransientVendorError          worth trying again: time-out, reset, 429, 5xx
    * PermanentVendorError          trying again changes nothing: 4xx, an answer of the wrong shape
      * CredentialsRefused          401/403: credentials, permissions or the clock
      * WriteRefused                ConnectWise did not take a write, and said so
    * AnswerLost                    a write was sent, and nobody can tell whether it was taken
    * IncompleteAnswer              the vendor answered, but the answer is provably not the whole
  * WarehouseError                  the database
    * WarehouseBusy                 another program holds the file
    * WarehouseFull                 no space, or not writable
    * WarehouseIncompatible         written by another version, or not a SeatSync database
  * NoticeUndelivered               a notice did not reach a channel; the work it tells of is untouched

Below the Dagster layer only these are raised. Each message says what was tried, what was found and what
to do next, and never carries a secret.
"""

from __future__ import annotations

from dataclasses import dataclass


class SeatSyncError(Exception):
    """Something was refused or failed; nothing half-done was left behind.

    `tried` is what SeatSync was doing, `found` what stopped it, `remedy` what the operator can do.
    """

    def __init__(self, tried: str, found: str, remedy: str) -> None:
        super().__init__(tried, found, remedy)
        self.tried = tried
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.tried}: {self.found.rstrip('.')}. {self.remedy}"


class ConfigurationError(SeatSyncError):
    """A setting is missing or wrong."""


class InputRefused(SeatSyncError):
    """An operator's file or argument cannot be used."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one place in a file. `line` counts from 1, as an editor shows it."""

    line: int | None
    column: str | None
    value: str | None
    rule: str
    remedy: str


class FileRefused(InputRefused):
    """A file was refused whole; `faults` lists everything found, not only the first."""

    def __init__(self, tried: str, found: str, remedy: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(tried, found, remedy)
        self.faults = faults


class NotFound(InputRefused):
    """A named row, snapshot, company, product or license does not exist."""


class VendorError(SeatSyncError):
    """ConnectWise or Duo could not be read."""


class TransientVendorError(VendorError):
    """Worth trying again: time-out, reset, 429, 5xx.

    `retry_after` is in seconds when the vendor named it, `status` the HTTP status, None where no answer came.
    """

    def __init__(
        self,
        tried: str,
        found: str,
        remedy: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(tried, found, remedy)
        self.retry_after = retry_after
        self.status = status


class PermanentVendorError(VendorError):
    """Trying again changes nothing: a 4xx, or an answer of the wrong shape. `status` is the HTTP status."""

    def __init__(self, tried: str, found: str, remedy: str, *, status: int | None = None) -> None:
        super().__init__(tried, found, remedy)
        self.status = status


class CredentialsRefused(PermanentVendorError):
    """401 or 403: credentials, permissions or the clock."""


class WriteRefused(PermanentVendorError):
    """ConnectWise did not take a write, and said so: nothing was changed. `said` is what it said, whole."""

    def __init__(
        self, tried: str, found: str, remedy: str, *, status: int | None = None, said: str = ""
    ) -> None:
        super().__init__(tried, found, remedy, status=status)
        self.said = said


class AnswerLost(VendorError):
    """A write was sent and its answer lost (time-out, reset, 5xx, unreadable body): it may have been taken."""


class IncompleteAnswer(VendorError):
    """The vendor answered, but the answer is provably not the whole (a count disagrees, a page is missing)."""


class WarehouseError(SeatSyncError):
    """The database could not be used."""


class WarehouseBusy(WarehouseError):
    """Another program holds the database file. `holder` names it where the system tells."""

    def __init__(self, tried: str, found: str, remedy: str, *, holder: str | None = None) -> None:
        super().__init__(tried, found, remedy)
        self.holder = holder


class WarehouseFull(WarehouseError):
    """No space left, a quota or size limit reached, or the folder is not writable."""


class WarehouseIncompatible(WarehouseError):
    """Written by a newer SeatSync or another DuckDB major, or no SeatSync database at all."""


class NoticeUndelivered(SeatSyncError):
    """A notice did not reach a channel.

    `passing`: trying again may help. `retry_after` is in seconds when the channel named it.
    """

    def __init__(
        self,
        tried: str,
        found: str,
        remedy: str,
        *,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(tried, found, remedy)
        self.passing = passing
        self.retry_after = retry_after
