"""After a change of the setup: what was stored is classified anew at once, and both are told together.

No vendor is called and no Dagster run is made: `seatsync map` answers in a second, and the preview keeps who
changed what through the setup's own history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seatsync_pipeline.cli.output import clean, finish
from seatsync_pipeline.cli.session import Session
from seatsync_pipeline.cli.summary import say, summary_document

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.reconcile.reclassify import Reclassified
    from seatsync_pipeline.reconcile.setup import Change


def report(session: Session, changes: Sequence[Change], by: str, said: str, *, as_json: bool) -> int:
    """Classify anew, print what changed and what became of the rows; the exit code."""
    from seatsync_pipeline.orchestration.soundness import require_sound_inputs
    from seatsync_pipeline.reconcile.reclassify import reclassify, sources_touched

    renewed = reclassify(session.warehouse, session.settings, sources_touched(changes), require_sound_inputs)
    document: dict[str, Any] = {
        "changed": sum(change.changed for change in changes),
        "by": by,
        "changes": [change_document(change) for change in changes if change.changed or len(changes) == 1],
        "notes": [note for change in changes for note in change.notes],
        "previews": {one.source: summary_document(one.after) for one in renewed if one.after},
        "not_reclassified": {
            one.source: {"tried": one.error.tried, "found": one.error.found, "remedy": one.error.remedy}
            for one in renewed
            if one.error
        },
    }

    def show(console: Console) -> None:
        console.print(clean(said))
        for note in document["notes"]:
            say(console, "note: ", note, style="yellow")
        for one in renewed:
            _show_renewed(console, one)

    finish(document, show, as_json=as_json)
    return 1 if any(one.error for one in renewed) else 0


def change_document(change: Change) -> dict[str, Any]:
    """One change as JSON: whose, what it is now, and what it was (null for the first)."""
    from seatsync_pipeline.reconcile.setup import Link, Mapping

    now = change.now
    if isinstance(now, Mapping):
        whose = {"kind": "mapping", "source": now.source, "license": now.license}
    elif isinstance(now, Link):
        whose = {"kind": "link", "source": now.source, "account_key": now.account_key}
    else:
        whose = {"kind": "agreement_types", "source": now.source}
    before = None if change.before is None else change.before.value
    return whose | {"changed": change.changed, "now": now.value, "before": before}


def _show_renewed(console: Console, one: Reclassified) -> None:
    comparison = one.comparison
    if comparison is None:
        text = f"No new {one.source} preview could be made: {one.error}"
        console.print(clean(text), style="yellow")
        return
    console.print(f"New {one.source} preview {comparison.after_id}: {comparison.sentence()}.")
