"""Every shape of export that is known to happen, and what each must give."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.settings.files import FileSettings
from seatsync_pipeline.sources.avanan import read_export
from seatsync_pipeline.sources.base import Observation, SourceSnapshot, State, Verdict
from tests.sources.exports import read_made_up

CLEAN = (Path(__file__).parent / "fixtures" / "avanan_clean.csv").read_text(encoding="utf-8")
LINES = CLEAN.splitlines()
HEADER, ROWS = LINES[0], LINES[1:]

Row = tuple[str, str, str, Decimal | None, str]


def read(content: str | bytes) -> SourceSnapshot:
    data = content.encode() if isinstance(content, str) else content
    return read_made_up(data)


def rows(snapshot: SourceSnapshot) -> list[Row]:
    return [(o.account_key, o.account_name, o.license, o.seats, o.state.value) for o in snapshot.observations]


def only(users: str = "12", status: str = "Paid", name: str = "Acme", portal: str = "acme") -> Observation:
    """The one row with these cells, in a file with a good one."""
    line = ",".join(f'"{cell}"' for cell in (name, portal, "Email Protect", users, status))
    snapshot = read(f"Tenant,Portal,License,Users,Status\n{line}\nGood Inc,good,Email Protect,1,Paid\n")
    return snapshot.observations[0]


def with_rows(*more: str) -> str:
    return CLEAN + "\n".join(more) + "\n"


def recut(delimiter: str) -> str:
    cells = [line.split(",") for line in [HEADER, *ROWS[:-1]]]
    return "\n".join(
        [delimiter.join(line) for line in cells]
        + [
            f"Fir, Oak Inc;fir;{ROWS[-1].split(',', 3)[3]}".replace(",", delimiter)
            .replace(f"Fir{delimiter}", "Fir,")
            .replace(";", delimiter)
        ]
    )


def reordered(order: tuple[int, ...], text: str = CLEAN.replace('"Fir, Oak Inc"', '"Fir; Oak Inc"')) -> str:
    table = [line.split(",") for line in text.splitlines()]
    return "\n".join(",".join(line[i] for i in order) for line in table).replace("Fir; Oak", "Fir, Oak")


EXPECTED: list[Row] = [
    ("alder.example", "Alder Dental", "Email Advanced Protect", Decimal(12), "counted"),
    ("birch", "Birch & Sons", "Email & Collaboration Advanced Protect", Decimal(40), "counted"),
    ("birch", "Birch & Sons", "Archiving", Decimal(40), "counted"),
    ("00123", "Café Nord", "Email Advanced Protect", Decimal(7), "counted"),
    ("na-corp", "NA", "Email Advanced Protect", Decimal(3), "counted"),
    ("dune", "Dune Logistics", "Email Advanced Protect", Decimal(25), "poc"),
    ("elm", "Elm Partners", "Email Advanced Protect", Decimal(18), "expired"),
    ("fir", "Fir, Oak Inc", "Email Advanced Protect", Decimal(0), "counted"),
]

SAME_TABLE: dict[str, str | bytes] = {
    "clean": CLEAN,
    "byte order mark and CRLF": b"\xef\xbb\xbf" + CLEAN.replace("\n", "\r\n").encode(),
    "CR line ends": CLEAN.replace("\n", "\r"),
    "no line end at the end": CLEAN.rstrip("\n"),
    "Windows-1252": CLEAN.encode("cp1252"),
    "UTF-16 LE, tabs": recut("\t").encode("utf-16"),
    "UTF-16 BE": b"\xfe\xff" + CLEAN.encode("utf-16-be"),
    "semicolons": recut(";"),
    "sep line": "sep=;\r\n" + recut(";"),
    "quoted sep line": '"sep=,"\n' + CLEAN,
    "preamble": f"Tenants of Contoso MSP\n\nExported,2026-11-20\n{CLEAN}",
    "comma behind every line": CLEAN.replace("\n", ",\n"),
    "empty cells behind the rows": CLEAN.replace("\n", ",,\n").replace("Region,,", "Region"),
    "other order of columns": reordered((4, 3, 5, 2, 1, 0)),
    "other case of headers": CLEAN.replace(HEADER, "TENANT_NAME, portal ,License  Type,users,STATUS,region"),
    "an extra column": reordered((0, 1, 2, 3, 4, 5, 5)).replace("Region,Region", "Region,Notes"),
    "blank rows": CLEAN.replace("\n", "\n\n , ,\n"),
    "right total": with_rows("Total (7 tenants),,,145,,"),
    "total of the paid rows": with_rows("Grand Total:,,,102,,"),
    "blanks and no-break spaces around cells": CLEAN.replace(",", "\xa0 ,")
    .replace("Fir\xa0 ,", "Fir,")
    .replace('"\xa0 ', '"'),
}


@pytest.mark.parametrize("content", SAME_TABLE.values(), ids=SAME_TABLE.keys())
def test_a_legal_variation_gives_the_same_table(content: str | bytes) -> None:
    snapshot = read(content)
    assert rows(snapshot) == EXPECTED
    assert snapshot.verdict is Verdict.COMPLETE
    assert snapshot.details["rows"]["data"] == 8


REFUSED: dict[str, tuple[str | bytes, str, int | None]] = {
    "missing Users": (reordered((0, 1, 2, 4)), "missing column: Users", 1),
    "missing License": (reordered((0, 1, 3, 4)), "missing column: License", 1),
    "missing tenant": (reordered((1, 2, 3, 4)), "missing column: tenant name", 1),
    "missing status": (reordered((0, 1, 2, 3)), "missing column: status", 1),
    "a cap instead of Users": (CLEAN.replace("Users", "Maximum Licensed Users"), "missing column: Users", 1),
    "Users twice": (reordered((0, 1, 2, 3, 4, 3)), "repeated column", 1),
    "unquoted comma in the last row": (CLEAN.replace('"', ""), "row length: 7 cells", 9),
    "unquoted comma in the middle": (CLEAN.replace("Birch &", "Birch, &", 1), "row length: 7 cells", 3),
    "unquoted comma in every row": (CLEAN.replace(",Email", ",Co, Email"), "row length: 7 cells", 2),
    "every row a field too long": (
        CLEAN.replace("\n", ",x\n").replace("Region,x", "Region"),
        "row length",
        2,
    ),
    "cut in a row": (CLEAN[: CLEAN.index("18,Expired") + 1], "row length: 4 cells", 8),
    "cut in quotes": (CLEAN[: CLEAN.index(", Oak")], "unterminated row", 9),
    "quote that swallows rows": (
        CLEAN.replace("Archiving", '"Archiving', 1).replace("dune,Email Advanced Protect", 'dune,Email"', 1),
        "line break inside a cell",
        4,
    ),
    "text behind a quote": (CLEAN.replace('Inc"', 'Inc" x'), "broken quoting", 9),
    "cut in a character": (CLEAN.replace("Elm", "Élm").encode()[: CLEAN.index("Elm") + 2], "undecodable", 8),
    "bytes of no encoding": (CLEAN.encode().replace("é".encode(), b"\x81"), "undecodable", 5),
    "UTF-16 without mark": (CLEAN.encode("utf-16-le"), "NUL character", 1),
    "UTF-16 cut in a character": (CLEAN.encode("utf-16")[:-1], "undecodable", None),
    "web page": ("<!DOCTYPE html><html><body>Sign in</body></html>", "not CSV: the file is a web page", None),
    "xlsx": (b"PK\x03\x04\x14\x00\x06\x00" + bytes(40), "not CSV: the file is an Excel workbook", None),
    "zip of a CSV": (b"PK\x03\x04\x14\x00\x00\x00" + CLEAN.encode(), "not CSV", None),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), "not CSV: the file is an old Excel", None),
    "JSON": ('[{"tenant": "Acme"}]', "not CSV: the file is JSON", None),
    "empty": (b"", "empty file", None),
    "white space only": ("\ufeff \r\n\t\r\n", "empty file", None),
    "header only": (HEADER, "no usable row", 1),
    "header and blank rows": (HEADER + "\n,,,,,\n\n", "no usable row", 1),
    "header and a total": (HEADER + "\nTotal,,,0,,\n", "no usable row", 1),
    "another report": ("Day,Amount\n2026-11-01,4\n", "no header", 1),
    "wrong total": (with_rows("Total,,,146,,"), "wrong footer total", 10),
    "total of more tenants": (with_rows("Total (9 tenants),,,145,,"), "wrong footer total", 10),
    "total that is no number": (with_rows("Total,,,1.45,,"), "wrong footer total", 10),
    "rows missing above the total": ("\n".join([*LINES[:-3], "Total,,,145,,"]), "wrong footer total", 7),
    "header sorted among the rows": ("\n".join([*ROWS[:2], HEADER, *ROWS[2:]]), "row above the header", 1),
    "two files in one": (CLEAN + CLEAN, "repeated header", 10),
    "strange sep line": ("sep=#\n" + CLEAN, "unknown delimiter", 1),
    "State is a place": (CLEAN.replace("Status", "Kind").replace("Region", "State"), "missing column", 1),
}


@pytest.mark.parametrize(("content", "rule", "line"), REFUSED.values(), ids=REFUSED.keys())
def test_a_structural_fault_refuses_the_whole_file(content: str | bytes, rule: str, line: int | None) -> None:
    with pytest.raises(FileRefused) as caught:
        read(content)
    first = caught.value.faults[0]
    assert first.rule.startswith(rule)
    assert first.line == line
    assert first.remedy
    assert rule in str(caught.value)


def test_every_fault_is_listed_with_line_and_value_and_long_lists_are_capped() -> None:
    bad = [f"Acme {n},acme{n},Email, Protect,1,Paid,US\x07" for n in range(70)]
    with pytest.raises(FileRefused) as caught:
        read(with_rows(*bad, "Total,,,999,,"))
    error = caught.value
    assert len(error.faults) == 50
    assert [fault.line for fault in error.faults] == list(range(10, 60))
    assert error.faults[0].value == "Acme 0,acme0,Email, Protect,1,Paid,US\\x07"
    assert "71 faults, the first 50 are listed" in error.found


def test_a_missing_column_and_a_ragged_row_are_both_told() -> None:
    with pytest.raises(FileRefused) as caught:
        read("Tenant,License\nAcme,Email,Protect\n")
    assert [(f.line, f.rule.partition(":")[0]) for f in caught.value.faults] == [
        (1, "missing column"),
        (1, "missing column"),
        (2, "row length"),
    ]


@pytest.mark.parametrize(
    ("users", "seats"),
    [
        ("0", 0),
        ("42", 42),
        (" 42\xa0", 42),
        ("1,234", 1234),
        ("12.0", 12),
        ("12.00", 12),
        ("999,999,999", 999999999),
    ],
)
def test_seats_that_are_a_number(users: str, seats: int) -> None:
    assert only(users=users).seats == Decimal(seats)


@pytest.mark.parametrize(
    "users",
    ["", " ", "1.234", "1.000", "12.7", "-3", "+3", "1e3", "1_000", "12,34", "1,2345", "1 234", "1\xa0234", "１２",
     "٣", "'42", "n/a", "0x1F", "Infinity", "12.", ".5", "1000000000"],
)  # fmt: skip
def test_anything_else_is_failed_and_never_a_number(users: str) -> None:
    observation = only(users=users)
    assert (observation.state, observation.seats) == (State.FAILED, None)
    assert observation.reason is not None
    assert observation.reason.startswith("Users is ")
    assert observation.evidence["users"] == users.strip()


def test_a_comma_may_be_a_decimal_mark_where_semicolons_part_the_cells() -> None:
    snapshot = read("Tenant;License;Users;Status\nAcme;EP;1,234;Paid\nBeta;EP;1234;Paid\n")
    assert [o.seats for o in snapshot.observations] == [None, Decimal(1234)]


@pytest.mark.parametrize(
    ("status", "state"),
    [("PAID", State.COUNTED), ("active", State.COUNTED), ("Proof-of-Concept", State.POC), ("trial", State.POC),
     ("Expired", State.EXPIRED), ("POC Expired", State.EXPIRED), ("Suspended", State.FAILED), ("", State.FAILED)],
)  # fmt: skip
def test_status_words(status: str, state: State) -> None:
    observation = only(status=status)
    assert observation.state is state
    assert (observation.reason is None) == (state is not State.FAILED)


@pytest.mark.parametrize(
    ("contract", "status", "state"),
    [
        ("Annual subscription", "Active", State.COUNTED),
        ("Pay-As-You-Go", "About to expire", State.COUNTED),
        ("Trial", "Active", State.POC),
        ("Trial", "Expired", State.EXPIRED),
        ("NFR", "Active", State.FAILED),
        ("", "Active", State.FAILED),
    ],
)
def test_trial_and_expiry_in_two_columns_are_read_together(contract: str, status: str, state: State) -> None:
    snapshot = read(
        "Tenant,License,Users,Contract type,Contracts Status,State\n"
        f"Acme,EP,1,{contract},{status},Ohio\nBeta,EP,2,Pay-As-You-Go,Active,Ohio\n"
    )
    assert [o.state for o in snapshot.observations] == [state, State.COUNTED]
    assert snapshot.details["columns"]["status"] == ["Contracts Status", "Contract type"]
    assert snapshot.details["ignored_columns"] == ["State"]
    assert snapshot.observations[1].evidence["status"] == "Active / Pay-As-You-Go"


def test_a_column_that_may_be_a_status_counts_when_it_says_trial() -> None:
    snapshot = read("Tenant,License,Users,Status,Type\nAcme,EP,1,Active,POC\nBeta,EP,2,Active,\n")
    assert [o.state for o in snapshot.observations] == [State.POC, State.COUNTED]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (",p1,EP,5,Paid", "Tenant is blank"),
        ("Acme,,EP,5,Paid", "Portal is blank"),
        ("Acme,p1,,5,Paid", "License is blank"),
        ("#NAME?,p1,EP,5,Paid", "Tenant is a spreadsheet's error '#NAME?'"),
        ("Acme,1.23457E+11,EP,5,Paid", "the portal '1.23457E+11' was rounded by a spreadsheet"),
        ("Ac\x1bme,p1,EP,5,Paid", "Tenant holds a control character ('Ac\\x1bme')"),
        ("Total Wine,p1,,5,Paid", "License is blank"),
        ("Total Wine,,,,", "Users is blank; License is blank; Portal is blank; Status is blank"),
    ],
)
def test_a_bad_cell_fails_its_observation_only(cells: str, reason: str) -> None:
    snapshot = read(f"Tenant,Portal,License,Users,Status\n{cells}\nGood,good,EP,1,Paid\n")
    bad, good = snapshot.observations
    assert (bad.state, bad.seats, bad.reason) == (State.FAILED, None, reason)
    assert (good.state, good.seats) == (State.COUNTED, Decimal(1))
    assert {o.account_key for o in snapshot.observations} == {a.key for a in snapshot.accounts}


@pytest.mark.parametrize("name", ["NA", "None", "null", "nan", "=SUM(A1)", "Total Wine", "Acme\u200b"])
def test_any_text_is_a_name(name: str) -> None:
    observation = only(name=name)
    assert (observation.account_name, observation.state) == (name, State.COUNTED)


def test_a_spreadsheets_escape_is_stripped_for_matching_and_kept_in_the_details() -> None:
    snapshot = read("Tenant,Portal,License,Users,Status\n'+Acme,acme,EP,5,Paid\n'Quoted,q,EP,1,Paid\n")
    assert [a.name for a in snapshot.accounts] == ["+Acme", "'Quoted"]
    assert snapshot.accounts[0].details == {"name_as_written": "'+Acme"}


def test_of_two_headers_for_one_field_the_first_alias_is_read() -> None:
    snapshot = read("Company,Tenant,License,Active Users,Users,Status\nAcme Corp,acme,EP,9,5,Paid\n")
    assert rows(snapshot) == [("acme", "acme", "EP", Decimal(5), "counted")]
    assert snapshot.accounts[0].details == {"other_names": {"Company": "Acme Corp"}}
    assert snapshot.details["ignored_columns"] == ["Company", "Active Users"]


@pytest.mark.parametrize(
    ("portal", "domain", "expected"),
    [("acme", "Acme.com", "acme.com"), ("https://www.acme.com/", "", "acme.com"), ("acme.avanan.net", "", None),
     ("acme", "", None), ("acme", "two words.com", None), ("notavanan.net", "", "notavanan.net")],
)  # fmt: skip
def test_a_tenants_domain(portal: str, domain: str, expected: str | None) -> None:
    snapshot = read(f"Tenant,Portal,Domain,License,Users,Status\nAcme,{portal},{domain},EP,1,Paid\n")
    assert snapshot.accounts[0].domain == expected
    assert snapshot.accounts[0].key == portal


@pytest.mark.parametrize(
    ("failed", "good", "verdict"),
    [
        (3, 1, Verdict.COMPLETE),
        (4, 76, Verdict.COMPLETE),
        (4, 75, Verdict.INCOMPLETE),
        (1, 0, Verdict.INCOMPLETE),
    ],
)
def test_failed_rows_above_both_limits_make_it_incomplete(failed: int, good: int, verdict: Verdict) -> None:
    lines = [f"B{n},b{n},EP,?,Paid" for n in range(failed)] + [f"G{n},g{n},EP,1,Paid" for n in range(good)]
    snapshot = read("\n".join(["Tenant,Portal,License,Users,Status", *lines]))
    assert snapshot.verdict is verdict
    assert [f.observed for f in snapshot.findings] == (
        [] if verdict is Verdict.COMPLETE else [f"{failed} of {failed + good}"]
    )


@pytest.mark.parametrize(("cell", "state"), [("0", State.COUNTED), ("", State.FAILED)])
def test_users_that_are_zero_or_blank_everywhere(cell: str, state: State) -> None:
    snapshot = read("Tenant,License,Users,Status\n" + "".join(f"T{n},EP,{cell},Paid\n" for n in range(9)))
    assert {o.state for o in snapshot.observations} == {state}


def test_a_total_above_the_readable_rows_makes_it_suspect_while_one_is_unreadable() -> None:
    snapshot = read("Tenant,License,Users,Status\nA,EP,5,Paid\nB,EP,?,Paid\nTotal,,12,\n")
    assert snapshot.verdict is Verdict.SUSPECT
    with pytest.raises(FileRefused, match="wrong footer total"):
        read("Tenant,License,Users,Status\nA,EP,5,Paid\nB,EP,?,Paid\nTotal,,4,\n")


def test_details_say_how_the_file_was_read() -> None:
    data = ("Report\n" + with_rows(ROWS[0], "", "Total,,,157,,")).encode("cp1252")
    details = read(data).details
    assert json.loads(json.dumps(details)) == details
    assert details["sha256"] == sha256(data).hexdigest() == read(data).digest
    assert (details["file_name"], details["file_size"]) == ("export.csv", len(data))
    assert (details["encoding"], details["delimiter"], details["header_line"]) == ("cp1252", ",", 2)
    assert "Windows-1252" in details["encoding_note"]
    assert details["preamble"] == ["Report"]
    assert details["columns"]["users"] == "Users"
    assert details["ignored_columns"] == ["Region"]
    assert details["rows"] == {
        "data": 9, "failed": 0, "blank": 1, "footer": 1, "collapsed": 1, "contradicting": 0,
    }  # fmt: skip
    assert details["duplicates_collapsed"] == [[3, 11]]
    assert details["footers"] == [{"line": 13, "total": "157", "agrees_with": "all rows"}]
    assert details["states"] == {"counted": 6, "poc": 1, "expired": 1, "failed": 0}
    assert details["seats"] == {"counted": 102, "poc": 25, "expired": 18}


def test_an_override_replaces_the_lists_it_names(tmp_path: Path) -> None:
    override = tmp_path / "avanan_columns.toml"
    export = tmp_path / "export.csv"
    export.write_text("Kunde,Lizenz,Users,Status\nAcme,EP,4,Aktiv\nBeta,EP,2,Trial\n", encoding="utf-8")
    with pytest.raises(FileRefused, match="missing column: tenant name"):
        read_export(export, columns_file=override)
    override.write_text(
        '[columns]\nname = ["Kunde"]\nlicense = ["Lizenz"]\n[status]\ncounted = ["aktiv"]\n', encoding="utf-8"
    )
    moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
    snapshot = read_export(export, columns_file=override, now=lambda: moment)
    assert [(o.account_name, o.state) for o in snapshot.observations] == [
        ("Acme", State.COUNTED),
        ("Beta", State.POC),
    ]
    assert snapshot.taken_at == moment
    assert datetime.fromisoformat(snapshot.details["file_modified_at"]).tzinfo is not None


UNREADABLE: dict[str, Callable[[Path], Path]] = {
    "missing": lambda folder: folder / "missing.csv",
    "folder": lambda folder: folder,
    "impossible name": lambda folder: folder / "a\0b.csv",
    "no regular file": lambda _: Path("/dev/null"),
}


@pytest.mark.parametrize("path", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_path_that_is_no_readable_file(path: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"unreadable file|not a file|no such file"):
        read_export(path(tmp_path))


def test_a_file_above_the_limit_is_refused_without_reading_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(2 * 1024 * 1024 + 1)
    with pytest.raises(FileRefused, match="more than 2 MiB"):
        read_export(path, sizes=FileSettings.model_construct(max_import_mib=2))


def test_a_file_of_more_rows_than_fit_is_refused_at_the_first_one_too_many(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"Tenant,Portal,License,Users,Status\n" + b"A,a,T,1,Paid\n\n" * 3)
    assert read_export(path, sizes=FileSettings.model_construct(max_import_rows=6)).observations
    with pytest.raises(FileRefused, match="line 7: too many rows: more than 5"):
        read_export(path, sizes=FileSettings.model_construct(max_import_rows=5))


def test_a_trial_is_a_trial_whatever_else_is_wrong_with_it() -> None:
    data = b"Tenant,Portal,License,Users,Status\nAcme,acme,Tier,?,POC\nBolt,bolt,Tier,?,Paid\nZen,zen,Tier,3,Paid\n"
    snapshot = read(data)
    states = {o.account_key: (o.state, o.seats) for o in snapshot.observations}
    assert states == {
        "acme": (State.POC, None),
        "bolt": (State.FAILED, None),
        "zen": (State.COUNTED, Decimal(3)),
    }
