"""The asset jobs: which assets one run makes. None of them writes to a vendor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

SCAN = dg.AssetKey(["connectwise", "agreement_scan"])
DUO_USERS = dg.AssetKey(["duo", "enrolled_users"])
AVANAN_EXPORT = dg.AssetKey(["avanan", "tenant_export"])
DUO_PREVIEW = dg.AssetKey(["duo", "preview"])
AVANAN_PREVIEW = dg.AssetKey(["avanan", "preview"])
READINGS = {"duo": DUO_USERS, "avanan": AVANAN_EXPORT}  # what a preview is made from, by source


def preview_key(source: str) -> dg.AssetKey:
    return dg.AssetKey([source, "preview"])


def avanan_import_config(file: Path, sha256: str = "") -> dict[str, Any]:
    """The run config of `avanan_import` for that export; `sha256` binds it to what the file holds now."""
    config = {"file": str(file)} | ({"sha256": sha256} if sha256 else {})
    return {"ops": {AVANAN_EXPORT.to_python_identifier(): {"config": config}}}


def imported_file(run_config: Mapping[str, Any]) -> Path | None:
    """The export that a run with this config imports; None when it imports none."""
    op = run_config.get("ops", {}).get(AVANAN_EXPORT.to_python_identifier(), {})
    file = op.get("config", {}).get("file")
    return Path(file).expanduser() if file else None


connectwise_scan = dg.define_asset_job(
    "connectwise_scan",
    selection=[SCAN],
    description="Read agreements and additions from ConnectWise. Reads only.",
)

duo_pull = dg.define_asset_job(
    "duo_pull",
    selection=[DUO_USERS, DUO_PREVIEW],
    description="Count the users of every Duo subaccount, then make a new Duo preview from the latest scan.",
)

avanan_import = dg.define_asset_job(
    "avanan_import",
    selection=[AVANAN_EXPORT, AVANAN_PREVIEW],
    description="Read one Avanan tenant export (config: file), then make a new Avanan preview from the latest scan.",
)

reconcile_duo = dg.define_asset_job(
    "reconcile_duo",
    selection=[DUO_PREVIEW],
    description="A new Duo preview from what is stored, after a mapping or link was changed. No vendor call.",
)

reconcile_avanan = dg.define_asset_job(
    "reconcile_avanan",
    selection=[AVANAN_PREVIEW],
    description="A new Avanan preview from what is stored, after a mapping or link was changed. No vendor call.",
)

seat_sync = dg.define_asset_job(
    "seat_sync",
    selection=[SCAN, DUO_USERS, DUO_PREVIEW, AVANAN_PREVIEW],
    config={"ops": {AVANAN_PREVIEW.to_python_identifier(): {"config": {"skip_without_snapshot": True}}}},
    description="The monthly round: scan ConnectWise, pull Duo, and make both previews. Avanan's is made from the "
    "latest import, and skipped as long as there is none.",
)

ALL_JOBS = (connectwise_scan, duo_pull, avanan_import, reconcile_duo, reconcile_avanan, seat_sync)
