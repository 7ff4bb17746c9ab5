"""Take the pictures in docs/images anew: `make screenshots`, or with names of pictures to take only those.

Plays a month on the sandbox in a temporary folder, with Dagster as `make dev` starts it and a headless Chromium. What
belongs here: which page each picture is of. What does not: servers and browser (tests/browser).
"""  # noqa: INP001  # a script beside the pictures it takes, no package

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from seatsync_pipeline.reconcile.store import latest_preview_id
from seatsync_pipeline.sandbox import SampleMonth
from seatsync_pipeline.sources.base import SourceSnapshot, State
from seatsync_pipeline.sources.duo import pull
from seatsync_pipeline.sources.store import save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.browser.desk import Desk, open_browser, open_desk

IMAGES = Path(__file__).with_name("images")
PROJECT = Path(__file__).parents[1]
BY = "Dana Ortiz"
WAIT = 120_000  # milliseconds: two cores may have other work
MONTHS_BEFORE = 4
# Where things lie here is nobody's business: the pictures show them where an operator would have them.
HOME = "/opt/seatsync"
RENAME = """
(pairs) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
        for (const [here, there] of pairs)
            texts.currentNode.nodeValue = texts.currentNode.nodeValue.replaceAll(here, there);
}
"""
ZOOM = 3  # steps after which the whole asset graph is in the window
BESIDE_THE_GRAPH = (600, 160)  # pixels; nothing is drawn there


@dataclass(frozen=True)
class Picture:
    """One page: `shows` is what has to stand on it. Dagster scrolls within the page, so the window is as tall as
    what is to be seen.
    """

    name: str
    path: str
    shows: tuple[str, ...]
    height: int
    width: int = 1300


# `{failed}` is the run of the refused import.
READ = (
    Picture("asset-graph", "/asset-groups", ("agreement_scan", "enrolled_users", "tenant_export"), 1350),
    Picture("scan", "/assets/connectwise/agreement_scan?view=events", ("serves", "requests"), 1000),
    Picture("duo-pull", "/assets/duo/enrolled_users?view=events", ("failed_accounts",), 1000),
    Picture("avanan-import", "/assets/avanan/tenant_export?view=events", ("failed_accounts",), 1000),
    Picture("preview", "/assets/duo/preview?view=events", ("rows_by_status", "seats_by_month"), 1900),
    Picture(
        "decision",
        "/assets/duo/preview?view=checks&checkDetail=does_anything_need_a_decision",
        ("unblock_by_command",),
        1000,
    ),
)
PUSHED = (Picture("push", "/assets/connectwise/push?view=events", ("audit_head", "updated"), 1000),)
REFUSED = (Picture("failed-import", "/runs/{failed}?logs=type%3ASTEP_FAILURE", ("STEP_FAILURE",), 900, 1500),)
NAMES = tuple(picture.name for picture in (*READ, *PUSHED, *REFUSED))


def main(names: Sequence[str]) -> None:
    """Take the named pictures, or all."""
    if unknown := set(names) - set(NAMES):
        sys.exit(f"there is no picture {', '.join(sorted(unknown))}: {', '.join(NAMES)}")
    with (
        tempfile.TemporaryDirectory(prefix="seatsync-screenshots-") as folder,
        open_desk(Path(folder), start=False) as desk,
        open_browser() as browser,
    ):
        read_everything(desk)
        desk.start()
        take(browser, desk, READ, names)
        push(desk)
        take(browser, desk, PUSHED, names)
        take(browser, desk, REFUSED, names, failed=refuse(desk))


def read_everything(desk: Desk) -> None:
    """The month up to its previews, with the sample month's setup and some months before it."""
    month = SampleMonth.load()
    setup, export = desk.folder / "setup.csv", desk.folder / "tenants.csv"
    setup.write_bytes(month.setup)
    export.write_bytes(month.avanan_export)
    _say("scanning and reading")
    desk.seatsync("scan")
    desk.seatsync("setup", "import", setup, "--by", BY)
    months_before(desk)
    desk.seatsync("pull", "duo", exits=(0, 1))  # 1: the sample month has accounts that cannot be read
    desk.seatsync("import", "avanan", export, exits=(0, 1))


def months_before(desk: Desk) -> None:
    """What Duo had in the months before, so that the trend has something to show: a few seats less each."""
    settings = desk.settings()
    warehouse, now = Warehouse(settings.database), pull(settings)
    first = settings.today().replace(day=1)
    for back in range(MONTHS_BEFORE, 0, -1):
        day = first
        for _ in range(back):
            day = (day - timedelta(days=1)).replace(day=1)
        taken = datetime(day.year, day.month, 20, 9, tzinfo=UTC)
        save_snapshot(warehouse, replace(fewer(now, back), taken_at=taken), run_id=None)


def fewer(snapshot: SourceSnapshot, seats: int) -> SourceSnapshot:
    """The same reading with that many seats less in every account that has more."""
    observations = tuple(
        replace(one, seats=one.seats - seats)
        if one.state is State.COUNTED and one.seats is not None and one.seats > 3 * seats
        else one
        for one in snapshot.observations
    )
    return replace(snapshot, observations=observations)


def push(desk: Desk) -> None:
    """Approve what Duo's preview selects by itself, and write it."""
    _say("pushing")
    with Warehouse(desk.settings().database).read() as connection:
        preview = latest_preview_id(connection, "duo") or ""
    selection = desk.folder / "selection.csv"
    desk.seatsync("approve", "duo", "--preview", preview, "--by", BY, "--defaults", "-o", selection)
    desk.seatsync("push", selection, "--yes")


def refuse(desk: Desk) -> str:
    """Import an export with two ragged lines; the run that refused it."""
    _say("importing a broken export")
    lines = SampleMonth.load().avanan_export.decode("utf-8-sig").splitlines()
    broken = desk.folder / "broken-export.csv"
    broken.write_text("\n".join([*lines[:5], f"{lines[5]},surplus", *lines[6:9], "short,row"]), "utf-8")
    desk.seatsync("import", "avanan", broken, exits=(2,))
    return desk.runs("avanan_import")[0][0]


def take(
    browser: Browser, desk: Desk, pictures: Sequence[Picture], names: Sequence[str], **parts: str
) -> None:
    for picture in pictures:
        if names and picture.name not in names:
            continue
        with _page(browser, picture) as page:
            page.goto(desk.url + picture.path.format(**parts), timeout=WAIT)
            if picture.name == "asset-graph":
                unfold(page)
            for text in picture.shows:
                expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=WAIT)
            page.wait_for_load_state("networkidle", timeout=WAIT)
            page.evaluate(RENAME, [[str(desk.folder), HOME], [str(PROJECT), HOME]])
            page.screenshot(path=IMAGES / f"{picture.name}.png")
        _say(f"docs/images/{picture.name}.png")


def unfold(page: Page) -> None:
    """Open every group of the asset graph: they come folded, and what the window does not hold is not on the page.

    A double click beside them fits the graph to the window.
    """
    folded, farther = (page.get_by_role("img", name=name) for name in ("unfold_more", "zoom_out"))
    expect(folded.first).to_be_visible(timeout=WAIT)
    for _ in range(ZOOM):
        farther.click()
    while left := folded.count():
        folded.first.click()
        expect(folded).to_have_count(left - 1, timeout=WAIT)
    page.mouse.dblclick(*BESIDE_THE_GRAPH)


@contextmanager
def _page(browser: Browser, picture: Picture) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": picture.width, "height": picture.height})
    try:
        yield context.new_page()
    finally:
        context.close()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
