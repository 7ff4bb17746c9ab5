"""Setup: what an operator decides about licenses, accounts and agreement types, one decision at a time.

Each function checks its names against the latest scan and snapshot, appends one row with who, when and the
previous value, and returns the `Change`. A decision that is in force already writes nothing. Whole files of
decisions are `file`'s; the tables are `tables`'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from seatsync_pipeline.errors import InputRefused, NotFound
from seatsync_pipeline.reconcile.matching import Rule
from seatsync_pipeline.reconcile.setup.lookup import Known, known_source
from seatsync_pipeline.reconcile.setup.tables import (
    REMOVED,
    Change,
    Decision,
    Link,
    Mapping,
    Tables,
    TypeFilter,
    person,
)
from seatsync_pipeline.reconcile.suggest import did_you_mean
from seatsync_pipeline.sources.base import Account
from seatsync_pipeline.warehouse import Warehouse


def map_license(warehouse: Warehouse, source: str, license: str, product: str, *, by: str) -> Change:  # noqa: A002
    """Have a license billed as a catalog product, named by id or identifier.

    The license is compared exactly after trimming; a product belongs to one source only. Raises NotFound for
    an unknown license or product, InputRefused for an inactive product, a bundle, or another source's product.
    """
    tried = f"mapping {license.strip()!r} of {source}"

    def decide(known: Known, tables: Tables) -> Mapping:
        name = _license(known, tables, source, license, tried)
        found = known.product(product)
        for other in tables.mappings.values():
            if other.product_id == found.product_id and other.source != source:
                raise InputRefused(
                    tried,
                    f"the product {found.identifier} is billed for {other.source} ({other.license})",
                    f"A product belongs to one source: unmap it there first, or name another product "
                    f"for {source}.",
                )
        return Mapping(source, name, "product", found.product_id)

    return _decide(warehouse, tried, decide, by=by)


def mark_no_charge(warehouse: Warehouse, source: str, license: str, *, by: str) -> Change:  # noqa: A002
    """Have a license never billed. Raises NotFound for an unknown license."""
    tried = f"marking {license.strip()!r} of {source} as no charge"
    return _decide(
        warehouse,
        tried,
        lambda known, tables: Mapping(source, _license(known, tables, source, license, tried), "no_charge"),
        by=by,
    )


def unmap_license(warehouse: Warehouse, source: str, license: str, *, by: str) -> Change:  # noqa: A002
    """Take a license's mapping away. Raises NotFound when it has none."""
    name = license.strip()
    tried = f"unmapping {name!r} of {source}"

    def decide(_: Known, tables: Tables) -> Mapping:
        known_source(source, tried)
        mapped = [m.license for m in tables.mappings.values() if m.source == source and m.decision != REMOVED]
        if name not in mapped:
            raise NotFound(
                tried,
                "that license is not mapped",
                did_you_mean(name, mapped, f"Mapped are: {', '.join(mapped) or 'none'}."),
            )
        return Mapping(source, name, REMOVED)

    return _decide(warehouse, tried, decide, by=by)


def link_account(
    warehouse: Warehouse,
    source: str,
    account: str,
    company_id: int | str,
    *,
    by: str,
    reason: str | None = None,
) -> Change:
    """Have an account billed to a company. `account` is a key or an exact name, `company_id` an id.

    Linking by hand what was linked automatically is recorded too: it is a person's word from then on. Raises
    NotFound for an unknown account or company, InputRefused for a deleted or inactive company and for a name
    that several accounts have.
    """
    tried = f"linking {account.strip()!r} of {source}"

    def decide(known: Known, tables: Tables) -> Link:
        found = _account(known, tables, source, account, tried)
        company = known.company(str(company_id))
        return Link(
            source, found.key, found.name, "company", company.company_id, _text(reason), Rule.OPERATOR
        )

    return _decide(warehouse, tried, decide, by=by)


def mark_not_billed(warehouse: Warehouse, source: str, account: str, *, by: str, reason: str) -> Change:
    """Have an account never billed, for a reason. Raises NotFound, or InputRefused for a blank reason."""
    tried = f"marking {account.strip()!r} of {source} as not billed"
    why = _text(reason)
    if why is None:
        raise InputRefused(tried, "no reason was given", "Say why it is not billed with --reason.")

    def decide(known: Known, tables: Tables) -> Link:
        found = _account(known, tables, source, account, tried)
        return Link(source, found.key, found.name, "not_billed", None, why, Rule.OPERATOR)

    return _decide(warehouse, tried, decide, by=by)


def unlink_account(warehouse: Warehouse, source: str, account: str, *, by: str) -> Change:
    """Take an account's link away. Raises NotFound when it has none."""
    tried = f"unlinking {account.strip()!r} of {source}"

    def decide(known: Known, tables: Tables) -> Link:
        known_source(source, tried)
        linked = {
            link.account_key: Account(link.account_key, link.account_name)
            for link in tables.links.values()
            if link.source == source and link.decision != REMOVED
        }
        current = {key: account for key, account in known.accounts(source).items() if key in linked}
        found = _pick(account, linked | current, tried, "that account is not linked")
        return Link(source, found.key, found.name, REMOVED, None, None, Rule.OPERATOR)

    return _decide(warehouse, tried, decide, by=by)


def set_agreement_types(warehouse: Warehouse, source: str, names: Iterable[str], *, by: str) -> Change:
    """Have a source look at agreements of these types only; no name: at every agreement. Raises NotFound."""
    tried = f"setting the agreement types of {source}"

    def decide(known: Known, _: Tables) -> TypeFilter:
        known_source(source, tried)
        return TypeFilter(source, tuple(sorted({known.agreement_type(name) for name in names})))

    return _decide(warehouse, tried, decide, by=by)


def _decide(
    warehouse: Warehouse, tried: str, decide: Callable[[Known, Tables], Decision], *, by: str
) -> Change:
    """Check and write in one transaction, so that nothing changes in between."""
    name = person(by)
    with warehouse.write() as connection:
        tables = Tables(connection)
        now = decide(Known(connection, tried), tables)
        before = tables.before(now)
        every = isinstance(now, TypeFilter) and not now.names and before is None
        change = Change(now, before, changed=now != before and not every)
        tables.append([change], by=name)
    return change


def _license(known: Known, tables: Tables, source: str, text: str, tried: str) -> str:
    """A license of the latest snapshot, or one decided on before. Anything goes while nothing was read yet."""
    name = text.strip()
    read = known.licenses(source)
    seen = read | {m.license for m in tables.mappings.values() if m.source == source}
    if not name or (read and name not in seen):
        raise NotFound(
            tried,
            f"the latest snapshot of {source} has no license {name!r}",
            did_you_mean(
                name,
                seen,
                f"Names are compared exactly, case included. It has: {', '.join(sorted(read))}."
                if read
                else "Name the license as the source spells it.",
            ),
        )
    return name


def _account(known: Known, tables: Tables, source: str, text: str, tried: str) -> Account:
    """An account of the latest snapshot, or one linked before, by key or by exact name."""
    current = known.accounts(source)
    if known.snapshot(source) is None:
        raise InputRefused(
            tried, f"nothing was read from {source} yet", "Pull or import it first, then link its accounts."
        )
    before = {
        link.account_key: Account(link.account_key, link.account_name)
        for link in tables.links.values()
        if link.source == source
    }
    return _pick(text, before | current, tried, f"{source} has no such account")


def _pick(text: str, accounts: dict[str, Account], tried: str, absent: str) -> Account:
    name = text.strip()
    if name in accounts:
        return accounts[name]
    found = [account for account in accounts.values() if account.name.strip() == name]
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(account.key for account in found)
        raise InputRefused(tried, f"{len(found)} accounts have this name", f"Name it by its key: {keys}.")
    labels = [(f"{account.name} (key {account.key})", account.name) for account in accounts.values()]
    raise NotFound(tried, absent, did_you_mean(name, labels, "Give its key or its exact name."))


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None
