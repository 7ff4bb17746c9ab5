"""`seatsync approve`: which rows it takes, what it refuses, and the file that comes of it."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.push.selection import Selection, read_selection
from tests.cli.conftest import Run, Said
from tests.push.place import Place, Row

Approve = Callable[..., Said]

DEFAULTS = ("Alderpoint", "Copperline", "Halcyon", "Lantern", "Ravensbrook", "Stonewick")


@pytest.fixture
def approve(run: Run, place: Place) -> Approve:
    """Approve rows of the Duo preview in Ann's name into `selection.csv`."""

    def invoke(*options: object, preview: str | None = None, by: str = "Ann", **environment: str) -> Said:
        preview = preview or place.previews["duo"].preview_id
        arguments = ("--preview", preview, "--by", by, *options, "-o", "selection.csv", "--json")
        return run("approve", "duo", *arguments, **environment)

    return invoke


def written(place: Place) -> Selection:
    return read_selection(place.folder / "selection.csv")


def companies(place: Place, said: Said, source: str = "duo") -> list[str]:
    names = {row["row_id"]: row["company_name"] for row in place.previews[source].rows}  # type: ignore[index]
    return [names[row_id].split()[0] for row_id in said.json["rows"]]


def test_defaults_are_what_the_preview_selects_by_itself_and_nothing_else(
    approve: Approve, place: Place
) -> None:
    said = approve("--defaults")
    assert said.code == 0, said.out
    assert set(said.json) == {
        "selection_file", "operation_id", "preview_id", "source", "approved_by", "summary", "rows", "left_out",
    }  # fmt: skip
    assert companies(place, said) == list(DEFAULTS)
    assert said.json["summary"] == {
        "updates": 6, "creates": 0, "cancels": 0, "decreases": 0,
        "seats_up": 39, "seats_down": 0, "amount_up": 97.25, "amount_down": 0, "unpriced": 0,
    }  # fmt: skip
    selection = written(place)
    assert [row.row_id for row in selection.rows] == said.json["rows"]
    assert selection.operation_id == said.json["operation_id"]
    assert {(row.approve, row.approved_by, row.approval_reason) for row in selection.rows} == {
        ("yes", "Ann", "")
    }
    assert place.writes() == []


def test_a_status_takes_what_it_may_and_says_what_it_leaves_out(approve: Approve, place: Place) -> None:
    said = approve("--status", "no_addition")
    assert companies(place, said) == ["Juniper"]
    why = [left["why"] for left in said.json["left_out"]]
    assert len(why) == 3
    for text in ("it needs a reason", "it needs one of the agreements 1018", "it is blocked"):
        assert any(text in one for one in why), why

    said = approve("--status", "No addition", "--status", "Orphaned", "--reason", "asked", "--defaults")
    assert companies(place, said) == [*DEFAULTS, "Juniper", "Kestrel"]
    assert sum("one by one" in left["why"] for left in said.json["left_out"]) == 2
    assert {row.approval_reason for row in written(place).rows} == {"asked"}


def test_an_agreement_a_reason_and_an_override_reach_the_file(approve: Approve, place: Place) -> None:
    create = place.row("create", "Marigold Senior Living")
    decrease = place.row("update", "Larkspur Credit Union")
    said = approve(
        "--row", create["row_id"], "--agreement", f"{create['row_id']}=1019",
        "--row", decrease["row_id"], "--override", "large decrease", "--reason", "  they told\n us ",
    )  # fmt: skip
    assert said.code == 0, said.out
    by_row = {row.row_id: row for row in written(place).rows}
    assert by_row[create["row_id"]].named_agreement == 1019
    assert by_row[decrease["row_id"]].overrides == ("large decrease",)
    assert by_row[decrease["row_id"]].approval_reason == "they told us"


def test_two_agreements_for_one_row_are_refused(approve: Approve, place: Place) -> None:
    row_id = place.row("create", "Marigold Senior Living")["row_id"]
    said = approve("--row", row_id, "--agreement", f"{row_id}=1018", "--agreement", f"{row_id}=1019")
    assert said.code == 2
    assert said.json["error"]["found"] == f"{row_id} is given the agreements 1018 and 1019"
    said = approve("--row", row_id, "--agreement", f"{row_id}=1018", "--agreement", f"{row_id}=1018")
    assert said.code == 0, "the same one twice is no contradiction"


def test_people_see_updates_creates_cancels_and_every_decrease_in_seats_and_money(
    run: Run, place: Place
) -> None:
    rows = [place.row("create", "Juniper Hollow School"), place.row("cancel", "Wrenfield Nursery")]
    rows.append(place.row("update", "Larkspur Credit Union"))
    named = [option for row in rows for option in ("--row", row["row_id"])]
    preview = place.previews["duo"].preview_id
    said = run(
        "approve", "duo", "--preview", preview, "--by", "Ann", "--defaults", *named, "--reason", "x", "-o", "s.csv"
    )  # fmt: skip
    assert said.code == 0, said.err
    text = " ".join(said.out.split())
    assert "7 updates, 1 create, 1 cancel; 2 of them decreases." in text
    assert "Seats +51 -41; per billing cycle +133.25 -123.00." in text
    assert "update Larkspur Credit Union, DUO-MFA: 120 -> 90 (-90.00)" in text
    assert "cancel Wrenfield Nursery, DUO-MFA: 11 -> 0 (-33.00)" in text
    assert "seatsync push s.csv --yes" in text


def ids(place: Place, *rows: tuple[str, str]) -> list[str]:
    return [option for action, company in rows for option in ("--row", place.row(action, company)["row_id"])]


REFUSALS: dict[str, tuple[Callable[[Place], list[str]], str]] = {
    "nothing": (lambda _: [], "no row was chosen"),
    "a status without a row to take": (lambda _: ["--status", "Ambiguous"], "no row was chosen"),
    "an unknown status": (lambda _: ["--status", "Redy"], "there is no status"),
    "an unknown row": (lambda _: ["--defaults", "--row", "row_none"], "it has no row row_none"),
    "an agreement of an unknown row": (
        lambda _: ["--defaults", "--agreement", "row_none=1018"], "it has no row row_none",
    ),
    "no such agreement": (lambda _: ["--defaults", "--agreement", "row_x"], "is not ROW_ID=AGREEMENT_ID"),
    "an unknown guard": (lambda _: ["--defaults", "--override", "caution"], "no guard is named caution"),
    "a blocked row": (lambda p: ids(p, ("create", "Oakhurst Printing")), "it is blocked"),
    "a row with nothing to do": (
        lambda p: ["--row", next(r["row_id"] for r in p.previews["duo"].rows if r["status"] == "No change")],
        "there is nothing to do",
    ),
    "a reason that is missing": (
        lambda p: ids(p, ("update", "Larkspur Credit Union")), "it needs a reason",
    ),
    "a reason that is blank": (
        lambda p: [*ids(p, ("cancel", "Wrenfield Nursery")), "--reason", "  "], "it needs a reason",
    ),
    "an agreement that is missing": (
        lambda p: ids(p, ("create", "Marigold Senior Living")), "it needs one of the agreements 1018",
    ),
    "an agreement that is not offered": (
        lambda p: [
            *ids(p, ("create", "Marigold Senior Living")),
            "--agreement", f"{p.row('create', 'Marigold Senior Living')['row_id']}=1001",
        ],
        "it needs one of the agreements 1018",
    ),
    "another agreement than the row's": (
        lambda p: ["--defaults", "--agreement", f"{p.row('update', 'Alderpoint Dental')['row_id']}=1018",
                   *ids(p, ("update", "Alderpoint Dental"))],
        "its agreement is 1001",
    ),
    "an agreement of a row that is not chosen": (
        lambda p: ["--defaults", "--agreement", f"{p.row('create', 'Marigold Senior Living')['row_id']}=1018"],
        "that row is not chosen",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_pushed_is_not_approved(approve: Approve, place: Place, case: str) -> None:
    options, text = REFUSALS[case]
    said = approve(*options(place))
    assert said.code == 2
    error = said.json["error"]
    assert text in f"{error['found']} {error['faults']}"
    assert error["remedy"]
    assert not (place.folder / "selection.csv").exists()


def test_every_row_that_cannot_be_approved_is_named_at_once(approve: Approve, place: Place) -> None:
    said = approve(*ids(place, ("create", "Oakhurst Printing"), ("update", "Larkspur Credit Union")))
    faults = said.json["error"]["faults"]
    assert [fault["column"] for fault in faults] == ["row_id", "row_id"]
    assert {fault["rule"].split()[0] for fault in faults} == {"Oakhurst", "Larkspur"}
    assert all(fault["remedy"] for fault in faults)


@pytest.mark.parametrize(
    ("by", "approvers", "text"),
    [
        ("Mallory", "Ann, Bert", "Mallory is not on the list"),
        ("  ", "", "nobody is named"),
        ("ann", "Ann", "ann is not on"),
    ],
)
def test_who_may_not_approve_is_refused(approve: Approve, *, by: str, approvers: str, text: str) -> None:
    said = approve("--defaults", by=by, SEATSYNC_APPROVERS=approvers)
    assert said.code == 2
    assert text in said.json["error"]["found"]


def test_an_approver_of_the_list_may(approve: Approve) -> None:
    assert approve("--defaults", by=" Bert ", SEATSYNC_APPROVERS="Ann, Bert").json["approved_by"] == "Bert"


def test_it_has_no_approver_of_its_own(run: Run, place: Place) -> None:
    preview = place.previews["duo"].preview_id
    said = run("approve", "duo", "--preview", preview, "--defaults", "-o", "selection.csv", "--json")
    assert said.code == 2
    assert "--by" in said.json["error"]["found"]


def test_another_preview_than_meant_is_refused(approve: Approve, place: Place) -> None:
    assert "there is none" in approve("--defaults", preview="prev_none").json["error"]["found"]
    other = approve("--defaults", preview=place.previews["avanan"].preview_id)
    assert "a preview of avanan" in other.json["error"]["found"]


def test_a_stale_preview_is_refused(approve: Approve, place: Place) -> None:
    preview = place.previews["duo"]
    with place.warehouse.write() as connection:
        connection.execute(
            "update snapshot set taken_at = ? where snapshot_id = ?",
            [preview.created_at - timedelta(hours=25), preview.scan["id"]],
        )
    said = approve("--defaults")
    assert (said.code, "stale" in said.json["error"]["found"]) == (2, True)


def test_a_preview_from_before_a_push_is_refused(approve: Approve, run: Run, place: Place) -> None:
    place.push(place.approve(place.row("update", "Alderpoint Dental")))
    said = approve("--defaults")
    assert (said.code, "something was pushed" in said.json["error"]["found"]) == (2, True)
    assert "seatsync scan" in said.json["error"]["remedy"]
    assert run("preview", "duo", "--json").json["stale"] is True
    assert "something was pushed" in run("preview", "duo").out


def test_half_a_pair_is_refused_and_the_whole_taken(run: Run, place: Place) -> None:
    cancel = place.row("cancel", "Tidewater Charter School", source="avanan")
    create = place.row("create", "Tidewater Charter School", source="avanan")
    common = ("approve", "avanan", "--preview", place.previews["avanan"].preview_id, "--by", "Ann")
    options = ("--reason", "they change", "-o", "selection.csv", "--json")
    half = run(*common, "--row", cancel["row_id"], *options)
    assert half.code == 2
    assert create["row_id"] in half.json["error"]["faults"][0]["rule"]
    whole = run(*common, "--row", cancel["row_id"], "--row", create["row_id"], *options)
    assert whole.code == 0, whole.out
    assert sorted(whole.json["rows"]) == sorted([cancel["row_id"], create["row_id"]])


def test_a_file_that_cannot_be_written_is_refused(run: Run, place: Place) -> None:
    (place.folder / "taken").write_text("a file")
    preview = place.previews["duo"].preview_id
    said = run(
        "approve", "duo", "--preview", preview, "--by", "A", "--defaults", "-o", "taken/s.csv", "--json"
    )
    assert said.code == 2
    assert said.json["error"]["remedy"]


def resaved(rows: list[dict[str, str]], columns: list[str], *, bom: bool = False, **dialect: Any) -> bytes:
    """The rows as a spreadsheet saves them."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", restval="mine", **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig" if bom else "utf-8")


SPREADSHEETS: dict[str, Callable[[list[Row], list[str]], bytes]] = {
    "as it came": lambda rows, names: resaved(rows, names, bom=True),
    "no mark": resaved,
    "line feeds": lambda rows, names: resaved(rows, names, lineterminator="\n"),
    "semicolons": lambda rows, names: resaved(rows, names, bom=True, delimiter=";"),
    "tabs": lambda rows, names: resaved(rows, names, delimiter="\t"),
    "everything quoted": lambda rows, names: resaved(rows, names, quoting=csv.QUOTE_ALL),
    "reordered": lambda rows, names: resaved(list(reversed(rows)), list(reversed(names))),
    "extra columns": lambda rows, names: resaved(rows, ["note", *names, "checked"]),
}


@pytest.mark.parametrize("way", SPREADSHEETS)
def test_a_preview_ticked_by_hand_is_the_same_operation(approve: Approve, place: Place, way: str) -> None:
    """The CSV that reconciliation has written beside the database, saved by whatever spreadsheet."""
    meant = approve(
        "--defaults", *ids(place, ("cancel", "Wrenfield Nursery")), "--reason", "left; in May"
    ).json
    previews = Path(shutil.copytree(place.stock.database.parent / "previews", place.folder / "previews"))
    (sheet,) = previews.glob(f"duo-{place.previews['duo'].preview_id}.csv")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), list(reader.fieldnames or [])
    assert names[:9] == [
        "preview_id", "row_id", "fingerprint", "approve", "agreement_id", "approval_reason", "overrides",
        "approved_by", "approved_at",
    ]  # fmt: skip
    assert all(name.startswith("info_") for name in names[9:])
    assert {row["approve"] for row in rows} == {""}
    for row in rows:
        if row["row_id"] in meant["rows"]:
            row |= {"approve": "YES", "approval_reason": "left; in May", "approved_by": "Ann"}
    sheet.write_bytes(SPREADSHEETS[way](rows, names))
    assert read_selection(sheet).operation_id == meant["operation_id"]
