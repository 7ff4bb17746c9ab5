"""Whatever subset of a preview is approved: ConnectWise ends at exactly its targets, and once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.sources.base import SOURCES, Source
from tests.push.differences import Changes
from tests.push.place import Place, PushedAll, Row, agreement_of, approvable, counts

TODAY, NEXT_MONTH = date(2026, 11, 20), date(2026, 12, 1)
# Agreements without proration take nothing new in a period that is invoiced: Marigold's is billed from the next
# month on, and Kestrel Bay's, billed by the year, not before its anniversary.
NOT_TODAY, NOT_SOON = 1018, 1017


def midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def with_partners(place: Place, source: Source, chosen: set[int]) -> list[Row]:
    """The chosen rows; a cancel that is paired brings its create, as the gate wants it."""
    rows = place.approvable(source)
    picked = {rows[number % len(rows)]["row_id"] for number in chosen}
    partners = {row["paired_row_id"] for row in rows if row["row_id"] in picked and row["action"] == "cancel"}
    return [row for row in rows if row["row_id"] in picked | partners]


def targets(rows: list[Row]) -> tuple[dict[int, dict[str, Any]], list[tuple[Any, ...]]]:
    """What the preview promises: addition -> field -> value, and the new additions."""
    changed: dict[int, dict[str, Any]] = {}
    created = []
    for row in rows:
        if row["action"] == "update":
            changed[row["addition_id"]] = {"quantity": float(row["new_quantity"])}
        elif row["action"] == "cancel":
            changed[row["addition_id"]] = {"cancelledDate": midnight(row["planned_date"])}
        elif agreement_of(row) != NOT_SOON:
            day = NEXT_MONTH if agreement_of(row) == NOT_TODAY else TODAY
            created.append(
                (
                    agreement_of(row),
                    row["product_id"],
                    float(row["new_quantity"]),
                    float(row["unit_price"]),
                    "Billable",
                    midnight(day),
                    None,
                )
            )
    return changed, sorted(created)


def reached(found: Changes) -> tuple[dict[int, dict[str, Any]], list[tuple[Any, ...]]]:
    assert not found.removed
    changed = {key: {name: now for name, (_, now) in fields.items()} for key, fields in found.changed.items()}
    assert found.written == changed.keys()
    created = [
        (
            record["agreementId"],
            record["product"]["id"],
            record["quantity"],
            record["unitPrice"],
            record["billCustomer"],
            record["effectiveDate"],
            record.get("cancelledDate"),
        )
        for record in found.created.values()
    ]
    return changed, sorted(created)


def counted(rows: list[Row]) -> dict[str, int]:
    done = {"update": "updated", "create": "created", "cancel": "cancelled"}
    result: dict[str, int] = {}
    for row in rows:
        impossible = row["action"] == "create" and agreement_of(row) == NOT_SOON
        name = "failed" if impossible else done[row["action"]]
        result[name] = result.get(name, 0) + 1
    return result


@settings(
    max_examples=4, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(source=st.sampled_from(SOURCES), chosen=st.sets(st.integers(0, 20), min_size=1, max_size=7))
@example(source="avanan", chosen={0})
def test_any_subset_is_written_exactly_once_and_nothing_else(
    place: Place, source: Source, chosen: set[int]
) -> None:
    place.renew()
    rows = with_partners(place, source, chosen)
    selection = place.approve(*rows)
    report = place.push(selection)
    assert counts(report) == counted(rows)
    assert reached(place.changes()) == targets(rows)
    after, asked = place.changes(), len(place.writes())
    with place.opened() as push, pytest.raises(FileRefused) as refused:
        push.run(selection)
    assert report["operation_id"] in refused.value.faults[0].rule
    assert (place.changes(), len(place.writes())) == (after, asked)


@pytest.mark.parametrize("source", SOURCES)
def test_a_whole_preview_is_written_exactly_once(pushed_all: dict[Source, PushedAll], source: Source) -> None:
    pushed = pushed_all[source]
    assert counts(pushed.report) == counted(pushed.rows)
    assert reached(pushed.changes) == targets(pushed.rows)


@pytest.mark.parametrize("source", SOURCES)
def test_the_next_preview_has_what_was_pushed_as_no_change(
    pushed_all: dict[Source, PushedAll], source: Source
) -> None:
    pushed = pushed_all[source]
    left = {(row["action"], agreement_of(row)) for row in approvable(pushed.previews[source])}
    assert left == {("create", NOT_SOON)}
    now = {row["row_id"]: row for row in pushed.previews[source].rows}
    for row in pushed.rows:
        # The line of a cancelled addition has no row any more, unless the addition bills a while yet.
        if row["action"] != "cancel" and agreement_of(row) != NOT_SOON:
            assert now[row["row_id"]]["status"] == "No change", row["company_name"]
            assert now[row["row_id"]]["current_quantity"] == row["new_quantity"]
