"""How the rows of one tenant go together: repetitions, contradictions, and what is not billed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from seatsync_pipeline.sources.base import State, Verdict
from tests.sources.test_avanan import read, rows


@dataclass(frozen=True)
class Pair:
    second: str
    reason: str | None
    first: str = "Acme,acme,EP,5,Paid"


PAIRS = {
    "equal": Pair("Acme,acme,EP,5,Paid", None),
    "equal number": Pair("Acme,acme,EP,5.0,Active", None),
    "other seats": Pair(
        "Acme,acme,EP,6,Paid",
        "stands 2 times with different content: line 2: 5 seats, counted; line 3: 6 seats, counted",
    ),
    "other state": Pair(
        "Acme,acme,EP,5,POC",
        "stands 2 times with different content: line 2: 5 seats, counted; line 3: 5 seats, poc",
    ),
    "one unreadable": Pair(
        "Acme,acme,EP,,Paid",
        "stands 2 times with different content: line 2: 5 seats, counted; line 3: Users is blank",
    ),
    "two names": Pair(
        "Beta,acme,EP,5,Paid", "one portal with two names: 'Acme' (line 2) and 'Beta' (line 3)"
    ),
    "two spellings": Pair(
        "Acme,ACME,EP,5,Paid", "one tenant in two spellings: 'acme' (line 2) and 'ACME' (line 3)"
    ),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_a_portal_and_license_that_stand_twice(pair: Pair) -> None:
    snapshot = read(f"Tenant,Portal,License,Users,Status\n{pair.first}\n{pair.second}\nGood,good,EP,1,Paid\n")
    both, good = snapshot.observations
    assert both.evidence["lines"] == [2, 3]
    assert both.reason == pair.reason
    assert both.seats == (Decimal(5) if pair.reason is None else None)
    assert good.seats == Decimal(1)
    done = snapshot.details["rows"]
    assert done["data"] == len(snapshot.observations) + done["collapsed"] + done["contradicting"]


def test_two_names_of_a_portal_fail_all_its_licenses() -> None:
    snapshot = read(
        "Tenant,Portal,License,Users,Status\nAcme,acme,EP,5,Paid\nBeta,acme,DLP,5,Paid\nG,g,EP,1,Paid\n"
    )
    assert [o.state for o in snapshot.observations] == [State.FAILED, State.FAILED, State.COUNTED]
    assert len(snapshot.accounts) == 2


def test_rows_of_one_portal_without_a_license_are_one_failure_that_names_their_lines() -> None:
    snapshot = read(
        "Tenant,Portal,License,Users,Status\nAcme,acme,,5,Paid\nAcme,acme,,?,Paid\nG,g,EP,1,Paid\n"
    )
    bad, good = snapshot.observations
    assert (bad.state, bad.reason) == (
        State.FAILED,
        "License is blank; Users is '?', not a whole number such as 42 or 1,234",
    )
    assert bad.evidence["lines"] == [2, 3]
    assert good.reason is None
    assert snapshot.details["rows"]["failed"] == 2


@pytest.mark.parametrize(("word", "state"), [("POC", State.POC), ("Expired", State.EXPIRED)])
@pytest.mark.parametrize("cells", ["EP,", "EP,?", ",5", ",", "EP,12.7"])
def test_what_is_not_billed_is_no_failure_whatever_else_is_wrong_with_it(
    cells: str, word: str, state: State
) -> None:
    snapshot = read(f"Tenant,Portal,License,Users,Status\nAcme,acme,{cells},{word}\nG,g,EP,1,Paid\n")
    unbilled, _ = snapshot.observations
    assert (unbilled.state, unbilled.seats) == (state, None)
    assert unbilled.reason
    assert snapshot.verdict is Verdict.COMPLETE
    assert snapshot.details["rows"]["failed"] == 0


def test_several_portals_of_one_name_stay_apart() -> None:
    snapshot = read("Tenant,Portal,License,Users,Status\nAcme,acme-1,EP,5,Paid\nAcme,acme-2,EP,6,Paid\n")
    assert [(a.key, a.name) for a in snapshot.accounts] == [("acme-1", "Acme"), ("acme-2", "Acme")]


def test_without_a_portal_column_the_name_is_the_key() -> None:
    snapshot = read("Customer;Package;User Count;Status\nAcme;EP;5;Paid\n")
    assert rows(snapshot) == [("Acme", "Acme", "EP", Decimal(5), "counted")]
