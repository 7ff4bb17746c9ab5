"""After a change of the setup: what was stored is classified anew, and both previews are at hand to tell what changed.

One implementation for the command line and the Dagster jobs. No vendor is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.reconcile.review import Comparison, compare
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.setup import Change, Mapping
from seatsync_pipeline.reconcile.store import Preview, load_latest_preview, load_preview
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.base import SOURCES, Source
from seatsync_pipeline.warehouse import Warehouse


@dataclass(frozen=True)
class Reclassified:
    """A source's preview before and after a change; `error` when no new one could be made."""

    source: Source
    before: Preview
    after: Preview | None
    error: SeatSyncError | None = None

    @property
    def comparison(self) -> Comparison | None:
        """What became of the rows; None when there is no new preview."""
        return None if self.after is None else compare(self.before, self.after)


def reclassify(
    warehouse: Warehouse,
    settings: Settings,
    sources: Iterable[str],
    require_sound: Callable[[Warehouse, Source], None],
    *,
    run_id: str | None = None,
) -> list[Reclassified]:
    """Make a new preview of each of these sources that has one already.

    `require_sound` refuses what it would be made from, as it does for a run: nothing is built on bad data either way.

    The change itself is stored by then and must be told all the same, so a source whose preview cannot be made is
    returned with its error instead of raising it.
    """
    made = []
    wanted = set(sources)
    for source in (s for s in SOURCES if s in wanted):
        before = load_latest_preview(warehouse, source)
        if before is None:
            continue
        try:
            require_sound(warehouse, source)
            preview_id = reconcile(
                warehouse, source, today=settings.today(), run_id=run_id, settings=settings
            )
        except SeatSyncError as error:
            made.append(Reclassified(source, before, None, error))
        else:
            made.append(Reclassified(source, before, load_preview(warehouse, preview_id)))
    return made


def sources_touched(changes: Sequence[Change]) -> set[str]:
    """Whose rows a change can move: of a mapping every source's, as a product belongs to one of them only."""
    changed = [change for change in changes if change.changed]
    if any(isinstance(change.now, Mapping) for change in changed):
        return set(SOURCES)
    return {change.now.source for change in changed}
