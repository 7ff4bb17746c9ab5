"""Whatever is read as JSON is exact, or a ValueError."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from seatsync_pipeline import exact_json
from tests.fuzz.damage import JUNK, bodies
from tests.fuzz.harness import fuzzed

DOCUMENT = {"id": 9, "quantity": 12.5, "price": 3.10, "flags": [True, None], "names": {"é": "\u202e", "": []}}
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4))


def walked(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [leaf for entry in value for leaf in walked(entry)]
    if isinstance(value, dict):
        return [leaf for entry in value.values() for leaf in walked(entry)]
    return [value]


@fuzzed(body=bodies(DOCUMENT) | st.binary(max_size=60) | st.text(max_size=60))
def test_what_is_read_holds_no_float(body: bytes | str) -> None:
    try:
        value = exact_json.loads(body)
    except ValueError:
        return
    assert not any(isinstance(leaf, float) for leaf in walked(value))


@fuzzed(value=VALUES)
def test_what_is_written_reads_back(value: Any) -> None:
    assert exact_json.loads(exact_json.dumps(value)) == value


@fuzzed(
    value=st.sampled_from(JUNK)
    | st.decimals()
    | st.floats()
    | st.binary(max_size=3)
    | st.dates()
    | st.datetimes()
)
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    try:
        text = exact_json.dumps({"value": [value]})
    except (TypeError, ValueError):
        assert isinstance(value, Decimal | float | bytes)
        return
    (read,) = exact_json.loads(text)["value"]
    if isinstance(value, datetime):
        assert read == f"{value.isoformat(timespec='seconds')}Z"
    elif isinstance(value, date):
        assert read == value.isoformat()
    elif isinstance(value, float):
        assert float(read) == value
    else:
        assert read == value
