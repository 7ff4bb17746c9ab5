"""The setup file: all or nothing, and the same again after a round trip."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatsync_pipeline.connectwise.store import save_scan
from seatsync_pipeline.errors import FileRefused, InputRefused
from seatsync_pipeline.reconcile import setup
from seatsync_pipeline.reconcile.setup import COLUMNS
from seatsync_pipeline.reconcile.spreadsheet import escaped, read_sheet, write_sheet
from seatsync_pipeline.warehouse import Warehouse
from tests.reconcile.setup.known import SCAN, changes, rows

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
    body += "mapping,avanan,Email Protect,,product,201,AVANAN-COMPLETE,\n"
    body += "mapping,avanan,Complete Protect,,product,201,AVANAN-PROTECT,\n"
    noted = [
        note
        for change in setup.import_setup(warehouse, file(tmp_path, body), by="a")
        for note in change.notes
    ]
    assert len(noted) == 4
    assert "no account 'new-portal'" in noted[0]
    assert "company 105 is 'Acme Dental', not 'Acme Dentists'" in noted[1]
    assert "no license 'New Tier'" in noted[2]
    assert noted[3] == "line 4: product 201 is 'AVANAN-PROTECT', not 'AVANAN-COMPLETE'"


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
