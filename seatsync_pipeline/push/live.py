"""What ConnectWise says now about one company: read just before its first write, seen through the same book.

What belongs here: the reads of the re-check. What does not: the comparison with what was approved (`recheck`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime

from seatsync_pipeline.connectwise import parse
from seatsync_pipeline.connectwise.additions import read_additions, with_identifiers
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.paging import read_list
from seatsync_pipeline.connectwise.records import Addition, Agreement, Product, Scan
from seatsync_pipeline.errors import PermanentVendorError
from seatsync_pipeline.push.plan import Change
from seatsync_pipeline.reconcile.book import Book
from seatsync_pipeline.reconcile.rows import Action


def read_company(
    reader: ConnectWiseReader,
    company_id: int,
    changes: tuple[Change, ...],
    agreement_types: frozenset[str],
    today: date,
) -> Book:
    """The company's agreements and their additions, unfiltered, as a book of today.

    In-scope agreements are read; with a create among `changes` all that have not ended, so that a line that was
    added on another agreement is seen.
    """
    taken_at = datetime.now(UTC)
    agreements = _agreements(reader, company_id, {change.agreement_id for change in changes})
    everything = any(change.action is Action.CREATE for change in changes)
    wanted = {
        key: replace(
            agreement,
            additions_read=not agreement.has_ended(today)
            and (everything or not agreement_types or agreement.type_name in agreement_types),
        )
        for key, agreement in agreements.items()
    }
    dated = {
        key: _with_invoice_date(reader, agreement)
        if any(c.agreement_id == key and c.action is not Action.UPDATE for c in changes)
        else agreement
        for key, agreement in wanted.items()
    }
    with ThreadPoolExecutor(reader.concurrency) as pool:
        additions = read_additions(reader, pool, dated, (), served=0, report=lambda *_: None, whole=False)
    catalog = {change.product_id: _named(change) for change in changes}
    scan = Scan(
        companies=(),
        agreement_types=(),
        agreements=tuple(dated.values()),
        additions=tuple(a for a in additions.values() if a.product_id in catalog),
        products=tuple(catalog.values()),
        taken_at=taken_at,
    )
    scan = replace(scan, additions=with_identifiers(scan.additions, catalog))
    return Book(scan, agreement_types, today)


def read_addition(reader: ConnectWiseReader, change: Change) -> Addition | None:
    """The change's addition, by id; None when ConnectWise has it no more."""
    if change.addition_id is None:
        raise ValueError(f"row {change.row_id} names no addition")
    return read_addition_by_id(reader, change.agreement_id, change.addition_id, change)


def read_addition_by_id(
    reader: ConnectWiseReader, agreement_id: int, addition_id: int, change: Change
) -> Addition | None:
    path = f"/finance/agreements/{agreement_id}/additions/{addition_id}"
    body = _get_or_none(reader, path)
    if body is None:
        _require_unlisted(reader, agreement_id, addition_id)
        return None
    if not isinstance(body, dict) or body.get("id") != addition_id:
        raise reader.wrong_shape(path, f"addition {addition_id}", body)
    addition = parse.addition(body, agreement_id)
    if addition.product_id != change.product_id:
        return addition
    (named,) = with_identifiers([addition], {change.product_id: _named(change)})
    return named


def read_agreement_additions(reader: ConnectWiseReader, agreement_id: int) -> dict[int, Addition]:
    """Every addition of one agreement, whatever its product, by id."""
    rows = read_list(reader, f"/finance/agreements/{agreement_id}/additions", forward_only=False).rows
    return {key: parse.addition(row, agreement_id) for key, row in rows.items()}


def read_product(reader: ConnectWiseReader, product_id: int) -> Product | None:
    """A catalog product as it is now; None when it is gone."""
    path = f"/procurement/catalog/{product_id}"
    body = _get_or_none(reader, path)
    if body is None:
        return None
    if not isinstance(body, dict) or body.get("id") != product_id:
        raise reader.wrong_shape(path, f"product {product_id}", body)
    return parse.product(body)


def _agreements(reader: ConnectWiseReader, company_id: int, approved: set[int]) -> dict[int, Agreement]:
    """The company's agreements; the approved ones by id too, whomever they belong to now."""
    listed = read_list(
        reader, "/finance/agreements", conditions=f"company/id={company_id}", forward_only=False
    )
    found = {key: parse.agreement(row) for key, row in listed.rows.items()}
    mine = {key: agreement for key, agreement in found.items() if agreement.company_id == company_id}
    for key in sorted(approved - mine.keys()):
        body = _get_or_none(reader, f"/finance/agreements/{key}")
        if isinstance(body, dict):
            mine[key] = parse.agreement(body)
    return mine


def _with_invoice_date(reader: ConnectWiseReader, agreement: Agreement) -> Agreement:
    """With the recap's next invoice date where it has one, as the scan takes it."""
    path = f"/finance/agreementrecap/{agreement.agreement_id}"
    try:
        body = reader.get_json(path)
    except PermanentVendorError as error:
        if error.status in {403, 404}:
            return agreement
        raise
    day = parse.recap_date(body) if isinstance(body, dict) else None
    return replace(agreement, next_invoice_date=day) if day else agreement


def _get_or_none(reader: ConnectWiseReader, path: str) -> object:
    """What stands there; None where nothing does. Raises CredentialsRefused: they too are answered 404 when unknown."""
    try:
        found: object = reader.get_json(path)
    except PermanentVendorError as error:
        if error.status != 404:
            raise
        reader.check_credentials()
        return None
    return found


def _require_unlisted(reader: ConnectWiseReader, agreement_id: int, addition_id: int) -> None:
    """Raise PermanentVendorError for an addition that is not there by its id, and yet its agreement lists it."""
    try:
        listed = read_agreement_additions(reader, agreement_id)
    except PermanentVendorError as error:
        if error.status == 404:
            return  # gone with its agreement
        raise
    if addition_id in listed:
        raise PermanentVendorError(
            f"reading addition {addition_id} from ConnectWise",
            f"the server answered 404, and lists it under agreement {agreement_id}",
            "Look at it in ConnectWise.",
            status=404,
        )


def _named(change: Change) -> Product:
    return Product(change.product_id, change.product_identifier)
