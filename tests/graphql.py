"""Questions to a running Dagster web server, over the GraphQL that its own pages use."""

from __future__ import annotations

from typing import Any

import httpx


def ask(address: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    """The data of the answer. Raises httpx.HTTPError while nobody answers, AssertionError for a refused question."""
    asked = {"query": query, "variables": variables or {}}
    answer = httpx.post(f"{address}/graphql", json=asked, timeout=60, trust_env=False).raise_for_status()
    told = answer.json()
    assert "errors" not in told, told["errors"]
    return told["data"]
