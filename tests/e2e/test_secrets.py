"""No secret in anything that a month leaves behind: a good one, one of refusals, and one with a defect.

The vendors repeat what they were sent, the whole Authorization header, in their refusals, as servers in trouble do.
Every library logs at DEBUG, into the terminal and into Dagster's own record.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatsync_pipeline.connectwise.access import credentials_from
from seatsync_pipeline.connectwise.client import reader_from
from seatsync_pipeline.connectwise.writer import writer_from
from seatsync_pipeline.orchestration.instance import INSTANCE_CONFIG
from seatsync_pipeline.sandbox import Sandbox
from seatsync_pipeline.sandbox.connectwise import ConnectWise
from seatsync_pipeline.sandbox.duo import Duo
from seatsync_pipeline.sandbox.service import LoggedRequest
from seatsync_pipeline.settings import Settings, load_settings
from seatsync_pipeline.sources.duo_api import DuoApi, Retries
from tests.e2e.shell import shell
from tests.e2e.spilt import forms, found_in, places

CONNECTWISE = {
    "CONNECTWISE_PUBLIC_KEY": "PublicPlanted7QxW",
    "CONNECTWISE_PRIVATE_KEY": "PrivatePlanted9ZkV",
    "CONNECTWISE_CLIENT_ID": "c11e47id-9137-4000-8000-0b1a57ed0001",
}
DUO = {"DUO_IKEY": "DIPLANTED7QXW9ZKV00R", "DUO_SKEY": "DuoSecretPlanted0123456789abcdefSkeyVxQz"}
OTHERS = {
    "HTTPS_PROXY": "http://proxyuser:ProxyPasswordPlanted3@127.0.0.1:1",
    "SEATSYNC_SMTP_PASSWORD": "MailPasswordPlanted5",
    "SEATSYNC_NOTICE_WEBHOOK_URL": "http://127.0.0.1:1/hook/WebhookPathPlanted8",
}
SECRETS = {
    **CONNECTWISE,
    **DUO,
    "HTTPS_PROXY": "ProxyPasswordPlanted3",
    "SEATSYNC_SMTP_PASSWORD": "MailPasswordPlanted5",
    "SEATSYNC_NOTICE_WEBHOOK_URL": "WebhookPathPlanted8",
}
LOUD_DAGSTER = """
python_logs:
  python_log_level: DEBUG
  managed_python_loggers: [httpx, duo_client, seatsync_pipeline]
"""
DEFECT = """
from seatsync_pipeline.sources import duo_users
def broken(self):
    raise ZeroDivisionError("a defect")
duo_users._Crawl.run = broken
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        state = running.connectwise.state
        state.public_key, state.private_key, state.client_id = CONNECTWISE.values()
        running.duo.state.ikey, running.duo.state.skey = DUO.values()
        yield running


@pytest.fixture
def environment(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """What the commands run with: planted secrets, and a Dagster that keeps all that is logged."""
    ours = ("SEATSYNC_", "CONNECTWISE_", "DUO_", "DAGSTER_", "NO_PROXY", "no_proxy")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    dagster = tmp_path / "home" / "dagster"
    dagster.mkdir(parents=True)
    quiet = INSTANCE_CONFIG.read_text("utf-8").partition("python_logs:")
    after = quiet[2].partition("\n\n")[2]
    (dagster / "dagster.yaml").write_text(f"{quiet[0]}\n{after}{LOUD_DAGSTER}", "utf-8")
    return kept | sandbox.settings() | OTHERS | {"SEATSYNC_HOME": str(tmp_path / "home")}


def echoing(vendor: ConnectWise | Duo, keys: dict[str, str]) -> Callable[[Any], Any]:
    """A change of an answer: it tells the caller the keys, and the headers of the request that it answers."""

    def change(body: Any) -> Any:
        headers = vendor.requests[-1].headers
        told = f"{headers.get('authorization', '')} {' '.join(keys.values())} {' '.join(headers.values())}"
        text = f"Refused: {told}"
        if isinstance(body, dict):
            return body | {
                "message": text,
                "message_detail": text,
                "errors": [{"message": text}],
                "echo": told,
            }
        return {"echo": text}

    return change


def basic_of(sandbox: Sandbox) -> str:
    """What travels in the place of ConnectWise's keys."""
    company = sandbox.connectwise.state.company_id
    public, private, _ = CONNECTWISE.values()
    return base64.b64encode(f"{company}+{public}:{private}".encode()).decode()


def a_good_month(run: Callable[..., tuple[int, str]], folder: Path, sandbox: Sandbox) -> None:
    (folder / "setup.csv").write_bytes(sandbox.month.setup)
    (folder / "export.csv").write_bytes(sandbox.month.avanan_export)
    assert run("scan")[0] == 0
    assert run("setup", "import", "setup.csv")[0] == 0
    assert run("pull", "duo")[0] == 1, "the sample month has subaccounts that cannot be read"
    assert run("import", "avanan", "export.csv")[0] == 1, "and rows"
    preview = json.loads(run("preview", "duo", "--json")[1])["preview_id"]
    assert (
        run("approve", "duo", "--preview", preview, "--by", "Ann", "--defaults", "-o", "ticked.csv")[0] == 0
    )
    locked = {
        "code": "ConnectWiseApi",
        "message": f"Locked {basic_of(sandbox)} {' '.join(CONNECTWISE.values())}",
    }
    sandbox.connectwise.faults.add("error", "*/additions/*", "PATCH", status=409, times=1, body=locked)
    assert run("push", "ticked.csv", "--yes")[0] == 1, "one row is refused"
    for command in (("operations",), ("audit", "--verify"), ("doctor",), ("setup", "export", "out.csv")):
        run(*command)


def a_bad_month(run: Callable[..., tuple[int, str]], sandbox: Sandbox) -> None:
    connectwise, duo = sandbox.connectwise, sandbox.duo
    tell_connectwise, tell_duo = echoing(connectwise, CONNECTWISE), echoing(duo, DUO)
    # 401 and 403 that repeat what was sent, resets, rubbish: first ConnectWise, then Duo.
    connectwise.state.private_key = "another"
    connectwise.faults.add("rewrite", change=tell_connectwise, times=None)
    assert run("scan")[0] == 2
    run("doctor")
    connectwise.state.private_key = CONNECTWISE["CONNECTWISE_PRIVATE_KEY"]
    assert run("scan")[0] == 2, "a page of another shape, with the same echo"
    connectwise.faults.clear()
    connectwise.faults.add("garbage", "*/agreements", times=1)
    connectwise.faults.add("reset", "*/catalog", times=1)
    assert run("scan")[0] == 0

    duo.state.skey = "another"
    fault = duo.faults.add("rewrite", change=tell_duo, times=None)
    assert run("pull", "duo")[0] == 2
    run("doctor", "--json")
    assert fault.hits
    duo.state.skey = DUO["DUO_SKEY"]
    duo.faults.clear()
    some, other, third = list(duo.state.subaccounts)[:3]
    duo.faults.add("rewrite", "/admin/v1/users", query={"account_id": some}, change=tell_duo, times=None)
    duo.faults.add("reset", "/admin/v1/users", query={"account_id": other}, times=1)
    duo.faults.add("garbage", "/admin/v1/users", query={"account_id": third}, times=1)
    duo.state.errors[some] = 401
    assert run("pull", "duo")[0] == 1


def execute(folder: Path, environment: dict[str, str], output: Path) -> None:
    """Run a pull outside of the command line, as a Dagster of its own does: its output goes to Dagster's record."""
    (folder / "run.yaml").write_text("execution: {config: {in_process: {}}}", "utf-8")
    dagster = [sys.executable, "-m", "dagster", "job", "execute", "-c", "run.yaml"]
    with output.open("w", encoding="utf-8") as file:
        subprocess.run(
            [*dagster, "-m", "seatsync_pipeline.definitions", "-j", "duo_pull"],
            env={**environment, "DAGSTER_HOME": f"{environment['SEATSYNC_HOME']}/dagster"},
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=240,
            check=True,
        )


def signature(request: LoggedRequest) -> str:
    """What stands in for Duo's secret key in a request: 128 hex characters."""
    return (
        base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")[2]
    )


def signatures_in(texts: Iterable[tuple[str, bytes]]) -> set[str]:
    return {hit.decode() for _, content in texts for hit in re.findall(rb"[0-9a-f]{128}", content)}


@pytest.mark.timeout(600)  # half a minute of work, and every log line counts
def test_no_secret_is_left_anywhere(sandbox: Sandbox, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    with (
        (tmp_path / "output" / "stderr").open("w") as errors,
        shell(tmp_path, environment, errors) as process,
    ):
        a_good_month(process.run, tmp_path, sandbox)
        a_bad_month(process.run, sandbox)
        process.run("!", DEFECT)
        assert process.run("pull", "duo")[0] == 2
        (tmp_path / "output" / "stdout").write_text(process.said, "utf-8")
    execute(tmp_path, environment, tmp_path / "output" / "dagster")

    basic = basic_of(sandbox)
    assert {one.headers.get("authorization", "") for one in sandbox.connectwise.requests} == {
        "",
        f"Basic {basic}",
    }
    left = list(places(tmp_path))
    assert found_in(left, SECRETS | {"ConnectWise's header": basic}) == {}
    assert signatures_in(left) & {signature(request) for request in sandbox.duo.requests} == set()

    # What is no secret is there, in the terminal's output and in both databases: the search can find.
    found = found_in(left, {"code": "Duo answered 401, code 40103", "account": "Bluestem Veterinary"})
    assert any("stderr" in where for where in found["code"])
    assert {"seatsync.duckdb: account"} <= set(found["account"])
    assert any(".db: event_logs" in where for where in found["code"])
    noise = (tmp_path / "output" / "stderr").read_text("utf-8")
    for loud in ("DEBUG:httpcore", "INFO:httpx:HTTP Request: GET", "ZeroDivisionError: a defect"):
        assert loud in noise


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"company+"])
def test_a_secret_is_found_inside_of_base64(before: bytes) -> None:
    text = base64.b64encode(before + b"PrivatePlanted9ZkV" + b":after").decode()
    assert any(form in text for form in forms("PrivatePlanted9ZkV"))


def test_no_secret_is_in_what_an_object_says_of_itself(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    _, credentials = credentials_from(settings)
    duo = DuoApi(settings, Retries())
    with reader_from(settings) as reader, writer_from(settings, reader) as writer:
        objects = [settings, credentials, reader, writer, duo, duo.parent(), duo.child("DA1", "127.0.0.1")]
        told = [f"{one}{one!r}{[one]}" for one in objects]
    told += [settings.model_dump_json(), f"{settings.model_dump()}"]
    assert found_in([("objects", "".join(told).encode())], SECRETS) == {}
    assert settings.duo_skey is not None
    assert settings.duo_skey.get_secret_value() == DUO["DUO_SKEY"]
