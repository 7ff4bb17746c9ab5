"""What each kind of error means and what to do, in words that fit every error of its kind.

An error's own text says more and may name a client, so that it stays in the Dagster UI.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatsync_pipeline import errors
from seatsync_pipeline.errors import SeatSyncError

CHECK_FAILED = "DagsterAssetCheckFailedError"


@dataclass(frozen=True)
class Explained:
    """`what` continues "It stopped because ..."; `remedy` is one or two sentences."""

    what: str
    remedy: str


_KINDS: dict[type[SeatSyncError], Explained] = {
    errors.ConfigurationError: Explained(
        "a setting is missing or wrong",
        "Run `seatsync doctor`, correct the setting, and start the run again.",
    ),
    errors.FileRefused: Explained(
        "a file cannot be used as it is",
        "Open the run: it lists every fault with its line. Correct the file, or export it anew.",
    ),
    errors.NotFound: Explained(
        "something that was named does not exist", "Open the run to see what, correct it, and start it again."
    ),
    errors.InputRefused: Explained(
        "what it was given cannot be used", "Open the run to see why, correct it, and start it again."
    ),
    errors.CredentialsRefused: Explained(
        "the vendor refused the credentials or the rights behind them",
        "Run `seatsync doctor`: it tells which keys, rights or clock are wrong. Then start the run again.",
    ),
    errors.TransientVendorError: Explained(
        "the vendor could not be reached, or was too busy, and trying again did not help",
        "Start the run again later; if it persists, run `seatsync doctor`.",
    ),
    errors.WriteRefused: Explained(
        "ConnectWise refused a write",
        "Open the run to see which row and why, then push the same selection again.",
    ),
    errors.AnswerLost: Explained(
        "the answer to a write was lost: it may have been taken",
        "Push the same selection again: it looks first, and writes nothing twice.",
    ),
    errors.IncompleteAnswer: Explained(
        "the vendor's answer was provably not the whole",
        "Start the run again when nobody is editing in bulk.",
    ),
    errors.PermanentVendorError: Explained(
        "the vendor answered with a refusal, or with something that cannot be understood",
        "Open the run to see what was asked and answered; `seatsync doctor` checks keys and rights.",
    ),
    errors.VendorError: Explained(
        "a vendor could not be read", "Open the run to see why, and start it again."
    ),
    errors.WarehouseBusy: Explained(
        "another program holds the database",
        "Close that program (the run names it), and start the run again.",
    ),
    errors.WarehouseFull: Explained(
        "the database cannot be written: no space, or no permission",
        "Free space or correct the permissions, and start the run again.",
    ),
    errors.WarehouseIncompatible: Explained(
        "the database was written by another version",
        "Use the SeatSync that wrote it, or restore a backup.",
    ),
    errors.WarehouseError: Explained(
        "what was stored did not pass a check, or the database failed",
        "Open the run: the check lists every row.",
    ),
}
_CHECK = Explained("what was stored did not pass a check", "Open the run: the check lists every row.")
_UNFINISHED = Explained(
    "it could not do everything that was asked", "Open the run: it lists what is done and what is left."
)
_UNKNOWN = Explained(
    "of something that is no refusal of SeatSync's: a defect, or its process was stopped",
    "Open the run to see the error. Start it again; if it fails in the same way, please report it.",
)


def explained(error: str | None) -> Explained:
    """The words for an error's class name, those of the nearest class above it; or that it is nothing we know."""
    if error == CHECK_FAILED:
        return _CHECK
    kind = getattr(errors, error or "", None)
    if not (isinstance(kind, type) and issubclass(kind, SeatSyncError)):
        return _UNKNOWN
    return next((_KINDS[above] for above in kind.__mro__ if above in _KINDS), _UNFINISHED)
