"""What Dagster's own history knows of pushes: a second place that notes the audit log's head."""

import dagster as dg

from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.orchestration.push import PUSH
from seatsync_pipeline.settings import Settings

_LOOKED_AT = 1000


def noted_audit_heads(settings: Settings) -> dict[str, str]:
    """The audit heads in the materializations of pushes: where -> hash."""
    with open_instance(settings) as instance:
        records = instance.fetch_materializations(PUSH, limit=_LOOKED_AT).records
    noted = {}
    for record in records:
        materialization = record.asset_materialization
        if materialization is None:
            continue
        head = materialization.metadata.get("audit_head")
        if isinstance(head, dg.TextMetadataValue) and head.value:
            noted[f"the Dagster run {record.run_id}"] = head.value
    return noted
