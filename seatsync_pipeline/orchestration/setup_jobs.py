"""The setup as op jobs, for people who never open a terminal: map a license, link an account, choose agreement types.

Each decides one thing, classifies what is stored anew, and shows what became of the rows. No vendor is called and
nothing is approved by it. What is allowed is decided in `reconcile.setup`.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import dagster as dg
from pydantic import Field

from seatsync_pipeline.errors import InputRefused, SeatSyncError
from seatsync_pipeline.orchestration.decisions import decision_answered_anew
from seatsync_pipeline.orchestration.failures import failure_from, refusals_as_failures
from seatsync_pipeline.orchestration.jobs import preview_key
from seatsync_pipeline.orchestration.metadata import brief_table, plain
from seatsync_pipeline.orchestration.preview_page import preview_page
from seatsync_pipeline.orchestration.soundness import PREVIEW_CHECKS, require_sound_inputs
from seatsync_pipeline.orchestration.stored import previews_of, require_sound
from seatsync_pipeline.reconcile import setup
from seatsync_pipeline.reconcile.reclassify import Reclassified, reclassify, sources_touched
from seatsync_pipeline.reconcile.review import Comparison
from seatsync_pipeline.reconcile.review.row_words import PreviewRow
from seatsync_pipeline.settings import Settings
from seatsync_pipeline.warehouse import Warehouse

SourceName = Literal["duo", "avanan"]
_BY = "Your name, as it is kept with the decision."


class LicenseConfig(dg.Config):
    """One license, and what it is billed as."""

    source: SourceName = Field(description="Whose license.")
    license: str = Field(description="The license exactly as the source spells it, e.g. Duo MFA.")
    product: str = Field(
        default="",
        description="The ConnectWise catalog product, by identifier or id. Leave it empty for a license that is never "
        "billed, and set no_charge.",
    )
    no_charge: bool = Field(default=False, description="true: this license is never billed.")
    by: str = Field(description=_BY)


class LinkConfig(dg.Config):
    """One account, and the company that is billed for it."""

    source: SourceName = Field(description="Whose account.")
    account: str = Field(description="The account's key, or its exact name.")
    company: str = Field(
        default="",
        description="The ConnectWise company's id; the preview's candidates show it. Leave it empty for an account "
        "that is never billed, and set not_billed.",
    )
    not_billed: bool = Field(default=False, description="true: this account is never billed; give a reason.")
    reason: str = Field(default="", description="Why; kept with the link. Needed for not_billed.")
    by: str = Field(description=_BY)


class AgreementTypesConfig(dg.Config):
    """Which agreements a source looks at."""

    source: SourceName = Field(description="Whose filter.")
    names: list[str] = Field(
        description="Names of agreement types, exactly as in ConnectWise. An empty list takes every agreement."
    )
    by: str = Field(description=_BY)


@dg.op(out={}, description="Map a license, then classify anew.")
def map_and_reclassify(
    context: dg.OpExecutionContext,
    config: LicenseConfig,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    product = config.product.strip()
    _one_of(f"mapping {config.license!r}", product=bool(product), no_charge=config.no_charge)

    def decide() -> setup.Change:
        if config.no_charge:
            return setup.mark_no_charge(warehouse, config.source, config.license, by=config.by)
        return setup.map_license(warehouse, config.source, config.license, product, by=config.by)

    yield from _decide(context, settings, warehouse, decide)


@dg.op(out={}, description="Link an account, then classify anew.")
def link_and_reclassify(
    context: dg.OpExecutionContext,
    config: LinkConfig,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    company = config.company.strip()
    _one_of(f"linking {config.account!r}", company=bool(company), not_billed=config.not_billed)

    def decide() -> setup.Change:
        if config.not_billed:
            return setup.mark_not_billed(
                warehouse, config.source, config.account, by=config.by, reason=config.reason
            )
        return setup.link_account(
            warehouse, config.source, config.account, company, by=config.by, reason=config.reason or None
        )

    yield from _decide(context, settings, warehouse, decide)


@dg.op(out={}, description="Set the agreement-type filter, then classify anew.")
def set_types_and_reclassify(
    context: dg.OpExecutionContext,
    config: AgreementTypesConfig,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    yield from _decide(
        context,
        settings,
        warehouse,
        lambda: setup.set_agreement_types(warehouse, config.source, config.names, by=config.by),
    )


def _one_of(tried: str, **given: bool) -> None:
    """Raises a Failure unless exactly one of two ways to decide is given."""
    with refusals_as_failures():
        if sum(given.values()) != 1:
            names = " or ".join(given)
            both = "both are given" if all(given.values()) else "neither is given"
            raise InputRefused(tried, f"give either {names}: {both}", "Correct it in the launchpad.")


def _decide(
    context: dg.OpExecutionContext,
    settings: Settings,
    warehouse: Warehouse,
    decide: Callable[[], setup.Change],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Store the decision and show each preview that it moved; fail at the end for one that could not be made."""
    with refusals_as_failures():
        change = decide()
    for note in change.notes:
        context.log.warning("%s", note)
    if not change.changed:
        context.log.info("That was decided already: nothing was changed.")
        return
    failed: list[SeatSyncError] = []
    renewed = reclassify(
        warehouse,
        settings,
        sources_touched([change]),
        require_sound_inputs,
        run_id=context.run.run_id,
    )
    if not renewed:
        context.log.info("The decision is kept. There is no preview yet that it could change.")
    for one in renewed:
        if one.error is not None:
            failed.append(one.error)
            continue
        with refusals_as_failures():
            require_sound(warehouse, previews_of(one.source), PREVIEW_CHECKS)
        yield _materialization(context, settings, warehouse, one)
        if one.after is not None:
            yield decision_answered_anew(one.after)
    if failed:
        raise failure_from(failed[0])


def _materialization(
    context: dg.OpExecutionContext, settings: Settings, warehouse: Warehouse, one: Reclassified
) -> dg.AssetMaterialization:
    made, comparison = one.after, one.comparison
    if made is None or comparison is None:
        raise ValueError(f"{one.source} has no new preview")
    context.log.info("New %s preview %s: %s", one.source, made.preview_id, comparison.sentence())
    with refusals_as_failures():
        page = preview_page(warehouse, settings, made)
    return dg.AssetMaterialization(
        preview_key(one.source),
        metadata={"what_changed": dg.MetadataValue.md(what_changed(comparison))} | page,
    )


def what_changed(comparison: Comparison) -> str:
    """The rows that appeared, went or changed, as a short table."""
    changes = (*comparison.changed, *comparison.appeared, *comparison.gone)
    if not changes:
        return "No row changed."
    rows = [(change.who, change.what, _place(change.before), _place(change.after)) for change in changes]
    return brief_table(("whom", "what", "before", "now"), rows, above=comparison.sentence())


def _place(row: PreviewRow | None) -> str:
    """`Ready 10 to 12`, `License unmapped`; empty where there is no row."""
    if row is None:
        return ""
    old, new = row["current_quantity"], row["new_quantity"]
    quantities = f" {plain(old)} to {plain(new)}" if old is not None and new is not None else ""
    return f"{row['status']}{quantities}"


@dg.job(
    executor_def=dg.in_process_executor,
    description="Have a license billed as a catalog product, or never.\n\nThe preview is made anew at once and shows "
    "what changed. Nothing is written to ConnectWise.",
)
def map_license() -> None:
    map_and_reclassify()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Have an account billed to a company, or never.\n\nThe preview is made anew at once and shows what "
    "changed. Nothing is written to ConnectWise.",
)
def link_company() -> None:
    link_and_reclassify()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Choose the agreement types that a source looks at.\n\nThe preview is made anew at once and shows what "
    "changed. Nothing is written to ConnectWise.",
)
def set_agreement_types() -> None:
    set_types_and_reclassify()


SETUP_JOBS = (map_license, link_company, set_agreement_types)
