"""What a snapshot looks like beside the ones before it: the rules that make it suspect or incomplete.

A pull or an export can be well-formed and still have seen half of the clients: a user who sees half the tenants, a
region left out, last month's file. Only history can tell. Each rule compares with the last accepted snapshot and
says what it saw, its limit, and what to do. What a single reading says of itself (failed rows, an empty list)
is found by its source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.settings.guards import GuardSettings
from seatsync_pipeline.sources.base import Finding, SourceSnapshot, State, Verdict

ACCOUNTS_FELL = "paid accounts fell"
TIER_VANISHED = "license vanished"
SEATS_FELL = "seats fell"
SAME_FILE = "same file as an earlier month"
OLD_FILE = "old file"
OLDER_FILE = "older than the last file"
COLUMNS_CHANGED = "columns changed"

COMPARISONS = frozenset(
    {ACCOUNTS_FELL, TIER_VANISHED, SEATS_FELL, SAME_FILE, OLD_FILE, OLDER_FILE, COLUMNS_CHANGED}
)
"""The rules of this module, to be judged anew when a stored snapshot is counted anew."""

# Copying may date two files of one day in any order; exports of two months lie further apart.
_SAME_TIME = timedelta(days=1)


@dataclass(frozen=True)
class Earlier:
    """What is known of the snapshots before: the last accepted one, and when this very content was read before.

    `same_content_at`: UTC, of the first earlier snapshot with the same digest; None when there is none.
    """

    accepted: SourceSnapshot | None = None
    same_content_at: datetime | None = None


def compared(
    snapshot: SourceSnapshot, earlier: Earlier, limits: GuardSettings, *, zone: tzinfo = UTC
) -> tuple[Finding, ...]:
    """What speaks against a snapshot in the light of those before it; empty when nothing does.

    `zone` is the MSP's, which decides what day and month it is.
    """
    return (
        *_against_accepted(snapshot, earlier.accepted, limits),
        *_against_file(snapshot, earlier, limits, zone),
    )


def _against_accepted(
    snapshot: SourceSnapshot, accepted: SourceSnapshot | None, limits: GuardSettings
) -> Iterator[Finding]:
    if accepted is None:
        return
    old, new = _paid_accounts(accepted), _paid_accounts(snapshot)
    gone = len(old) - len(new)
    fell = _above(gone, len(old), limits.max_accounts_fall_percent) and gone > limits.max_accounts_fall
    fell = fell or bool(old and not new)
    if fell:
        names = ", ".join(sorted(old[key] for key in old.keys() - new.keys())[:5])
        yield Finding(
            ACCOUNTS_FELL,
            f"{len(old)} to {len(new)}",
            f"{plain(limits.max_accounts_fall_percent)} % and {limits.max_accounts_fall}",
            f"There are {len(new)} paid accounts, and there were {len(old)} in the last accepted snapshot. Gone are, "
            f"among others: {names}. Read it again with a user who sees every client; if they did leave, accept this "
            "snapshot with a reason.",
        )
    now = _accounts_of_licenses(snapshot)
    for name, count in sorted(_accounts_of_licenses(accepted).items()):
        if count >= limits.vanished_tier_accounts and not now[name]:
            yield Finding(
                TIER_VANISHED,
                f"{name}: {count} accounts to 0",
                f"below {limits.vanished_tier_accounts} accounts",
                f"No account has the license {name} any more, and {count} had it in the last accepted snapshot.",
                Verdict.SUSPECT,
            )
    unknown = _unread_accounts(accepted) | _unread_accounts(snapshot)
    seats_before, seats = _seats(accepted, unknown), _seats(snapshot, unknown)
    lost = seats_before - seats
    if not fell and _above(lost, seats_before, limits.max_seats_fall_percent):
        yield Finding(
            SEATS_FELL,
            f"{plain(seats_before)} to {plain(seats)}",
            f"{plain(limits.max_seats_fall_percent)} %",
            f"All accounts that could be read together have {plain(seats)} seats, and had {plain(seats_before)} in "
            "the last accepted snapshot, while the number of accounts is steady.",
            Verdict.SUSPECT,
        )


def _against_file(
    snapshot: SourceSnapshot, earlier: Earlier, limits: GuardSettings, zone: tzinfo
) -> Iterator[Finding]:
    """The rules for what comes as a file."""
    if "sha256" not in snapshot.details:
        return
    read_before = earlier.same_content_at and earlier.same_content_at.astimezone(zone)
    if read_before is not None and _month(read_before) < _month(snapshot.taken_at.astimezone(zone)):
        yield Finding(
            SAME_FILE,
            f"read on {read_before:%Y-%m-%d} already",
            "another file each month",
            f"This very file was imported on {read_before:%Y-%m-%d} already. Export it anew.",
            Verdict.SUSPECT,
        )
    modified = _modified(snapshot).astimezone(zone)
    age = snapshot.taken_at - modified
    if age > timedelta(days=limits.max_file_age_days):
        yield Finding(
            OLD_FILE,
            f"{age.days} days old",
            f"{limits.max_file_age_days} days",
            f"The file was last changed on {modified:%Y-%m-%d}, {age.days} days before it was read. Export it anew.",
            Verdict.SUSPECT,
        )
    if earlier.accepted is not None:
        last = _modified(earlier.accepted).astimezone(zone)
        if last - modified > _SAME_TIME:
            yield Finding(
                OLDER_FILE,
                f"of {modified:%Y-%m-%d}",
                f"of {last:%Y-%m-%d}, or later",
                f"The file was last changed on {modified:%Y-%m-%d}, and the last accepted one on {last:%Y-%m-%d}: "
                "newer numbers are known. Import the newest export.",
                Verdict.SUSPECT,
            )
        yield from _changed_columns(snapshot, earlier.accepted)


def _modified(snapshot: SourceSnapshot) -> datetime:
    """When the file was last changed; when it was read, if nobody knows (an upload)."""
    return datetime.fromisoformat(snapshot.details.get("file_modified_at", snapshot.taken_at.isoformat()))


def _changed_columns(snapshot: SourceSnapshot, accepted: SourceSnapshot) -> Iterator[Finding]:
    old, new = (
        {" ".join(str(cell).split()).casefold(): str(cell) for cell in one.details.get("header", ()) if cell}
        for one in (accepted, snapshot)
    )
    if not old or old.keys() == new.keys():
        return
    changes = [f"new: {new[key]}" for key in new if key not in old]
    changes += [f"gone: {old[key]}" for key in old if key not in new]
    yield Finding(
        COLUMNS_CHANGED,
        "; ".join(changes),
        "the columns of the last accepted file",
        f"The columns of the file changed ({'; '.join(changes)}): check that it is the same report as before.",
        Verdict.SUSPECT,
    )


def _above(part: Decimal | int, whole: Decimal | int, percent: Decimal) -> bool:
    """Whether a part is more than that share of the whole; a value exactly at the limit is not."""
    return part * 100 > percent * whole


def _paid_accounts(snapshot: SourceSnapshot) -> dict[str, str]:
    """Key -> name of every account that is billed for something, or could not be read: a failed read is no absence."""
    paid = {State.COUNTED, State.FAILED}
    return {o.account_key: o.account_name for o in snapshot.observations if o.state in paid}


def _accounts_of_licenses(snapshot: SourceSnapshot) -> Counter[str]:
    """License -> how many accounts have it, whatever their state but expired."""
    present = {(o.license, o.account_key) for o in snapshot.observations if o.state is not State.EXPIRED}
    return Counter(license_name for license_name, _ in present)


def _unread_accounts(snapshot: SourceSnapshot) -> set[str]:
    return {o.account_key for o in snapshot.observations if o.state is State.FAILED}


def _seats(snapshot: SourceSnapshot, unknown: set[str]) -> Decimal:
    """The seats of all accounts but those: what could not be read is not zero, and must not look like a fall."""
    return sum(
        (
            o.seats
            for o in snapshot.observations
            if o.state is State.COUNTED and o.seats is not None and o.account_key not in unknown
        ),
        Decimal(0),
    )


def _month(moment: datetime) -> tuple[int, int]:
    return moment.year, moment.month
