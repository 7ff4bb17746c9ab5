"""Faults of Avanan's export files: what an import makes of each."""

from __future__ import annotations

from collections.abc import Callable

from tests.reliability.cases import Case, Place, Stores

IMPORT = ("import", "avanan", "{folder}/export.csv")
Change = Callable[[bytes], bytes]


def case(fault: str, injected: str, change: Change, exit_code: int, stores: Stores, *says: str) -> Case:
    """The month's export, changed in its bytes and imported again."""

    def arrange(place: Place) -> None:
        place.export.write_bytes(change(place.export.read_bytes()))

    return Case("Avanan files", fault, injected, arrange, IMPORT, exit_code, says, stores)


def refused(fault: str, injected: str, change: Change, *says: str) -> Case:
    """A file that is refused whole."""
    return case(fault, injected, change, 2, Stores.NOTHING, *says)


def _cell(tenant: str, old: str, new: str) -> Change:
    """Change one cell of the tenant's first row."""

    def change(content: bytes) -> bytes:
        lines = content.decode("utf-8-sig").splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith(tenant))
        lines[at] = lines[at].replace(f",{old},", f",{new},", 1)
        return "\n".join(lines).encode()

    return change


def _half_of_the_tenants(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    tenants = sorted({line.split(b",")[0] for line in lines[1:]})
    kept = set(tenants[: len(tenants) // 2])
    return b"".join([lines[0], *(line for line in lines[1:] if line.split(b",")[0] in kept)])


CASES: tuple[Case, ...] = (
    refused("the file is empty", "no byte in it", lambda _: b"", "empty"),
    refused("no tenant in it", "the header alone", lambda content: content.splitlines()[0], "no"),
    refused(
        "a sign-in page",
        "HTML instead of CSV",
        lambda _: b"<!DOCTYPE html><html><body>Sign in</body></html>",
        "web page",
    ),
    refused(
        "an Excel workbook",
        "the bytes of a .xlsx under the name .csv",
        lambda _: b"PK\x03\x04" + bytes(2000),
        "CSV",
    ),
    refused(
        "a quote that is never closed",
        "in the last row",
        lambda content: content.rstrip() + b'\n"Zeta,zeta,Email Protect,5',
        "quote",
    ),
    refused(
        "the column of seats is missing",
        "its header is called Remarks",
        lambda content: content.replace(b"Users", b"Remarks", 1),
        "column",
    ),
    case(
        "a blank number of seats",
        "in one tenant's row",
        _cell("Bluestem", "12", ""),
        1,
        Stores.FAILED,
        "Bluestem",
    ),
    case(
        "a number that is none",
        "`n/a` in one tenant's row",
        _cell("Bluestem", "12", "n/a"),
        1,
        Stores.FAILED,
        "Bluestem",
    ),
    case(
        "a negative number",
        "`-12` in one tenant's row",
        _cell("Bluestem", "12", "-12"),
        1,
        Stores.FAILED,
        "Bluestem",
    ),
    case(
        "exported by a user who sees half of the tenants",
        "every second tenant is missing",
        _half_of_the_tenants,
        1,
        Stores.UNACCEPTED,
        "! incomplete",
    ),
    case(
        "the download broke off",
        "in the middle of a row",
        lambda content: content[: len(content) // 2 + 7],
        1,
        Stores.UNACCEPTED,
        "! incomplete",
    ),
    case(
        "the file of before once more",
        "the same bytes",
        lambda content: content,
        1,
        Stores.SAME,
        "tenants read",
    ),
)
