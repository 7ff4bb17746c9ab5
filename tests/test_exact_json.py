"""Numbers go through JSON unharmed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatsync_pipeline import exact_json

numbers = st.decimals(min_value=Decimal(-(10**14)), max_value=Decimal(10**14), allow_nan=False, places=6)


@given(st.recursive(numbers | st.text() | st.none() | st.booleans(), st.lists))
def test_round_trip(value: object) -> None:
    assert exact_json.loads(exact_json.dumps(value)) == value


@given(st.lists(st.dictionaries(st.text(), numbers | st.text() | st.lists(st.integers()))))
def test_many_at_once_are_written_as_one_by_one(values: list[object]) -> None:
    assert exact_json.dumps_each(values) == list(map(exact_json.dumps, values))


@given(st.text())
def test_no_text_is_taken_for_a_number(text: str) -> None:
    assert json.loads(exact_json.dumps([text])) == [text]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.000000"), "12"),
        (Decimal("0.10"), "0.1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.0"), "0"),
        ({"d": date(2026, 1, 2), "n": None}, '{"d":"2026-01-02","n":null}'),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '"2026-01-02T03:04:05Z"'),
        (datetime(2026, 1, 2, 3, 4, 5), '"2026-01-02T03:04:05Z"'),  # noqa: DTZ001  # naive UTC
    ],
)
def test_what_is_written(value: object, text: str) -> None:
    assert exact_json.dumps(value) == text


class Colour(StrEnum):
    RED = 'r"d'


scalars = st.one_of(
    numbers,
    st.text(),
    st.none(),
    st.booleans(),
    st.integers(),
    st.dates(),
    st.datetimes(),
    st.sampled_from([Colour.RED, Decimal("1E+3"), Decimal("-0"), "100 %s", "%"]),
)


@dataclass
class Record:
    name: object
    seats: object


@given(scalars)
def test_a_scalar_is_written_as_ever(value: object) -> None:
    assert exact_json.scalar(value) == exact_json.dumps(value)


@given(st.lists(st.builds(Record, scalars, scalars)))
def test_records_are_written_as_objects_are(records: list[Record]) -> None:
    assert exact_json.writer_of("name", "seats")(records) == exact_json.dumps([vars(r) for r in records])


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "1e99999999999999999999", "9" * 5000, b"\xff\xfe\xff", "{", ""]
)
def test_what_cannot_be_read_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        exact_json.loads(text)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan")])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"finite|JSON"):
        exact_json.dumps(value)
    with pytest.raises(ValueError, match=r"finite|JSON"):
        exact_json.scalar(value)
    with pytest.raises(ValueError, match="NaN"):
        exact_json.loads("[NaN]")


@pytest.mark.parametrize(
    "text", ['{"quantity": 5, "quantity": 777}', '[{"product": {"id": 1, "name": null, "id": 2}}]']
)
def test_of_two_values_of_one_name_none_is_taken(text: str) -> None:
    with pytest.raises(exact_json.NamedTwice, match=r"two values for '(quantity|id)'"):
        exact_json.loads_foreign(text)


def test_a_name_that_says_the_same_twice_says_it_once() -> None:
    assert exact_json.loads_foreign('{"quantity": 5, "quantity": 5.0}') == {"quantity": Decimal(5)}
