"""The page of a preview: exact numbers, names as text, short enough to be shown, and words where there is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from markdown_it import MarkdownIt

from seatsync_pipeline.connectwise.records import Company
from seatsync_pipeline.orchestration.decisions import decision_result
from seatsync_pipeline.orchestration.metadata import SHOWN_AT_ONCE, bar, markdown_table, plotted
from seatsync_pipeline.orchestration.preview_page import preview_metadata
from seatsync_pipeline.reconcile.inputs import Inputs
from seatsync_pipeline.reconcile.review import Month
from seatsync_pipeline.reconcile.rows import Status
from seatsync_pipeline.reconcile.store import Preview
from seatsync_pipeline.sources.base import State
from tests.orchestration.test_metadata import HOSTILE
from tests.reconcile.review.conftest import public_rows
from tests.reconcile.worlds import ACME, TODAY, addition, agreement, linked, seen, world

MADE = datetime(2026, 11, 20, 14, 30)  # noqa: DTZ001  # stored times are naive UTC
EMPTY = world([])
LINKS = ("/locations/seatsync/jobs/",)


def preview(inputs: Inputs, **changes: Any) -> Preview:
    made = Preview(
        preview_id="prev_1",
        source=inputs.source,
        created_at=MADE,
        today=TODAY,
        stale=False,
        snapshot={
            "id": "snap_2",
            "taken_at": datetime(2026, 11, 17, 14),  # noqa: DTZ001
            "verdict": "suspect",
            "reasons": [],
            "accepted_by": "Ann",
        },
        scan={"id": "snap_1", "taken_at": datetime(2026, 11, 20, 12)},  # noqa: DTZ001
        orphan_detection={"ran": True, "why": None, "lines_in_scope": 0},
        totals={"adds_up": True},
        rows=public_rows(inputs),
    )
    return replace(made, **changes)


def page(made: Preview, months: Sequence[Month] = ()) -> dict[str, Any]:
    """The values as the UI gets them: Markdown as text, numbers as numbers."""
    metadata = preview_metadata(made, months=months, csv=Path("/home/previews/duo-prev_1.csv"))
    return {
        name: value.value if isinstance(value, dg.MetadataValue) else value
        for name, value in metadata.items()
    }


def cells(markdown: str) -> list[list[str]]:
    """The rows of a Markdown table, as a reader sees their text."""
    found: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "inline" and found:
            found[-1].append("".join(c.content for c in token.children or [] if c.type == "text"))
    return found[1:]


def test_money_and_seats_are_told_exactly_with_their_direction() -> None:
    clients = world(
        [seen(12, "A1"), seen(4, "A2"), seen(5, "A3")],
        [
            addition(10, 1001, 101, unit_price=Decimal("3.1875")),
            addition("10.5", 1002, 102, unit_price=Decimal("0.1")),  # type: ignore[arg-type]
            addition(4, 1003, 103, unit_price=None),
        ],
        agreements=[agreement(100 + n, company_id=n) for n in (1, 2, 3)],
        companies=[ACME, Company(2, "c2", "Client 2"), Company(3, "c3", "Client 3")],
        links=linked("A1", 1) | linked("A2", 2) | linked("A3", 3),
    )
    shown = page(preview(clients))
    assert cells(shown["rows_by_status"]) == [["Ready", "3", "█" * 12, "-3.5", "+5.725"]]
    assert cells(shown["seats_and_money"]) == [
        ["up", "+3", "█" * 6, "+6.375", "█" * 12],
        ["down", "-6.5", "█" * 12, "-0.65", "█"],
        ["together", "-3.5", "", "+5.725", ""],
    ]
    assert "1 of them have no known price" in shown["seats_and_money"]
    assert [row[0] for row in cells(shown["largest_changes"])] == ["Acme Dental", "Client 2"]
    assert cells(shown["largest_changes"])[0][3:] == ["+2", "+6.375"]
    plots = {"seats_up": 3, "seats_down": 6.5, "money_up": 6.375, "money_down": 0.65, "seats_billed": 24.5}
    assert {name: shown[name] for name in plots} == plots
    assert {name: type(shown[name]) for name in plots} == {name: type(value) for name, value in plots.items()}


@pytest.mark.parametrize("name", [*HOSTILE, "```", "a`b``c", "x](/y) [z"])
def test_no_name_becomes_markup_or_a_link(name: str) -> None:
    made = preview(
        world(
            [
                seen(12, "A1", license_name=name),
                seen(3, "A2", name=name),
                seen(9, "A3", state=State.FAILED, name=name),
            ],
            [addition(10)],
            companies=[replace(ACME, name=name)],
            links=linked("A1") | linked("A3"),
        )
    )
    check = decision_result(made).metadata or {}
    texts = {**page(made), **{f"check {name}": value.value for name, value in check.items()}}
    for entry, text in texts.items():
        if not isinstance(text, str) or entry in {"csv", "next"}:
            continue
        for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
            children = token.children or []
            assert token.type not in {"html_block", "fence", "code_block"}, (entry, text)
            assert {c.type for c in children} <= {"text", "softbreak", "link_open", "link_close"}, (
                entry,
                text,
            )
            for link in (c for c in children if c.type == "link_open"):
                assert str(link.attrs["href"]).startswith(LINKS), (entry, text)


def test_what_is_long_is_shortened_to_what_the_ui_shows_at_once() -> None:
    long = "A company with a very long name, its branches and all its legal forms "
    count = 300
    many = world(
        [seen(n, f"A{n}", license_name=f"License {n % 60} {long}") for n in range(1, count)],
        [addition(n, 1000 + n, 100 + n) for n in range(1, count)],
        agreements=[agreement(100 + n, company_id=n) for n in range(1, count)],
        companies=[Company(n, f"c{n}", f"{long} {n}") for n in range(1, count)],
        links={key: link for n in range(1, count) for key, link in linked(f"A{n}", n).items()},
    )
    made = preview(many, orphan_detection={"ran": False, "why": f"{long} " * 3, "lines_in_scope": 1})
    months = [Month(date(2026, 1 + n % 12, 1), "s", MADE, Decimal(10**9), 10**6, 10**6) for n in range(13)]
    metadata = preview_metadata(made, months=months, csv=Path("x.csv"))
    check = decision_result(made).metadata or {}
    for entry, value in (*metadata.items(), *check.items()):
        if isinstance(value, dg.MarkdownMetadataValue):
            assert 0 < len(value.value or "") <= SHOWN_AT_ONCE, entry
    assert "more." in page(made)["blocked"]


def test_nothing_is_said_in_words() -> None:
    shown = page(preview(EMPTY))
    assert (shown["blocked"], shown["needs_you"], shown["largest_changes"]) == (
        "Nothing.",
        "Nothing.",
        "None.",
    )
    assert "unblock_by_command" not in shown
    assert shown["seats_by_month"] == "No accepted reading in the last 13 months."
    assert (shown["rows_ready"], shown["rows_blocked"], shown["money_up"]) == (0, 0, 0)
    result = decision_result(preview(EMPTY))
    assert result.passed
    assert result.description == "Nothing: no row is blocked, and no guard tripped."


def test_a_month_that_is_unknown_is_never_zero() -> None:
    months = (
        Month(date(2026, 9, 1), "s1", MADE, Decimal(400), 30, 0),
        Month(date(2026, 10, 1)),
        Month(date(2026, 11, 1), "s2", MADE, Decimal("412.5"), 31, 2),
    )
    assert cells(page(preview(EMPTY), months)["seats_by_month"]) == [
        ["2026-11", "412.5", "+12.5", "█" * 12, "31", "2 not read"],
        ["2026-10", "?", "", "", "?", ""],
        ["2026-09", "400", "", "█" * 12, "30", ""],
    ]


def test_what_is_blocked_comes_with_its_job_and_its_command() -> None:
    made = preview(
        world([seen(12, "A1", license_name="Duo Plus"), seen(3, "A2", name="Unknown Ltd")], [addition(10)])
    )
    shown = page(made)
    blocked = {row[0]: row for row in cells(shown["blocked"])}
    assert blocked["License unmapped: Duo Plus"][1:3] == ["1", "12"]
    assert "[map\\_license](/locations/seatsync/jobs/map_license/playground)" in shown["blocked"]
    assert "seatsync map duo 'Duo Plus' PRODUCT" in shown["unblock_by_command"]
    result = decision_result(made)
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert "License unmapped, Duo Plus" in (result.description or "")
    assert "map_license" in (result.description or "")


def test_a_guard_that_tripped_asks_for_a_decision_though_nothing_is_blocked() -> None:
    made = preview(world([seen(0)], [addition(10)]))
    result = decision_result(made)
    assert not result.passed
    guards = (result.metadata or {})["guards"].value
    assert next(row[:3] for row in cells(str(guards))) == ["decrease to zero", "1", "Acme Dental"]
    assert (result.metadata or {})["rows_blocked"].value == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "run approve_preview with the preview_id below"),
        (
            {"stale": True},
            "cannot be approved: its scan was too old. Run connectwise_scan, then reconcile_duo",
        ),
        ({"overtaken": True}, "cannot be approved: something was pushed since its scan"),
        ({"totals": {"adds_up": False}}, "does not add up"),
    ],
)
def test_the_next_step_is_one_that_works(changes: dict[str, Any], said: str) -> None:
    assert said in page(preview(EMPTY, **changes))["next"]


def test_it_says_how_old_its_data_were() -> None:
    assert page(preview(EMPTY))["made_from"] == (
        "Duo as read 2026-11-17T14:00:00Z, 3 days before (suspect, accepted by Ann);"
        " ConnectWise as scanned 2026-11-20T12:00:00Z, 2 hours before."
    )


def test_the_statuses_stand_in_their_order_and_a_skipped_orphan_search_above_them() -> None:
    made = preview(
        world(
            [seen(12), seen(3, "A9", state=State.FAILED)], [addition(10)], links=linked("A1") | linked("A9")
        ),
        orphan_detection={"ran": False, "why": "the snapshot is incomplete", "lines_in_scope": 1},
    )
    shown = page(made)
    assert shown["rows_by_status"].startswith(
        "Orphan detection did not run: the snapshot is incomplete.\n\n|"
    )
    assert [row[0] for row in cells(shown["rows_by_status"])] == [Status.SOURCE_ERROR]
    assert shown["by_status"] == {"Source error": 1}


@pytest.mark.parametrize(
    ("value", "largest", "blocks"),
    [("0", "5", 0), ("5", "0", 0), ("5", "5", 12), ("-5", "5", 12), ("0.001", "900", 1), ("2.5", "5", 6)],
)
def test_a_bar_is_as_long_as_its_part_of_the_largest(value: str, largest: str, blocks: int) -> None:
    assert bar(Decimal(value), Decimal(largest)) == "█" * blocks


def test_a_plotted_number_is_whole_where_it_can_be() -> None:
    assert (plotted(Decimal("12.0")), type(plotted(Decimal("12.0")))) == (12, int)
    assert plotted(Decimal("12.5")) == 12.5


def test_columns_of_figures_are_set_right() -> None:
    table = markdown_table(("who", "n", "money"), [("A", 5, "-1.50"), ("7 Oaks", None, "+2.00")])
    assert table.splitlines()[1] == "| --- | ---: | ---: |"
    assert markdown_table(("who",), []).splitlines()[1] == "| --- |"
