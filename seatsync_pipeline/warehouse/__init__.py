"""The one place that opens DuckDB.

What belongs here: connections, locking, migrations, inserting rows. What does not: what a table means; each
package keeps the SQL for its own tables in its `store.py`.
"""

from seatsync_pipeline.warehouse.connection import Session, Warehouse
from seatsync_pipeline.warehouse.ids import new_id, stable_id
from seatsync_pipeline.warehouse.rows import PORTION, exact_number, insert_columns, insert_rows
from seatsync_pipeline.warehouse.schema import Connection

__all__ = [
    "PORTION",
    "Connection",
    "Session",
    "Warehouse",
    "exact_number",
    "insert_columns",
    "insert_rows",
    "new_id",
    "stable_id",
]
