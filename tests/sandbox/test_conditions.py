"""The conditions language: what each operator selects, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from seatsync_pipeline.sandbox.conditions import ConditionsRefused, parse
from seatsync_pipeline.sandbox.records import FIELDS

RECORDS: list[dict[str, Any]] = [
    {
        "id": 1,
        "name": "Alpha MSA",
        "company": {"id": 7, "name": "Ace", "identifier": "ACE"},
        "cancelledFlag": False,
        "billAmount": 10.5,
        "startDate": "2026-01-01T00:00:00Z",
        "endDate": None,
        "agreementStatus": "Active",
    },
    {
        "id": 2,
        "name": "beta backup",
        "company": {"id": 8, "name": 'Quote "Q"'},
        "parentAgreement": {"id": 1, "name": "Alpha MSA"},
        "cancelledFlag": True,
        "billAmount": 0,
        "startDate": "2026-06-15T00:00:00Z",
        "endDate": "2026-11-30T00:00:00Z",
        "agreementStatus": "Cancelled",
    },
    {"id": 3, "name": "Gamma", "company": {"id": 9, "name": "Cay"}, "cancelledFlag": False, "startDate": ""},
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3]),
        ("id = 2", [2]),
        ("id != 2", [1, 3]),
        ("id>1 and id<=3", [2, 3]),
        ("billAmount >= 10.5", [1]),
        ("billAmount < 10.5", [2]),  # an empty amount is neither less nor more
        ("not billAmount < 10.5", [1]),  # nor does NOT make it so
        ('name = "ALPHA msa"', [1]),
        ('name = "*a"', [1, 3]),
        ('name like "%a%b%"', [2]),
        ('name contains "MM"', [3]),
        ('name not contains "a"', []),
        ('name not like "alpha*"', [2, 3]),
        ("id in (1, 3)", [1, 3]),
        ("id not in (1,3)", [2]),
        ('agreementStatus in ("active","Expired")', [1]),
        ("cancelledFlag = True", [2]),
        ("cancelledFlag=false", [1, 3]),
        ("company/id = 8", [2]),
        ('company/name = "Quote \\"Q\\""', [2]),
        ("parentAgreement/id = null", [1, 3]),
        ("parentAgreement/id != null", [2]),
        ("endDate = null", [1, 3]),
        ("startDate > [2026-01-01]", [2]),
        ("startDate >= [2026-01-01T00:00:00Z] and startDate < [2026-06-15T01:00:00+01:00]", [1]),
        ("id = 1 or id = 2 and cancelledFlag = False", [1]),
        ("(id = 1 or id = 2) and cancelledFlag = True", [2]),
    ],
)
def test_conditions_select(text: str, ids: list[int]) -> None:
    wanted = parse(text, FIELDS["agreements"])
    assert [record["id"] for record in RECORDS if wanted(record)] == ids


@pytest.mark.parametrize(
    "text",
    [
        "id",
        "id =",
        "id = 1 id = 2",
        "id == 1",
        "id = 1 and",
        "(id = 1",
        "id in 1",
        "id in ()",
        "Id = 1",  # field names are case-sensitive
        "nosuch = 1",
        "company = 1",  # a reference needs its sub-field
        "name/id = 1",
        'id = "1"',
        "name = Alpha",
        "name = 'Alpha'",
        'cancelledFlag = "True"',
        'startDate > "2026-01-01"',
        "startDate > [01/02/2026]",
        "startDate > [2026-02-30]",
        'company/id = "7"',
        "id = True",
        'name = "open',
        "name not = 3",
    ],
)
def test_conditions_are_refused(text: str) -> None:
    with pytest.raises(ConditionsRefused):
        parse(text, FIELDS["agreements"])
