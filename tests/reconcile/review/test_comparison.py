"""What became of the rows between two previews."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings

from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.review import StatusChange, compare
from seatsync_pipeline.reconcile.rows import Status
from tests.reconcile.review.conftest import preview
from tests.reconcile.worlds import addition, linked, seen, world, worlds


def test_a_mapping_moves_a_row_and_says_so() -> None:
    before = preview(
        world([seen(12)], [addition(10)], mappings={}, formerly={"Duo MFA": frozenset({10})}), "prev_1"
    )
    after = preview(world([seen(12)], [addition(10)]), "prev_2")
    found = compare(before, after)
    assert [(change.who, change.what) for change in found.appeared] == [("Acme Dental", "MFA-SEAT")]
    assert sorted(str(c.before["status"]) for c in found.gone if c.before) == ["License unmapped", "Orphaned"]
    assert found.changed == ()
    assert (found.before_id, found.after_id) == ("prev_1", "prev_2")
    assert found.statuses == (
        StatusChange(Status.READY, 0, 1),
        StatusChange(Status.ORPHANED, 1, 0),
        StatusChange(Status.LICENSE_UNMAPPED, 1, 0),
    )
    assert found.sentence() == "Ready 0 -> 1, Orphaned 1 -> 0, License unmapped 1 -> 0"


@pytest.mark.parametrize(
    ("now", "columns"),
    [
        ((13, {}), {"new_quantity", "amount_delta"}),
        ((12, {"quantity": Decimal(11)}), {"current_quantity", "amount_delta"}),
        ((12, {"unit_price": Decimal(4)}), {"unit_price", "amount_delta"}),
        ((10, {}), {"status", "action", "new_quantity", "amount_delta"}),
        ((12, {"addition_id": 1001}), {"addition_id"}),
    ],
)
def test_another_number_or_status_is_a_change(now: tuple[int, dict[str, object]], columns: set[str]) -> None:
    seats, changes = now
    before = preview(world([seen(12)], [addition(10)]))
    after = preview(world([seen(seats)], [replace(addition(10), **changes)]))  # type: ignore[arg-type]
    (change,) = compare(before, after).changed
    assert set(change.columns) == columns
    assert change.before == before.rows[0]
    assert change.after == after.rows[0]


def test_only_other_words_or_other_writing_of_a_number_is_none() -> None:
    before = preview(world([seen(12)], [addition(10)]))
    renamed = preview(world([seen(12, name="Acme")], [addition(10, unit_price=Decimal("3.500"))]))
    found = compare(before, renamed)
    assert (found.appeared, found.gone, found.changed) == ((), (), ())
    assert found.sentence() == "the same statuses as before"


def test_two_sources_are_not_compared() -> None:
    one = preview(world([seen(12)]))
    with pytest.raises(ValueError, match="cannot be compared"):
        compare(one, replace(one, source="avanan"))


@given(worlds(), worlds())
@settings(max_examples=100)
def test_nothing_is_lost_between_two_previews(left: Inputs, right: Inputs) -> None:
    before, after = preview(left, "prev_1"), preview(right, "prev_2")
    found, back = compare(before, after), compare(after, before)
    same = compare(before, before)
    assert (same.appeared, same.gone, same.changed) == ((), (), ())
    assert len(before.rows) - len(found.gone) + len(found.appeared) == len(after.rows)
    assert {c.row_id for c in found.appeared} == {c.row_id for c in back.gone}
    assert {c.row_id: set(c.columns) for c in found.changed} == {
        c.row_id: set(c.columns) for c in back.changed
    }
    changes = sum(status.after - status.before for status in found.statuses)
    assert changes == len(after.rows) - len(before.rows)


def test_a_link_of_another_account_is_another_row() -> None:
    unlinked = preview(world([seen(12, name="Nobody")], links={}))
    found = compare(unlinked, preview(world([seen(12, name="Nobody")], links=linked())))
    assert [c.who for c in found.gone] == ["Nobody"]
    assert [c.who for c in found.appeared] == ["Acme Dental"]
