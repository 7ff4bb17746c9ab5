"""Blocking checks of what was stored, and the one factory that makes them.

Each check reads back what a run wrote, judges it, and shows the operator why in its metadata. A blocking check
stops what is downstream in its own run only, so a preview also asks `require_sound` about the scan and the
snapshot it is made from: a bad one cannot be used by a later run either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pa

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.orchestration.failures import refusals_as_failures
from seatsync_pipeline.orchestration.metadata import markdown_table
from seatsync_pipeline.orchestration.tables import StoredTable
from seatsync_pipeline.warehouse import Connection, Warehouse

SHOWN = 20  # problems listed in the metadata of a check


@dataclass(frozen=True)
class Stored:
    """One kind of stored result: the table with its headers, their id column, and whose it is."""

    headers: str
    id_column: str
    source: str

    def latest(self, connection: Connection, run_id: str | None = None) -> str | None:
        """The newest stored id; of that run, when it stored any."""
        where = f"select max({self.id_column}) from {self.headers} where source = $source"  # noqa: S608
        if run_id is not None:
            found = connection.execute(
                f"{where} and run_id = $run_id", {"source": self.source, "run_id": run_id}
            ).fetchone()
            if found and found[0] is not None:
                return str(found[0])
        found = connection.execute(where, {"source": self.source}).fetchone()
        return None if found is None or found[0] is None else str(found[0])


def snapshots_of(source: str) -> Stored:
    """The snapshots of `connectwise` or of a source."""
    return Stored("snapshot", "snapshot_id", source)


def previews_of(source: str) -> Stored:
    """The previews of a source."""
    return Stored("preview_header", "preview_id", source)


@dataclass(frozen=True)
class Problem:
    """One thing wrong: which rule, in which row and column, and what stands there."""

    rule: str
    row: str = ""
    column: str = ""
    value: str = ""


@dataclass(frozen=True)
class StoredCheck:
    """A judgement of one stored snapshot or preview; `find` lists what is wrong and how many rows it saw."""

    name: str
    description: str
    find: Callable[[Warehouse, Stored, str], tuple[list[Problem], int]]


def schema(model: type[StoredTable]) -> StoredCheck:
    """The check that a stored table is what its pandera model says."""
    table = str(model.to_schema().name)

    def find(warehouse: Warehouse, stored: Stored, stored_id: str) -> tuple[list[Problem], int]:
        with warehouse.read() as connection:
            cursor = connection.execute(
                f"select * from {table} where {stored.id_column} = $id",  # noqa: S608  # names of ours
                {"id": stored_id},
            )
            columns = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
        # Objects, as the database gives them: a frame made by DuckDB would turn DECIMAL into floats.
        frame = pd.DataFrame(rows, columns=columns, dtype=object)
        return _schema_problems(model, frame), len(frame)

    return StoredCheck(f"schema_{table}", f"The stored table `{table}` is what its schema says.", find)


def _schema_problems(model: type[StoredTable], frame: pd.DataFrame) -> list[Problem]:
    try:
        model.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        key = next((name for name, column in model.to_schema().columns.items() if column.unique), None)
        problems: dict[tuple[str, str], Problem] = {}
        for case in errors.failure_cases.to_dict("records"):
            problem = _problem(case, frame, key)
            # A rule over several columns fails once for each of them: one line is enough.
            whole_row = case["schema_context"] == "DataFrameSchema"
            where = problem.row if whole_row else f"{problem.row}\x1f{problem.column}"
            problems.setdefault((problem.rule, where), problem)
        return list(problems.values())
    return []


def _problem(case: dict[str, Any], frame: pd.DataFrame, key: str | None) -> Problem:
    index = case["index"]
    row = "" if index is None or pd.isna(index) else f"{key} {frame[key].iloc[int(index)]}" if key else ""
    whole_row = case["schema_context"] == "DataFrameSchema"
    return Problem(
        rule=str(case["check"]),
        row=row,
        column="" if whole_row or case["column"] is None else str(case["column"]),
        value="" if whole_row and row else str(case["failure_case"]),
    )


def no_rows(name: str, rule: str, sql: str) -> StoredCheck:
    """The check that a query over one stored id (`$id`) finds nothing; its first column names the row."""

    def find(warehouse: Warehouse, stored: Stored, stored_id: str) -> tuple[list[Problem], int]:  # noqa: ARG001
        with warehouse.read() as connection:
            rows = connection.execute(sql, {"id": stored_id}).fetchall()
        return [Problem(rule, row=str(row[0]), value=", ".join(map(str, row[1:]))) for row in rows], len(rows)

    return StoredCheck(name, f"{rule[0].upper()}{rule[1:]}.", find)


def blocking_checks(asset: dg.AssetKey, stored: Stored, *checks: StoredCheck) -> dg.AssetChecksDefinition:
    """Blocking asset checks of what the run stored for `asset`, all in one step.

    Run by themselves, without the asset, they judge what is newest. Nothing stored is nothing to object to.
    """
    specs = [
        dg.AssetCheckSpec(check.name, asset=asset, description=check.description, blocking=True)
        for check in checks
    ]

    @dg.multi_asset_check(specs=specs, name=f"{'__'.join(asset.path)}__checks")
    def check_stored(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        with refusals_as_failures():
            with warehouse.read() as connection:
                stored_id = stored.latest(connection, context.run.run_id)
            for check in checks:
                result = _evaluate(check, warehouse, stored, stored_id)
                yield dg.AssetCheckResult(asset_key=asset, check_name=check.name, **result)

    return check_stored


def _evaluate(
    check: StoredCheck, warehouse: Warehouse, stored: Stored, stored_id: str | None
) -> dict[str, Any]:
    if stored_id is None:
        return {"passed": True, "metadata": {"why": "Nothing is stored yet, so there is nothing to check."}}
    problems, rows = check.find(warehouse, stored, stored_id)
    metadata: dict[str, Any] = {
        stored.id_column: stored_id,
        "why": _why(check, problems),
        "problem_count": len(problems),
        "rows": rows,
    }
    if problems:
        metadata["problems"] = dg.MetadataValue.md(_table(problems))
    return {"passed": not problems, "metadata": metadata, "description": _why(check, problems)}


def _why(check: StoredCheck, problems: Sequence[Problem]) -> str:
    if not problems:
        return check.description
    first = problems[0]
    place = ", ".join(part for part in (first.row, first.column) if part)
    found = f" ({place}: {first.value})" if place and first.value else f" ({place or first.value})"
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"Broken: {first.rule}{found if place or first.value else ''}{more}."


def _table(problems: Sequence[Problem]) -> str:
    return markdown_table(
        ("rule", "row", "column", "found"),
        [(problem.rule, problem.row, problem.column, problem.value) for problem in problems],
        shown=SHOWN,
    )


def require_sound(warehouse: Warehouse, stored: Stored, *checks: StoredCheck) -> None:
    """Refuse to build on the newest stored result of a kind when it fails a check.

    Raises WarehouseError that names the first problem. Nothing stored is left to whoever needs it.
    """
    with warehouse.read() as connection:
        stored_id = stored.latest(connection)
    if stored_id is None:
        return
    for check in checks:
        problems, _ = check.find(warehouse, stored, stored_id)
        if problems:
            raise WarehouseError(
                f"checking {stored_id}, the newest data stored for {stored.source}",
                f"{check.name}: {_why(check, problems)}",
                f"Read {stored.source} again; what was made from sound data before is kept.",
            )
