"""What a person looks at to judge a preview: trend, drift, what changed, what is blocked.

What belongs here: numbers about stored snapshots and previews, as frozen dataclasses. What does not: how they are
drawn (the Dagster metadata and the command line do that), and any rule that makes a row.

- `trend`: seats and accounts of a source, month by month
- `drift`, `top_changes`: what pushing a preview would change
- `compare`: what became of the rows between two previews of a source
- `blockers`: what is blocked, by cause, and what would unblock it

Rows are the public columns of a preview, as `store.load_preview` gives them.
"""

from seatsync_pipeline.reconcile.review.blockers import Blocker, blockers
from seatsync_pipeline.reconcile.review.comparison import Comparison, RowChange, StatusChange, compare
from seatsync_pipeline.reconcile.review.moves import Drift, Moves, TopChange, drift, top_changes
from seatsync_pipeline.reconcile.review.trend import Month, trend

__all__ = [
    "Blocker",
    "Comparison",
    "Drift",
    "Month",
    "Moves",
    "RowChange",
    "StatusChange",
    "TopChange",
    "blockers",
    "compare",
    "drift",
    "top_changes",
    "trend",
]
