"""What the status columns of an Avanan export say together: the state of each row.

What belongs here: which columns are read as the status, and what their words make of a row. The words themselves
are data (`avanan_columns.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from seatsync_pipeline.sources.avanan_columns import Columns, Layout
from seatsync_pipeline.sources.avanan_sheet import Sheet
from seatsync_pipeline.sources.base import State
from seatsync_pipeline.sources.csv_file import CsvTable
from seatsync_pipeline.sources.file_text import Faults, visible


def settle_states(sheet: Sheet, table: CsvTable, columns: Columns, layout: Layout, faults: Faults) -> None:
    """Give every row its state from all its status cells together, or the reason why it has none."""
    sure = len(layout.status)
    combinations = {row.status for row in sheet.rows}
    read = [
        place
        for place in range(sure + len(layout.possible_status))
        if place < sure or any(columns.word_state(cells[place]) for cells in combinations)
    ]
    headers = [table.header[place] for place in (*layout.status, *layout.possible_status)]
    if not read and sheet.rows:
        faults.add(
            f"missing column: no cell of {' or '.join(headers)} is a status word",
            "Add the status column, or its words to avanan_columns.toml; without it trials would be billed.",
            line=table.header_line,
        )
        return
    sheet.status_columns = tuple(headers[place] for place in read)
    verdicts = {
        cells: (
            tuple(cells[place] for place in read),
            *_state_of([(headers[place], cells[place], place < sure) for place in read], columns),
        )
        for cells in combinations
    }
    for row in sheet.rows:
        row.status, row.state, reason = verdicts[row.status]
        if reason is not None:
            row.reasons += (reason,)


def _state_of(cells: Sequence[tuple[str, str, bool]], columns: Columns) -> tuple[State | None, str | None]:
    """`cells` are header, text, and whether a blank is bad there because the column can only be a status."""
    found: set[State] = set()
    for header, text, needed in cells:
        state = columns.word_state(text)
        if state is not None:
            found.add(state)
        elif text:
            return None, f"{header} is '{visible(text)}', not a known status word"
        elif needed:
            return None, f"{header} is blank"
    for state in (State.EXPIRED, State.POC, State.COUNTED):
        if state in found:
            return state, None
    return None, f"{' and '.join(header for header, _, _ in cells)} is blank"
