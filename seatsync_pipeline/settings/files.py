"""How large a file from an operator may be. Rows are held in memory while they are compared."""

from __future__ import annotations

from seatsync_pipeline.settings.base import SettingsGroup, named


class FileSettings(SettingsGroup):
    """Limits on the exports that are imported."""

    max_import_mib: int = named(
        "SEATSYNC_MAX_IMPORT_MIB", 256, "a larger export is refused; in MiB", ge=1, le=4096
    )
    max_import_rows: int = named(
        "SEATSYNC_MAX_IMPORT_ROWS",
        2_000_000,
        "an export with more rows is refused; a million rows take about 1 GB of memory",
        ge=1,
    )


DEFAULT_SIZES = FileSettings.model_construct()
