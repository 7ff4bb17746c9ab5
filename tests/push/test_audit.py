"""The audit log: any change, gap, fork or cut is found, and named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.push import audit
from seatsync_pipeline.warehouse import Connection, Warehouse

ENTRIES: list[tuple[str, dict[str, object]]] = [
    ("started", {"operation_id": "op_1", "n": Decimal("1.50"), "day": date(2026, 11, 20)}),
    ("item", {"operation_id": "op_1", "before": None, "after": {"quantity": Decimal(3)}}),
    ("ended", {"operation_id": "op_1", "state": "finished"}),
]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path / "seatsync.duckdb")
    for entry in ENTRIES:
        with made.write() as connection:
            audit.append(connection, [entry])
    return made


def verified(warehouse: Warehouse, heads: dict[str, str] | None = None) -> audit.Verification:
    with warehouse.read() as connection:
        return audit.verify(audit.load(connection), heads or {})


def test_an_untouched_log_is_sound(warehouse: Warehouse) -> None:
    with warehouse.read() as connection:
        head = audit.head(connection)
    result = verified(warehouse, {"operation op_1": head, "the beginning": audit.GENESIS})
    assert (result.sound, result.entries, result.head) == (True, 3, head)


def _execute(sql: str) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(sql)


@pytest.mark.parametrize(
    ("tamper", "broken_at", "found"),
    [
        (
            _execute("update audit set entry = replace(entry, '1.5', '2.5') where seq = 1"),
            1,
            "entry 1 was changed after it was written",
        ),
        (_execute("update audit set kind = 'item' where seq = 3"), 3, "entry 3 was changed"),
        (
            _execute("update audit set made_at = made_at + interval 1 second where seq = 2"),
            2,
            "entry 2 was changed",
        ),
        (
            _execute("update audit set previous = repeat('0', 64) where seq = 2"),
            2,
            "entry 2 does not follow entry 1",
        ),
        (_execute("update audit set hash = repeat('1', 64) where seq = 2"), 2, "entry 2 was changed"),
        (_execute("delete from audit where seq = 2"), 2, "entry 2 is missing; 3 follows"),
        (_execute("delete from audit where seq = 1"), 1, "entry 1 is missing; 2 follows"),
    ],
)
def test_every_change_is_found_and_named(
    warehouse: Warehouse, tamper: Callable[[Connection], object], broken_at: int, found: str
) -> None:
    with warehouse.write() as connection:
        tamper(connection)
    result = verified(warehouse)
    assert (result.sound, result.broken_at, result.entries) == (False, broken_at, broken_at - 1)
    assert found in (result.found or "")
    with warehouse.read() as connection:
        sound = [audit.GENESIS, *(entry.hash for entry in audit.load(connection))]
    assert result.head == sound[broken_at - 1]  # the last one that can be trusted


def test_a_cut_tail_is_found_by_the_head_noted_elsewhere(warehouse: Warehouse) -> None:
    with warehouse.write() as connection:
        head = audit.head(connection)
        connection.execute("delete from audit where seq = 3")
    assert verified(warehouse).sound  # the chain alone cannot tell
    result = verified(warehouse, {"operation op_1 (finished)": head})
    assert (result.sound, result.broken_at) == (False, 4 - 1)
    assert "operation op_1 (finished)" in (result.found or "")


def test_a_fork_is_an_error(warehouse: Warehouse) -> None:
    def fork() -> None:
        with warehouse.write() as connection:
            connection.execute("insert into audit select * from audit where seq = 3")

    with pytest.raises(WarehouseError, match=r"(?i)duplicate key"):
        fork()


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.decimals(allow_nan=False, allow_infinity=False),
    )
)
def test_canonical_text_does_not_depend_on_order(content: dict[str, object]) -> None:
    backwards = dict(reversed(list(content.items())))
    assert audit.canonical(content) == audit.canonical(backwards)
    assert audit.canonical(content).isascii()


def test_what_is_hashed_is_one_text_whoever_writes_it() -> None:
    entry = {"b": Decimal("1.50"), "a": ["é", date(2026, 11, 20), None]}
    assert audit.canonical(entry) == r'{"a":["\u00e9","2026-11-20",null],"b":"1.5"}'
    with pytest.raises(TypeError, match="set cannot be in the audit log"):
        audit.canonical({"x": {1}})
