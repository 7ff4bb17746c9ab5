"""docs/alerts.md shows what the code composes, and names every field of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notices.examples import shown

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")


@pytest.mark.parametrize("channel", ["webhook", "slack", "teams", "e-mail"])
def test_the_page_shows_what_is_sent(channel: str) -> None:
    blocks = re.findall(r"^```(?:json|text)\n(.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)
    assert shown()[channel] in blocks
