"""`avanan_export_drop` over several ticks on a real instance, with the runs it asks for carried out for real."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import preview
from seatsync_pipeline.errors import ConfigurationError
from seatsync_pipeline.orchestration.instance import open_instance
from seatsync_pipeline.orchestration.preview_page import preview_page
from tests.orchestration.place import EXPORT, Place
from tests.sensors.driver import DEFS, Desk, only, refusal

ODD = "=cmd|' -1 \n Zürich 日本's.csv"
BROKEN = b"Tenant Name,License,Users\nAcme,Pro,5\n"


@pytest.fixture
def desk(scanned: Place) -> Desk:
    return Desk("avanan_export_drop", scanned.settings.avanan_inbox, scanned.settings)


def imports(place: Place) -> list[str]:
    return [
        run_id
        for (run_id,) in place.query(
            "select run_id from snapshot where source = 'avanan' order by snapshot_id"
        )
    ]


def previews(place: Place) -> int:
    [(count,)] = place.query("select count(*) from preview_header where source = 'avanan'")
    return int(count)


def with_one_more_user() -> bytes:
    lines = EXPORT.read_bytes().splitlines(keepends=True)
    return b"".join([*lines, lines[-1].replace(b"a", b"b", 1)])


def test_it_runs_by_default_and_says_what_it_does() -> None:
    sensor = DEFS.resolve_sensor_def("avanan_export_drop")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert "Nothing is written to ConnectWise" in str(sensor.description)


def test_a_half_copied_file_waits_until_it_is_whole_then_is_imported_once(scanned: Place, desk: Desk) -> None:
    whole = EXPORT.read_bytes()
    for length in (0, 100, 2000):
        desk.drop(ODD, whole[:length])
        assert desk.ticks(1) == []
    desk.drop(ODD, whole)
    before = desk.tick()
    assert before.requests == []
    assert "not yet unchanged for two ticks" in before.said
    # A copying program may set the old time and the size beforehand: neither proves that the content is there.
    status = (desk.inbox / ODD).stat()
    (desk.inbox / ODD).write_bytes(b"\0" * len(whole))
    os.utime(desk.inbox / ODD, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert desk.ticks(1) == []
    desk.drop(ODD, whole)
    assert desk.ticks(1) == []

    (request,) = desk.tick().requests
    assert request.job_name == "avanan_import"
    assert str(request.run_key).startswith(
        request.run_config["ops"]["avanan__tenant_export"]["config"]["sha256"]
    )
    assert desk.tick().requests == []  # asked for, and not begun
    result = desk.start(request)
    assert result.success
    assert desk.until_idle() == []
    month = f"{scanned.settings.today():%Y-%m}"
    assert desk.archived() == [f"{month}/{ODD}"]
    assert (scanned.settings.archive / month / ODD).read_bytes() == whole
    assert desk.waiting() == []
    assert imports(scanned) == [result.run_id]
    assert previews(scanned) == 1


def test_a_copy_that_stalls_is_not_taken_for_the_whole_file(scanned: Place, desk: Desk) -> None:
    lines = EXPORT.read_bytes().splitlines(keepends=True)
    with (desk.inbox / "tenants.csv").open("wb") as copying:
        copying.write(b"".join(lines[:46]))
        copying.flush()
        for _ in range(4):
            stalled = desk.tick()
            assert stalled.requests == []
            assert "still open for writing in another program: tenants.csv" in stalled.said
        copying.write(b"".join(lines[46:]))
    result = only(desk.until_idle())
    assert imports(scanned) == [result.run_id]
    (archived,) = desk.archived()
    assert (scanned.settings.archive / archived).read_bytes() == EXPORT.read_bytes()


def test_what_is_written_to_an_export_after_it_was_read_is_told_and_imported(
    scanned: Place, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = EXPORT.read_bytes().splitlines(keepends=True)
    path = desk.drop("tenants.csv", b"".join(lines[:46]))
    desk.tick()
    (request,) = desk.tick().requests

    def go_on(*arguments: Any, **words: Any) -> dict[str, Any]:
        with path.open("ab") as copying:
            copying.write(b"".join(lines[46:]))
        return preview_page(*arguments, **words)

    with monkeypatch.context() as patch:
        patch.setattr(preview, "preview_page", go_on)
        half = desk.start(request)
    assert not half.success
    assert "changed or replaced after it had been read" in refusal(half)["found"]
    assert "tenants.csv" in refusal(half)["tried"]
    assert desk.archived() == []
    result = only(desk.until_idle())
    assert imports(scanned) == [half.run_id, result.run_id]
    (archived,) = desk.archived()
    assert (scanned.settings.archive / archived).read_bytes() == EXPORT.read_bytes()


def test_the_same_content_twice_in_one_go_is_one_run_and_dropped_again_later_another(
    scanned: Place, desk: Desk
) -> None:
    desk.drop("tenants.csv", EXPORT)
    desk.drop("tenants (1).csv", EXPORT)
    first = only(desk.until_idle())
    month = f"{scanned.settings.today():%Y-%m}"
    assert first.success
    assert desk.archived() == [f"{month}/tenants (1).csv", f"{month}/tenants.csv"]
    assert desk.waiting() == []

    # Back from the archive by a move, which keeps size and time.
    shutil.move(scanned.settings.archive / month / "tenants.csv", desk.inbox / "tenants.csv")
    desk.drop("tenants (1).csv", EXPORT)
    second = only(desk.until_idle())
    assert second.success
    assert imports(scanned) == [first.run_id, second.run_id]
    assert desk.archived() == [
        f"{month}/tenants (1) (2).csv",
        f"{month}/tenants (1).csv",
        f"{month}/tenants.csv",
    ]


def test_a_file_replaced_after_it_was_seen_is_not_what_is_imported(scanned: Place, desk: Desk) -> None:
    desk.drop("tenants.csv", EXPORT)
    desk.tick()
    (request,) = desk.tick().requests
    desk.drop("tenants.csv", EXPORT.read_bytes()[:2000])
    replaced = desk.start(request)
    assert not replaced.success
    assert "replaced after the sensor had seen it" in refusal(replaced)["found"]
    assert imports(scanned) == []
    assert desk.waiting() == ["tenants.csv"]

    newer = with_one_more_user()
    desk.drop("tenants.csv", newer)
    result = only(desk.until_idle())
    assert result.success
    assert imports(scanned) == [result.run_id]
    (archived,) = desk.archived()
    assert (scanned.settings.archive / archived).read_bytes() == newer


def test_a_file_that_vanishes_is_no_error_and_no_import(scanned: Place, desk: Desk) -> None:
    desk.drop("tenants.csv", EXPORT)
    desk.tick()
    (desk.inbox / "tenants.csv").unlink()
    assert desk.ticks(2) == []
    desk.drop("tenants.csv", EXPORT)
    desk.tick()
    (request,) = desk.tick().requests
    (desk.inbox / "tenants.csv").unlink()
    assert "no such file" in refusal(desk.start(request))["found"]
    assert desk.until_idle() == []
    assert imports(scanned) == []
    assert (desk.archived(), desk.rejected()) == ([], [])


def test_a_refused_file_lies_beside_its_report_and_a_good_one_goes_on(scanned: Place, desk: Desk) -> None:
    name = f"{'n' * 230}.csv"
    desk.drop(name, BROKEN + b'"=1+1\n')
    os.utime(desk.inbox / name, (1, 1))
    desk.drop("tenants.csv", EXPORT)
    refused, imported = desk.until_idle()
    assert (refused.success, imported.success) == (False, True)
    file, report = desk.rejected()
    assert report == f"{file}.errors.csv"
    assert file.startswith("n" * 150)
    told = refusal(refused)
    assert file in told["remedy"]
    with (scanned.settings.rejected / report).open(encoding="utf-8-sig", newline="") as text:
        faults = list(csv.DictReader(text))
    assert len(faults) == told["fault_count"] >= 1
    assert all(fault["rule"] and fault["remedy"] for fault in faults)
    assert imports(scanned) == [imported.run_id]

    desk.drop(name, BROKEN + b'"=1+1\n')
    (again,) = desk.until_idle()
    assert not again.success
    assert len(desk.rejected()) == 4
    assert desk.waiting() == []


def test_a_lost_cursor_and_a_restart_repeat_nothing(scanned: Place, desk: Desk) -> None:
    desk.drop("tenants.csv", EXPORT)
    desk.tick()
    (request,) = desk.tick().requests
    desk.cursor = None
    desk.tick()
    (again,) = desk.tick().requests
    assert again.run_key == request.run_key
    with open_instance(desk.settings) as instance:
        run = instance.create_run_for_job(
            DEFS.resolve_job_def("avanan_import"), run_config=request.run_config, tags=dict(request.tags)
        )
        instance.report_run_failed(run)
    desk.cursor = None
    waits = [desk.tick(), desk.tick()][-1]
    assert waits.requests == []
    assert f"run {run.run_id} failed; the next one follows in 10 minutes" in waits.said
    assert desk.waiting() == ["tenants.csv"]


def test_without_a_fresh_scan_connectwise_is_scanned_first(place: Place) -> None:
    desk = Desk("avanan_export_drop", place.settings.avanan_inbox, place.settings)
    desk.drop("tenants.csv", EXPORT)
    scan, imported = desk.until_idle()
    assert (scan.job_def.name, imported.job_def.name) == ("connectwise_scan", "avanan_import")
    assert scan.success
    assert imported.success
    assert len(desk.archived()) == 1


def test_an_import_of_an_inbox_file_by_hand_archives_it(scanned: Place, desk: Desk) -> None:
    path = desk.drop("tenants.csv", EXPORT)
    assert scanned.import_avanan(path).error is None
    assert len(desk.archived()) == 1
    assert desk.until_idle() == []
    assert scanned.import_avanan(EXPORT).error is None
    assert EXPORT.exists()


def test_wrong_settings_fail_the_tick(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATSYNC_TIMEZONE", "Mars/Olympus")
    with pytest.raises(ConfigurationError, match="SEATSYNC_TIMEZONE"):
        desk.tick()


def test_reports_escape_what_a_spreadsheet_would_run(scanned: Place, desk: Desk) -> None:
    desk.drop("x.csv", b"Tenant Name,=2+5,Users\nAcme,Pro,5\n")
    only(desk.until_idle())
    (report,) = [name for name in desk.rejected() if name.endswith(".errors.csv")]
    text = (scanned.settings.rejected / report).read_text("utf-8-sig")
    cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert Path(scanned.settings.rejected / report).stat().st_mode & 0o077 == 0
