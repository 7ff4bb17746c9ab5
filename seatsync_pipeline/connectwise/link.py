"""The `Link` header, with which ConnectWise says where the next page of a list starts.

What belongs here: reading it, in whatever order and with whatever quotes it is written. What does not: asking for
pages (`paging.py`). Only the position is taken from a Link, never the address: it cannot lead us to another host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

_LINK = re.compile(r"<(?P<url>[^<>]*)>(?P<params>[^<]*)")
_REL = re.compile(
    r"""[;\s]rel\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s;,"']+))""", re.IGNORECASE
)
_KNOWN = frozenset({"next", "prev", "previous", "first", "last", "self"})


@dataclass(frozen=True)
class Next:
    """Where the next page starts, as a Link says it: a `pageId`, or a `page` number."""

    page_id: str | None
    page: int | None


def next_page(link: str | None) -> Next | None:
    """The position in the Link whose relation is `next`, with its parameters in any order; None if none."""
    for match in _LINK.finditer(link or ""):
        if "next" in _relations(match["params"]):
            query = _query(match["url"])
            number = query.get("page", "")
            return Next(
                page_id=query.get("pageid") or None,
                page=int(number) if re.fullmatch(r"[1-9][0-9]{0,8}", number) else None,
            )
    return None


def is_clear(link: str | None) -> bool:
    """Whether all of a Link can be understood, so that one without a `next` says that there is no further page."""
    text = (link or "").strip()
    if _LINK.sub("", text).strip(" ,"):
        return False
    links = list(_LINK.finditer(text))
    return all(_KNOWN.intersection(_relations(match["params"])) for match in links)


def _relations(params: str) -> list[str]:
    found = _REL.search(params)
    return (found["double"] or found["single"] or found["bare"] or "").lower().split() if found else []


def _query(url: str) -> dict[str, str]:
    """The parameters of a URL; none where it is no URL, so that its Link leads nowhere, which is an error."""
    try:
        return {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    except ValueError:
        return {}
