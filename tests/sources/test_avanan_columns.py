"""Headers and status words as data: the built-in lists hold together, and an override cannot be ambiguous."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.sources.avanan_columns import load_columns, normalised
from seatsync_pipeline.sources.base import State


@pytest.mark.parametrize(
    "written", ["Tenant Name", " tenant_name\xa0", "TENANT-NAME", "\ufeffTenant  name", "tenantName"]
)
def test_headers_are_compared_without_case_and_gaps(written: str) -> None:
    assert normalised(written) == normalised("tenant name")


def test_a_cap_is_never_taken_for_users() -> None:
    columns = load_columns()
    assert columns.missing(["Tenant", "License", "Maximum Licensed Users", "Status"]) == ["users"]


def test_severity_and_unknown_words_are_no_state() -> None:
    columns = load_columns()
    words = ["success", "warning", "Suspended", "NFR", "", "0", "yes", "Paid?"]
    assert [columns.word_state(word) for word in words] == [None] * len(words)
    assert columns.word_state("Pay-As-You-Go") is State.COUNTED


def test_a_list_of_the_override_replaces_its_list_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "avanan_columns.toml"
    path.write_bytes(b'\xef\xbb\xbf[status]\npoc = ["Testphase"]\n')
    columns = load_columns(path)
    assert columns.word_state("testphase") is State.POC
    assert columns.word_state("trial") is None
    assert columns.word_state("expired") is State.EXPIRED
    assert columns.aliases == load_columns().aliases
    assert columns.origin == str(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("[columns", "Expected"),
        ("[colums]\nname = ['a']", "there is no section [colums]"),
        ("name = ['a']", "there is no section [name]"),
        ("[columns]\nseats = ['a']", "[columns] has no 'seats'"),
        ("[columns]\nname = 'Kunde'", "'name' in [columns] is not a list of words"),
        ("[status]\npoc = ['a', ' ']", "'poc' in [status] is not a list of words"),
        ("[columns]\nname = ['Users']", "'users' stands in name and users"),
        ("[status]\npoc = ['Active']", "'active' stands in counted and poc"),
    ],
)
def test_an_override_that_cannot_be_used_is_a_configuration_error(
    tmp_path: Path, content: str, found: str
) -> None:
    path = tmp_path / "avanan_columns.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_columns(path)
    assert found in caught.value.found
    assert str(path) in caught.value.tried


def test_an_override_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_columns(tmp_path)
