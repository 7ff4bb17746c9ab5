"""What is blocked and what would unblock it: every blocked row in exactly one group, each with a next step."""

from __future__ import annotations

import shlex
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.review import Blocker, blockers
from seatsync_pipeline.sources.base import State
from tests.reconcile.review.conftest import public_rows
from tests.reconcile.worlds import MFA, addition, agreement, linked, seen, world, worlds


def of(inputs: Inputs) -> dict[str, Blocker]:
    return {blocker.cause: blocker for blocker in blockers("prev_1", inputs.source, public_rows(inputs))}


def with_product(inputs: Inputs, **changes: object) -> Inputs:
    return replace(inputs, scan=replace(inputs.scan, products=(replace(MFA, **changes),)))  # type: ignore[arg-type]


def test_one_license_is_one_cause_whomever_it_blocks() -> None:
    observations = [seen(7, "A1", license_name="It's new"), seen(5, "A2", license_name="It's new")]
    found = of(world(observations, [addition(10)], links=linked("A1") | linked("A2")))
    unmapped = found["License unmapped"]
    assert (unmapped.about, unmapped.rows, unmapped.seats, unmapped.unpriced) == (
        "It's new",
        2,
        Decimal(12),
        2,
    )
    assert shlex.split(unmapped.command) == ["seatsync", "map", "duo", "It's new", "PRODUCT"]
    assert unmapped.job == "map_license"
    orphan = found["possible rename"]
    assert (orphan.about, orphan.seats, orphan.amount_delta) == ("Acme Dental", Decimal(10), Decimal(-35))


def test_an_account_is_named_in_the_command_and_several_are_not() -> None:
    one = of(world([seen(7, "A 1", name="Nobody")], links={}))["Unmatched"]
    assert one.command == "seatsync link duo 'A 1' COMPANY"
    names = ["Zen", "Bolt", "Mars", "Onyx"]
    several = of(world([seen(7, f"A{n}", name=name) for n, name in enumerate(names)], links={}))["Unmatched"]
    assert several.command == "seatsync link duo ACCOUNT COMPANY"
    assert (several.about, several.rows) == ("Bolt, Mars, Onyx and 1 more", 4)
    assert several.job == "link_company"


@pytest.mark.parametrize(
    ("inputs", "cause", "command"),
    [
        (world([seen(None, state=State.FAILED)]), "Source error", "seatsync pull duo"),
        (world([seen(8)], [addition(4), addition(4, 1001)]), "Multiple additions", "seatsync scan"),
        (world([seen(8)], agreements=[]), "no agreement in scope", "seatsync scan"),
        (world([seen(8)], companies=[]), "company gone", "seatsync link duo A1 COMPANY"),
        (
            world([seen(8, "A2", name="Acme Dental")], links=linked()),
            "second account",
            "seatsync link duo A2 COMPANY",
        ),
        (
            with_product(world([seen(8)]), inactive=True),
            "product inactive",
            "seatsync map duo 'Duo MFA' PRODUCT",
        ),
        (
            with_product(world([seen(8)], [addition(4)]), product_class="Bundle"),
            "product is a bundle",
            "seatsync map duo 'Duo MFA' PRODUCT",
        ),
    ],
)
def test_each_cause_has_its_command(inputs: Inputs, cause: str, command: str) -> None:
    (found,) = of(inputs).values()
    assert (found.cause, found.command) == (cause, command)


def test_too_many_orphans_are_one_cause_with_its_override() -> None:
    inputs = world(
        [],
        [addition(10, 1000 + n, 100 + n) for n in range(1, 5)],
        agreements=[agreement(100 + n, company_id=n) for n in range(1, 5)],
        companies=[Company(n, f"c{n}", f"Client {n}") for n in range(1, 5)],
    )
    (found,) = of(inputs).values()
    assert (found.cause, found.rows, found.seats) == ("orphan share", 4, Decimal(40))
    assert "--preview prev_1" in found.command
    assert "--override 'orphan share'" in found.command
    assert found.job == "approve_preview"


def test_a_proof_of_concept_waits_for_nobody() -> None:
    assert of(world([seen(7, state=State.POC)], [addition(10)])) == {}


def test_avanan_is_read_again_from_a_file() -> None:
    inputs = replace(world([seen(None, state=State.FAILED)]), source="avanan")
    (found,) = of(inputs).values()
    assert (found.command, found.job) == ("seatsync import avanan FILE", "avanan_import")


@given(worlds())
@settings(max_examples=150)
def test_every_blocked_row_is_in_exactly_one_group(inputs: Inputs) -> None:
    rows = public_rows(inputs)
    found = blockers("prev_1", inputs.source, rows)
    listed = [row_id for blocker in found for row_id in blocker.row_ids]
    assert sorted(listed) == sorted(
        row["row_id"] for row in rows if row["blocked"] and row["status"] != "Skipped"
    )
    for blocker in found:
        assert blocker.cause != "other"
        assert blocker.rows == len(blocker.row_ids)
        assert blocker.next_step.endswith(".")
        assert shlex.split(blocker.command)[0] == "seatsync"
        assert not set("{}") & set(blocker.command + blocker.job)
    assert [b.seats for b in found] == sorted((b.seats for b in found), reverse=True)
