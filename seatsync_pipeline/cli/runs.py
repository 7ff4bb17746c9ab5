"""Commands that run a Dagster job here and now: scan, pull, import, reconcile.

The job goes through the same definitions and the same history as the web UI; what it stored is then read back
and shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from seatsync_pipeline.cli.options import json_option, source_argument
from seatsync_pipeline.cli.output import finish, working
from seatsync_pipeline.cli.session import Session, plural
from seatsync_pipeline.cli.summary import say, show_summary, summary_document
from seatsync_pipeline.errors import ConfigurationError, InputRefused

if TYPE_CHECKING:
    from rich.console import Console

    from seatsync_pipeline.orchestration.run import RunResult
    from seatsync_pipeline.reconcile.store import Preview
    from seatsync_pipeline.sources.base import Observation, Source, SourceSnapshot

_FAILED_SHOWN = 20


@dataclass(frozen=True)
class Reading:
    """What a source said, the preview made of it, and both as the command's document."""

    snapshot: SourceSnapshot
    preview: Preview
    document: dict[str, Any]


def run(session: Session, job: str, doing: str, run_config: dict[str, Any] | None = None) -> RunResult:
    """Run one job to its end. Raises the typed error that stopped it."""
    with working(doing):
        from seatsync_pipeline.definitions import defs
        from seatsync_pipeline.orchestration.run import run_job

        result = run_job(job, definitions=defs, settings=session.settings, run_config=run_config)
    if result.error is not None:
        raise result.error
    return result


def scan_now(session: Session) -> dict[str, Any]:
    """Scan ConnectWise, and say what was found."""
    result = run(session, "connectwise_scan", "Scanning ConnectWise")
    facts = result.materializations["connectwise/agreement_scan"]
    counted = ("companies", "agreements", "additions", "products")
    found: dict[str, Any] = {
        "run_id": result.run_id,
        "scan_id": facts["snapshot_id"],
        "taken_at": facts["taken_at"],
    }
    return found | {name: facts[name] for name in counted}


def scan_if_due(session: Session) -> dict[str, Any] | None:
    """Scan when the last scan is missing, or older than a day or the last operation; None when it will do."""
    return scan_now(session) if session.scan_is_due() else None


def read_source(
    session: Session, source: Source, job: str, doing: str, run_config: dict[str, Any] | None = None
) -> Reading:
    """Scan if due, run the job that reads a source and makes its preview, and say what came of it."""
    from seatsync_pipeline.sources.base import State
    from seatsync_pipeline.sources.store import latest_snapshot_id, load_snapshot

    scanned = scan_if_due(session)
    result = run(session, job, doing, run_config)
    with session.warehouse.read() as connection:
        snapshot_id = latest_snapshot_id(connection, source)
        if snapshot_id is None:
            raise InputRefused(doing, "nothing was stored", "Look at the run in the Dagster UI.")
        snapshot = load_snapshot(connection, snapshot_id)
    failed = [o for o in snapshot.observations if o.state is State.FAILED]
    preview = session.preview(source)
    document = {
        "run_id": result.run_id,
        "source": source,
        "scan": scanned,
        "snapshot": preview.snapshot,
        "accounts": len(snapshot.accounts),
        "observations": len(snapshot.observations),
        "failed": [_failure(observation) for observation in failed],
        "preview": summary_document(preview),
    }
    return Reading(snapshot, preview, document)


def _failure(observation: Observation) -> dict[str, Any]:
    return {
        "account_key": observation.account_key,
        "account_name": observation.account_name,
        "license": observation.license,
        "reason": observation.reason,
    }


@click.command("scan")
@json_option
def scan_command(*, as_json: bool) -> None:
    """Read companies, agreements, additions and the catalog from ConnectWise.

    Reads only. Everything is read before anything is stored: a scan is whole or does not exist.
    """
    session = Session()
    found = scan_now(session)

    def show(console: Console) -> None:
        console.print(
            f"Scanned {plural(found['companies'], 'company').replace('companys', 'companies')}, "
            f"{plural(found['agreements'], 'agreement')}, {plural(found['additions'], 'addition')} "
            f"and {plural(found['products'], 'product')} ({found['scan_id']})."
        )

    finish(found, show, as_json=as_json)


@click.command("pull")
@source_argument
@json_option
def pull_command(*, source: str, as_json: bool) -> int:
    """Count the users of every Duo subaccount, then make a new preview.

    SOURCE is duo. ConnectWise is scanned first when the last scan is older than a day or than the last operation.
    The exit code is 1 when a subaccount could not be read (the others count, and its line becomes a Source error),
    and when the pull as a whole is incomplete, for example because many accounts are gone.
    """
    if source != "duo":
        raise InputRefused(
            f"pulling {source}", f"{source} is read from a file", f"Use `seatsync import {source} FILE`."
        )
    session = Session()
    _require_duo(session)
    reading = read_source(session, "duo", "duo_pull", "Reading Duo")
    return _report(session, reading, "subaccount", as_json=as_json)


def _require_duo(session: Session) -> None:
    """Raises ConfigurationError before a scan of minutes, not after it."""
    from seatsync_pipeline.settings import missing

    absent = missing(session.settings, "duo_api_host", "duo_ikey", "duo_skey")
    if absent:
        raise ConfigurationError(
            "pulling duo", f"not set: {', '.join(absent)}", "Set them in the environment or in .env."
        )


@click.command("import")
@source_argument
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def import_command(*, source: str, file: Path, as_json: bool) -> int:
    """Read an Avanan tenant export, then make a new preview.

    SOURCE is avanan. ConnectWise is scanned first when the last scan is older than a day or than the last
    operation. A file with a structural fault is refused whole. The exit code is 1 when a row could not be read (it
    becomes a Source error, the others count), and when the import as a whole is incomplete, for example because many
    tenants are gone.
    """
    if source != "avanan":
        raise InputRefused(
            f"importing {source}", f"{source} is read over its API", f"Use `seatsync pull {source}`."
        )
    from seatsync_pipeline.sources.regular_file import require_regular

    # Before a scan of minutes, not after it.
    require_regular(file, tried=f"importing {file}", remedy="Name the CSV that the portal exported.")
    session = Session()
    return _report(session, import_export(session, file), "tenant", as_json=as_json)


def import_export(session: Session, file: Path) -> Reading:
    """Import one Avanan export; see `read_source`."""
    from seatsync_pipeline.orchestration.jobs import avanan_import_config

    config = avanan_import_config(file.absolute())
    return read_source(session, "avanan", "avanan_import", f"Importing {file}", config)


@click.command("reconcile")
@source_argument
@json_option
def reconcile_command(*, source: str, as_json: bool) -> None:
    """Make a new preview of SOURCE from what is stored; no vendor is called.

    Mapping and linking do this by themselves. It is for after a new scan.
    """
    session = Session()
    session.require_database(f"reconciling {source}")
    result = run(session, f"reconcile_{source}", f"Reconciling {source}")
    preview = session.preview(cast("Source", source))
    document = {"run_id": result.run_id, "source": source, "preview": summary_document(preview)}
    finish(document, lambda console: show_summary(console, session, preview), as_json=as_json)


def _report(session: Session, reading: Reading, noun: str, *, as_json: bool) -> int:
    from seatsync_pipeline.sources.base import Verdict

    document, snapshot = reading.document, reading.snapshot
    failed = document["failed"]

    def show(console: Console) -> None:
        title = document["source"].capitalize()
        console.print(f"{title}: {plural(document['accounts'], noun)} read, {len(failed)} failed.")
        for one in failed[:_FAILED_SHOWN]:
            say(console, "", f"{one['account_name']} ({one['license']}): {one['reason']}")
        if len(failed) > _FAILED_SHOWN:
            console.print(f"  ... and {len(failed) - _FAILED_SHOWN} more")
        for finding in snapshot.findings:
            say(console, "! ", f"{finding.verdict}: {finding.message}", style="yellow")
        if snapshot.findings and document["snapshot"]["accepted_by"] is None:
            accept = f"seatsync accept {snapshot.source} {document['snapshot']['id']} --by NAME --reason TEXT"
            say(console, "", f"Read it again. Only if this reading is right: {accept}")
        console.print()
        show_summary(console, session, reading.preview)

    finish(document, show, as_json=as_json)
    return 1 if failed or snapshot.verdict is Verdict.INCOMPLETE else 0
