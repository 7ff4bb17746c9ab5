"""The operator's decisions: who, when, what before."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from seatsync_pipeline.errors import InputRefused, NotFound
from seatsync_pipeline.reconcile import setup
from seatsync_pipeline.reconcile.load import load_setup
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.reconcile.setup.known import (
    ACME,
    ACME_EAST,
    CLOSED,
    DELETED,
    PROTECT,
    RETIRED,
    changes,
    rows,
    snapshot,
)


def test_every_change_of_a_mapping_keeps_who_when_and_the_value_before(warehouse: Warehouse) -> None:
    setup.map_license(warehouse, "avanan", " Email Protect ", "AVANAN-PROTECT", by="ann")
    setup.mark_no_charge(warehouse, "avanan", "Email Protect", by=" bob ")
    setup.unmap_license(warehouse, "avanan", "Email Protect", by="cy")
    setup.map_license(warehouse, "avanan", "Email Protect", str(PROTECT), by="dee")
    history = rows(warehouse, "mapping_change")
    assert [(r["license"], r["decision"], r["product_id"], r["changed_by"]) for r in history] == [
        ("Email Protect", "product", PROTECT, "ann"),
        ("Email Protect", "no_charge", None, "bob"),
        ("Email Protect", "removed", None, "cy"),
        ("Email Protect", "product", PROTECT, "dee"),
    ]
    assert [r["previous"] and json.loads(r["previous"]) for r in history] == [
        None,
        {"decision": "product", "product_id": PROTECT},
        {"decision": "no_charge"},
        {"decision": "removed"},
    ]
    now = datetime.now(UTC).replace(tzinfo=None)
    assert all(abs((now - r["changed_at"]).total_seconds()) < 60 for r in history)
    assert [r["product_id"] for r in rows(warehouse, "mapping")] == [PROTECT]


def test_a_link_is_made_by_key_or_exact_name_and_records_the_name_of_the_day(warehouse: Warehouse) -> None:
    setup.link_account(warehouse, "avanan", "Acme East", ACME_EAST, by="ann", reason="merged")
    setup.mark_not_billed(warehouse, "avanan", "east-portal", by="ann", reason=" internal ")
    save_snapshot(warehouse, snapshot(("east-portal", "Acme Coast", "Complete Protect")), run_id=None)
    change = setup.link_account(warehouse, "avanan", "east-portal", str(ACME), by="bob")
    assert change.changed
    first, second, third = rows(warehouse, "link_change")
    assert (first["account_key"], first["company_id"], first["reason"]) == (
        "east-portal",
        ACME_EAST,
        "merged",
    )
    assert (first["rule"], first["account_name"]) == ("operator", "Acme East")
    assert (second["decision"], second["company_id"], second["reason"]) == ("not_billed", None, "internal")
    assert third["account_name"] == "Acme Coast"
    assert json.loads(third["previous"]) == {
        "decision": "not_billed",
        "reason": "internal",
        "account_name": "Acme East",
        "rule": "operator",
    }


def test_an_unlinked_account_stays_on_record(warehouse: Warehouse) -> None:
    setup.link_account(warehouse, "avanan", "acme-portal", ACME, by="ann")
    setup.unlink_account(warehouse, "avanan", "Acme Dental", by="bob")
    assert rows(warehouse, "link") == []
    assert rows(warehouse, "link_change")[-1]["decision"] == "removed"
    with pytest.raises(NotFound):
        setup.unlink_account(warehouse, "avanan", "Acme Dental", by="bob")


def test_what_an_account_was_linked_to_last_is_known_until_it_is_linked_anew(warehouse: Warehouse) -> None:
    setup.link_account(warehouse, "avanan", "acme-portal", ACME_EAST, by="ann")
    setup.link_account(warehouse, "avanan", "acme-portal", ACME, by="ann")
    setup.unlink_account(warehouse, "avanan", "acme-portal", by="bob")
    with warehouse.read() as connection:
        assert load_setup(connection, "avanan").unlinked == {"acme-portal": ACME}
        assert load_setup(connection, "duo").unlinked == {}
    setup.link_account(warehouse, "avanan", "acme-portal", ACME_EAST, by="ann")
    with warehouse.read() as connection:
        assert load_setup(connection, "avanan").unlinked == {}


def test_a_person_confirms_an_automatic_link(warehouse: Warehouse) -> None:
    setup.link_account(warehouse, "avanan", "acme-portal", ACME, by="ann")
    with warehouse.write() as connection:
        connection.execute("update link_change set rule = 'exact name', changed_by = 'seatsync'")
    assert setup.link_account(warehouse, "avanan", "acme-portal", ACME, by="ann").changed
    assert [r["rule"] for r in rows(warehouse, "link")] == ["operator"]


def test_agreement_types_are_set_and_cleared(warehouse: Warehouse) -> None:
    assert not setup.set_agreement_types(warehouse, "duo", [], by="ann").changed
    setup.set_agreement_types(warehouse, "duo", ["Security", "Managed Services", "Security"], by="ann")
    setup.set_agreement_types(warehouse, "duo", [], by="ann")
    named, cleared = rows(warehouse, "agreement_type_filter_change")
    assert json.loads(named["type_names"]) == ["Managed Services", "Security"]
    assert (named["previous"], json.loads(cleared["type_names"])) == (None, [])
    assert json.loads(cleared["previous"]) == ["Managed Services", "Security"]


@pytest.mark.parametrize(
    "decide",
    [
        lambda w: setup.map_license(w, "avanan", "Email Protect", "AVANAN-PROTECT", by="bob"),
        lambda w: setup.link_account(w, "avanan", "acme-portal", ACME, by="bob"),
        lambda w: setup.set_agreement_types(w, "avanan", ["Security"], by="bob"),
    ],
)
def test_what_is_in_force_already_writes_nothing(
    warehouse: Warehouse, decide: Callable[[Warehouse], setup.Change]
) -> None:
    assert decide(warehouse).changed
    before = changes(warehouse)
    assert not decide(warehouse).changed
    assert changes(warehouse) == before


REFUSED: dict[str, tuple[Callable[[Warehouse], object], str]] = {
    "license in another case": (
        lambda w: setup.map_license(w, "avanan", "email protect", "AVANAN-PROTECT", by="a"),
        "Did you mean Email Protect",
    ),
    "unknown product": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", "AVANAN-PROTCT", by="a"),
        "Did you mean AVANAN-PROTECT",
    ),
    "bundle": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", "SECURITY-BUNDLE", by="a"),
        "bundle",
    ),
    "inactive product": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", str(RETIRED), by="a"),
        "inactive",
    ),
    "id of one product, identifier of another": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", "202", by="a"),
        "means 202 (id 301) and DUO-SEAT (id 202)",
    ),
    "unknown source": (
        lambda w: setup.map_license(w, "avanam", "Email Protect", "DUO-SEAT", by="a"),
        "Did you mean avanan",
    ),
    "nobody": (lambda w: setup.mark_no_charge(w, "avanan", "Email Protect", by="  "), "--by"),
    "not mapped": (lambda w: setup.unmap_license(w, "avanan", "Email Protect", by="a"), "not mapped"),
    "unknown account": (
        lambda w: setup.link_account(w, "avanan", "Acme Est", ACME, by="a"),
        "Acme East (key east-portal)",
    ),
    "two accounts of one name": (
        lambda w: setup.link_account(w, "avanan", "Twin", ACME, by="a"),
        "twin-1, twin-2",
    ),
    "company by name": (
        lambda w: setup.link_account(w, "avanan", "twin-1", "Acme Dental", by="a"),
        "Acme Dental (id 105)",
    ),
    "more digits than any number has": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", "9" * 5000, by="a"),
        "has no product",
    ),
    "company in more digits than any id has": (
        lambda w: setup.link_account(w, "avanan", "twin-1", "9" * 5000, by="a"),
        "no company with the id",
    ),
    "company in digits of another script": (
        lambda w: setup.link_account(w, "avanan", "twin-1", "\u0661\u0660\u0665", by="a"),
        "no company with the id",
    ),
    "inactive company": (
        lambda w: setup.link_account(w, "avanan", "twin-1", CLOSED, by="a"),
        "is inactive",
    ),
    "deleted company": (lambda w: setup.link_account(w, "avanan", "twin-1", DELETED, by="a"), "is deleted"),
    "no reason": (
        lambda w: setup.mark_not_billed(w, "avanan", "twin-1", by="a", reason=" "),
        "no reason",
    ),
    "nothing read yet": (
        lambda w: setup.link_account(w, "duo", "DA1", ACME, by="a"),
        "nothing was read from duo",
    ),
    "unknown agreement type": (
        lambda w: setup.set_agreement_types(w, "duo", ["Managed services"], by="a"),
        "Did you mean Managed Services",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_decision_that_makes_no_sense_is_refused_and_writes_nothing(
    warehouse: Warehouse, case: str
) -> None:
    decide, message = REFUSED[case]
    with pytest.raises(InputRefused) as refusal:
        decide(warehouse)
    assert message in str(refusal.value)
    assert changes(warehouse) == 0


def test_a_product_belongs_to_one_source(warehouse: Warehouse) -> None:
    setup.map_license(warehouse, "duo", "Duo MFA", "DUO-SEAT", by="ann")
    with pytest.raises(InputRefused, match=r"billed for duo \(Duo MFA\)"):
        setup.map_license(warehouse, "avanan", "Email Protect", "DUO-SEAT", by="ann")
    setup.map_license(warehouse, "avanan", "Email Protect", "AVANAN-PROTECT", by="ann")
    setup.map_license(
        warehouse, "avanan", "Complete Protect", "AVANAN-PROTECT", by="ann"
    )  # two tiers, one line
    setup.unmap_license(warehouse, "duo", "Duo MFA", by="ann")
    assert setup.map_license(warehouse, "avanan", "Email Protect", "DUO-SEAT", by="ann").changed


def test_nothing_can_be_mapped_before_a_scan(empty: Warehouse) -> None:
    with pytest.raises(InputRefused, match="seatsync scan"):
        setup.map_license(empty, "duo", "Duo MFA", "DUO-SEAT", by="ann")
    assert setup.mark_no_charge(empty, "duo", "Duo MFA", by="ann").changed
