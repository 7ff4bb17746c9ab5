"""Tables for people: names from outside are text there, whatever they look like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from markdown_it import MarkdownIt

from seatsync_pipeline.orchestration.metadata import (
    SHOWN_AT_ONCE,
    brief_table,
    markdown_table,
    scan_metadata,
    snapshot_metadata,
)
from seatsync_pipeline.sources.base import Account, Finding, Observation, SourceSnapshot, State
from tests.reconcile.worlds import addition, seen, world

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "| a | b |",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "<https://evil.example>",
    "`code` **bold** _it_ ~~gone~~ \\| \\",
    "&lt;script&gt;",
    "A\nB\r\n# C",
    "a\x1b[2Jb\u202ec\u200bd",
    "Smith & Sons (North) [2]",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_one_cell_of_plain_text(name: str) -> None:
    tokens = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .parse(markdown_table(("account", "seats"), [(name, 5)]))
    )
    cells = [token for token in tokens if token.type == "inline"]
    seen = "".join(child.content for child in cells[2].children or [] if child.type == "text")
    assert len(cells) == 4
    assert {child.type for child in cells[2].children or []} <= {"text"}
    assert seen == " ".join("".join(c if c.isprintable() else " " for c in name).split())


def test_what_stands_over_a_table_counts_as_well() -> None:
    rows = [("Alderpoint Dental", number) for number in range(20)]
    alone, below = (
        brief_table(("account", "seats"), rows),
        brief_table(("account", "seats"), rows, above="x" * 700),
    )
    assert "more." not in alone
    assert len(below) <= SHOWN_AT_ONCE
    assert below.startswith("x" * 700 + "\n\n| account | seats |\n")
    assert below.endswith("more.")


def test_a_scan_says_until_when_it_serves_how_large_it_is_and_what_it_cost() -> None:
    inputs = world([], [addition(10, 1000), addition(3, 1001)])
    details: dict[str, Any] = {"requests": 12, "retries": 1, "seconds": 2.5, "server": "https://x"}
    shown = scan_metadata("snap_1", replace(inputs.scan, details=details))
    assert "until 2026-11-21T08:00:00Z" in shown["serves"]
    assert (shown["requests"], shown["retries"], shown["seconds"]) == (12, 1, 2.5)
    assert (shown["companies"], shown["agreements"], shown["additions"]) == (1, 1, 2)
    assert "| Managed Services | 1 | 1 | 2 | ████████████ |" in shown["table"].value


def reading(*observations: Observation, findings: tuple[Finding, ...] = ()) -> dict[str, Any]:
    accounts = tuple(Account(one.account_key, one.account_name) for one in observations)
    moment = datetime(2026, 11, 20, 8, tzinfo=UTC)
    return snapshot_metadata("snap_1", SourceSnapshot("duo", moment, accounts, observations, "x", findings))


def test_a_reading_has_what_speaks_against_it_and_its_failed_accounts_first() -> None:
    finding = Finding("failed | accounts", "1 of 2", "20 %", "too [many](javascript:x) failed")
    observations = (seen(40, "A1"), seen(key="A2", state=State.FAILED))
    shown = reading(*observations, findings=(finding,))
    assert list(shown)[:3] == ["findings", "table", "next"]
    assert r"failed \| accounts: too \[many\]\(javascript:x\) failed" in shown["findings"].value
    assert shown["table"].value.splitlines()[2] == "| A2 | Duo MFA | ? | failed | 403 |"
    assert "1 account could not be read" in shown["next"]
    assert "accept_snapshot with snapshot_id snap_1" in shown["next"]
    assert (shown["accounts"], shown["failed_accounts"], shown["seats"]) == (2, 1, 40)


def test_a_good_reading_leads_to_its_preview() -> None:
    shown = reading(replace(seen(40, "A1"), seats=Decimal("40.5")))
    assert "findings" not in shown
    assert shown["next"] == "Look at duo/preview, which is made from it."
    assert shown["seats"] == 40.5
