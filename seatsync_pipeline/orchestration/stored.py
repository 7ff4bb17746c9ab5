"""Judging what was stored, by rules: a bad scan, snapshot or preview is never built upon.

What belongs here: how a check reads and judges, and the refusal. Which checks there are is `soundness.py`; as what
Dagster shows them, `checks.py`. Nothing here needs Dagster: `seatsync map` judges too, and answers at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

from seatsync_pipeline.errors import WarehouseError
from seatsync_pipeline.orchestration.tables import Table
from seatsync_pipeline.warehouse import Connection, Warehouse


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


_Rows: TypeAlias = tuple[list[str], list[tuple[Any, ...]]]
Reader: TypeAlias = Callable[[Connection, str], Any]


@dataclass(frozen=True)
class StoredCheck:
    """A judgement of one stored snapshot or preview.

    `read` fetches what it needs within the transaction that all checks of a result share; `judge` lists what is
    wrong with it, with the connection closed. What is too much for memory comes in portions: `further` gives the
    readers of all but the first. Nothing that is stored under an id ever changes, so each has its own transaction.
    """

    name: str
    description: str
    read: Reader
    judge: Callable[[Any], list[Problem]]
    further: Callable[[Connection, str], list[Reader]] = lambda _connection, _stored_id: []


def schema(table: Table, id_column: str = "snapshot_id", *, portion: int = 50_000) -> StoredCheck:
    """The check that a stored table is what its schema says; `portion` rows at a time are in memory."""
    name, key = table.name, table.key

    def read(connection: Connection, stored_id: str) -> _Rows:
        bounds = _bounds(connection, stored_id)
        return _read_range(connection, stored_id, None, bounds[0] if bounds else None)

    def further(connection: Connection, stored_id: str) -> list[Reader]:
        bounds = _bounds(connection, stored_id)
        return [partial(_read_range, begin=begin, end=end) for begin, end in pairwise([*bounds, None])]

    def _bounds(connection: Connection, stored_id: str) -> list[Any]:
        """The keys at which the second and every further portion begin: equal keys stay in one portion."""
        found = connection.execute(
            f"select distinct {key} from"  # noqa: S608  # names of ours
            f" (select {key}, row_number() over (order by {key}) as n from {name} where {id_column} = $id)"
            " where n > 1 and n % $portion = 1 order by 1",
            {"id": stored_id, "portion": portion},
        ).fetchall()
        return [bound for (bound,) in found]

    def _read_range(connection: Connection, stored_id: str, begin: Any, end: Any) -> _Rows:
        cursor = connection.execute(
            f"select * from {name} where {id_column} = $id"  # noqa: S608  # names of ours
            f" and ($begin is null or {key} >= $begin) and ($end is null or {key} < $end)",
            {"id": stored_id, "begin": begin, "end": end},
        )
        return [column[0] for column in cursor.description or ()], cursor.fetchall()

    def judge(data: _Rows) -> list[Problem]:
        from seatsync_pipeline.orchestration.schemas import problems  # pandera takes long to import

        return problems(table, *data)

    return StoredCheck(
        f"schema_{name}", f"The stored table `{name}` is what its schema says.", read, judge, further
    )


def no_rows(name: str, rule: str, sql: str) -> StoredCheck:
    """The check that a query over one stored id (`$id`) finds nothing; its first column names the row."""

    def read(connection: Connection, stored_id: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql, {"id": stored_id}).fetchall()

    def judge(rows: list[tuple[Any, ...]]) -> list[Problem]:
        return [Problem(rule, row=str(row[0]), value=", ".join(map(str, row[1:]))) for row in rows]

    return StoredCheck(name, f"{rule[0].upper()}{rule[1:]}.", read, judge)


@dataclass(frozen=True)
class Judgement:
    """What one check found in one stored result."""

    check: StoredCheck
    stored_id: str
    problems: tuple[Problem, ...]

    @property
    def why(self) -> str:
        """One sentence: the rule that holds, or the first problem and how many more there are."""
        if not self.problems:
            return self.check.description
        first = self.problems[0]
        place = ", ".join(part for part in (first.row, first.column) if part)
        found = ": ".join(part for part in (place, first.value) if part)
        more = f", and {len(self.problems) - 1} more" if len(self.problems) > 1 else ""
        return f"Broken: {first.rule}{f' ({found})' if found else ''}{more}."


def judge_stored(
    warehouse: Warehouse, stored: Stored, checks: Sequence[StoredCheck], *, run_id: str | None = None
) -> list[Judgement]:
    """Apply checks to what that run stored, or else to the newest; nothing when nothing is stored."""
    with warehouse.read() as connection:
        stored_id = stored.latest(connection, run_id)
        if stored_id is None:
            return []
        read = [
            (check, check.read(connection, stored_id), check.further(connection, stored_id))
            for check in checks
        ]
    judgements = []
    for check, first, further in read:
        problems = check.judge(first)
        for reader in further:
            with warehouse.read() as connection:
                data = reader(connection, stored_id)
            problems += check.judge(data)
        judgements.append(Judgement(check, stored_id, tuple(problems)))
    return judgements


def require_sound(warehouse: Warehouse, stored: Stored, checks: Sequence[StoredCheck]) -> None:
    """Refuse to build on the newest stored result of a kind when it fails a check.

    Raises WarehouseError that names the first problem. Nothing stored is left to whoever needs it.
    """
    for judgement in judge_stored(warehouse, stored, checks):
        if judgement.problems:
            raise WarehouseError(
                f"checking {judgement.stored_id}, the newest data stored for {stored.source}",
                f"{judgement.check.name}: {judgement.why}",
                f"Read {stored.source} again; what was made from sound data before is kept.",
            )
