"""The rules of the drop folders, without a folder, a clock or Dagster."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seatsync_pipeline.orchestration.inbox import FoundFile, Listing
from sensors import decide
from sensors.decide import Circumstances, Drop, PastRun, Rules, Sighting

IMPORTS = Rules("import", delays=(600.0, 3600.0), in_order=False, first="scan")
PUSHES = Rules("push", delays=(), in_order=True)
NOW = 1_000_000.0


def file(name: str, *, size: int = 10, modified: int = 1, arrived: int = 1) -> FoundFile:
    return FoundFile(name, size, modified, arrived)


def looked(
    memory: decide.Memory, files: list[FoundFile], contents: dict[str, str]
) -> tuple[dict[str, Sighting], list[str]]:
    """The memory after a tick that found these files with these contents, and what it had to read."""
    listing = Listing(tuple(files))
    read = [one.name for one in decide.to_read(listing, memory)]
    told = {name: contents[name] for name in read if name in contents}
    after = decide.observe(listing, memory, told)
    return decide.load_memory(decide.dump_memory(after)), read


def whole(*names: str, **facts: int) -> dict[str, Sighting]:
    memory: dict[str, Sighting] = {}
    for _ in range(2):
        memory, _ = looked(memory, [file(name, **facts) for name in names], dict.fromkeys(names, "aa"))
    return memory


@pytest.mark.parametrize("changed", [{"size": 11}, {"modified": 2}, {"arrived": 2}])
def test_a_file_is_whole_after_two_ticks_without_any_change(changed: dict[str, int]) -> None:
    first, _ = looked({}, [file("a.csv")], {"a.csv": "aa"})
    assert decide.drops(first) == []
    again, _ = looked(first, [file("a.csv", **changed)], {"a.csv": "aa"})
    assert decide.drops(again) == []
    other_content, _ = looked(again, [file("a.csv", **changed)], {"a.csv": "bb"})
    assert decide.drops(other_content) == []
    settled, read = looked(other_content, [file("a.csv", **changed)], {"a.csv": "bb"})
    assert [drop.sha256 for drop in decide.drops(settled)] == ["bb"]
    assert read == ["a.csv"]
    later, read = looked(settled, [file("a.csv", **changed)], {})
    assert read == []
    assert later == settled


def test_where_nobody_can_tell_a_file_is_whole_after_two_minutes_without_any_change() -> None:
    listing = Listing((file("a.csv"),))

    def after(memory: decide.Memory, content: str, seconds: float) -> dict[str, Sighting]:
        seen = decide.observe(listing, memory, {"a.csv": content}, untold=["a.csv"], now=NOW + seconds)
        return decide.load_memory(decide.dump_memory(seen))

    memory = after(after({}, "aa", 0), "aa", 119)
    assert decide.drops(memory) == []
    assert [drop.sha256 for drop in decide.drops(after(memory, "aa", 120))] == ["aa"]
    changed = after(after(memory, "bb", 120), "bb", 239)
    assert decide.drops(changed) == []
    assert [drop.sha256 for drop in decide.drops(after(changed, "bb", 240))] == ["bb"]
    told = decide.observe(listing, changed, {"a.csv": "bb"}, now=NOW + 239)
    assert [drop.sha256 for drop in decide.drops(told)] == ["bb"]


def test_a_newer_file_does_not_overtake_an_older_one_that_is_not_whole_yet() -> None:
    # Of two exports the newer one has to be imported last, however long the older one has to lie there.
    old, new = file("old.csv", modified=1), file("new.csv", modified=2)
    contents = {"old.csv": "aa", "new.csv": "bb"}
    memory: dict[str, Sighting] = {}
    for seconds in (0, 30):
        memory = decide.observe(Listing((old, new)), memory, contents, untold=["old.csv"], now=NOW + seconds)
    assert decide.drops(memory) == []
    assert decide.behind(memory) == ["new.csv"]
    memory = decide.observe(Listing((old, new)), memory, contents, untold=["old.csv"], now=NOW + 600)
    assert [drop.name for drop in decide.drops(memory)] == ["old.csv", "new.csv"]
    assert decide.behind(memory) == []


def test_a_newer_file_does_not_overtake_an_older_one_that_is_open_for_writing() -> None:
    listing = Listing((file("old.csv", modified=1), file("new.csv", modified=2)))
    memory: dict[str, Sighting] = {}
    for _ in range(3):
        seen = decide.observe(listing, memory, {"new.csv": "bb"}, written=["old.csv"], now=NOW)
        memory = decide.load_memory(decide.dump_memory(seen))
    assert (decide.drops(memory), decide.behind(memory)) == ([], ["new.csv"])
    contents = {"old.csv": "aa", "new.csv": "bb"}
    memory = decide.observe(listing, memory, contents, now=NOW)
    assert decide.drops(memory) == []
    memory = decide.observe(listing, memory, contents, now=NOW)
    assert [drop.name for drop in decide.drops(memory)] == ["old.csv", "new.csv"]


def test_a_whole_file_that_was_opened_for_writing_since_waits_and_holds_up_what_goes_in_order() -> None:
    reopened = replace(circumstances(), reopened={"a.csv"})
    decision = decide.decide([A, B], reopened, IMPORTS)
    assert decision.request is not None
    assert decision.request.drop == B
    decision = decide.decide([A, B], reopened, PUSHES)
    assert decision.request is None
    assert decision.notes == ("a.csv: still open for writing in another program",)


def test_a_file_that_could_not_be_read_is_as_if_not_looked_at() -> None:
    first, _ = looked({}, [file("a.csv")], {"a.csv": "aa"})
    unread, _ = looked(first, [file("a.csv")], {})
    assert unread == first
    assert looked({}, [file("a.csv")], {})[0] == {}


def test_the_memory_holds_what_lies_there_and_nothing_else() -> None:
    memory = whole("a.csv", "b.csv")
    after, _ = looked(memory, [file("b.csv")], {})
    assert list(after) == ["b.csv"]
    many = [file(f"{number:04}.csv") for number in range(decide.REMEMBERED + 50)]
    contents = {one.name: f"{one.name:x>64}" for one in many}
    memory, ticks = {}, 0
    while len(decide.drops(memory)) < decide.REMEMBERED:
        memory, read = looked(memory, many, contents)
        assert len(read) <= decide.HASHED_FILES
        ticks += 1
    assert ticks <= 2 * decide.REMEMBERED // decide.HASHED_FILES + 1
    assert len(decide.dump_memory(memory)) < 100_000


def test_a_tick_reads_so_many_bytes_and_a_larger_file_alone() -> None:
    huge = decide.HASHED_BYTES
    files = [file("1", size=huge + 1), file("2", size=huge - 1, modified=2), file("3", size=2, modified=3)]
    memory: dict[str, Sighting] = {}
    reads = []
    for _ in range(6):
        memory, read = looked(memory, files, {"1": "aa", "2": "bb", "3": "cc"})
        reads.append(read)
    assert reads[:2] == [["1"], ["1"]]
    assert all(len(read) <= 1 for read in reads)
    assert [drop.name for drop in decide.drops(memory)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "cursor", [None, "", "junk", "[]", "3", '{"version": 0}', '{"version": 1, "files": {"a": [1]}}']
)
def test_a_cursor_that_is_none_of_ours_is_no_memory(cursor: str | None) -> None:
    assert decide.load_memory(cursor) == {}


def test_names_of_any_kind_survive_the_cursor() -> None:
    memory = whole("=1+1\n ü 日本.csv")
    assert decide.load_memory(json.loads(json.dumps(decide.dump_memory(memory)))) == memory


def test_one_content_under_two_names_is_one_drop_and_the_next_arrival_another() -> None:
    (drop,) = decide.drops(whole("b.csv", "a (1).csv"))
    (later,) = decide.drops(whole("b.csv", arrived=9))
    assert (drop.name, drop.key.startswith("aa-")) == ("a (1).csv", True)
    assert later.sha256 == drop.sha256
    assert later.key != drop.key


def drop(name: str, sha256: str) -> Drop:
    return Drop(name, sha256, f"{sha256}-1", Sighting(1, 1, 1, sha256, whole=True))


A, B = drop("a.csv", "aa"), drop("b.csv", "bb")


def run(job: str, *, ok: bool = False, ago: float | None = 0.0) -> PastRun:
    return PastRun(f"run-{job}", job, ok, None if ago is None else NOW - ago)


def circumstances(*past: PastRun, busy: str | None = None, due: bool = False, of: Drop = A) -> Circumstances:
    return Circumstances({of.key: past}, busy, due, NOW)


@pytest.mark.parametrize(
    ("rules", "now", "expected"),
    [
        (IMPORTS, circumstances(), ("a.csv", "import", "aa-1-1")),
        (IMPORTS, circumstances(due=True), ("a.csv", "scan", "aa-1-1-scan-0")),
        (IMPORTS, circumstances(run("scan", ok=True), due=True), ("a.csv", "import", "aa-1-1")),
        (
            IMPORTS,
            circumstances(run("scan", ok=True, ago=7200), due=True),
            ("a.csv", "scan", "aa-1-1-scan-1"),
        ),
        (IMPORTS, circumstances(busy="waits for run x"), None),
        (IMPORTS, circumstances(run("import", ago=None)), None),
        (IMPORTS, circumstances(run("import", ago=599)), None),
        (IMPORTS, circumstances(run("import", ago=601)), ("a.csv", "import", "aa-1-2")),
        (IMPORTS, circumstances(run("scan", ago=601), due=True), ("a.csv", "scan", "aa-1-2-scan-1")),
        (IMPORTS, circumstances(run("import", ago=9999), run("import", ago=3599)), None),
        (IMPORTS, circumstances(*[run("import", ago=9999)] * 2), ("a.csv", "import", "aa-1-3")),
        (IMPORTS, circumstances(*[run("import", ago=9999)] * 3), ("b.csv", "import", "bb-1-1")),
        (IMPORTS, circumstances(run("import", ok=True)), ("b.csv", "import", "bb-1-1")),
        (PUSHES, circumstances(), ("a.csv", "push", "aa-1-1")),
        (PUSHES, circumstances(run("push", ago=9999)), None),
        (PUSHES, circumstances(run("push", ago=9999), run("push", ago=None)), None),
        (PUSHES, circumstances(run("push", ok=True)), ("b.csv", "push", "bb-1-1")),
    ],
)
def test_whose_turn_it_is(rules: Rules, now: Circumstances, expected: tuple[str, str, str] | None) -> None:
    decision = decide.decide([A, B], now, rules)
    asked = decision.request
    assert (asked and (asked.drop.name, asked.job, asked.key)) == expected
    if expected is None or expected[0] == "b.csv":
        assert decision.notes[0].startswith("a.csv: ")


def test_a_run_that_was_asked_for_and_never_appeared_is_asked_for_again_under_its_key() -> None:
    request = decide.decide([A], circumstances(), IMPORTS).request
    assert request is not None
    asked = decide.having_asked({A.name: A.seen}, request, NOW)
    waiting = replace(A, seen=asked[A.name])
    assert decide.decide([waiting, B], circumstances(), IMPORTS).request is None
    later = Circumstances({}, None, first_is_due=False, now=NOW + decide.LOST_AFTER)
    again = decide.decide([waiting, B], later, IMPORTS).request
    assert again is not None
    assert again.key == request.key
