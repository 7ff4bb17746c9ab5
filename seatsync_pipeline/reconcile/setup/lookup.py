"""Names an operator types, looked up in what was last read: products, companies, types, licenses, accounts.

What belongs here: finding the one thing a name means, and saying what is near when there is none. What does
not: which decisions are allowed to follow from it.
"""

from __future__ import annotations

from functools import cached_property

from seatsync_pipeline.connectwise.records import Company, Product, Scan
from seatsync_pipeline.connectwise.store import latest_scan_id, load_scan
from seatsync_pipeline.errors import InputRefused, NotFound
from seatsync_pipeline.reconcile.matching import is_live
from seatsync_pipeline.reconcile.suggest import did_you_mean
from seatsync_pipeline.sources.base import SOURCES, Account, Source, SourceSnapshot
from seatsync_pipeline.sources.store import latest_snapshot_id, load_snapshot
from seatsync_pipeline.warehouse import Connection


class Known:
    """What the latest scan and the latest snapshots hold, read when first asked for.

    Every method raises InputRefused, or NotFound with the nearest names; `tried` opens those messages.
    """

    def __init__(self, connection: Connection, tried: str) -> None:
        self._connection = connection
        self._tried = tried
        self._snapshots: dict[str, SourceSnapshot | None] = {}

    @cached_property
    def scan(self) -> Scan:
        scan_id = latest_scan_id(self._connection)
        if scan_id is None:
            raise InputRefused(
                self._tried, "ConnectWise has not been scanned yet", "Run `seatsync scan` first."
            )
        return load_scan(self._connection, scan_id)

    def snapshot(self, source: str) -> SourceSnapshot | None:
        """The latest snapshot of a source; None when there is none yet."""
        if source not in self._snapshots:
            snapshot_id = latest_snapshot_id(self._connection, known_source(source, self._tried))
            self._snapshots[source] = (
                load_snapshot(self._connection, snapshot_id) if snapshot_id is not None else None
            )
        return self._snapshots[source]

    @cached_property
    def _companies(self) -> dict[int, Company]:
        return {company.company_id: company for company in self.scan.companies}

    @cached_property
    def _products(self) -> dict[int, Product]:
        return {product.product_id: product for product in self.scan.products}

    def product_name(self, product_id: int) -> str:
        product = self._products.get(product_id)
        return product.identifier if product else f"product {product_id}"

    def company_name(self, company_id: int) -> str:
        company = self._companies.get(company_id)
        return company.name if company else f"company {company_id}"

    def product(self, text: str) -> Product:
        """A catalog product by id or exact identifier; never an inactive one or a bundle."""
        text = text.strip()
        found = {p.product_id: p for p in self.scan.products if p.identifier.strip() == text}
        if by_id := self._products.get(_id(text)):
            found[by_id.product_id] = by_id
        active = [product for product in found.values() if not product.inactive]
        if len(active) > 1:
            named = " and ".join(f"{p.identifier} (id {p.product_id})" for p in active)
            raise InputRefused(
                self._tried, f"{text!r} means {named}", "Name the product by the other of the two."
            )
        if not found:
            names = (p.identifier for p in self.scan.products if not p.inactive)
            raise NotFound(
                self._tried,
                f"the catalog of the latest scan has no product {text!r}",
                did_you_mean(text, names, "Give a catalog id or identifier; after adding one, scan again."),
            )
        return self._sellable((active or list(found.values()))[0])

    def _sellable(self, product: Product) -> Product:
        if product.inactive:
            raise InputRefused(
                self._tried,
                f"the product {product.identifier} is inactive",
                "Name an active product, or make it active in ConnectWise and scan again.",
            )
        if product.is_bundle:
            raise InputRefused(
                self._tried,
                f"the product {product.identifier} is a bundle, which cannot be an addition",
                "Name the product inside the bundle that is billed.",
            )
        return product

    def company(self, text: str, *, live: bool = True) -> Company:
        """A company by id; only a live one, unless told otherwise. A name is refused, with the ids it could mean."""
        text = text.strip()
        company = self._companies.get(_id(text))
        if company is None:
            ids = [(f"{c.name} (id {c.company_id})", c.name) for c in self.scan.companies if is_live(c)]
            raise NotFound(
                self._tried,
                f"the latest scan has no company with the id {text!r}",
                did_you_mean(text, ids, "Give the company's id as ConnectWise shows it."),
            )
        if live and not is_live(company):
            state = "deleted" if company.deleted else "inactive"
            raise InputRefused(
                self._tried,
                f"{company.name} (id {company.company_id}) is {state} in ConnectWise",
                "Link the account to the company that takes its place.",
            )
        return company

    def agreement_type(self, name: str) -> str:
        """The name of an agreement type, exactly as ConnectWise spells it."""
        name = name.strip()
        names = {t.name.strip() for t in self.scan.agreement_types}
        names |= {a.type_name.strip() for a in self.scan.agreements}
        if name not in names:
            raise NotFound(
                self._tried,
                f"the latest scan has no agreement type {name!r}",
                did_you_mean(name, names, "Give the name exactly as ConnectWise spells it."),
            )
        return name

    def licenses(self, source: str) -> set[str]:
        snapshot = self.snapshot(source)
        return {o.license.strip() for o in snapshot.observations} if snapshot else set()

    def accounts(self, source: str) -> dict[str, Account]:
        """The accounts of the latest snapshot by key."""
        snapshot = self.snapshot(source)
        return {account.key: account for account in snapshot.accounts} if snapshot else {}


def _id(text: str) -> int:
    """The id that a text is; 0, which no record has, for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def known_source(source: str, tried: str) -> Source:
    """The source of that name. Raises NotFound."""
    for known in SOURCES:
        if source == known:
            return known
    raise NotFound(
        tried,
        f"there is no source {source!r}",
        did_you_mean(source, SOURCES, f"The sources are {' and '.join(SOURCES)}."),
    )
