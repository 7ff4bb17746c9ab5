"""The same month with everything going wrong once: at each point the pages alone tell the next step."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from tests.browser.desk import Desk
from tests.browser.pages import Pages, value, word
from tests.browser.stock import EXPORT, drop, expected_quantities, lay_in, read_duo
from tests.browser.test_month import APPROVAL, PREVIEW_ID, PUSH
from tests.push.differences import additions_of, changes, writes_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

UNREADABLE = "DA13FERNBANKARCHITEC"
# Half of the subaccounts; none of them has a row that is selected by default.
SOLD = (7, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 24, 25, 29)
ACCEPTANCE = """
    ops:
      accept_and_reconcile:
        config:
          source: duo
          snapshot_id: {snapshot_id}
          accepted_by: Dana Ortiz
          reason: the clients of the western branch were sold in October
"""


def refuse_a_file(desk: Desk, pages: Pages) -> None:
    """The page of the run says which line is wrong and what to do; the file lies beside its report."""
    run = pages.run_of("avanan_import").failed()
    assert "line 9: row length: 3 cells where the header has 6" in run.text
    assert "Nothing was imported." in run.text
    assert "Put a cell that holds the delimiter in quotes, complete the row, or export again." in run.text
    rejected = desk.settings().rejected
    assert str(rejected) in run.text
    assert {path.name for path in rejected.iterdir()} == {"tenants.csv", "tenants.csv.errors.csv"}
    assert "row length" in (rejected / "tenants.csv.errors.csv").read_text("utf-8-sig")


def read_half_of_duo(desk: Desk, pages: Pages) -> str:
    """Half of the subaccounts are gone and one cannot be read; the snapshot's id, as the pages give it."""
    duo = desk.sandbox.duo.state
    with duo.lock:
        duo.errors = {UNREADABLE: 403}
        gone = tuple(f"DA{number:02d}" for number in SOLD)
        duo.subaccounts = {key: one for key, one in duo.subaccounts.items() if not key.startswith(gone)}
    pages.launch("duo_pull").succeeded()

    shown = pages.asset("duo/enrolled_users", "Fernbank Architects", "paid accounts fell", "snapshot_id")
    assert "There are 15 paid accounts, and there were 30 in the last accepted snapshot." in shown
    rows = shown[shown.index("account\tlicense\tseats\tstate\twhy") :].splitlines()[1:]
    assert rows[0].startswith("Fernbank Architects\tDuo MFA\t?\tfailed\t")
    assert "403" in rows[0]
    assert all("failed" not in row for row in rows[1:4])

    snapshot_id = value(shown, "snapshot_id")
    said = pages.check("duo/enrolled_users", "can_this_reading_be_trusted", "accept_snapshot")
    assert "Read it again; if it is right, run the job accept_snapshot with source duo" in said
    assert f"snapshot_id {snapshot_id}, your name and the reason" in said
    shown = pages.asset("duo/preview", "Orphan detection did not run")
    assert "if they did leave, accept this snapshot with a reason." in shown
    return snapshot_id


def test_a_month_in_which_everything_goes_wrong_once(desk: Desk, pages: Pages) -> None:
    with desk.sandbox.duo.state.lock:
        desk.sandbox.duo.state.errors = {}
    read_duo(desk, lay_in(desk))
    before = additions_of(desk.sandbox)
    lines = EXPORT.read_text("utf-8").splitlines()
    lines[8] = "Dovetail Cabinet Makers,dovetail,Email Complete Protect Plus"
    drop(desk, "tenants.csv", "\n".join(lines).encode())
    desk.start()
    snapshot_id = read_half_of_duo(desk, pages)
    refuse_a_file(desk, pages)

    # The drop of seats is real, and a named person says so.
    pages.launch("accept_snapshot", ACCEPTANCE.format(snapshot_id=snapshot_id)).succeeded()
    pages.check("duo/enrolled_users", "can_this_reading_be_trusted", re.compile("Accepted by Dana Ortiz"))
    preview_id = word(pages.asset("duo/preview", "Orphaned", "preview_id"), PREVIEW_ID)

    # ConnectWise takes one row, then refuses: the page says what to do.
    approved = pages.launch("approve_preview", APPROVAL.format(preview_id=preview_id)).succeeded()
    file = word(approved.text, r"(/\S+/selections/\S+\.csv)")
    faults = desk.sandbox.connectwise.faults
    faults.add("error", method="PATCH", status=403, times=None, after=1)
    stopped = pages.launch("push_to_connectwise", PUSH.format(file=file, confirm="true")).failed()
    assert "it was stopped after 1 writes" in stopped.text
    assert "the server answered 403" in stopped.text
    assert "Remove the cause, then push the same selection again" in stopped.text
    assert len(changes(before, additions_of(desk.sandbox)).changed) == 1

    # The right is given back, and the same run once more carries on.
    faults.clear()
    pages.re_execute(stopped.run_id).succeeded()
    shown = pages.asset("connectwise/push", "operation_id", "the server answered 403")
    refused, wanted = int(value(shown, "failed")), expected_quantities("duo")
    assert int(value(shown, "updated")) == len(wanted) - refused
    assert value(shown, "not_attempted") == "0"
    assert "approve" in value(shown, "next")
    after = additions_of(desk.sandbox)
    done = changes(before, after).changed
    assert len(done) == len(wanted) - refused
    assert {key: Decimal(str(after[key]["quantity"])) for key in done}.items() <= wanted.items()
    taken = [write.path for write in writes_of(desk.sandbox) if write.status == 200]
    assert len(taken) == len(set(taken)) == len(done)
