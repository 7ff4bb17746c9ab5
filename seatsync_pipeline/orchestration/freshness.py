"""How old a reading may be before the UI says so: the one place that sets Dagster's freshness policies.

Dagster's badge counts every reading; `stale_source_notice` counts those that are accepted. Both go by
SEATSYNC_NOTICE_STALE_DAYS.
"""

from collections.abc import Iterable
from datetime import timedelta

import dagster as dg

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.orchestration.jobs import AVANAN_EXPORT, DUO_USERS, SCAN
from seatsync_pipeline.settings import Settings, load_settings

# No preview: it is as old as what it was made from.
_READ = frozenset({SCAN, DUO_USERS, AVANAN_EXPORT})

_DEFAULT_DAYS = int(Settings.model_fields["notice_stale_days"].default)
# Of 35 days that is 31 and a half: longer than any month, so that a reading a month never warns.
_WARN_AT = 0.9


def with_freshness(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets, with the policy on those that read from outside.

    Settings that are wrong do not raise here, or nothing could be seen in the UI. A changed number of days counts after
    the code location is reloaded.
    """
    policy = freshness_policy(_days())
    return [
        one
        for one in dg.map_asset_specs(
            lambda spec: dg.apply_freshness_policy(spec, policy) if spec.key in _READ else spec, assets
        )
        if isinstance(one, dg.AssetsDefinition)
    ]


def freshness_policy(days: int) -> dg.FreshnessPolicy:
    """Stale after that many days, and a warning when a tenth of them is left."""
    stale = timedelta(days=days)
    return dg.FreshnessPolicy.time_window(fail_window=stale, warn_window=stale * _WARN_AT)


def _days() -> int:
    try:
        return load_settings().notice_stale_days
    except ConfigurationError:
        return _DEFAULT_DAYS
