"""How a row of a preview is named to a person, and its numbers as exact decimals."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

PreviewRow = Mapping[str, Any]


def who(row: PreviewRow) -> str:
    """The company; where there is none, the accounts."""
    return str(row["company_name"] or ", ".join(_distinct(row, "account_name")))


def what(row: PreviewRow) -> str:
    """The product; where there is none, the licenses."""
    return str(row["product_identifier"] or ", ".join(_distinct(row, "license")))


def licenses(row: PreviewRow) -> tuple[str, ...]:
    return tuple(_distinct(row, "license"))


def account_keys(row: PreviewRow) -> tuple[str, ...]:
    return tuple(_distinct(row, "account_key"))


def number(value: object) -> Decimal | None:
    """A column as a Decimal, whether it comes from the database or from JSON; None stays unknown."""
    return None if value is None else Decimal(str(value))


def seats_behind(row: PreviewRow) -> Decimal:
    """The seats a row is about: those its accounts use, or where none does those that ConnectWise bills."""
    if row["accounts"]:
        return sum((number(share["seats"]) or Decimal(0) for share in row["accounts"]), Decimal(0))
    return number(row["current_quantity"]) or Decimal(0)


def _distinct(row: PreviewRow, name: str) -> list[str]:
    return list(dict.fromkeys(str(share[name]) for share in row["accounts"]))
