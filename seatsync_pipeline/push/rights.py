"""Whether the API member may write, as far as the journal tells.

ConnectWise has no harmless way to ask: any probe would be a write. What is known is how the last writes went.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from seatsync_pipeline.push.records import DONE
from seatsync_pipeline.warehouse import Connection

# In the words of ConnectWise's security roles. SeatSync never deletes, so its role need not be able to.
WRITE_ROLE = "Finance > Agreements: Add All, Edit All, Inquire All; no Delete"

_REFUSED = re.compile(r"\bthe server answered (401|403)\b")


@dataclass(frozen=True)
class LastWrite:
    """The last write whose answer speaks of rights. `refused` is 401 or 403, None for a write that was taken."""

    operation_id: str
    made_at: datetime
    refused: int | None


_WRITES = """
    select o.operation_id, o.made_at, o.outcome, o.reason
    from outcome o
    where exists (
        select 1 from intent i where i.operation_id = o.operation_id and i.row_id = o.row_id
    )
    order by o.outcome_id desc
"""


def last_write(connection: Connection) -> LastWrite | None:
    """How the last write went that was taken, or refused for its rights; None where there is none."""
    for operation_id, made_at, outcome, reason in connection.execute(_WRITES).fetchall():
        refusal = _REFUSED.search(reason)
        if outcome == "failed" and refusal:
            return LastWrite(operation_id, made_at, int(refusal[1]))
        if outcome in DONE:
            return LastWrite(operation_id, made_at, None)
    return None
