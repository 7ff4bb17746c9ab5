"""The verdict by comparison: what the last accepted snapshot and the earlier files say of a new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatsync_pipeline.settings.guards import DEFAULT_LIMITS
from seatsync_pipeline.sources import verdict
from seatsync_pipeline.sources.base import Account, Observation, SourceSnapshot, State, Verdict
from seatsync_pipeline.sources.verdict import Earlier, compared

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
COUNTED, FAILED, EXPIRED, POC = State.COUNTED, State.FAILED, State.EXPIRED, State.POC


def observation(
    key: int, seats: int = 10, state: State = COUNTED, license_name: str = "Protect"
) -> Observation:
    number = None if state is FAILED else Decimal(seats)
    return Observation(f"A{key}", f"Client {key}", license_name, number, state)


def snapshot(*observations: Observation, digest: str = "d", **details: Any) -> SourceSnapshot:
    accounts = {o.account_key: Account(o.account_key, o.account_name) for o in observations}
    return SourceSnapshot("avanan", NOW, tuple(accounts.values()), observations, digest, details=details)


def of(count: int, seats: int = 10) -> SourceSnapshot:
    return snapshot(*(observation(key, seats) for key in range(count)))


def rules(new: SourceSnapshot, accepted: SourceSnapshot | None, **earlier: Any) -> dict[str, Verdict]:
    found = compared(new, Earlier(accepted, **earlier), DEFAULT_LIMITS)
    for finding in found:
        assert finding.observed
        assert finding.limit
        assert finding.message.endswith(".")
    return {finding.rule: finding.verdict for finding in found}


@pytest.mark.parametrize(
    ("before", "now", "trips"),
    [
        (10, 8, False),  # exactly 80 %
        (10, 7, True),
        (15, 12, False),  # exactly 80 %, three gone
        (14, 11, True),
        (3, 1, False),  # two may always be gone
        (4, 1, True),
        (2, 0, True),  # none is left, whatever the floor
        (100, 80, False),
        (100, 79, True),
        (10, 12, False),
    ],
)
def test_a_fall_of_paid_accounts(before: int, now: int, *, trips: bool) -> None:
    # Seats of those left are raised, so that their sum does not fall.
    found = rules(of(now, 100), of(before))
    assert found == ({verdict.ACCOUNTS_FELL: Verdict.INCOMPLETE} if trips else {})


@pytest.mark.parametrize(
    ("state", "trips"), [(FAILED, False), (EXPIRED, True), (POC, True), (COUNTED, False)]
)
def test_paid_are_accounts_that_count_or_could_not_be_read(state: State, *, trips: bool) -> None:
    now = snapshot(*(observation(key, 30, state if key < 5 else COUNTED) for key in range(10)))
    assert (verdict.ACCOUNTS_FELL in rules(now, of(10))) is trips


@pytest.mark.parametrize(("accounts", "trips"), [(2, False), (3, True)])
def test_a_license_that_no_account_has_any_more(accounts: int, *, trips: bool) -> None:
    before = snapshot(
        *(observation(key) for key in range(10)),
        *(observation(key, 1, license_name="Archiving") for key in range(accounts)),
    )
    assert rules(of(10), before) == ({verdict.TIER_VANISHED: Verdict.SUSPECT} if trips else {})
    one_left = snapshot(*of(10).observations, observation(3, 1, POC, "Archiving"))
    assert rules(one_left, before) == {}


@pytest.mark.parametrize(("seats", "trips"), [(70, False), (69, True), (130, False)])
def test_a_fall_of_seats_at_a_steady_number_of_accounts(seats: int, *, trips: bool) -> None:
    assert rules(of(10, seats), of(10, 100)) == ({verdict.SEATS_FELL: Verdict.SUSPECT} if trips else {})


def test_an_account_that_could_not_be_read_is_no_fall_of_seats() -> None:
    """Its seats are unknown and not zero; neither do they hide a fall of the others, when they come back."""
    large, small = observation(0, 600), [observation(key, 10) for key in range(1, 10)]
    unread = observation(0, state=FAILED)
    assert rules(snapshot(unread, *small), snapshot(large, *small)) == {}
    fallen = [observation(key, 1) for key in range(1, 10)]
    for before, now in ((large, unread), (unread, large)):
        assert set(rules(snapshot(now, *fallen), snapshot(before, *small))) == {verdict.SEATS_FELL}


def test_seats_fall_with_accounts_only_once() -> None:
    assert set(rules(of(5, 1), of(10, 100))) == {verdict.ACCOUNTS_FELL}


@pytest.mark.parametrize(
    ("read_before", "trips"),
    [
        (None, False),
        (datetime(2026, 11, 1, tzinfo=UTC), False),
        (datetime(2026, 10, 31, 23, 59, tzinfo=UTC), True),
        (datetime(2025, 12, 5, tzinfo=UTC), True),
    ],
)
def test_a_file_read_in_an_earlier_month_already(read_before: datetime | None, *, trips: bool) -> None:
    new = snapshot(observation(1), sha256="f", header=["Tenant"])
    assert (verdict.SAME_FILE in rules(new, None, same_content_at=read_before)) is trips


def test_the_month_is_that_of_the_msp() -> None:
    """Read on the last evening of October in New York, where UTC had November already."""
    new = snapshot(observation(1), sha256="f")
    earlier = Earlier(None, same_content_at=datetime(2026, 11, 1, 1, tzinfo=UTC))
    found = [
        {finding.rule for finding in compared(new, earlier, DEFAULT_LIMITS, zone=zone)}
        for zone in (UTC, ZoneInfo("America/New_York"))
    ]
    assert found == [set(), {verdict.SAME_FILE}]


def test_the_same_counts_from_an_api_are_no_old_file() -> None:
    assert rules(of(3), of(3), same_content_at=datetime(2026, 1, 1, tzinfo=UTC)) == {}


@pytest.mark.parametrize(("days", "trips"), [(20, False), (20.01, True), (21, True), (-1, False)])
def test_an_old_file(days: float, *, trips: bool) -> None:
    modified = (NOW - timedelta(days=days)).isoformat()
    new = snapshot(observation(1), sha256="f", file_modified_at=modified)
    assert rules(new, None) == ({verdict.OLD_FILE: Verdict.SUSPECT} if trips else {})


@pytest.mark.parametrize(("days", "trips"), [(-3, False), (0, False), (1, False), (1.01, True), (12, True)])
def test_a_file_that_is_older_than_the_last_accepted_one(days: float, *, trips: bool) -> None:
    last = NOW - timedelta(days=2)
    before = snapshot(observation(1), sha256="e", file_modified_at=last.isoformat())
    new = snapshot(observation(1), sha256="f", file_modified_at=(last - timedelta(days=days)).isoformat())
    assert rules(new, before) == ({verdict.OLDER_FILE: Verdict.SUSPECT} if trips else {})


def test_a_file_without_a_date_is_of_the_day_on_which_it_was_read() -> None:
    dated = snapshot(observation(1), sha256="e", file_modified_at=(NOW - timedelta(days=3)).isoformat())
    assert rules(snapshot(observation(1), sha256="f"), dated) == {}
    assert rules(dated, snapshot(observation(1), sha256="f")) == {verdict.OLDER_FILE: Verdict.SUSPECT}


@pytest.mark.parametrize(
    ("header", "trips"),
    [
        (["Tenant", "Users", "Plan"], False),
        (["plan ", "TENANT", " users"], False),  # order, case and spaces are no change
        (["Tenant", "Users"], True),
        (["Tenant", "Users", "Plan", "Region"], True),
    ],
)
def test_other_columns_than_the_last_accepted_file(header: list[str], *, trips: bool) -> None:
    before = snapshot(observation(1), sha256="e", header=["Tenant", "Users", "Plan", ""])
    new = snapshot(observation(1), sha256="f", header=header)
    assert rules(new, before) == ({verdict.COLUMNS_CHANGED: Verdict.SUSPECT} if trips else {})


def test_nothing_is_said_of_a_first_snapshot() -> None:
    assert rules(snapshot(observation(1, 0), sha256="f", header=["Tenant"]), None) == {}


_snapshots = st.lists(
    st.builds(
        observation,
        st.integers(0, 30),
        st.integers(0, 50),
        st.sampled_from(State),
        st.sampled_from(["Protect", "Archiving"]),
    ),
    max_size=40,
    unique_by=lambda o: (o.account_key, o.license),
).map(lambda observations: snapshot(*observations))


@given(_snapshots)
def test_a_snapshot_never_speaks_against_itself(same: SourceSnapshot) -> None:
    assert rules(same, same) == {}


@given(_snapshots, _snapshots)
def test_more_is_never_worse(new: SourceSnapshot, accepted: SourceSnapshot) -> None:
    """Adding what is missing takes findings away, and never makes one."""
    known = {(o.account_key, o.license) for o in new.observations}
    more = [o for o in accepted.observations if (o.account_key, o.license) not in known]
    fuller = snapshot(*new.observations, *more)
    # Seats apart: they are judged only while accounts are steady, so filling up accounts may bring them to light.
    judged = set(rules(fuller, accepted)) - {verdict.SEATS_FELL}
    assert judged <= set(rules(new, accepted))
