"""Running a job for the command line: quiet, on record, and with the error as it was raised."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from seatsync_pipeline.errors import ConfigurationError, SeatSyncError, WarehouseError
from seatsync_pipeline.orchestration.instance import (
    INSTANCE_CONFIG,
    dagster_home,
    open_instance,
    shared_instance,
)
from seatsync_pipeline.orchestration.logs import at_intervals
from seatsync_pipeline.orchestration.run import run_job
from seatsync_pipeline.settings import load_settings
from tests.orchestration.place import Place


@dg.op
def chatter(context: dg.OpExecutionContext) -> None:
    """Writes to stdout in every way a library can."""
    print("printed\n", end="", flush=True)  # noqa: T201  # one write: another one may come between two
    os.write(1, b"by descriptor\n")
    subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
    context.log.info("half way")


@dg.op
def broken() -> None:
    raise ZeroDivisionError("a programmer's mistake")


@dg.job
def chatty() -> None:
    chatter()


@dg.job
def defective() -> None:
    broken()


def definitions(job: dg.JobDefinition) -> dg.Definitions:
    from seatsync_pipeline.orchestration.logs import progress_logger

    return dg.Definitions(jobs=[job], loggers={"progress": progress_logger})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("SEATSYNC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.usefixtures("home")
def test_stdout_stays_clean_and_stderr_short(capfd: pytest.CaptureFixture[str]) -> None:
    result = run_job("chatty", definitions=definitions(chatty), settings=load_settings())

    assert result.success
    captured = capfd.readouterr()
    assert captured.out == ""
    lines = [line.split("  ", 1)[-1] for line in captured.err.splitlines() if line.strip()]
    assert lines.count("half way") == 1
    assert set(lines) <= {"half way", "printed", "by descriptor", "by a child"}
    os.write(1, b"later\n")
    assert capfd.readouterr().out == "later\n"


@pytest.mark.usefixtures("home")
def test_a_defect_is_an_error_that_names_its_run() -> None:
    settings = load_settings()
    result = run_job("defective", definitions=definitions(defective), settings=settings)

    assert not result.success
    assert type(result.error) is SeatSyncError
    assert "ZeroDivisionError: a programmer's mistake" in result.error.found
    assert result.run_id in result.error.remedy
    with open_instance(settings) as instance:
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE


@pytest.mark.usefixtures("home")
def test_jobs_in_a_row_share_one_instance_until_its_end() -> None:
    settings = load_settings()
    with shared_instance(settings):
        with open_instance(settings) as first:
            pass
        failed = run_job("defective", definitions=definitions(defective), settings=settings)
        done = run_job("chatty", definitions=definitions(chatty), settings=settings)
        with open_instance(settings) as second:
            assert second is first
    with open_instance(settings) as after:
        assert after is not first
        assert {run.run_id for run in after.get_runs()} == {failed.run_id, done.run_id}


def test_a_run_is_on_record_for_the_web_ui(scanned: Place) -> None:
    result = scanned.run("duo_pull")

    with open_instance(scanned.settings) as instance:
        [record] = instance.get_run_records(dg.RunsFilter(job_name="duo_pull"))
        latest = instance.get_latest_materialization_event(dg.AssetKey(["duo", "preview"]))
    assert record.dagster_run.run_id == result.run_id
    assert record.dagster_run.status == dg.DagsterRunStatus.SUCCESS
    assert latest is not None
    assert latest.run_id == result.run_id


@pytest.mark.parametrize("chosen", ["relative/folder", "/no/such/folder"])
def test_a_bad_dagster_home_is_named(home: Path, monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("DAGSTER_HOME", chosen)

    with pytest.raises(ConfigurationError, match="DAGSTER_HOME") as refused:
        run_job("chatty", definitions=definitions(chatty), settings=load_settings())
    assert chosen in refused.value.found
    assert str(home / "dagster") in refused.value.remedy


def test_a_dagster_home_of_ones_own_is_used_and_its_config_kept(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(own))

    assert run_job("chatty", definitions=definitions(chatty), settings=load_settings()).success

    assert (own / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert (own / "history").is_dir()
    assert not (home / "dagster" / "history").exists()


@pytest.mark.usefixtures("home")
def test_the_instance_is_configured_as_the_project_says() -> None:
    settings = load_settings()
    assert (dagster_home(settings) / "dagster.yaml").read_bytes() == INSTANCE_CONFIG.read_bytes()

    with open_instance(settings) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
        assert instance.get_concurrency_config().run_queue_config is not None
        assert instance.python_log_level == "INFO"


@pytest.mark.usefixtures("home")
def test_many_may_open_an_empty_history_at_once() -> None:
    settings = load_settings()
    together = threading.Barrier(6)

    def open_it(_: int) -> int:
        together.wait()
        with open_instance(settings) as instance:
            return instance.get_runs_count()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(open_it, range(6))) == [0] * 6


def test_a_broken_run_history_is_an_error_like_any_other(home: Path) -> None:
    settings = load_settings()
    runs = dagster_home(settings) / "history" / "runs.db"
    runs.parent.mkdir()
    runs.write_bytes(b"this is no database" * 100)

    with pytest.raises(WarehouseError, match="run history") as refused:
        run_job("chatty", definitions=definitions(chatty), settings=settings)
    assert str(home / "dagster") in refused.value.tried


def test_progress_speaks_at_tenths_and_not_all_the_time() -> None:
    said: list[str] = []
    clock = iter(range(10_000))
    slow = at_intervals(said.append, seconds=1.0, now=lambda: next(clock))
    for done in range(1, 501):
        slow("accounts", done, 500)
    assert said == [f"accounts: {done} of 500" for done in range(50, 501, 50)]

    said.clear()
    quick = at_intervals(said.append, seconds=1.0, now=lambda: 0.0)
    for done in range(1, 501):
        quick("accounts", done, 500)
    quick("nothing", 0, 0)
    assert said == ["accounts: 500 of 500", "nothing: 0 of 0"]
