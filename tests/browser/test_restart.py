"""Webserver, daemon and runs are killed without notice, and started again: nothing is lost, nothing is done twice."""

from __future__ import annotations

import time
from collections import Counter
from decimal import Decimal

import pytest

from tests.browser.desk import Desk
from tests.browser.pages import SHOWN, Pages, value
from tests.browser.stock import EXPORT, count, drop, expected_quantities, lay_in, read_duo
from tests.browser.test_month import PUSH
from tests.push.differences import additions_of, changes, writes_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

_TICKS = """
    query($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) {
        ... on Sensor { sensorState { ticks(limit: 5) { timestamp status } } } } }
"""
_DROPS = {
    "repositoryLocationName": "seatsync",
    "repositoryName": "__repository__",
    "sensorName": "avanan_export_drop",
}


def ticked_since(desk: Desk, moment: float) -> bool:
    """Whether the sensor has looked at its folder since then, and is through with it."""
    ticks = desk.ask(_TICKS, sensor=_DROPS)["sensorOrError"]["sensorState"]["ticks"]
    return any(tick["timestamp"] > moment and tick["status"] in {"SUCCESS", "SKIPPED"} for tick in ticks)


def test_what_is_killed_is_carried_on_and_done_once(desk: Desk, pages: Pages) -> None:
    warehouse = lay_in(desk)
    preview_id = read_duo(desk, warehouse)
    file = desk.folder / "selection.csv"
    desk.seatsync("approve", "duo", "--preview", preview_id, "--by", "Dana Ortiz", "--defaults", "-o", file)
    connectwise, before = desk.sandbox.connectwise, additions_of(desk.sandbox)
    whole = EXPORT.read_bytes()
    dropped = drop(desk, "tenants.csv", whole[: len(whole) // 2])
    push = PUSH.format(file=file, confirm="true")

    # Killed while half a file lies in the inbox, and a push waits for the answer to its third write.
    desk.start()
    held = connectwise.faults.add("hold", method="PATCH", after=2)
    pages.start("push_to_connectwise", push)
    assert held.wait_until_held(SHOWN * 2)
    pages.open("/locations/seatsync/sensors/avanan_export_drop")
    pages.wait_for("tenants.csv")
    desk.kill()
    dropped.write_bytes(whole)
    connectwise.faults.clear()
    connectwise.faults.release()  # that write is carried out, and nobody hears of it
    assert connectwise.wait_until_idle()

    # The same run once more carries on; the file is imported as it is now.
    desk.start()
    pages.launch("push_to_connectwise", push).succeeded()
    shown = pages.asset("connectwise/push", "operation_id", "Stonewick Manufacturing")
    wanted = expected_quantities("duo")
    assert {name: value(shown, name) for name in ("updated", "failed", "unresolved", "not_attempted")} == {
        "updated": str(len(wanted)),
        "failed": "0",
        "unresolved": "0",
        "not_attempted": "0",
    }
    # A scan goes before the import, since the last one is older than the push.
    pages.run_of("avanan_import").succeeded()

    # Killed once more with all of it done: the next look finds nothing to do.
    desk.kill()
    restarted = time.time()
    desk.start()
    desk.wait_until(lambda: ticked_since(desk, restarted), "a tick after the restart", seconds=SHOWN)
    pages.open("/runs")
    pages.wait_for("avanan_import")
    runs = Counter(pages.text().splitlines())
    assert (runs["avanan_import"], runs["push_to_connectwise"]) == (1, 2)

    for table in ("snapshot", "preview_header"):
        assert count(warehouse, f"select count(*) from {table} where source = 'avanan'") == 1  # noqa: S608
    assert not dropped.exists()
    after = additions_of(desk.sandbox)
    done = changes(before, after)
    assert {key: Decimal(str(after[key]["quantity"])) for key in done.changed} == wanted
    assert done.written == frozenset(wanted)
    assert sorted(Counter(write.path for write in writes_of(desk.sandbox)).values()) == [1] * len(wanted)
