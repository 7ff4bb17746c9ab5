"""Setup: what an operator decided, governed: who, when, and what it was before.

`decisions` changes one thing at a time, `file` all of them in a spreadsheet; both check names with `lookup` and
write with `tables`. Reconciliation itself reads the result in `reconcile.load`.
"""

from seatsync_pipeline.reconcile.setup.decisions import (
    link_account,
    map_license,
    mark_no_charge,
    mark_not_billed,
    set_agreement_types,
    unlink_account,
    unmap_license,
)
from seatsync_pipeline.reconcile.setup.file import COLUMNS, export_setup, import_setup
from seatsync_pipeline.reconcile.setup.tables import Change, Link, Mapping, TypeFilter

__all__ = [
    "COLUMNS",
    "Change",
    "Link",
    "Mapping",
    "TypeFilter",
    "export_setup",
    "import_setup",
    "link_account",
    "map_license",
    "mark_no_charge",
    "mark_not_billed",
    "set_agreement_types",
    "unlink_account",
    "unmap_license",
]
