"""The rows of observations that cannot be summed: Skipped, Source error, License unmapped, Ambiguous, Unmatched.

Each is blocked and says what would resolve it. A proof of concept with a line of its own carries that line's
additions, so that what it is billed for is seen.
"""

from __future__ import annotations

from seatsync_pipeline.reconcile.book import Book, Line, LineKey
from seatsync_pipeline.reconcile.lines import billing
from seatsync_pipeline.reconcile.placement import Placed, Placement
from seatsync_pipeline.reconcile.rows import Flag, Row, Status, Step, account_row_id

_WHY_ALONE = {
    Status.SKIPPED: "proof of concept, so it is not billed",
    Status.SOURCE_ERROR: "its seats could not be read, so nothing may be changed",
    Status.LICENSE_UNMAPPED: "its license is not mapped to a ConnectWise product",
    Status.AMBIGUOUS: "no company fits it beyond doubt",
    Status.UNMATCHED: "no company fits it",
}


def lone_rows(source: str, result: Placement, book: Book) -> list[Row]:
    """The rows of observations that cannot be summed; blocked, each with its candidates."""
    carried_by_now = set(result.lines)
    rows = []
    for status, placed in result.alone:
        carries = placed.line if placed.line not in carried_by_now else None
        if carries is not None:
            carried_by_now.add(carries)
        rows.append(_lone_row(source, status, placed, carries, book))
    return rows


def _lone_row(source: str, status: Status, placed: Placed, carries: LineKey | None, book: Book) -> Row:
    seen, match = placed.observation, placed.match
    flags = list(match.flags)
    line = book.line(carries) if carries else Line()
    if status is Status.SKIPPED and line.additions:
        flags.append(Flag.BILLED_WHILE_POC)
    company = match.company
    detail = {
        Status.SOURCE_ERROR: seen.reason,
        Status.LICENSE_UNMAPPED: f"map {seen.license!r} or mark it no charge",
        Status.AMBIGUOUS: match.why,
        Status.UNMATCHED: match.why,
        Status.SKIPPED: f"{len(line.additions)} addition(s) bill it all the same" if line.additions else None,
    }[status]
    why = _WHY_ALONE[status]
    return Row(
        source=source,
        row_id=account_row_id(source, seen.account_key, seen.license),
        status=status,
        reason=f"{seen.account_name}: {why}{f' ({detail})' if detail else ''}.",
        trace=(*placed.steps, Step("status", f"{status}: {why}")),
        accounts=(placed.share,),
        blocked=True,
        company_id=company.company_id if company else None,
        company_name=company.name if company else None,
        product_id=placed.product_id,
        product_identifier=book.product_identifier(placed.product_id)
        if placed.product_id is not None
        else None,
        flags=tuple(flags),
        candidates=() if company else match.candidates,
        billing=billing(line, book),
    )
