"""Counts the examples of each fuzz test, and lists them after a long run."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.fuzz.harness import EXAMPLES, RAN, REFUSED, SHORT


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None]:
    try:
        return (yield)
    finally:
        item.user_properties.append(("examples", (RAN[item.originalname], REFUSED[item.originalname])))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if EXAMPLES <= SHORT:
        return
    terminalreporter.section("examples")
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    for report in sorted(reports, key=lambda report: report.nodeid):
        for name, (ran, refused) in report.user_properties:
            if name == "examples":
                seconds = f"{report.duration:.0f} s"
                terminalreporter.write_line(f"{ran:>9,}, refused {refused:>9,}  {report.nodeid} ({seconds})")
