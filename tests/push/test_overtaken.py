"""What was decided or read after the newest preview has overtaken it, also where no other preview was made of it.

Each happens when a process dies between the two, or when the new preview cannot be made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.reconcile import service
from seatsync_pipeline.reconcile.preview import Draft
from seatsync_pipeline.reconcile.service import reconcile
from seatsync_pipeline.reconcile.setup import link_account, set_agreement_types, unlink_account, unmap_license
from seatsync_pipeline.reconcile.store import PreviewOrigin, latest_preview_id, load_preview, save_preview
from seatsync_pipeline.sources.recount import recount
from seatsync_pipeline.sources.store import latest_snapshot_id, load_snapshot, save_snapshot
from seatsync_pipeline.warehouse import Warehouse
from tests.push.one_of_each import addition, cancel, update
from tests.push.place import Place, counts

SETUP = "a mapping, link or filter was changed since the newest preview was made"
READ = "duo was read again since the newest preview was made"


def link(place: Place) -> None:
    (account,) = addition(place)["accounts"]
    link_account(place.warehouse, "duo", account["account_key"], 209, by="Dana")


def unlink(place: Place) -> None:
    (account,) = addition(place)["accounts"]
    unlink_account(place.warehouse, "duo", account["account_key"], by="Dana")


def unmap(place: Place) -> None:
    unmap_license(place.warehouse, "avanan", "Archiving", by="Dana")


def narrow(place: Place) -> None:
    set_agreement_types(place.warehouse, "duo", ["Managed Services"], by="Dana")


def read_again(place: Place) -> None:
    with place.warehouse.read() as connection:
        taken = load_snapshot(connection, latest_snapshot_id(connection, "duo") or "")
    (account,) = update(place)["accounts"]
    seen = tuple(
        replace(one, seats=Decimal(39)) if one.account_key == account["account_key"] else one
        for one in taken.observations
    )
    save_snapshot(place.warehouse, replace(taken, observations=seen), run_id=None)


@pytest.mark.parametrize(
    ("act", "says"),
    [(link, SETUP), (unlink, SETUP), (unmap, SETUP), (narrow, SETUP), (read_again, READ)],
)
def test_an_approval_of_before_is_refused_until_there_is_a_preview_of_today(
    place: Place, act: Callable[[Place], None], says: str
) -> None:
    selection = place.approve(update(place), addition(place))
    act(place)
    with pytest.raises(FileRefused) as refused:
        place.push(selection)
    assert says in [fault.rule for fault in refused.value.faults]
    assert place.changes().none
    made = reconcile(place.warehouse, "duo", today=place.settings.today())
    place.previews["duo"] = load_preview(place.warehouse, made)
    row = cancel(place)
    if row["blocked"]:  # the account that was unlinked could be this client
        return
    assert counts(place.push(place.approve(row))) == {"cancelled": 1}


def test_a_preview_that_was_begun_before_a_correction_is_not_the_newest_of_what_is_known(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored after the corrected one, with the client that was corrected."""

    def late(warehouse: Warehouse, draft: Draft, origin: PreviewOrigin) -> str:
        monkeypatch.undo()
        link(place)
        reconcile(place.warehouse, "duo", today=place.settings.today())
        return save_preview(warehouse, draft, origin)

    monkeypatch.setattr(service, "save_preview", late)
    made = reconcile(place.warehouse, "duo", today=place.settings.today())
    with place.warehouse.read() as connection:
        assert latest_preview_id(connection, "duo") == made
    place.previews["duo"] = load_preview(place.warehouse, made)
    with pytest.raises(FileRefused) as refused:
        place.push(place.approve(addition(place)))
    assert [fault.rule for fault in refused.value.faults] == [SETUP]
    assert place.changes().none


def test_users_that_are_counted_otherwise_now_have_to_be_counted_anew(place: Place) -> None:
    """The number was approved under another agreement on who is billed."""
    before = place.settings
    selection = place.approve(update(place))
    place.settings = before.model_copy(update={"duo_count_basis": "existing"})
    with pytest.raises(FileRefused) as refused:
        place.push(selection)
    (fault,) = refused.value.faults
    assert fault.rule == (
        "the newest reading counts users as `enrolled`, and DUO_COUNT_BASIS is `existing` now"
    )
    assert place.changes().none

    recount(place.warehouse, "duo", place.settings)
    made = reconcile(place.warehouse, "duo", today=place.settings.today())
    place.settings = before
    with pytest.raises(
        FileRefused, match="counts users as `existing`, and DUO_COUNT_BASIS is `enrolled` now"
    ):
        place.push(selection)
    assert place.changes().none

    place.settings = before.model_copy(update={"duo_count_basis": "existing"})
    place.previews["duo"] = load_preview(place.warehouse, made)
    assert counts(place.push(place.approve(update(place)))) == {"updated": 1}
