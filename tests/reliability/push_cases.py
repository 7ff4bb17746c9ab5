"""Faults of a push: what becomes of an approved selection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.reliability.cases import Case, Place, Stores

PUSH = ("push", "{folder}/selection.csv", "--yes")
WRITES = "*/additions/*"


def case(
    fault: str, injected: str, arrange: Callable[[Place], None], exit_code: int, stores: Stores, *says: str
) -> Case:
    """Duo's rows that are selected by default, approved by Ann, and then the fault."""

    def approve_and_arrange(place: Place) -> None:
        preview_id = place.query("select max(preview_id) from preview_header where source = 'duo'")[0][0]
        file = "{folder}/selection.csv"
        words = ("approve", "duo", "--preview", preview_id, "--by", "Ann", "--defaults", "-o", file)
        code, _, err = place.run(*words)
        assert code == 0, err
        arrange(place)

    return Case("Push", fault, injected, approve_and_arrange, PUSH, exit_code, says, stores)


def strike(kind: str, method: str = "PATCH", **options: Any) -> Callable[[Place], None]:
    def arrange(place: Place) -> None:
        place.connectwise.faults.add(kind, path=WRITES, method=method, **options)

    return arrange


def _edit(old: str, new: str) -> Callable[[Place], None]:
    """Change the selection file, as in a text editor."""

    def arrange(place: Place) -> None:
        file = place.folder / "selection.csv"
        text = file.read_text("utf-8-sig")
        assert old in text
        file.write_text(text.replace(old, new), "utf-8")

    return arrange


def _somebody_else(place: Place) -> None:
    """Change in ConnectWise what the first approved row is about."""
    addition = place.query(
        "select addition_id from preview where source = 'duo' and selected_by_default order by row_id limit 1"
    )[0][0]
    with place.connectwise.state.lock:
        place.connectwise.state.additions[addition]["quantity"] += 100


CASES: tuple[Case, ...] = (
    case(
        "an answer is lost after the write",
        "the connection is reset once the PATCH was carried out",
        strike("reset", applied=True),
        0,
        Stores.AS_APPROVED,
        "updated",
    ),
    case(
        "an answer is lost before the write",
        "the connection is reset before the PATCH is carried out",
        strike("reset"),
        0,
        Stores.AS_APPROVED,
        "updated",
    ),
    case(
        "500 after the write",
        "the PATCH was carried out nevertheless",
        strike("error", status=500, applied=True),
        0,
        Stores.AS_APPROVED,
        "updated",
    ),
    case(
        "429 on a write",
        "with `Retry-After` of a second, twice",
        strike("rate_limit", retry_after=1, times=2),
        0,
        Stores.AS_APPROVED,
        "updated",
    ),
    case(
        "the credentials are withdrawn",
        "401 from the third write on",
        strike("error", status=401, after=2, times=None),
        1,
        Stores.INTERRUPTED,
        "answered 401",
    ),
    case(
        "one write is refused",
        "400 for one PATCH",
        strike("error", status=400),
        1,
        Stores.AS_APPROVED,
        "answered 400",
    ),
    case(
        "an addition cannot be read before its write",
        "503 for ever",
        strike("error", "GET", times=None),
        1,
        Stores.INTERRUPTED,
        "answered 503",
    ),
    case(
        "somebody edits ConnectWise meanwhile",
        "another quantity than the preview saw",
        _somebody_else,
        0,
        Stores.AS_APPROVED,
        "changed in ConnectWise since the preview",
    ),
    case(
        "the selection was edited",
        "one character of a fingerprint",
        _edit("fp_", "fp_0"),
        2,
        Stores.NOTHING,
        "fingerprint",
    ),
    case(
        "the approver may not approve",
        "SEATSYNC_APPROVERS names others",
        lambda place: place.set(SEATSYNC_APPROVERS="Berta"),
        2,
        Stores.NOTHING,
        "SEATSYNC_APPROVERS",
    ),
)
