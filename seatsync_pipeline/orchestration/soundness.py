"""What stored data has to be before anything is built on it.

The checks of each kind, and the one reading that is kept as evidence but never used: an empty account list.
"""

from seatsync_pipeline.errors import IncompleteAnswer, SeatSyncError
from seatsync_pipeline.orchestration.stored import no_rows, require_sound, schema, snapshots_of
from seatsync_pipeline.orchestration.tables import (
    ADDITION,
    AGREEMENT,
    COMPANY,
    OBSERVATION,
    PREVIEW,
    PRODUCT,
)
from seatsync_pipeline.orchestration.totals import control_totals
from seatsync_pipeline.sources.base import Source, SourceSnapshot
from seatsync_pipeline.warehouse import Warehouse

# The name under which a source reports it.
EMPTY_LIST = "empty account list"

SCAN_CHECKS = (
    schema(COMPANY),
    schema(AGREEMENT),
    schema(ADDITION),
    schema(PRODUCT),
    no_rows(
        "does_every_addition_have_its_agreement",
        "every addition belongs to an agreement of the same scan",
        """
        select 'addition ' || a.addition_id, 'agreement ' || a.agreement_id
        from addition a
        left join agreement g on g.snapshot_id = a.snapshot_id and g.agreement_id = a.agreement_id
        where a.snapshot_id = $id
          and g.agreement_id is null
        order by a.addition_id
        """,
    ),
)

SNAPSHOT_CHECKS = (
    schema(OBSERVATION),
    no_rows(
        "does_every_number_have_its_account",
        "every observation belongs to an account of the same snapshot",
        """
        select 'position ' || o.position, o.account_key
        from observation o
        left join account a on a.snapshot_id = o.snapshot_id and a.account_key = o.account_key
        where o.snapshot_id = $id
          and a.account_key is null
        order by o.position
        """,
    ),
)

PREVIEW_CHECKS = (schema(PREVIEW, "preview_id"), control_totals())


def require_sound_inputs(warehouse: Warehouse, source: Source) -> None:
    """Refuse to make a preview of a newest scan or snapshot that fails a check. Raises WarehouseError."""
    require_sound(warehouse, snapshots_of("connectwise"), SCAN_CHECKS)
    require_sound(warehouse, snapshots_of(source), SNAPSHOT_CHECKS)


def empty_list_error(snapshot: SourceSnapshot, snapshot_id: str) -> SeatSyncError | None:
    """The error of a pull that found no account at all; None when it found some."""
    for finding in snapshot.findings:
        if finding.rule == EMPTY_LIST:
            return IncompleteAnswer(
                f"reading the accounts of {snapshot.source}",
                finding.message,
                "The last preview is kept. Check that the credentials belong to the parent account, then pull again. "
                f"If there are really no clients left: seatsync accept {snapshot.source} {snapshot_id}",
            )
    return None
