"""Thresholds of the guards: how far numbers may move before a person has to say that it is right.

A value exactly at its limit passes. Percentages are of the last accepted snapshot or of the current quantity.
"""

from __future__ import annotations

from decimal import Decimal

from seatsync_pipeline.settings.base import Percent, SettingsGroup, named


class GuardSettings(SettingsGroup):
    """Limits on a whole snapshot (verdicts) and on single rows (guards)."""

    max_failed_accounts_percent: Percent = named(
        "SEATSYNC_MAX_FAILED_ACCOUNTS_PERCENT",
        Decimal(20),
        "more failed accounts make a pull incomplete",
    )
    max_failed_rows_percent: Percent = named(
        "SEATSYNC_MAX_FAILED_ROWS_PERCENT",
        Decimal(5),
        "more failed rows, and more than SEATSYNC_MAX_FAILED_ROWS, make an import incomplete",
    )
    max_failed_rows: int = named(
        "SEATSYNC_MAX_FAILED_ROWS", 3, "failed rows that an import may always have", ge=0
    )
    max_accounts_fall_percent: Percent = named(
        "SEATSYNC_MAX_ACCOUNTS_FALL_PERCENT",
        Decimal(20),
        "a larger fall of paid accounts, and of more than SEATSYNC_MAX_ACCOUNTS_FALL, makes a snapshot incomplete",
    )
    max_accounts_fall: int = named(
        "SEATSYNC_MAX_ACCOUNTS_FALL", 2, "paid accounts that may always be gone", ge=0
    )
    vanished_tier_accounts: int = named(
        "SEATSYNC_VANISHED_TIER_ACCOUNTS",
        3,
        "a license that this many accounts had last time and none has now makes a snapshot suspect",
        ge=1,
    )
    max_seats_fall_percent: Percent = named(
        "SEATSYNC_MAX_SEATS_FALL_PERCENT",
        Decimal(30),
        "a larger fall of all seats, at a steady number of accounts, makes a snapshot suspect",
    )
    max_file_age_days: int = named(
        "SEATSYNC_MAX_FILE_AGE_DAYS", 20, "an export older than this is suspect", ge=0
    )
    max_decrease_percent: Percent = named(
        "SEATSYNC_MAX_DECREASE_PERCENT", Decimal(50), "a row that falls by more needs a reason"
    )
    max_decrease_seats: int = named(
        "SEATSYNC_MAX_DECREASE_SEATS", 25, "a row that falls by more seats needs a reason", ge=0
    )
    max_increase_percent: Decimal = named(
        "SEATSYNC_MAX_INCREASE_PERCENT",
        Decimal(50),
        "a row that rises by more, and by more than SEATSYNC_MAX_INCREASE_SEATS, needs a reason",
        ge=0,
    )
    max_increase_seats: int = named(
        "SEATSYNC_MAX_INCREASE_SEATS", 10, "seats by which a row may always rise", ge=0
    )
    max_orphans_percent: Percent = named(
        "SEATSYNC_MAX_ORPHANS_PERCENT",
        Decimal(20),
        "more orphans, of all lines in scope, and more than SEATSYNC_MAX_ORPHANS: all orphans are blocked",
    )
    max_orphans: int = named("SEATSYNC_MAX_ORPHANS", 2, "orphans that a preview may always have", ge=0)
    unusual_price_percent: Decimal = named(
        "SEATSYNC_UNUSUAL_PRICE_PERCENT",
        Decimal(50),
        "a price further than this from the median of the product's current additions (5 or more) is flagged",
        ge=0,
    )


DEFAULT_LIMITS = GuardSettings.model_construct()
"""The limits as documented, whatever the environment says."""
