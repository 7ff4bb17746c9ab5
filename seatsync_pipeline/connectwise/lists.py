"""Which lists a scan reads, and the proof that each was read whole.

What belongs here: paths, fields, the comparison with `/count`. What does not: additions, which have no list
of their own (`additions.py`), and how pages follow each other (`paging.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from seatsync_pipeline.connectwise import faults, parse
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.paging import read_list
from seatsync_pipeline.errors import IncompleteAnswer, PermanentVendorError

_T = TypeVar("_T")

# The specification writes it with the slash, unlike every other list; a server may know it without.
_RECAP = ("/finance/agreementrecap/", "/finance/agreementrecap")


@dataclass(frozen=True)
class CountedList(Generic[_T]):
    """A list that has a `/count`. `needed`: an MSP without a single record of it does not exist."""

    name: str
    path: str
    fields: str
    parse: Callable[[parse.Row], _T]
    needed: bool = True


COMPANIES = CountedList(
    "companies", "/company/companies", "id,identifier,name,status,deletedFlag,website", parse.company
)
TYPES = CountedList(
    "agreement types",
    "/finance/agreements/types",
    "id,name,inactiveFlag",
    parse.agreement_type,
    needed=False,
)
AGREEMENTS = CountedList(
    "agreements",
    "/finance/agreements",
    "id,name,type,company,parentAgreement,agreementStatus,cancelledFlag,startDate,endDate,noEndingDateFlag,"
    "billStartDate,nextInvoiceDate,billingCycle,prorateFlag",
    parse.agreement,
)
CATALOG = CountedList(
    "catalog products",
    "/procurement/catalog",
    "id,identifier,description,productClass,inactiveFlag,price,cost,taxableFlag,recurringBillCycle",
    parse.product,
)


@dataclass(frozen=True)
class ListRead(Generic[_T]):
    """The records of one list by id, how it was paged, and the length of its longest page."""

    records: dict[int, _T]
    paging: str
    longest: int


def read_counted(
    reader: ConnectWiseReader, wanted: CountedList[_T], expected: int | None = None
) -> ListRead[_T]:
    """A list that agrees with its count; on a disagreement both are read once more, the list without `fields`.

    Without them, because some servers answer a field they do not know with an empty list. `expected` is the count
    where it was read before the list.
    """
    listed = read_list(reader, wanted.path, fields=wanted.fields)
    if expected is None:
        expected = reader.count(wanted.path)
    if len(listed.rows) != expected:
        listed = read_list(reader, wanted.path)
        expected = reader.count(wanted.path)
    if len(listed.rows) != expected:
        raise IncompleteAnswer(
            f"reading the {wanted.name} from ConnectWise",
            f"the list has {len(listed.rows)} and the count says {expected}, twice in a row",
            "Nothing was stored. Scan again when nobody is editing them in bulk; if it persists, the API "
            f"member's role may see only a part of them: it needs {faults.rights_for(wanted.path)}.",
        )
    if wanted.needed and not listed.rows:
        raise IncompleteAnswer(
            f"reading the {wanted.name} from ConnectWise",
            "there is not a single one",
            f"Nothing was stored. Most likely the API member's role lacks {faults.rights_for(wanted.path)}.",
        )
    return ListRead(
        {key: wanted.parse(row) for key, row in listed.rows.items()}, listed.paging, listed.longest
    )


def read_recap(reader: ConnectWiseReader) -> dict[int, date | None] | int:
    """Next invoice dates by agreement id, or the status with which the server refused them.

    The recap is younger than some servers, and a role may hide it: both are normal.
    """
    status = 404
    for path in _RECAP:
        try:
            listed = read_list(reader, path, fields="id,nextInvoiceDate")
            if not listed.rows:
                listed = read_list(reader, path)
        except PermanentVendorError as error:
            if error.status is None or not (300 <= error.status < 400 or error.status in {403, 404}):
                raise
            status = error.status
        else:
            return {key: parse.recap_date(row) for key, row in listed.rows.items()}
    return status
