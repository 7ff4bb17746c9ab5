"""The month's files: the shipped ones, and what is refused."""

from __future__ import annotations

import shutil
import threading
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.sandbox import SampleMonth, Sandbox, serve
from seatsync_pipeline.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with as_file(files("seatsync_pipeline.sandbox").joinpath("sample_month")) as shipped:
        return Path(shutil.copytree(shipped, tmp_path / "month"))


def test_the_sample_month_is_whole(folder: Path) -> None:
    month = SampleMonth.load()
    assert month == SampleMonth.load(folder)
    assert month.avanan_export
    assert month.setup
    companies = {row.id for row in month.companies}
    agreements = {row.id for row in month.agreements}
    products = {row.id for row in month.catalog}
    assert all(row.company_id in companies for row in month.agreements)
    assert all(row.agreement_id in agreements and row.product_id in products for row in month.additions)
    assert len({row.account_id for row in month.duo_subaccounts}) == len(month.duo_subaccounts) >= 30


@pytest.mark.parametrize(
    ("name", "old", "new", "column"),
    [
        ("companies.csv", "id,", "Id,", "Id"),
        ("companies.csv", ",false,", ",no,", "deleted"),
        ("additions.csv", "5001,", ",", "id"),
        ("additions.csv", ",38,", ",many,", "quantity"),
        ("agreements.csv", "2024-03-01", "03/01/2024", "start_date"),
        ("companies.csv", "Active", "Active,extra,cells,more", None),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    folder: Path, name: str, old: str, new: str, column: str
) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FileRefused, match=name) as refused:
        SampleMonth.load(folder)
    assert refused.value.faults[0].column == column


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "catalog.csv").unlink()
    with pytest.raises(FileRefused, match=r"catalog\.csv"):
        SampleMonth.load(folder)


def test_an_empty_cell_is_no_value_and_not_the_default(folder: Path) -> None:
    lines = (folder / "catalog.csv").read_text(encoding="utf-8").splitlines()
    (folder / "catalog.csv").write_text(f"{lines[0]}\n1,A,,,,,,,,\n", encoding="utf-8")
    product = SampleMonth.load(folder).catalog[0]
    assert (product.billing_cycle, product.price, product.product_class) == (None, None, "Service")


def test_the_settings_are_valid_for_the_product(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.settings().items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert settings.today() == sandbox.month.today
    assert settings.duo_port == sandbox.duo.port


def test_serve_prints_the_settings_and_stops(month: SampleMonth) -> None:
    printed: list[dict[str, str]] = []
    stop = threading.Event()

    def announce(settings: dict[str, str]) -> None:
        printed.append(settings)
        stop.set()

    before = set(threading.enumerate())
    serve.run(announce, stop, month=month)
    assert printed[0]["CONNECTWISE_URL"].startswith("http://127.0.0.1:")
    assert not set(threading.enumerate()) - before
