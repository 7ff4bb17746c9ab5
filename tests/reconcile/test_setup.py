"""The operator's decisions: who, when, what before; and the setup file, all or nothing."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatsync_pipeline.connectwise.records import AgreementType, Company, Product, Scan
from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.errors import FileRefused, InputRefused, NotFound
from seatsync_pipeline.reconcile import setup
from seatsync_pipeline.reconcile.setup import COLUMNS
from seatsync_pipeline.reconcile.spreadsheet import escaped, read_sheet, write_sheet
from seatsync_pipeline.sources.base import Account, Observation, SourceSnapshot, State
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACME, ACME_EAST, CLOSED, DELETED = 105, 106, 107, 108
PROTECT, DUO_SEAT, BUNDLE, RETIRED = 201, 202, 203, 204

SCAN = Scan(
    companies=(
        Company(ACME, "acme", "Acme Dental"),
        Company(ACME_EAST, "acmee", "Acme Dental East"),
        Company(CLOSED, "closed", "Closed Ltd", status="Inactive"),
        Company(DELETED, "deleted", "Gone Inc", deleted=True),
    ),
    agreement_types=(AgreementType(1, "Managed Services"), AgreementType(2, "Security")),
    agreements=(),
    additions=(),
    products=(
        Product(PROTECT, "AVANAN-PROTECT"),
        Product(DUO_SEAT, "DUO-SEAT"),
        Product(BUNDLE, "SECURITY-BUNDLE", product_class="Bundle"),
        Product(RETIRED, "AVANAN-OLD", inactive=True),
        Product(301, "202"),  # its identifier is another product's id
    ),
    taken_at=NOW,
)


def snapshot(*accounts: tuple[str, str, str]) -> SourceSnapshot:
    """An Avanan snapshot of (key, name, license)."""
    return SourceSnapshot(
        source="avanan",
        taken_at=NOW,
        accounts=tuple(Account(key, name) for key, name, _ in accounts),
        observations=tuple(
            Observation(key, name, license_name, Decimal(5), State.COUNTED)
            for key, name, license_name in accounts
        ),
        digest="0",
    )


TENANTS = snapshot(
    ("acme-portal", "Acme Dental", "Email Protect"),
    ("east-portal", "Acme East", "Complete Protect"),
    ("twin-1", "Twin", "Email Protect"),
    ("twin-2", "Twin", "Email Protect"),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed database with a scan and a snapshot, to be copied: making one takes half a second."""
    path = tmp_path_factory.mktemp("prepared") / "seatsync.duckdb"
    save_scan(Warehouse(path), SCAN, run_id=None)
    save_snapshot(Warehouse(path), TENANTS, run_id=None)
    return path


@pytest.fixture
def warehouse(prepared: Path, tmp_path: Path) -> Warehouse:
    return Warehouse(Path(shutil.copy(prepared, tmp_path)))


@pytest.fixture
def empty(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "empty.duckdb")


def rows(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    with warehouse.read() as connection:
        cursor = connection.execute(f"select * from {table} order by change_id")  # noqa: S608
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def changes(warehouse: Warehouse) -> int:
    tables = ("mapping_change", "link_change", "agreement_type_filter_change")
    return sum(len(rows(warehouse, table)) for table in tables)


def test_every_change_of_a_mapping_keeps_who_when_and_the_value_before(warehouse: Warehouse) -> None:
    setup.map_license(warehouse, "avanan", " Email Protect ", "AVANAN-PROTECT", by="ann")
    setup.mark_no_charge(warehouse, "avanan", "Email Protect", by=" bob ")
    setup.unmap_license(warehouse, "avanan", "Email Protect", by="cy")
    setup.map_license(warehouse, "avanan", "Email Protect", str(PROTECT), by="dee")
    history = rows(warehouse, "mapping_change")
    assert [(r["license"], r["decision"], r["product_id"], r["changed_by"]) for r in history] == [
        ("Email Protect", "product", PROTECT, "ann"),
        ("Email Protect", "no_charge", None, "bob"),
        ("Email Protect", "removed", None, "cy"),
        ("Email Protect", "product", PROTECT, "dee"),
    ]
    assert [r["previous"] and json.loads(r["previous"]) for r in history] == [
        None,
        {"decision": "product", "product_id": PROTECT},
        {"decision": "no_charge"},
        {"decision": "removed"},
    ]
    now = datetime.now(UTC).replace(tzinfo=None)
    assert all(abs((now - r["changed_at"]).total_seconds()) < 60 for r in history)
    assert [r["product_id"] for r in rows(warehouse, "mapping")] == [PROTECT]


def test_a_link_is_made_by_key_or_exact_name_and_records_the_name_of_the_day(warehouse: Warehouse) -> None:
    setup.link_account(warehouse, "avanan", "Acme East", ACME_EAST, by="ann", reason="merged")
    setup.mark_not_billed(warehouse, "avanan", "east-portal", by="ann", reason=" internal ")
    save_snapshot(warehouse, snapshot(("east-portal", "Acme Coast", "Complete Protect")), run_id=None)
    change = setup.link_account(warehouse, "avanan", "east-portal", str(ACME), by="bob")
    assert change.changed
    first, second, third = rows(warehouse, "link_change")
    assert (first["account_key"], first["company_id"], first["reason"]) == (
        "east-portal",
        ACME_EAST,
        "merged",
    )
    assert (first["rule"], first["account_name"]) == ("operator", "Acme East")
    assert (second["decision"], second["company_id"], second["reason"]) == ("not_billed", None, "internal")
    assert third["account_name"] == "Acme Coast"
    assert json.loads(third["previous"]) == {
        "decision": "not_billed",
        "reason": "internal",
        "account_name": "Acme East",
        "rule": "operator",
    }


def test_an_unlinked_account_stays_on_record(warehouse: Warehouse) -> None:
    setup.link_account(warehouse, "avanan", "acme-portal", ACME, by="ann")
    setup.unlink_account(warehouse, "avanan", "Acme Dental", by="bob")
    assert rows(warehouse, "link") == []
    assert rows(warehouse, "link_change")[-1]["decision"] == "removed"
    with pytest.raises(NotFound):
        setup.unlink_account(warehouse, "avanan", "Acme Dental", by="bob")


def test_a_person_confirms_an_automatic_link(warehouse: Warehouse) -> None:
    setup.link_account(warehouse, "avanan", "acme-portal", ACME, by="ann")
    with warehouse.write() as connection:
        connection.execute("update link_change set rule = 'exact name', changed_by = 'seatsync'")
    assert setup.link_account(warehouse, "avanan", "acme-portal", ACME, by="ann").changed
    assert [r["rule"] for r in rows(warehouse, "link")] == ["operator"]


def test_agreement_types_are_set_and_cleared(warehouse: Warehouse) -> None:
    assert not setup.set_agreement_types(warehouse, "duo", [], by="ann").changed
    setup.set_agreement_types(warehouse, "duo", ["Security", "Managed Services", "Security"], by="ann")
    setup.set_agreement_types(warehouse, "duo", [], by="ann")
    named, cleared = rows(warehouse, "agreement_type_filter_change")
    assert json.loads(named["type_names"]) == ["Managed Services", "Security"]
    assert (named["previous"], json.loads(cleared["type_names"])) == (None, [])
    assert json.loads(cleared["previous"]) == ["Managed Services", "Security"]


@pytest.mark.parametrize(
    "decide",
    [
        lambda w: setup.map_license(w, "avanan", "Email Protect", "AVANAN-PROTECT", by="bob"),
        lambda w: setup.link_account(w, "avanan", "acme-portal", ACME, by="bob"),
        lambda w: setup.set_agreement_types(w, "avanan", ["Security"], by="bob"),
    ],
)
def test_what_is_in_force_already_writes_nothing(
    warehouse: Warehouse, decide: Callable[[Warehouse], setup.Change]
) -> None:
    assert decide(warehouse).changed
    before = changes(warehouse)
    assert not decide(warehouse).changed
    assert changes(warehouse) == before


REFUSED: dict[str, tuple[Callable[[Warehouse], object], str]] = {
    "license in another case": (
        lambda w: setup.map_license(w, "avanan", "email protect", "AVANAN-PROTECT", by="a"),
        "Did you mean Email Protect",
    ),
    "unknown product": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", "AVANAN-PROTCT", by="a"),
        "Did you mean AVANAN-PROTECT",
    ),
    "bundle": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", "SECURITY-BUNDLE", by="a"),
        "bundle",
    ),
    "inactive product": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", str(RETIRED), by="a"),
        "inactive",
    ),
    "id of one product, identifier of another": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", "202", by="a"),
        "means 202 (id 301) and DUO-SEAT (id 202)",
    ),
    "unknown source": (
        lambda w: setup.map_license(w, "avanam", "Email Protect", "DUO-SEAT", by="a"),
        "Did you mean avanan",
    ),
    "nobody": (lambda w: setup.mark_no_charge(w, "avanan", "Email Protect", by="  "), "--by"),
    "not mapped": (lambda w: setup.unmap_license(w, "avanan", "Email Protect", by="a"), "not mapped"),
    "unknown account": (
        lambda w: setup.link_account(w, "avanan", "Acme Est", ACME, by="a"),
        "Acme East (key east-portal)",
    ),
    "two accounts of one name": (
        lambda w: setup.link_account(w, "avanan", "Twin", ACME, by="a"),
        "twin-1, twin-2",
    ),
    "company by name": (
        lambda w: setup.link_account(w, "avanan", "twin-1", "Acme Dental", by="a"),
        "Acme Dental (id 105)",
    ),
    "more digits than any number has": (
        lambda w: setup.map_license(w, "avanan", "Email Protect", "9" * 5000, by="a"),
        "has no product",
    ),
    "company in more digits than any id has": (
        lambda w: setup.link_account(w, "avanan", "twin-1", "9" * 5000, by="a"),
        "no company with the id",
    ),
    "company in digits of another script": (
        lambda w: setup.link_account(w, "avanan", "twin-1", "\u0661\u0660\u0665", by="a"),
        "no company with the id",
    ),
    "inactive company": (
        lambda w: setup.link_account(w, "avanan", "twin-1", CLOSED, by="a"),
        "is inactive",
    ),
    "deleted company": (lambda w: setup.link_account(w, "avanan", "twin-1", DELETED, by="a"), "is deleted"),
    "no reason": (
        lambda w: setup.mark_not_billed(w, "avanan", "twin-1", by="a", reason=" "),
        "no reason",
    ),
    "nothing read yet": (
        lambda w: setup.link_account(w, "duo", "DA1", ACME, by="a"),
        "nothing was read from duo",
    ),
    "unknown agreement type": (
        lambda w: setup.set_agreement_types(w, "duo", ["Managed services"], by="a"),
        "Did you mean Managed Services",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_decision_that_makes_no_sense_is_refused_and_writes_nothing(
    warehouse: Warehouse, case: str
) -> None:
    decide, message = REFUSED[case]
    with pytest.raises(InputRefused) as refusal:
        decide(warehouse)
    assert message in str(refusal.value)
    assert changes(warehouse) == 0


def test_a_product_belongs_to_one_source(warehouse: Warehouse) -> None:
    setup.map_license(warehouse, "duo", "Duo MFA", "DUO-SEAT", by="ann")
    with pytest.raises(InputRefused, match=r"billed for duo \(Duo MFA\)"):
        setup.map_license(warehouse, "avanan", "Email Protect", "DUO-SEAT", by="ann")
    setup.map_license(warehouse, "avanan", "Email Protect", "AVANAN-PROTECT", by="ann")
    setup.map_license(
        warehouse, "avanan", "Complete Protect", "AVANAN-PROTECT", by="ann"
    )  # two tiers, one line
    setup.unmap_license(warehouse, "duo", "Duo MFA", by="ann")
    assert setup.map_license(warehouse, "avanan", "Email Protect", "DUO-SEAT", by="ann").changed


def test_nothing_can_be_mapped_before_a_scan(empty: Warehouse) -> None:
    with pytest.raises(InputRefused, match="seatsync scan"):
        setup.map_license(empty, "duo", "Duo MFA", "DUO-SEAT", by="ann")
    assert setup.mark_no_charge(empty, "duo", "Duo MFA", by="ann").changed


# --- the file ---------------------------------------------------------------------------------------------

HEADER = ",".join(COLUMNS)
SOUND = """\
mapping,avanan,Email Protect,,product,AVANAN-PROTECT,,
mapping,avanan,Complete Protect,,no_charge,,,
link,avanan,acme-portal,Acme Dental,company,105,Acme Dental,
link,avanan,east-portal,Acme East,not_billed,,,internal
link,duo,DA1,Acme at Duo,company,105,Acme Dental,two parents
agreement_type,avanan,,,include,Security,,
agreement_type,avanan,,,include,Managed Services,,
agreement_type,duo,,,all,,,
"""


def file(tmp_path: Path, body: str, *, header: str = HEADER) -> Path:
    path = tmp_path / "setup.csv"
    path.write_text(f"{header}\n{body}", encoding="utf-8", newline="")
    return path


def test_a_file_is_applied_and_exports_to_a_file_that_changes_nothing(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    applied = setup.import_setup(warehouse, file(tmp_path, SOUND), by="ann")
    assert sum(change.changed for change in applied) == changes(warehouse) == 6
    links = {row["account_key"]: row for row in rows(warehouse, "link")}
    assert links["DA1"]["account_name"] == "Acme at Duo"  # not read yet: the file's own name
    out = tmp_path / "out.csv"
    assert setup.export_setup(warehouse, out) == 7
    again = setup.import_setup(warehouse, out, by="bob")
    assert len(again) == 6
    assert not any(change.changed for change in again)
    assert changes(warehouse) == 6


def test_an_exported_setup_is_brought_back_elsewhere(
    warehouse: Warehouse, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    setup.import_setup(warehouse, file(tmp_path, SOUND), by="ann")
    setup.export_setup(warehouse, tmp_path / "out.csv")
    other = Warehouse(tmp_path_factory.mktemp("other") / "seatsync.duckdb")
    save_scan(other, SCAN, run_id=None)
    setup.import_setup(other, tmp_path / "out.csv", by="bob")
    compared = {
        "mapping": ("license", "decision", "product_id"),
        "link": ("account_key", "company_id", "reason"),
    }
    for view, columns in compared.items():
        mine, theirs = ([[r[c] for c in columns] for r in rows(w, view)] for w in (warehouse, other))
        assert sorted(mine, key=str) == sorted(theirs, key=str)


def test_what_the_file_does_not_name_stays(warehouse: Warehouse, tmp_path: Path) -> None:
    setup.import_setup(warehouse, file(tmp_path, SOUND), by="ann")
    only_types = "agreement_type,avanan,,,include,Security,,\n"
    (change,) = setup.import_setup(warehouse, file(tmp_path, only_types), by="ann")
    assert isinstance(change.now, setup.TypeFilter)
    assert change.now.names == ("Security",)
    assert (len(rows(warehouse, "mapping")), len(rows(warehouse, "link"))) == (2, 3)


def test_what_is_in_force_imports_without_a_change_although_it_was_retired_since(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    setup.import_setup(warehouse, file(tmp_path, SOUND), by="ann")
    setup.export_setup(warehouse, tmp_path / "out.csv")
    with warehouse.write() as connection:
        connection.execute("update product set inactive = true")
        connection.execute("update company set deleted = true")
        connection.execute("update link_change set rule = 'exact name', changed_by = 'seatsync'")
    assert not any(c.changed for c in setup.import_setup(warehouse, tmp_path / "out.csv", by="bob"))


def test_every_fault_of_a_file_is_named_and_nothing_is_written(warehouse: Warehouse, tmp_path: Path) -> None:
    setup.map_license(warehouse, "duo", "Duo MFA", "DUO-SEAT", by="ann")
    body = """\
maping,avanan,Email Protect,,product,AVANAN-PROTECT,,
mapping,avanam,Email Protect,,product,AVANAN-PROTECT,,
mapping,avanan,Email Protect,,no_charge,AVANAN-PROTECT,,
mapping,avanan,,,product,AVANAN-PROTECT,,
mapping,avanan,Complete Protect,,product,DUO-SEAT,,
link,avanan,acme-portal,,company,Acme Dental,,
link,avanan,Acme East,,company,105,,
link,avanan,twin-1,,not_billed,,,
link,avanan,twin-2,,billed,,,
link,avanan,east-portal,,company,105,,

link,avanan,east-portal,,company,106,,
agreement_type,avanan,,,include,Secrity,,
agreement_type,duo,,,include,Security,,
agreement_type,duo,,,all,,,
"""
    with pytest.raises(FileRefused) as refusal:
        setup.import_setup(warehouse, file(tmp_path, body), by="ann")
    found = [(fault.line, fault.column) for fault in refusal.value.faults]
    assert found == [
        (2, "kind"),
        (3, "source"),
        (4, "target"),
        (5, "key"),
        (6, "target"),
        (7, "target"),
        (8, "key"),
        (9, "reason"),
        (10, "decision"),
        (13, "key"),
        (14, "target"),
        (15, "decision"),
    ]
    by_line = {fault.line: f"{fault.rule} {fault.remedy}" for fault in refusal.value.faults}
    assert "billed for duo" in by_line[6]
    assert "Acme Dental (id 105)" in by_line[7]
    assert "Use east-portal" in by_line[8]
    assert "line 11" in by_line[13]
    assert changes(warehouse) == 1


def test_a_file_may_move_a_product_from_one_source_to_the_other(warehouse: Warehouse, tmp_path: Path) -> None:
    setup.map_license(warehouse, "duo", "Duo MFA", "DUO-SEAT", by="ann")
    body = "mapping,avanan,Email Protect,,product,DUO-SEAT,,\nmapping,duo,Duo MFA,,no_charge,,,\n"
    assert all(change.changed for change in setup.import_setup(warehouse, file(tmp_path, body), by="ann"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"kind,source,key\r\n", "lacks key_name, decision, target, target_name, reason"),
        (f"{HEADER},kind\n".encode(), "has kind twice"),
        (f"{HEADER}\nmapping,avanan,Email Protect,,no_charge\n".encode(), "has 5 cells, the header has 8"),
        (f'{HEADER}\nmapping,avanan,"Email Protect,,no_charge,,,\n'.encode(), "not a CSV row"),
        (f"{HEADER}\nlink,avanan,caf\xe9,,company,105,,\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_file_that_is_no_setup_is_refused(
    warehouse: Warehouse, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "setup.csv"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=message):
        setup.import_setup(warehouse, path, by="ann")
    assert changes(warehouse) == 0


def test_a_missing_file_and_a_missing_scan_are_refused(empty: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="there is no such file"):
        setup.import_setup(empty, tmp_path / "none.csv", by="ann")
    with pytest.raises(InputRefused, match="null byte"):
        setup.import_setup(empty, tmp_path / "no\0ne.csv", by="ann")
    with pytest.raises(InputRefused, match="seatsync scan"):
        setup.import_setup(empty, file(tmp_path, SOUND), by="ann")


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-8")])
def test_a_file_saved_again_by_a_spreadsheet_is_the_same(
    warehouse: Warehouse, tmp_path: Path, delimiter: str, encoding: str
) -> None:
    order = [*reversed(COLUMNS), "my notes"]
    path = tmp_path / "setup.csv"
    with path.open("w", encoding=encoding, newline="") as target:
        writer = csv.writer(target, delimiter=delimiter)
        writer.writerow([name.upper() for name in order])
        for line in SOUND.splitlines():
            cells = dict(zip(COLUMNS, line.split(","), strict=True)) | {"my notes": "seen"}
            writer.writerow([f" {cells[name]} " for name in order])
    assert sum(c.changed for c in setup.import_setup(warehouse, path, by="ann")) == 6


def test_notes_name_what_looks_unusual(warehouse: Warehouse, tmp_path: Path) -> None:
    body = "link,avanan,new-portal,New,company,105,Acme Dentists,\nmapping,avanan,New Tier,,no_charge,,,\n"
    noted = [
        note
        for change in setup.import_setup(warehouse, file(tmp_path, body), by="a")
        for note in change.notes
    ]
    assert len(noted) == 3
    assert "no account 'new-portal'" in noted[0]
    assert "company 105 is 'Acme Dental', not 'Acme Dentists'" in noted[1]
    assert "no license 'New Tier'" in noted[2]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).map(str.strip)


@settings(deadline=None, max_examples=60)  # each example writes a file
@given(key=CELL.filter(bool), reason=CELL)
def test_any_text_survives_the_file_and_none_of_it_runs_in_a_spreadsheet(
    tmp_path_factory: pytest.TempPathFactory, key: str, reason: str
) -> None:
    path = tmp_path_factory.mktemp("cells") / "setup.csv"
    cells = dict.fromkeys(COLUMNS, "") | {"kind": "link", "key": key, "reason": reason}
    write_sheet(path, COLUMNS, [[escaped(cells[name]) for name in COLUMNS]])
    with path.open(encoding="utf-8-sig", newline="") as source:
        written = next(csv.DictReader(source))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in written.values())
    (line,) = read_sheet(path, COLUMNS, "reading")
    assert dict(line.cells) == cells
