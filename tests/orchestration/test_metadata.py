"""Tables for people: names from outside are text there, whatever they look like."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from seatsync_pipeline.orchestration.metadata import SHOWN_AT_ONCE, brief_table, markdown_table

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
