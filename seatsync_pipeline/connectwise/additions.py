"""The additions of all agreements: read agreement by agreement, each counted once.

What belongs here: which agreement an addition belongs to, and the doubt about a page that may have been cut.
What does not: which agreements are read (`scan.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from seatsync_pipeline.connectwise import faults, parse
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.paging import Listed, read_list
from seatsync_pipeline.connectwise.records import Addition, Agreement, Product
from seatsync_pipeline.errors import IncompleteAnswer, PermanentVendorError

Progress = Callable[[str, int, int], None]
Known = Mapping[int, Collection[int]]
"""The additions that each agreement is known to have had, by their ids."""

_FIELDS = (
    "id,agreementId,product,quantity,lessIncluded,unitPrice,unitCost,billCustomer,effectiveDate,"
    "cancelledDate,description,invoiceDescription,_info"
)
_DEFAULT_PAGE = 25  # what ConnectWise serves when it is not told, or does not heed, a page size
_TRIED = "reading the additions from ConnectWise"


def read_additions(
    reader: ConnectWiseReader,
    pool: ThreadPoolExecutor,
    agreements: dict[int, Agreement],
    beside: Collection[Future[Any]],
    *,
    served: int,
    report: Progress,
    whole: bool = True,
    known: Known = MappingProxyType({}),
) -> dict[int, Addition]:
    """All additions, by id, of the agreements that are to be read.

    `whole`: whether `agreements` are all that ConnectWise has. Where they are not, the additions of others, which
    a parent agreement lists too, are left out.

    `beside` are reads that run in the same pool: a failure of one of them is raised at once. `served` is the
    length of the longest page that this server has been seen to serve. An agreement that lacks one of its `known`
    additions is compared with its count: they end, and hardly ever disappear.
    """
    wanted = [key for key, agreement in agreements.items() if agreement.additions_read]
    found = _gather(
        pool, partial(_read_one, reader, served=served, known=known), wanted, beside, report=report
    )
    additions: dict[int, Addition] = {}
    for listed_under, listed in found.items():
        for addition in listed:
            _require_kin(addition, listed_under, agreements)
            before = additions.get(addition.addition_id)
            additions[addition.addition_id] = (
                addition if before is None else _own(before, addition, listed_under, agreements)
            )
    for addition in additions.values():
        if whole and addition.agreement_id not in agreements:
            raise IncompleteAnswer(
                _TRIED,
                f"addition {addition.addition_id} belongs to agreement {addition.agreement_id}, which the "
                "list of agreements does not have",
                "Nothing was stored. Scan again: the agreement was probably created meanwhile.",
            )
    return {key: addition for key, addition in additions.items() if addition.agreement_id in agreements}


def with_identifiers(additions: Iterable[Addition], catalog: dict[int, Product]) -> tuple[Addition, ...]:
    """The additions with their product's identifier, from the catalog where the addition itself lacks it."""
    return tuple(
        addition if addition.product_identifier else _name_from_catalog(addition, catalog)
        for addition in additions
    )


def _name_from_catalog(addition: Addition, catalog: dict[int, Product]) -> Addition:
    product = catalog.get(addition.product_id)
    if product is None:
        raise IncompleteAnswer(
            _TRIED,
            f"addition {addition.addition_id} has product {addition.product_id}, which the catalog does not list",
            "Nothing was stored. Scan again; if it persists, check that the API member's role has "
            f"{faults.RIGHTS['procurement']}.",
        )
    return replace(addition, product_identifier=product.identifier)


def _own(known: Addition, again: Addition, listed_under: int, agreements: dict[int, Agreement]) -> Addition:
    """Which of two listings of one addition counts: a parent agreement lists its children's additions too."""
    if known.agreement_id == again.agreement_id:
        return again if listed_under == again.agreement_id else known
    # They disagree where `agreementId` is left out: each then claims the agreement it was listed under.
    for mine, other in ((known, again), (again, known)):
        if other.agreement_id in _ancestors(mine.agreement_id, agreements):
            return mine
    raise PermanentVendorError(
        _TRIED,
        f"addition {again.addition_id} stands under the agreements {known.agreement_id} and {again.agreement_id}, "
        "neither of which is the other's parent",
        "Look at both agreements in ConnectWise and scan again; nothing was stored.",
    )


def _require_kin(addition: Addition, listed_under: int, agreements: dict[int, Agreement]) -> None:
    """Raise IncompleteAnswer for an addition of an agreement that has nothing to do with the one it was listed under.

    Such an answer was meant for another question (a cache or a proxy has mixed them up), and what it should have
    said is not known.
    """
    owner = addition.agreement_id
    if owner != listed_under and owner in agreements and listed_under not in _ancestors(owner, agreements):
        raise IncompleteAnswer(
            f"reading the additions of agreement {listed_under} from ConnectWise",
            f"the answer lists addition {addition.addition_id} of agreement {owner}, which is no child of it",
            "Nothing was stored. Scan again; if it persists, look at both agreements in ConnectWise.",
        )


def _ancestors(key: int, agreements: dict[int, Agreement]) -> set[int]:
    above: set[int] = set()
    agreement = agreements.get(key)
    while agreement and agreement.parent_agreement_id and agreement.parent_agreement_id not in above:
        above.add(agreement.parent_agreement_id)
        agreement = agreements.get(agreement.parent_agreement_id)
    return above


def _gather(
    pool: ThreadPoolExecutor,
    read_one: Callable[[int], list[Addition]],
    wanted: list[int],
    beside: Collection[Future[Any]],
    *,
    report: Progress,
) -> dict[int, list[Addition]]:
    running = {pool.submit(read_one, key): key for key in wanted}
    found: dict[int, list[Addition]] = {}
    report("additions", 0, len(wanted))
    for future in as_completed([*running, *beside]):
        result = future.result()
        if future in running:
            found[running[future]] = result
            report("additions", len(found), len(wanted))
    return {key: found[key] for key in wanted}


def _read_one(reader: ConnectWiseReader, agreement_id: int, *, served: int, known: Known) -> list[Addition]:
    """One agreement's additions, by page numbers: there one request tells that there is no second page.

    A request for the count would double the requests, so it is made only where a doubt remains. On a disagreement
    the list is read once more, without `fields`: some servers answer a field they do not know with an empty list.
    """
    path = f"/finance/agreements/{agreement_id}/additions"
    try:
        listed = read_list(reader, path, fields=_FIELDS, forward_only=False)
        missed = set(known.get(agreement_id, ())) - listed.rows.keys()
        if (missed or _doubtful(listed, served)) and len(listed.rows) != reader.count(path):
            listed = read_list(reader, path, forward_only=False)
            expected = reader.count(path)
            if len(listed.rows) != expected:
                raise IncompleteAnswer(
                    f"reading the additions of agreement {agreement_id} from ConnectWise",
                    f"the list has {len(listed.rows)} and the count says {expected}, twice in a row",
                    "Nothing was stored. Scan again when nobody is editing that agreement.",
                )
    except PermanentVendorError as error:
        if error.status != 404:
            raise
        raise _vanished(agreement_id, error) from error
    return [parse.addition(row, agreement_id) for row in listed.rows.values()]


def _vanished(agreement_id: int, error: PermanentVendorError) -> IncompleteAnswer:
    return IncompleteAnswer(
        f"reading the additions of agreement {agreement_id} from ConnectWise",
        f"the agreement was listed a moment ago, and now {error.found}",
        "Nothing was stored. It was probably deleted meanwhile: scan again. If it persists, the API member's role "
        f"may not see it whole: it needs {faults.RIGHTS['finance']}.",
    )


def _doubtful(listed: Listed, served: int) -> bool:
    """Whether a list may not be the whole: one that says so oddly, one without a record, and a page without any Link
    that may have been cut, by a server that ignores our page size or caps it lower.
    """
    length = len(listed.rows)
    if listed.doubted or not length:
        return True
    return not listed.proven and (length == _DEFAULT_PAGE or length >= max(served, _DEFAULT_PAGE))
