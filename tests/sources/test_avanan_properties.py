"""Whatever is in the file: it is refused in the reader's own words, or every one of its rows is accounted for."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.sources.base import SourceSnapshot, State
from tests.sources.exports import read_made_up

HEADER = ["Tenant", "Portal", "License", "Users", "Status"]
RAW = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=8)
NAMES = (
    st.sampled_from(["Acme", "acme", "Beta, Inc", 'Gamma "G"', "NA", "", " ", "Total", "=1+1", "'+x", "Ünal"])
    | RAW
)
PORTALS = st.sampled_from(["p1", "P1", "p2", "00123", "p3.com", "", "1E+11"]) | RAW
LICENSES = st.sampled_from(["Email Protect", "Archiving", "", "Email & Collaboration"]) | RAW
USERS = st.sampled_from(["0", "5", "5.0", "1,234", "", "1.5", "-1", "x", "７"]) | RAW
STATUS = st.sampled_from(["Paid", "active", "POC", "Expired", "", "Suspended"]) | RAW
ROWS = st.lists(st.tuples(NAMES, PORTALS, LICENSES, USERS, STATUS), max_size=15)


def written(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerows([HEADER, *rows])
    return out.getvalue()


def read(data: bytes) -> SourceSnapshot | FileRefused:
    """The snapshot, or the only error that may come instead."""
    try:
        return read_made_up(data)
    except FileRefused as error:
        return error


def accounted(snapshot: SourceSnapshot) -> int:
    done: dict[str, int] = snapshot.details["rows"]
    further = done["collapsed"] + done["contradicting"] + done["blank"] + done["footer"]
    return len(snapshot.observations) + further


def check(snapshot: SourceSnapshot) -> None:
    """What holds for every snapshot: one line of the file is in one observation, and only good numbers are numbers."""
    lines = [line for o in snapshot.observations for line in o.evidence.get("lines", [o.evidence["line"]])]
    assert len(lines) == len(set(lines)) == snapshot.details["rows"]["data"]
    assert {o.account_key for o in snapshot.observations} == {account.key for account in snapshot.accounts}
    assert len({account.key for account in snapshot.accounts}) == len(snapshot.accounts)
    good = [(o.account_key, o.license) for o in snapshot.observations if o.state is not State.FAILED]
    assert len(good) == len(set(good))
    for observation in snapshot.observations:
        text = observation.evidence["users"]
        if observation.seats is not None:
            assert observation.seats == Decimal(text.replace(",", ""))
            assert text.isascii()
        else:
            assert observation.reason


@given(rows=ROWS, delimiter=st.sampled_from(",;\t"))
def test_every_row_of_a_well_formed_table_is_accounted_for(
    rows: list[tuple[str, str, str, str, str]], delimiter: str
) -> None:
    snapshot = read(written(rows, delimiter).encode())
    if isinstance(snapshot, FileRefused):
        known = ("no usable row", "wrong footer total", "repeated header", "line break")
        assert all(fault.rule.startswith(known) for fault in snapshot.faults)
    else:
        assert accounted(snapshot) == len(rows)
        check(snapshot)


@given(
    rows=ROWS,
    cut=st.integers(0, 400),
    noise=st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(['"', ",", "\n", ";", "\r", " ", "Total"])), max_size=4
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
def test_a_damaged_table_is_refused_or_accounted_for(
    rows: list[tuple[str, str, str, str, str]], cut: int, noise: list[tuple[int, str]], encoding: str
) -> None:
    text = written(rows)
    for place, what in noise:
        text = text[:place] + what + text[place:]
    text = text[: max(cut, 60)]
    snapshot = read(text.encode(encoding, "replace"))
    if isinstance(snapshot, FileRefused):
        assert snapshot.faults
        return
    # A reader of its own: records from the header on, as the csv module sees them.
    records = list(csv.reader(io.StringIO(text, newline=""), delimiter=snapshot.details["delimiter"]))
    header = next(i for i, cells in enumerate(records) if "License" in [cell.strip() for cell in cells])
    assert accounted(snapshot) == len(records) - header - 1
    check(snapshot)


@given(st.binary(max_size=200), st.sampled_from([b"", written([]).encode(), b"\xff\xfe", b"\xef\xbb\xbf"]))
@example(b"\xff", b"")
@example(b"\r", b"Tenant,License,Users,Status")
def test_any_bytes_are_refused_or_accounted_for(data: bytes, before: bytes) -> None:
    snapshot = read(before + data)
    if isinstance(snapshot, FileRefused):
        assert 1 <= len(snapshot.faults) <= 50
    else:
        check(snapshot)


@given(rows=ROWS, seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_number(
    rows: list[tuple[str, str, str, str, str]], seed: random.Random
) -> None:
    def numbers(table: Sequence[Sequence[str]]) -> object:
        snapshot = read(written(table).encode())
        if isinstance(snapshot, FileRefused):
            return len(snapshot.faults)
        return sorted((o.license, str(o.seats), o.state) for o in snapshot.observations)

    shuffled = list(rows)
    seed.shuffle(shuffled)
    assert numbers(rows) == numbers(shuffled)
