"""The watch over what was set up once and may have changed since: links, mappings and prices.

One function per rule, each pure and each giving `Notice`s: a flag, what was found, and whether it blocks the row or
asks for a reason. `watch_rows` is the one place that calls them; `offer_new_owners` does the same for matches.

    rule               a create           an update       anything else
    product inactive   blocked            flagged         flagged
    product gone       blocked            flagged         flagged
    product a bundle   blocked            blocked         flagged
    no price           needs a reason     flagged         flagged
    below cost         needs a reason     flagged         flagged
    unusual price      needs a reason     flagged         flagged
    account renamed    -                  flagged         flagged
    did you mean       -                  -               flagged (License unmapped only)

An existing line of an inactive product goes on billing, so its quantity must follow the use. A bundle cannot be an
addition in ConnectWise: what a changed quantity of one bills is unknown. Cancelling is possible for all of them.
What does not belong here: guards on the size of a change (`guards`), and how accounts are matched (`matching`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain
from statistics import median

from seatsync_pipeline.connectwise.records import Addition, Company, Product
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.guards import Limits
from seatsync_pipeline.reconcile.inputs import FormerOwner, Inputs, Setup
from seatsync_pipeline.reconcile.lines import billable
from seatsync_pipeline.reconcile.matching import MAX_CANDIDATES, Match, is_live
from seatsync_pipeline.reconcile.rows import Action, Candidate, Flag, Row, Status, Step

USUAL_FROM = 5  # additions with a price, from which on their median is what is usual
_NOTHING = Decimal(0)
_TRADE_MARKS = re.compile(r"[\u2122\u00ae\u2120\u00a9]|\((?:tm|r|sm|c)\)|\btm\b", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]")


@dataclass(frozen=True)
class Notice:
    """What one rule found. `blocks` and `asks` (for a reason) name the actions they hold for."""

    flag: Flag
    found: str
    blocks: frozenset[Action] = frozenset()
    asks: frozenset[Action] = frozenset()


@dataclass(frozen=True)
class UsualPrice:
    """The median unit price of a product's Billable current additions in scope, and of how many."""

    price: Decimal
    additions: int


def watch_rows(rows: Iterable[Row], inputs: Inputs, book: Book, limits: Limits) -> list[Row]:
    """Flag what the rules find; see the table above for what else that does to a row.

    Status, action and every number stay as they are.
    """
    prices = _Prices(inputs, book, limits.unusual_price_percent)
    additions = prices.odd_additions()
    products = {
        product_id: notice
        for product_id in inputs.setup.mappings.values()
        if product_id is not None and (notice := product_state(book, product_id))
    }
    licenses = similar_licenses(inputs, book)
    rows = list(rows)
    renamed = renamed_accounts(inputs) if any(Flag.ACCOUNT_RENAMED in row.flags for row in rows) else {}
    watched = []
    for row in rows:
        notices = [products[row.product_id]] if row.product_id in products else []
        if licenses and row.status is Status.LICENSE_UNMAPPED:
            notices += [licenses[share.license] for share in row.accounts if share.license in licenses]
        if renamed and Flag.ACCOUNT_RENAMED in row.flags:
            notices += [renamed[share.account_key] for share in row.accounts if share.account_key in renamed]
        if additions:
            notices += [n for a in row.billing.additions for n in additions.get(a.addition_id, ())]
        if row.action is Action.CREATE:
            notices += prices.of_create(row)
        watched.append(_noted(row, notices) if notices else row)
    return watched


def offer_new_owners(matches: Mapping[str, Match], inputs: Inputs) -> dict[str, Match]:
    """Put who owns a gone company's agreements now before all other candidates; nothing is linked by that."""
    offered = dict(matches)
    if inputs.former_owners:
        live = {company.company_id: company for company in inputs.scan.companies if is_live(company)}
        for key, match in matches.items():
            former = inputs.former_owners.get(match.gone_company_id or 0)
            if former is not None:
                offered[key] = _with_owners(match, former, live)
    return offered


def _with_owners(match: Match, former: FormerOwner, live: Mapping[int, Company]) -> Match:
    ranked = {candidate.company_id: candidate for candidate in match.candidates}
    owners = []
    for company_id, agreements in sorted(former.moved_to.items(), key=lambda moved: (-moved[1], moved[0])):
        if company_id not in live:
            continue
        near = ranked.pop(company_id, Candidate(company_id, live[company_id].name, _NOTHING))
        moved = "1 agreement that was" if agreements == 1 else f"{agreements} agreements that were"
        said = f"owns {moved} {former.name}'s"
        owners.append(replace(near, note=f"{said}; {near.note}" if near.note else said))
    told = [f"{owner.company_name} (id {owner.company_id}) {owner.note}" for owner in owners]
    if former.name not in match.why:
        told.insert(0, f"it was named {former.name}")
    candidates = (*owners, *ranked.values())[:MAX_CANDIDATES]
    return replace(match, candidates=candidates, why="; ".join([match.why, *told]))


def renamed_accounts(inputs: Inputs) -> dict[str, Notice]:
    """Account key -> what it was called when it was linked, for accounts that have another name now."""
    links = inputs.setup.links
    return {
        account.key: Notice(
            Flag.ACCOUNT_RENAMED,
            f"{account.name} was named {links[account.key].account_name} when it was linked",
        )
        for account in inputs.accounts
        if account.key in links and links[account.key].had_another_name(account)
    }


def product_state(book: Book, product_id: int) -> Notice | None:
    """Whether a product that a license is mapped to can no longer be added, and why."""
    product = book.products.get(product_id)
    name = book.product_identifier(product_id)
    if product is None:
        found = f"{name} is not in the catalog any more: map the license to another product"
        return Notice(Flag.PRODUCT_GONE, found, blocks=frozenset({Action.CREATE}))
    if product.is_bundle:
        found = (
            f"{name} is a bundle now, which cannot be an addition: map the license to the product inside it"
        )
        return Notice(Flag.PRODUCT_BUNDLE, found, blocks=frozenset({Action.CREATE, Action.UPDATE}))
    if product.inactive:
        found = f"{name} is inactive in the catalog: activate it, or map the license to another product"
        return Notice(Flag.PRODUCT_INACTIVE, found, blocks=frozenset({Action.CREATE}))
    return None


def similar_licenses(inputs: Inputs, book: Book) -> dict[str, Notice]:
    """Unmapped license -> the mapped ones it differs from in nothing but case, spaces, `&`/and or a trade-mark sign."""
    setup = inputs.setup
    unmapped = {seen.license for seen in inputs.observations} - setup.mappings.keys()
    if not unmapped:
        return {}
    mapped: dict[str, list[str]] = defaultdict(list)
    for name in sorted(setup.mappings):
        mapped[license_key(name)].append(name)
    return {
        name: Notice(Flag.DID_YOU_MEAN, f"did you mean {_named(mapped[key], setup, book)}")
        for name in unmapped
        if (key := license_key(name)) in mapped
    }


def _named(licenses: Iterable[str], setup: Setup, book: Book) -> str:
    said = []
    for name in licenses:
        product = setup.mappings[name]
        billed = "marked no charge" if product is None else f"billed as {book.product_identifier(product)}"
        said.append(f"{name!r}, which is {billed}")
    return " or ".join(said)


def license_key(name: str) -> str:
    """What two spellings of one license have in common; only ever used to ask, never to map."""
    text = _TRADE_MARKS.sub("", _INVISIBLE.sub("", name))  # before NFKC, which makes TM of the sign
    text = unicodedata.normalize("NFKC", text).casefold().replace("&", "and")
    return "".join(_TRADE_MARKS.sub("", text).split())


def no_price(price: Decimal | None, what: str) -> Notice | None:
    """Nothing would be billed, however many seats there are."""
    if price is not None and price != 0:
        return None
    found = f"{what} is {'not set' if price is None else '0'}, so it bills nothing"
    return Notice(Flag.NO_PRICE, found, asks=frozenset({Action.CREATE}))


def below_cost(price: Decimal | None, cost: Decimal | None, what: str) -> Notice | None:
    """Each seat loses money. A price of 0 is told by `no_price` alone."""
    if not price or cost is None or price >= cost:
        return None
    found = f"{what} {plain(price)} is below the cost {plain(cost)}"
    return Notice(Flag.BELOW_COST, found, asks=frozenset({Action.CREATE}))


def unusual_price(
    price: Decimal | None, usual: UsualPrice | None, far_percent: Decimal, what: str
) -> Notice | None:
    """Far from what most clients pay for the product. A price of 0 is told by `no_price` alone."""
    if not price or usual is None or abs(price - usual.price) * 100 <= far_percent * usual.price:
        return None
    found = f"{what} {plain(price)} is far from the usual {plain(usual.price)} (median of {usual.additions} additions)"
    return Notice(Flag.UNUSUAL_PRICE, found, asks=frozenset({Action.CREATE}))


def usual_prices(book: Book, products: Iterable[int]) -> dict[int, UsualPrice]:
    """The usual price of each product that has at least `USUAL_FROM` Billable current additions with one."""
    prices: dict[int, list[Decimal]] = defaultdict(list)
    current = (line.additions for _, line in book.lines(frozenset(products)) if not line.coming)
    for addition in chain.from_iterable(current):
        if addition.unit_price is not None and addition.unit_price > 0 and billable(addition):
            prices[addition.product_id].append(addition.unit_price)
    return {
        product_id: UsualPrice(median(found), len(found))
        for product_id, found in prices.items()
        if len(found) >= USUAL_FROM
    }


class _Prices:
    """Every price of this source's products, judged; most additions share a few prices, so each is judged once."""

    def __init__(self, inputs: Inputs, book: Book, far_percent: Decimal) -> None:
        self._products = inputs.setup.products
        self._book = book
        self._usual = usual_prices(book, self._products)
        self._far_percent = far_percent

    def odd_additions(self) -> dict[int, list[Notice]]:
        """Addition id -> what its price gives reason to say. What is not Billable has no price to judge."""
        odd: dict[int, list[Notice]] = {}
        sound = set()
        lines = self._book.lines(self._products)
        for addition in chain.from_iterable(line.additions for _, line in lines):
            kind = (addition.product_id, addition.unit_price, addition.unit_cost, addition.bill_customer)
            if kind in sound:
                continue
            product = self._book.products.get(addition.product_id)
            what = f"the unit price of addition {addition.addition_id}"
            found = self._judged(addition.product_id, addition.unit_price, _cost(addition, product), what)
            if found and billable(addition):
                odd[addition.addition_id] = found
            else:
                sound.add(kind)
        return odd

    def of_create(self, row: Row) -> list[Notice]:
        """A new addition takes the catalog's price."""
        product = self._book.products.get(row.product_id) if row.product_id is not None else None
        if product is None:
            return []
        what = f"the catalog price of {product.identifier}"
        return self._judged(product.product_id, row.billing.unit_price, product.cost, what)

    def _judged(
        self, product_id: int, price: Decimal | None, cost: Decimal | None, what: str
    ) -> list[Notice]:
        usual = self._usual.get(product_id)
        found = (
            no_price(price, what),
            below_cost(price, cost, what),
            unusual_price(price, usual, self._far_percent, what),
        )
        return [notice for notice in found if notice is not None]


def _cost(addition: Addition, product: Product | None) -> Decimal | None:
    """Its own cost, as it has its own price; the catalog's where it has none."""
    if addition.unit_cost is not None:
        return addition.unit_cost
    return product.cost if product else None


def _noted(row: Row, notices: list[Notice]) -> Row:
    blocks = any(row.action in notice.blocks for notice in notices)
    asks = any(row.action in notice.asks for notice in notices)
    blocked = row.blocked or blocks
    found = "; ".join(dict.fromkeys(notice.found for notice in notices))
    return row.changed(
        blocked=blocked,
        needs_reason=(row.needs_reason or asks) and not blocked,
        selected_by_default=row.selected_by_default and not blocks and not asks,
        flags=tuple(dict.fromkeys((*row.flags, *(notice.flag for notice in notices)))),
        reason=f"{row.reason.removesuffix('.')}; {found}.",
        trace=(*row.trace, *(Step(f"watch: {notice.flag}", notice.found) for notice in notices)),
    )
