"""`seatsync backup` and `seatsync restore`: whole, private, verified; what was pushed is not forgotten in silence."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.push import audit, operate
from seatsync_pipeline.warehouse import Warehouse
from seatsync_pipeline.warehouse.copy import row_counts
from tests.cli.conftest import Run
from tests.push.one_of_each import one_of_each, update
from tests.push.place import Place
from tests.warehouse.together import check

PROJECT = Path(__file__).parents[2]


def tables(home: Path) -> dict[str, int]:
    with Warehouse(home / "seatsync.duckdb").read() as connection:
        return row_counts(connection)


def files(home: Path) -> dict[str, bytes]:
    names = ("previews", "selections", "archive", "rejected", "avanan_columns.toml")
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for name in names
        for path in ([home / name] if (home / name).is_file() else (home / name).rglob("*"))
        if path.is_file()
    }


def backed_up(run: Run, target: Path) -> Path:
    said = run("backup", target, "--json")
    assert said.code == 0, said.out + said.err
    return Path(said.json["file"])


def stocked(place: Place) -> Path:
    """The home of the place, with a finished push and a file in each folder."""
    place.push(one_of_each(place))
    place.read_again()  # its sheets are written into previews/
    home = place.settings.home
    for name in ("archive/2026-11/Export – Müller.csv", "rejected/x.csv", "avanan_columns.toml"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(name.encode())
    (home / "inbox" / "selections").mkdir(parents=True, exist_ok=True)
    (home / "inbox" / "selections" / "to push.csv").write_text("never in a backup")
    (home / "previews" / "elsewhere.csv").symlink_to("/etc/hostname")
    return home


def test_there_and_back(run: Run, place: Place, tmp_path: Path) -> None:
    home = stocked(place)
    previous = os.umask(0)
    try:
        file = backed_up(run, tmp_path / "kept.zip")
        fresh = tmp_path / "fresh"
        said = run("restore", file, "--by", "Dana", "--json", SEATSYNC_HOME=str(fresh))
    finally:
        os.umask(previous)
    assert said.code == 0, said.out
    assert said.json["forgotten"] == []
    assert (said.json["former"], said.json["fewer_rows"], said.json["unfinished"]) == (None, {}, [])

    (home / "previews" / "elsewhere.csv").unlink()
    assert files(fresh) == files(home)
    assert not (fresh / "inbox").exists()
    expected = tables(home)
    assert tables(fresh) == expected | {"audit": expected["audit"] + 1}
    for path in (file, *fresh.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    verified = run("audit", "--verify", "--json", SEATSYNC_HOME=str(fresh)).json
    assert (verified["sound"], verified["head"]) == (True, said.json["audit_head"])
    # Keys and checks came along.
    with duckdb.connect(str(fresh / "seatsync.duckdb")) as connection:
        for statement in (
            "insert into audit select * from audit",
            "insert into snapshot values ('x', 'duo', now(), null, 'd', 'splendid', '[]', '{}')",
        ):
            with pytest.raises(duckdb.ConstraintException):
                connection.execute(statement)


def test_a_folder_keeps_several_and_a_file_is_never_overwritten(run: Run, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    file = backed_up(run, folder)
    assert file.parent == folder
    said = run("backup", file, "--json")
    assert (said.code, said.json["error"]["found"]) == (2, "the file exists")
    assert list(folder.iterdir()) == [file]
    assert "read back" in run("backup", folder / "second.zip").out


def test_what_was_pushed_since_is_named_and_given_up_by_name_only(
    run: Run, place: Place, tmp_path: Path
) -> None:
    place.push(place.approve(update(place)))
    place.read_again()
    approved = place.approve(place.row("update", "Copperline Freight"), by="Bert")
    file = backed_up(run, tmp_path / "old.zip")
    later = place.push(approved)
    place.read_again()
    home, before = place.settings.home, tables(place.settings.home)

    said = run("restore", file, "--json")
    assert (said.code, "holds data" in said.json["error"]["found"]) == (2, True)
    for wrong in ((), ("--forget", "op_other")):
        said = run("restore", file, "--replace", *wrong, "--json")
        assert said.code == 2
        assert f"{later['operation_id']} (duo, approved by Bert" in said.json["error"]["found"]
        assert f"--forget {later['operation_id']}" in said.json["error"]["remedy"]
    assert tables(home) == before

    options = ("--replace", "--forget", later["operation_id"], "--by", "Dana", "--json")
    done = run("restore", file, *options)
    assert done.code == 0, done.out
    assert [one["operation_id"] for one in done.json["forgotten"]] == [later["operation_id"]]
    assert done.json["fewer_rows"]["operation"] == 1
    assert tables(Path(done.json["former"])) == before
    assert [one["operation_id"] for one in run("operations", "--json").json["operations"]] != []
    entry = run("audit", "--json").json["entries"][-1]
    assert (entry["kind"], entry["entry"]["by"]) == ("restored", "Dana")
    assert entry["entry"]["forgotten_operations"] == [later["operation_id"]]
    # Dagster's history has noted the head of the forgotten operation: the entry accounts for it.
    assert later["audit_head"] in entry["entry"]["forgotten_heads"]
    with place.warehouse.read() as connection:
        noted = {"the Dagster run of the forgotten push": later["audit_head"]}
        assert audit.verify(audit.load(connection), noted).sound
        assert not audit.verify(audit.load(connection), {"somebody else": "f" * 64}).sound

    # To the restored journal this selection was never pushed: it must not be taken for a new one.
    with pytest.raises(FileRefused, match="a backup restored"):
        place.push(approved)
    assert run("preview", "duo", "--json").json["stale"]
    place.read_again()
    assert not run("preview", "duo", "--json").json["stale"]


def test_an_operation_that_went_on_since_is_forgotten_in_part(run: Run, place: Place, tmp_path: Path) -> None:
    report = place.push(one_of_each(place))
    whole = place.settings.home / "seatsync.duckdb"
    kept = shutil.copy(whole, tmp_path / "whole.duckdb")
    with place.warehouse.write() as connection:  # as it was after the first row
        connection.execute("delete from outcome where outcome <> 'updated'")
        connection.execute("delete from operation_event where state <> 'running'")
    file = backed_up(run, tmp_path / "half.zip")
    assert f"{report['operation_id']} is unfinished" in run("backup", tmp_path / "again.zip").out
    shutil.move(kept, whole)
    said = run("restore", file, "--replace", "--json")
    assert (said.code, "known in part" in said.json["error"]["found"]) == (2, True)
    said = run("restore", file, "--replace", "--forget", report["operation_id"], "--json")
    assert said.json["unfinished"] == [report["operation_id"]]


def test_not_while_a_push_runs(run: Run, home: Path, tmp_path: Path) -> None:
    file, before = backed_up(run, tmp_path / "kept.zip"), tables(home)
    with operate.exclusive(home):
        said = run("restore", file, "--replace", "--json")
    assert (said.code, said.json["error"]["found"]) == (2, "another push is running")
    assert tables(home) == before
    assert not list(home.glob(".restore*"))


def test_a_database_that_cannot_be_read_is_replaced_by_name_only(
    run: Run, home: Path, tmp_path: Path
) -> None:
    file, expected = backed_up(run, tmp_path / "kept.zip"), tables(home)
    (home / "seatsync.duckdb").write_bytes(b"scratched" * 1000)
    (home / "seatsync.duckdb.wal").write_bytes(b"of the scratched one")
    said = run("restore", file, "--replace", "--json")
    assert (said.code, "cannot be read" in said.json["error"]["found"]) == (2, True)
    said = run("restore", file, "--replace", "--forget", "unknown", "--json")
    assert said.code == 0, said.out
    assert tables(home) == expected | {"audit": 1}
    former = Path(said.json["former"])
    assert (former / "seatsync.duckdb").read_bytes().startswith(b"scratched")
    assert (former / "seatsync.duckdb.wal").exists()


def repacked(file: Path, target: Path, change: Any) -> Path:
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        contents = {name: old.read(name) for name in old.namelist()}
        change(contents)
        for name, content in contents.items():
            new.writestr(name, content)
    return target


def outside(contents: dict[str, bytes]) -> None:
    contents["../outside.csv"] = b"x"
    manifest = json.loads(contents["manifest.json"])
    manifest["files"].append({"name": "../outside.csv", "size": 1, "sha256": "0"})
    contents["manifest.json"] = json.dumps(manifest).encode()


DAMAGES = {
    "another byte in a file": lambda c: c.update({"seatsync.duckdb": c["seatsync.duckdb"][:-1] + b"?"}),
    "a file is missing": lambda c: c.pop(next(name for name in c if name.startswith("previews/"))),
    "a file too many": lambda c: c.update({"previews/more.csv": b""}),
    "a file of elsewhere": outside,
    "no manifest": lambda c: c.pop("manifest.json"),
    "half a manifest": lambda c: c.update({"manifest.json": c["manifest.json"][:100]}),
    "a later format": lambda c: c.update(
        {"manifest.json": c["manifest.json"].replace(b'"format": 1', b'"format": 2')}
    ),
    "other row counts": lambda c: c.update(
        {"manifest.json": c["manifest.json"].replace(b'"company": ', b'"company": 1')}
    ),
}


def test_a_damaged_backup_is_refused_whole(run: Run, home: Path, tmp_path: Path) -> None:
    file, before, kept = backed_up(run, tmp_path / "kept.zip"), tables(home), files(home)
    damaged = [repacked(file, tmp_path / f"{name}.zip", change) for name, change in DAMAGES.items()]
    whole = file.read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(whole)
    place = len(whole) // 3
    for at in range(place, place + 64):  # one bit alone may mean the same: zeros, copied from other zeros
        flipped[at] ^= 255
    (tmp_path / "flipped.zip").write_bytes(flipped)
    (tmp_path / "no zip").write_text("Account,Seats\n")
    damaged += [tmp_path / name for name in ("cut.zip", "flipped.zip", "no zip", "absent.zip")]
    for path in damaged:
        said = run("restore", path, "--replace", "--json")
        assert said.code == 2, path.name
        assert said.json["error"]["remedy"], path.name
    assert (tables(home), files(home)) == (before, kept)
    assert not (tmp_path / "outside.csv").exists()
    assert not list(home.glob(".restore*")) + list(home.glob("before*"))


def test_backups_while_others_write_are_each_of_one_moment(run: Run, home: Path, tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.warehouse.together", str(home), f"beside {number}", "1", "0"],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    made: list[Path] = []
    while len(made) < 2 or any(writer.poll() is None for writer in writers):
        made.append(backed_up(run, tmp_path / f"{len(made)}.zip"))
    committed = {i for writer in writers for i in json.loads(writer.communicate()[0])["committed"]}
    assert [writer.returncode for writer in writers] == [0, 0]
    for number, file in enumerate((made[0], made[len(made) // 2], made[-1])):
        fresh = tmp_path / f"fresh{number}"
        assert run("restore", file, SEATSYNC_HOME=str(fresh)).code == 0
        with Warehouse(fresh / "seatsync.duckdb").read() as connection:
            ids = check(connection)
    assert committed <= ids  # the last one has everything


KILLED = """
import os, signal, sys
from seatsync_pipeline.cli.app import main
event, nth = sys.argv[1].split(":")
seen = 0
def hook(name, arguments):
    global seen
    if name == event and any("kept.zip" in str(a) or "home" in str(a) for a in arguments):
        seen += 1
        if seen == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
sys.argv[1:] = sys.argv[2:]
main()
"""


def killed_at(moment: str, *arguments: object) -> int:
    command = [sys.executable, "-c", KILLED, moment, *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode


def test_whoever_is_killed_leaves_no_half_backup_and_no_home_without_a_database(
    run: Run, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "kept.zip"
    assert killed_at("os.rename:1", "backup", file) == -9
    assert not file.exists()
    backed_up(run, file)
    before = tables(home)
    with Warehouse(home / "seatsync.duckdb").write() as connection:
        connection.execute("insert into company values ('snap_later', 1, 'a', 'Acme', null, false, null)")
    moments = 0
    for moment in ("os.rename:1", "os.rename:2", "os.link:1", "os.rename:3"):
        if killed_at(moment, "restore", file, "--replace") != -9:
            continue
        moments += 1
        assert tables(home)["company"] in {before["company"], before["company"] + 1}, moment
    assert moments >= 3
    assert run("restore", file, "--replace").code == 0
    assert tables(home)["company"] == before["company"]
    assert files(home).keys() == {n for n in zipfile.ZipFile(file).namelist() if "/" in n}
