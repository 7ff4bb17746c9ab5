"""When two spellings are one company, and when they only look alike."""

from __future__ import annotations

import pytest

from seatsync_pipeline.reconcile.names import differ_only_by_typos, has_unseen, normalise, web_host


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("The Smith & Jones Co., Inc.", "smith and jones"),
        ("smith and jones", "smith and jones"),
        ("ACME  GmbH", "acme"),
        ("Acme (Pty) Ltd", "acme"),
        ("Acme, L.L.C.", "acme"),
        ("A.B.C. Plumbing", "abc plumbing"),
        ("The Acme", "acme"),
        ("O\u2019Brien Legal", "obrien legal"),
        ("Ａｃｍｅ", "acme"),  # full-width letters
        ("Inc", "inc"),  # nothing would be left
        ("The", "the"),
        ("Co-op Foods", "co op foods"),
        ("NA", "na"),
        ("*** !", "*** !"),  # nothing would be left, and two of these would be the same
    ],
)
def test_normalise(name: str, expected: str) -> None:
    assert normalise(name) == expected


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("northwind traders", "northwind tradrs", True),  # left out
        ("northwind traders", "northwind tradders", True),  # doubled
        ("northwind traders", "northwind tarders", True),  # swapped
        ("northwind traders", "northwind traderx", False),  # exchanged
        ("contoso health", "contoso wealth", False),
        ("harbor clinic 2", "harbor clinic 3", False),
        ("harbor clinic", "harbour clinic", False),  # a place word
        ("first baptist", "frist baptist", False),  # an ordinal
        ("north shore dental", "norht shore dental", False),  # a direction
        ("blue river dental", "blue river dental group", False),  # a word more
        ("j smith legal", "k smith legal", False),  # an initial
        ("abc legal", "abx legal", False),  # a short word
        ("smith legal north", "legal smith north", False),  # another order
        ("acme4you", "acme4yu", False),  # a number inside
        ("bolton", "bolt2on", False),  # a number on one side alone
        ("beryl", "beyrl", True),  # five letters are enough
        ("bery", "beyr", False),  # four are not
        ("handel", "hoste", False),  # one letter more, and another word
        ("handel", "handelsman", False),
        ("handel", "hadxel", False),  # two neighbours differ, of which only one has moved
        ("handel", "hlndea", False),  # two letters swapped, but no neighbours
        ("handel", "hadnle", False),  # two swaps in one word
    ],
)
def test_only_a_typing_error_makes_two_names_one(left: str, right: str, *, same: bool) -> None:
    assert differ_only_by_typos(left, right) is same
    assert differ_only_by_typos(right, left) is same


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://www.Acme.com/about", "acme.com"),
        ("acme.com", "acme.com"),
        ("acme.com:443", "acme.com"),
        ("", None),
        (None, None),
        ("not a host", None),
        ("  ", None),
        ("acme.com?from=mail", "acme.com"),
        ("acme.com#top", "acme.com"),
        ("ftp://files.acme.com.", "files.acme.com"),
    ],
)
def test_web_host(address: str | None, host: str | None) -> None:
    assert web_host(address) == host


@pytest.mark.parametrize(
    ("name", "unseen"),
    [
        ("Acme Dental", False),
        ("Ac\u200bme", True),  # a blank of no width
        ("\u202eAcme", True),  # turns the direction of writing
        ("Acme\x07", True),
        ("Acme\u00a0Dental", False),  # a blank that does not break is seen
        ("Müller 株式会社", False),
        ("", False),
    ],
)
def test_characters_that_nobody_sees(name: str, unseen: bool) -> None:
    assert has_unseen(name) is unseen
