"""Write docs/reference.md from the code: every public name, with what it means.

Run `.venv/bin/python docs/make_reference.py` after a change of a setting, a command, a status, a flag, a guard or a
job; a test holds that the committed page is what this gives. What belongs here: the order of the page, and the
words for names whose code carries none. A name that has no words here stops the script.
"""  # noqa: INP001  # a script beside the page it writes, no package

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import dagster as dg
import reference_words as words

from seatsync_pipeline.cli.app import COMMANDS, seatsync
from seatsync_pipeline.cli.operations import _NEXT as NEXT_OF_STATE
from seatsync_pipeline.cli.summary import _NEXT as NEXT_OF_STATUS
from seatsync_pipeline.definitions import build_defs
from seatsync_pipeline.push.operate import COUNTS
from seatsync_pipeline.reconcile import setup
from seatsync_pipeline.reconcile.columns import COLUMNS
from seatsync_pipeline.reconcile.rows import Action, Flag, Guard, Status
from seatsync_pipeline.reconcile.sheet import SELECTION_COLUMNS
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.sources.base import SOURCES, State, Verdict

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "reference.md"

_INTRODUCTION = (
    "Every public name and what it means. This page is written by `docs/make_reference.py` from the code; do not "
    "edit it. How to use the names is in [operations.md](operations.md)."
)


def page() -> str:
    """The whole page."""
    parts = [
        "# Reference",
        _INTRODUCTION,
        *_settings(),
        *_make_targets(),
        *_vocabulary(),
        *_push_words(),
        *_files(),
        *_dagster(),
        *_commands(),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _settings() -> Iterator[str]:
    yield "## Settings"
    yield "Environment variables, also read from `.env` in the working directory. An empty value counts as not set."
    rows: list[tuple[str, str, str]] = []
    for field in Settings.model_fields.values():
        default = field.default
        shown = ",".join(default) if isinstance(default, tuple) else default
        rows.append(
            (
                _code(field.validation_alias),
                field.description or "",
                "" if shown in {None, ""} else _code(shown),
            )
        )
    yield _table(("name", "meaning", "default"), rows)
    yield "### Inside SEATSYNC_HOME"
    home = Settings.model_construct(home=Path())
    paths = {name: getattr(home, name) for name in words.IN_HOME}
    known = {name for name, value in vars(Settings).items() if isinstance(value, property)}
    _complete("folders", words.IN_HOME, known - {"zone"})
    folders = [
        (_code(f"{path}{'' if path.suffix else '/'}"), words.IN_HOME[name]) for name, path in paths.items()
    ]
    folders += [
        ("`selections/`", "selections that the job `approve_preview` wrote"),
        ("`avanan_columns.toml`", "your own header names and status words for Avanan exports; optional"),
        ("`push.lock`", "held while a push runs; the system frees it when the process ends, however it ends"),
    ]
    yield _table(("name", "holds"), folders)


def _make_targets() -> Iterator[str]:
    yield "## Make targets"
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z-]+):.*?## (.+)$", makefile, re.MULTILINE)
    yield _table(("target", "does"), [(_code(f"make {name}"), text) for name, text in targets])


def _vocabulary() -> Iterator[str]:
    _complete("statuses", words.STATUSES, Status)
    _complete("guards", words.GUARDS, Guard)
    yield "## Statuses"
    yield _table(
        ("status", "meaning", "action", "what to do"),
        [
            (
                _code(status),
                words.STATUSES[status],
                words.ACTIONS.get(status, Action.NONE),
                NEXT_OF_STATUS[status].format(source="SOURCE", again="read the source again"),
            )
            for status in Status
        ],
    )
    yield "## Flags"
    yield _table(("flag", "meaning"), [(_code(flag), flag.meaning) for flag in Flag])
    yield "## Guards"
    yield "A tripped guard keeps a Ready row from being selected by default, and asks for a reason."
    yield _table(
        ("guard", "trips when the quantity"), [(_code(guard), words.GUARDS[guard]) for guard in Guard]
    )
    yield "## Evidence"
    yield "Why an Orphaned row is believed to be unused, strongest first."
    yield _table(("evidence", "meaning"), [(_code(name), text) for name, text in words.EVIDENCE.items()])
    yield "## Snapshots"
    _complete("states", words.STATES_OF_SEATS, State)
    _complete("verdicts", words.VERDICTS, Verdict)
    yield "What one observation can be:"
    yield _table(("state", "meaning"), [(_code(name), words.STATES_OF_SEATS[name]) for name in State])
    yield "How far a snapshot can be trusted. Orphans are looked for on a complete one only."
    yield _table(("verdict", "meaning"), [(_code(name), words.VERDICTS[name]) for name in Verdict])
    yield "What makes a snapshot less than complete:"
    findings = [(_code(name), _code(verdict), when) for name, (verdict, when) in words.FINDINGS.items()]
    yield _table(("finding", "verdict", "when"), findings)


def _push_words() -> Iterator[str]:
    _complete("outcomes", words.OUTCOMES, {*COUNTS, "outcome unknown"})
    yield "## Operations"
    yield "What can become of an approved row:"
    yield _table(("outcome", "meaning"), [(_code(name), text) for name, text in words.OUTCOMES.items()])
    yield "Why a row is skipped:"
    yield _table(
        ("reason begins with", "meaning"), [(_code(name), text) for name, text in words.SKIPPED_FOR.items()]
    )
    yield "The states of an operation, and what to do:"
    yield _table(("state", "what to do"), [(_code(name), text) for name, text in NEXT_OF_STATE.items()])
    yield "## Exit codes"
    yield _table(("code", "meaning"), [(str(code), text) for code, text in words.EXIT_CODES.items()])


def _files() -> Iterator[str]:
    _complete("preview columns", words.PREVIEW_COLUMNS, COLUMNS)
    _complete("selection columns", words.SELECTION_COLUMNS, SELECTION_COLUMNS)
    _complete("setup columns", words.SETUP_COLUMNS, setup.COLUMNS)
    yield "## Preview columns"
    yield "In this order in `--csv`, and under these names in `--json`. Lists are JSON in CSV cells."
    yield _table(("column", "meaning"), [(_code(name), words.PREVIEW_COLUMNS[name]) for name in COLUMNS])
    yield "## Selection file"
    yield (
        "CSV in UTF-8, with or without byte order mark; comma, semicolon or tab; columns in any order. `approved_at` "
        "is informative, and columns named `info_...` are for the reader: both are ignored, and so are rows whose "
        "`approve` is blank."
    )
    yield _table(
        ("column", "meaning"), [(_code(name), words.SELECTION_COLUMNS[name]) for name in SELECTION_COLUMNS]
    )
    yield "## Setup file"
    yield _table(("column", "meaning"), [(_code(name), words.SETUP_COLUMNS[name]) for name in setup.COLUMNS])
    yield "## Avanan export"
    yield (
        "The headers and status words that are known, compared without regard to case, blanks, `_` and `-`. To "
        "change them, put a file `avanan_columns.toml` into SEATSYNC_HOME: each list it names replaces the "
        "built-in one (`seatsync_pipeline/sources/avanan_columns.toml` shows the form). A tenant is known by its "
        "portal, or by its name in a file without portals, whatever the capitals: it keeps the spelling in which it "
        "was first read."
    )
    known = tomllib.loads((PROJECT / "seatsync_pipeline/sources/avanan_columns.toml").read_text("utf-8"))
    for section, heading in (("columns", "column"), ("status", "status")):
        rows = [(_code(name), ", ".join(listed)) for name, listed in known[section].items()]
        yield _table((heading, "known as"), rows)


def _dagster() -> Iterator[str]:
    defs = build_defs()
    graph = defs.resolve_asset_graph()
    yield "## Dagster"
    yield "Assets:"
    yield _table(
        ("asset", "group", "made from", "holds"),
        [
            (
                _code(key.to_user_string()),
                graph.get(key).group_name,
                ", ".join(_code(parent.to_user_string()) for parent in sorted(graph.get(key).parent_keys)),
                _first_paragraph(graph.get(key).description),
            )
            for key in sorted(graph.get_all_asset_keys())
        ],
    )
    yield "Blocking checks:"
    yield _table(
        ("asset", "checks"),
        [
            (
                _code(key.to_user_string()),
                ", ".join(_code(check.name) for check in sorted(graph.get_check_keys_for_assets({key}))),
            )
            for key in sorted(graph.get_all_asset_keys())
        ],
    )
    yield "Jobs:"
    jobs = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    jobs.sort(key=lambda job: job.name)
    yield _table(("job", "does"), [(_code(job.name), _first_paragraph(job.description)) for job in jobs])
    for job in jobs:
        fields = dict(_config_fields(job))
        if fields:
            yield f"Config of `{job.name}`:"
            yield _table(("field", "meaning", "default"), [(name, *told) for name, told in fields.items()])
    starters = [*(defs.sensors or []), *(defs.schedules or [])]
    if starters:
        yield "Sensors and schedules:"
        rows = [(_code(one.name), _first_paragraph(one.description)) for one in starters]
        yield _table(("name", "does"), sorted(rows))


def _config_fields(job: dg.JobDefinition) -> Iterator[tuple[str, tuple[str, str]]]:
    """Field -> (description, default), over all the job's nodes. Previews have one field that people do not set."""
    for node in job.graph.nodes:
        schema = node.definition.config_schema
        fields = getattr(schema.config_type, "fields", None) if schema else None
        for name, field in (fields or {}).items():
            if name != "skip_without_snapshot":
                default = _code(_plain(field.default_value)) if field.default_provided else "required"
                yield _code(name), (field.description or "", default)


def _plain(value: Any) -> str:
    """A default as YAML would have it."""
    return json.dumps(value)


def _commands() -> Iterator[str]:
    yield "## Commands"
    yield (
        "Every command takes `--json`: one document on stdout and nothing else there; messages go to stderr. "
        f"SOURCE is {' or '.join(_code(source) for source in SOURCES)}."
    )
    context = click.Context(seatsync, info_name="seatsync")
    for name in COMMANDS:
        command = seatsync.get_command(context, name)
        if command is None:
            raise LookupError(f"there is no command {name}")
        yield from _command(command, click.Context(command, info_name=name, parent=context))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            own = command.get_command(context, name)
            if own is not None:
                yield from _command(own, click.Context(own, info_name=name, parent=context))
        return
    yield f"### {context.command_path}"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"`{context.command_path} {usage}`"
    yield _prose(command.help)
    rows = []
    for param in command.params:
        if isinstance(param, click.Option) and param.name != "as_json":
            record = param.get_help_record(context)
            if record is not None:
                rows.append((_code(record[0]), record[1]))
    if rows:
        yield _table(("option", "meaning"), rows)


def _prose(text: str | None) -> str:
    paragraphs = re.split(r"\n\s*\n", (text or "").strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _first_paragraph(text: str | None) -> str:
    return _prose(text).split("\n\n")[0]


def _code(text: object) -> str:
    return f"`{text}`"


def _table(headers: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(headers)]
    lines.append(["---"] * len(lines[0]))
    lines += [[" ".join(str(cell).split()).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _complete(what: str, told: Mapping[Any, str], known: Iterable[Any]) -> None:
    """Raise LookupError unless exactly the known names have words."""
    if odd := {str(name) for name in told} ^ {str(name) for name in known}:
        raise LookupError(f"{what}: described or existing, but not both: {', '.join(sorted(odd))}")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
