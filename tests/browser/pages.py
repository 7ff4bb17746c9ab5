"""The pages of Dagster's UI as a person uses them: open, read, type, press.

What belongs here: where things stand on a page, and waiting until they do. What a page has to say is told by the tests.
Whatever is read here was shown: nothing asks the server behind the page's back.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.desk import Desk

SHOWN = 120.0  # seconds until a page has what it needs: its servers may share two cores with many other tests
RUN_ENDS = 300.0
_ENDED = re.compile(r"^(Success|Failure|Canceled)$")


@dataclass(frozen=True)
class RunPage:
    """A run that is over, as its page shows it: its id, its state, and all the text on the page."""

    run_id: str
    state: str
    text: str

    def succeeded(self) -> RunPage:
        assert self.state == "Success", f"{self.state}:\n{self.text}"
        return self

    def failed(self) -> RunPage:
        assert self.state == "Failure", f"{self.state}:\n{self.text}"
        return self


def word(text: str, pattern: str) -> str:
    """What the first group of `pattern` finds in the text of a page."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found is not None, f"no {pattern} in:\n{text}"
    return found[1]


def value(text: str, name: str) -> str:
    """The value of a metadata entry among an asset's events, where name and value stand in one row."""
    return word(text, rf"^{re.escape(name)}\s+(\S.*)$")


class Pages:
    """One tab of a browser at a desk."""

    def __init__(self, desk: Desk, page: Page) -> None:
        self.desk, self.page = desk, page

    def open(self, path: str) -> None:
        self.page.goto(self.desk.url + path, timeout=SHOWN * 1000)

    def text(self) -> str:
        return self.page.locator("body").inner_text()

    def wait_for(self, shows: str | re.Pattern[str], seconds: float = SHOWN) -> Locator:
        """Where `shows` stands, once it does."""
        found = self.page.get_by_text(shows).first
        expect(found).to_be_visible(timeout=seconds * 1000)
        return found

    def launch(self, job: str, config: str = "") -> RunPage:
        """Open a job's launchpad, type the config as YAML, press Launch Run; the run's page once it is over."""
        return self.run(self.start(job, config))

    def start(self, job: str, config: str = "") -> str:
        """The same, but the run goes on; its id."""
        self.open(f"/locations/seatsync/jobs/{job}/playground")
        if config:
            self._type(textwrap.dedent(config).strip())
        self._press("Launch Run")
        return self._run_opened()

    def _type(self, config: str) -> None:
        editor = self.page.locator(".CodeMirror").first
        expect(editor).to_be_visible(timeout=SHOWN * 1000)
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(f"{config}\n")
        expect(editor).to_contain_text(config.splitlines()[-1].strip())

    def _press(self, name: str | re.Pattern[str]) -> None:
        button = self.page.get_by_role("button", name=name).first
        expect(button).to_be_enabled(timeout=SHOWN * 1000)
        button.click()

    def _run_opened(self, *, besides: str = "none") -> str:
        expect(self.page).to_have_url(
            re.compile(rf"/runs/(?!{besides})[0-9a-f-]{{36}}"), timeout=SHOWN * 1000
        )
        return word(self.page.url, r"/runs/([0-9a-f-]{36})")

    def re_execute(self, run_id: str) -> RunPage:
        """Press Re-execute on a run's page: once more, with the same config."""
        self.open(f"/runs/{run_id}")
        self._press(re.compile("^Re-execute"))
        return self.run(self._run_opened(besides=run_id))

    def run(self, run_id: str) -> RunPage:
        """A run's page once the run is over."""
        self.open(f"/runs/{run_id}")
        state = self.page.get_by_text(_ENDED).first
        expect(state).to_be_visible(timeout=RUN_ENDS * 1000)
        self.wait_for(re.compile("RUN_(SUCCESS|FAILURE|CANCELED)"))
        return RunPage(run_id, state.inner_text(), self.text())

    def run_of(self, job: str) -> RunPage:
        """The latest run of a job that something else started, which its page links to, once it is over."""
        self.open(f"/locations/seatsync/jobs/{job}/runs")
        link = self.page.locator("a[href*='/runs/']").first
        expect(link).to_be_visible(timeout=RUN_ENDS * 1000)
        return self.run(word(link.get_attribute("href") or "", r"/runs/([0-9a-f-]{36})"))

    def asset(self, key: str, *shows: str | re.Pattern[str]) -> str:
        """What an asset's Events show of its latest materialization, once each of `shows` stands there."""
        self.open(f"/assets/{key}?view=events")
        for text in shows:
            self.wait_for(text)
        return self.text()

    def check(self, key: str, name: str, shows: str | re.Pattern[str]) -> str:
        """What the page of an asset check says, once `shows` stands on it."""
        self.open(f"/assets/{key}?view=checks&checkDetail={name}")
        self.wait_for(shows)
        return self.text()


@contextmanager
def open_pages(browser: Browser, desk: Desk) -> Iterator[Pages]:
    """A tab at the desk; what it showed last is kept as `last-page.png` beside the desk's data."""
    context = browser.new_context(viewport={"width": 1500, "height": 2200})
    try:
        yield Pages(desk, context.new_page())
    finally:
        for page in context.pages:
            page.screenshot(path=desk.folder / "last-page.png")
        context.close()
