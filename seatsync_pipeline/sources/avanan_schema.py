"""The schema that observations of an Avanan export satisfy once they are parsed.

What belongs here: the table of observations as a DataFrame, its pandera schema, and the check of one against the
other. Parsing comes first and is strict: pandera's own coercion would cut 12.7 to 12.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from seatsync_pipeline.sources.avanan_rows import MAX_SEATS
from seatsync_pipeline.sources.base import NOT_BILLED, Observation, State
from seatsync_pipeline.sources.file_text import Faults


def _seats_when_read(frame: pd.DataFrame) -> pd.Series:
    empty = frame["seats"].isna()
    return (empty == (frame["state"] == State.FAILED.value)) | (empty & frame["state"].isin(NOT_BILLED))


def _reason_exactly_when_failed(frame: pd.DataFrame) -> pd.Series:
    told, failed = frame["reason"].notna(), frame["state"] == State.FAILED.value
    return (told == failed) | frame["state"].isin(NOT_BILLED)


def _one_row_per_license(frame: pd.DataFrame) -> pd.Series:
    return ~frame.duplicated(["account_key", "license"], keep=False)


def _not_empty(frame: pd.DataFrame) -> bool:
    return len(frame) > 0


_STATES = {state: state.value for state in State}
# A blank one is told by `nullable`; looking for it here once more would take longer than the comparison.
_TEXT = pa.Check.ne("", ignore_na=False)

AVANAN_SCHEMA = pa.DataFrameSchema(
    {
        "line": pa.Column("int64", pa.Check.ge(1), description="line of the file, from 1"),
        "account_key": pa.Column(object, _TEXT, description="the tenant's portal; its name without one"),
        "account_name": pa.Column(object, _TEXT, description="the tenant's name"),
        "license": pa.Column(
            object, description="value of the license column; blank only when not billed or failed"
        ),
        "seats": pa.Column(
            "Int64",
            pa.Check.in_range(0, MAX_SEATS),
            nullable=True,
            description="value of the users column; empty when failed, never when counted",
        ),
        "state": pa.Column(
            object,
            pa.Check.isin([state.value for state in State]),
            description="counted, poc, expired or failed",
        ),
        "reason": pa.Column(object, nullable=True, description="why the row is failed"),
    },
    checks=[
        # Without this an empty table passes every other check.
        pa.Check(_not_empty, name="not empty", error="the table has no row"),
        # `ignore_na` would look for rows without any value, and every row has its line.
        pa.Check(_seats_when_read, name="seats when read", ignore_na=False),
        pa.Check(_reason_exactly_when_failed, name="reason exactly when failed", ignore_na=False),
        pa.Check(_one_row_per_license, name="one row per portal and license", ignore_na=False),
    ],
    name="avanan_tenant_export",
    description="One row per tenant and license of an Avanan export.",
    strict=True,
    coerce=False,
)


def observations_frame(observations: Sequence[Observation]) -> pd.DataFrame:
    """The observations as a table with the columns of `AVANAN_SCHEMA`; seats are whole numbers."""
    return pd.DataFrame(
        {
            "line": pd.Series([o.evidence["line"] for o in observations], dtype="int64"),
            "account_key": pd.Series([o.account_key for o in observations], dtype=object),
            "account_name": pd.Series([o.account_name for o in observations], dtype=object),
            "license": pd.Series([o.license for o in observations], dtype=object),
            "seats": pd.Series(
                [None if o.seats is None else int(o.seats) for o in observations], dtype="Int64"
            ),
            "state": pd.Series([_STATES[o.state] for o in observations], dtype=object),
            "reason": pd.Series([o.reason for o in observations], dtype=object),
        }
    )


def check_observations(
    observations: Sequence[Observation], faults: Faults, *, portion: int = 500_000
) -> None:
    """Validate them against the schema; every case that fails is added to `faults`.

    Some `portion` at a time, since pandas needs room. All rows of an account come together: rules about several rows
    are about those.
    """
    portions = len(observations) // portion + 1
    if portions == 1:
        check_frame(observations_frame(observations), faults)
        return
    by_account: list[list[Observation]] = [[] for _ in range(portions)]
    for observation in observations:
        by_account[hash(observation.account_key) % portions].append(observation)
    for some in by_account:
        if some:
            check_frame(observations_frame(some), faults)


def check_frame(frame: pd.DataFrame, faults: Faults) -> None:
    """Validate the table against the schema; every case that fails is added to `faults`."""
    try:
        AVANAN_SCHEMA.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        for case in error.failure_cases.to_dict("records"):
            index = case["index"]
            known = index in frame.index and "line" in frame
            faults.add(
                f"schema: {case['check']}",
                "Correct this place or export the file again.",
                line=int(frame["line"].loc[index]) if known else None,
                column=str(case["column"]),
                value=str(case["failure_case"]),
            )
