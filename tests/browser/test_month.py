"""A good month, played on Dagster's pages alone: drop, look, decide, approve, push, prove."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.browser.desk import Desk
from tests.browser.pages import Pages, value, word
from tests.browser.stock import EXPORT, drop, expected_quantities, lay_in
from tests.push.differences import additions_of, changes, writes_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

PREVIEW_ID = r"\b(prev_[0-9a-z]{24})\b"
MAPPING = """
    ops:
      map_and_reclassify:
        config:
          source: avanan
          license: Email Complete Protect Plus
          product: AV-COMPLETE
          by: Dana Ortiz
"""
APPROVAL = """
    ops:
      approve_rows:
        config:
          preview_id: {preview_id}
          approved_by: Dana Ortiz
"""
PUSH = """
    ops:
      push_selection:
        config:
          selection_file: {file}
          confirm: {confirm}
"""


def test_a_month_from_the_dropped_export_to_the_proof(desk: Desk, pages: Pages) -> None:
    lay_in(desk)
    before = additions_of(desk.sandbox)
    dropped = drop(desk, "tenants.csv", EXPORT.read_bytes())
    desk.start()

    # The sensor imports the export and makes the preview.
    imported = pages.run_of("avanan_import").succeeded()
    assert "tenants.csv" in imported.text
    assert not dropped.exists()
    shown = pages.asset("avanan/tenant_export", "Stonewick Europe")
    assert "Users is 'n/a', not a whole number" in shown

    # The preview says what it is about, and which rows need a person.
    shown = pages.asset("avanan/preview", "License unmapped", "Ashgrave Optometry", "preview_id")
    assert "approve_preview" in shown
    unmapped = int(word(shown, r"License unmapped\t(\d+)"))
    first = word(shown, PREVIEW_ID)

    # A license is mapped; the row changes on the page.
    mapped = pages.launch("map_license", MAPPING).succeeded()
    assert "Orphaned 6 -> 5" in mapped.text
    shown = pages.asset("avanan/preview", "Ready 90 to 88")
    second = word(shown, PREVIEW_ID)
    assert second != first
    assert int(word(shown, r"License unmapped\t(\d+)")) == unmapped - 2

    # Approve what the preview selects, look at the report, then write.
    approved = pages.launch("approve_preview", APPROVAL.format(preview_id=second)).succeeded()
    file = word(approved.text, r"(/\S+/selections/\S+\.csv)")
    report = pages.launch("push_to_connectwise", PUSH.format(file=file, confirm="false")).succeeded()
    assert "Nothing was written. Run it again with confirm: true to write." in report.text
    assert writes_of(desk.sandbox) == []
    pages.launch("push_to_connectwise", PUSH.format(file=file, confirm="true")).succeeded()

    # The operation, as its page tells it, and ConnectWise as it is now.
    wanted = expected_quantities("avanan") | {5046: Decimal(88)}
    shown = pages.asset("connectwise/push", "operation_id", "Larkspur Credit Union")
    for name, number in {"updated": len(wanted), "failed": 0, "unresolved": 0, "not_attempted": 0}.items():
        assert value(shown, name) == str(number)
    assert value(shown, "state") == "finished"
    after = additions_of(desk.sandbox)
    done = changes(before, after)
    assert {key: Decimal(str(after[key]["quantity"])) for key in done.changed} == wanted
    assert {name for fields in done.changed.values() for name in fields} == {"quantity"}
    assert (done.created, done.removed, done.written) == ({}, frozenset(), frozenset(wanted))
    assert len(writes_of(desk.sandbox)) == len(wanted)
