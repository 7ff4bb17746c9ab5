"""Resources: thin Dagster wrappers that hand plain objects to assets.

Settings are read when a run starts, from the environment and `.env`, never at import: the code server lives
for weeks, and a changed key has to count from the next run on. No secret is a config field, so none can show
in the launchpad.
"""

from collections.abc import Mapping

import dagster as dg

from seatsync_pipeline.settings import Settings, load_settings
from seatsync_pipeline.warehouse import Warehouse


class SettingsResource(dg.ConfigurableResource[Settings]):
    """The MSP's settings, read anew for every step; its folders exist afterwards."""

    def create_resource(self, context: dg.InitResourceContext) -> Settings:  # noqa: ARG002  # Dagster's signature
        """Raises ConfigurationError that names every wrong setting."""
        settings = load_settings()
        settings.make_folders()
        return settings


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The MSP's DuckDB file. Nothing is opened before the first query."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> Warehouse:  # noqa: ARG002  # Dagster's signature
        return Warehouse(self.settings.database)


def resources(overrides: Mapping[str, object] | None = None) -> dict[str, object]:
    """The resources of the code location by name, with `overrides` in place of the named ones.

    A plain `Settings` as the override of `settings` moves the warehouse with it.
    """
    settings = (overrides or {}).get("settings")
    if isinstance(settings, Settings):
        own: dict[str, object] = {"settings": settings, "warehouse": Warehouse(settings.database)}
    else:
        reader = SettingsResource()
        own = {"settings": reader, "warehouse": WarehouseResource(settings=reader)}
    return own | dict(overrides or {})
