"""The code location: everything Dagster loads.

A new source is one module in `sources/`, one in `assets/`, and its line here.
"""

from collections.abc import Mapping

import dagster as dg

from assets import avanan, connectwise, duo, preview
from seatsync_pipeline.orchestration.acceptance import accept_snapshot
from seatsync_pipeline.orchestration.freshness import with_freshness
from seatsync_pipeline.orchestration.jobs import ALL_JOBS
from seatsync_pipeline.orchestration.logs import progress_logger
from seatsync_pipeline.orchestration.push import approve_preview, push_to_connectwise
from seatsync_pipeline.orchestration.resources import resources
from seatsync_pipeline.orchestration.setup_jobs import SETUP_JOBS
from seatsync_pipeline.settings.environment import keep_environment
from sensors.alerts import ALERTS
from sensors.drops import avanan_export_drop, selection_drop
from sensors.schedule import monthly_seat_sync


def build_defs(*, resource_overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """The definitions, with `resource_overrides` (by name: `settings`, `warehouse`) in place of the real ones."""
    return dg.Definitions(
        assets=with_freshness(
            [
                connectwise.agreement_scan,
                duo.enrolled_users,
                avanan.tenant_export,
                preview.duo_preview,
                preview.avanan_preview,
            ]
        ),
        asset_checks=[connectwise.checks, *duo.checks, *avanan.checks, *preview.checks],
        jobs=[*ALL_JOBS, push_to_connectwise, approve_preview, accept_snapshot, *SETUP_JOBS],
        sensors=[avanan_export_drop, selection_drop, *ALERTS],
        schedules=[monthly_seat_sync()],
        resources=resources(resource_overrides),
        loggers={"console": dg.colored_console_logger, "progress": progress_logger},
    )


keep_environment()  # before the definitions read a setting, and for every run that this process starts
defs = build_defs()
