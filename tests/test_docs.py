"""The documentation against the code: what it names exists, and what it shows is current."""

from __future__ import annotations

import csv
import importlib
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml  # type: ignore[import-untyped]  # comes with Dagster, without types

from seatsync_pipeline.cli.app import seatsync
from seatsync_pipeline.reconcile.rows import Flag, Guard, Status
from seatsync_pipeline.settings import Settings, load_settings

PROJECT = Path(__file__).parents[1]
WRITTEN = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "CHANGELOG.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
]
SETTINGS = {str(field.validation_alias) for field in Settings.model_fields.values()}
OTHER_VARIABLES = {"DAGSTER_HOME", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY"}

pages = pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(PROJECT)))


def _snippets(text: str) -> list[str]:
    """Code in a page: the lines of its fenced blocks, and its inline code, newlines folded."""
    fenced = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```\w*\n.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    return [line.strip() for block in fenced for line in block.splitlines()] + inline


def _commands(text: str) -> list[list[str]]:
    """Every `seatsync ...` that a page shows, split as a shell would, up to a pipe or a redirection."""
    found = []
    for snippet in _snippets(text):
        for part in re.split(r"\s*(?:&&|\|(?![^()]*\)))\s*", snippet.replace("\\|", "|")):
            words = part.split(" > ")[0]
            if re.match(r"(?:SEATSYNC_HOME=\S+ )?(?:\.venv/bin/)?seatsync\s+[a-z]", words):
                found.append(shlex.split(words, comments=True))
    return [words[1:] if words[0].endswith("seatsync") else words[2:] for words in found]


def _resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = seatsync
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
    return command, words


@pages
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    for words in _commands(page.read_text("utf-8")):
        command, rest = _resolve(words)
        known = {option for param in command.params for option in param.opts}
        options = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert options <= known | {"--help"}, f"seatsync {' '.join(words)}"


def test_commands_shown_whole_can_be_parsed() -> None:
    """What stands in a block to be typed is accepted by the parser, arguments and all."""
    shown = 0
    for page in (PROJECT / "README.md", PROJECT / "docs" / "operations.md"):
        for block in re.findall(r"^```\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            for words in _commands(f"```\n{block}```"):
                command, rest = _resolve(words)
                command.make_context(str(command.name), list(rest))
                shown += 1
    assert shown > 20


@pages
def test_every_variable_named_is_a_setting(page: Path) -> None:
    text = page.read_text("utf-8")
    named = set(re.findall(r"\b(?:SEATSYNC|CONNECTWISE|DUO)_[A-Z_]*[A-Z]\b", text))
    assert named <= SETTINGS
    others = {code for code in _snippets(text) if re.fullmatch(r"[A-Z]{3,}(?:_[A-Z]+)+", code)}
    assert others <= SETTINGS | OTHER_VARIABLES


@pages
def test_every_make_target_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for snippet in _snippets(page.read_text("utf-8")):
        if snippet.startswith("make "):
            words = snippet.split("#")[0].split()[1:]
            assert {word for word in words if "=" not in word} <= targets, snippet


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"https://", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.is_relative_to(PROJECT), target
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, target


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\s-]", "", heading.casefold()).strip().replace(" ", "-")


@pages
def test_every_path_named_exists(page: Path) -> None:
    for code in _snippets(page.read_text("utf-8")):
        if re.fullmatch(r"(?:assets|sensors|seatsync_pipeline|tests|docs|\.venv/bin)(?:/[\w.-]+)+/?", code):
            assert (PROJECT / code).exists(), code


def test_statuses_named_in_prose_exist() -> None:
    """A name in front of "row" or "rows", and after --status, is a status of the code."""
    statuses = {status.value for status in Status}
    for page in WRITTEN:
        text = page.read_text("utf-8")
        named = set(re.findall(r"\*\*([A-Z][a-z]+(?: [a-z]+)?)\*\* (?:and \*\*|rows?\b)", text))
        named |= {quoted or bare for quoted, bare in re.findall(r'--status (?:"([^"]+)"|([\w]+))', text)}
        assert named - {"STATUS"} <= statuses, page


def test_the_reference_is_what_the_code_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROJECT / "docs"))
    current = importlib.import_module("make_reference").page()
    committed = (PROJECT / "docs" / "reference.md").read_text("utf-8")
    assert committed == current, "run: .venv/bin/python docs/make_reference.py"
    for name in (*Status, *Flag, *Guard):
        assert f"| `{name}` |" in committed


def test_each_status_guard_and_finding_has_an_entry_for_when_something_is_wrong() -> None:
    page = (PROJECT / "docs" / "when-something-is-wrong.md").read_text("utf-8")
    entries = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    findings = set(re.findall(r"^\| `([^`]+)` \| `(?:suspect|incomplete)` \|", _reference(), re.MULTILINE))
    assert findings
    assert {*Status, *Guard, *findings} <= entries


def _reference() -> str:
    return (PROJECT / "docs" / "reference.md").read_text("utf-8")


def test_the_example_names_exactly_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = (PROJECT / ".env.example").read_text("utf-8")
    named = re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", example, re.MULTILINE)
    assert sorted(name for name, _ in named) == sorted(SETTINGS)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    defaults = load_settings()
    (tmp_path / ".env").write_text("\n".join(f"{name}={value}" for name, value in named), "utf-8")
    with_everything_uncommented = load_settings()
    assert with_everything_uncommented.connectwise_url == "https://api-na.myconnectwise.net"
    assert with_everything_uncommented.model_copy(update={"connectwise_url": None}) == defaults


def test_rows_shown_in_the_readme_are_the_sample_months() -> None:
    columns = ("status", "company_name", "product_identifier", "current_quantity", "new_quantity")
    with (PROJECT / "tests" / "expected" / "duo_preview.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = {tuple(row[column] for column in columns) for row in rows}
    shown, status = 0, ""
    for line in (PROJECT / "README.md").read_text("utf-8").splitlines():
        if heading := re.fullmatch(r"([A-Z][a-z ]+): (\d+) rows?", line):
            status = heading[1]
            assert int(heading[2]) == sum(1 for row in rows if row["status"] == status)
        elif row := re.fullmatch(r"row_\w{16} (.+?) {2,}(\S+) +(\d+) +(\d+) +[+-][\d.]+", line):
            assert (status, *row.groups()) in expected
            shown += 1
        elif row := re.fullmatch(r" +updated +(.+), (\S+): (\d+) -> (\d+)", line):
            assert ("Ready", *row.groups()) in expected
            shown += 1
    assert shown >= 4


def test_the_hooks_call_tools_that_are_installed() -> None:
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    locked = (PROJECT / "requirements-dev.lock").read_text("utf-8")
    packages = {"ruff": "ruff", "mypy": "mypy", "lint-imports": "import-linter", "pytest": "pytest"}
    for hook in config["repos"][0]["hooks"]:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert re.search(rf"^{packages[tool]}==", locked, re.MULTILINE)
