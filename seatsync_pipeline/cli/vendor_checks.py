"""What `seatsync doctor` asks the vendors: who are we, what may we read, what time is it there? Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from seatsync_pipeline.cli.checks import Check, State, from_error
from seatsync_pipeline.cli.zones import same_days, zone_named
from seatsync_pipeline.errors import CredentialsRefused, SeatSyncError

if TYPE_CHECKING:
    from seatsync_pipeline.connectwise.client import ConnectWiseReader
    from seatsync_pipeline.settings import Settings

_SKEW_NOTED, _SKEW_REFUSED = 30, 300  # seconds; Duo refuses signatures more than five minutes off
_TIMEOUT = 10.0  # seconds

_RIGHTS = {
    "companies": "/company/companies",
    "agreements": "/finance/agreements",
    "agreement types": "/finance/agreements/types",
    "catalog": "/procurement/catalog",
}


def connectwise_checks(settings: Settings) -> list[Check]:
    """Time zone, clock, credentials, and each right that a scan needs."""
    from seatsync_pipeline.connectwise.access import Retries
    from seatsync_pipeline.connectwise.client import reader_from

    try:
        reader = reader_from(settings, retries=Retries(attempts=2, base=0.2, cap=1.0, patience=5.0))
    except SeatSyncError as error:
        return [_zone_set(settings), from_error("connectwise", error)]
    with reader:
        refused = None
        try:
            reader.check_credentials()
        except CredentialsRefused as error:
            refused = error
        except SeatSyncError as error:
            return [_zone_set(settings), clock_check(reader.server), from_error("connectwise", error)]
        # A 403 may be about the one right that was tried: only when all are lacking it is about the credentials.
        rights = _rights(reader) if refused is None or refused.status == 403 else []
        if refused is not None and all(right.state == "fail" for right in rights):
            return [_zone_set(settings), clock_check(reader.server), from_error("connectwise", refused)]
        return [
            zone_check(settings, reader),
            clock_check(reader.server),
            Check("connectwise", "ok", f"{reader.server} accepts the credentials"),
            *rights,
        ]


def _rights(reader: ConnectWiseReader) -> list[Check]:
    return [
        *(_right(name, partial(reader.count, path)) for name, path in _RIGHTS.items()),
        _right("additions", partial(_count_additions, reader)),
    ]


def _right(name: str, count: Callable[[], int]) -> Check:
    try:
        return Check(f"  {name}", "ok", f"{count()} may be read")
    except SeatSyncError as error:
        return from_error(f"  {name}", error)


def _count_additions(reader: ConnectWiseReader) -> int:
    """Of one agreement: additions can be read below an agreement only. 0 where there is no agreement."""
    agreements = reader.get_json("/finance/agreements", {"page": 1, "pageSize": 1, "orderBy": "id asc"})
    first = agreements[0].get("id") if isinstance(agreements, list) and agreements else None
    return 0 if first is None else reader.count(f"/finance/agreements/{first}/additions")


def _zone_set(settings: Settings) -> Check:
    if settings.timezone:
        return Check("time zone", "ok", f"{settings.timezone}; not compared with ConnectWise's")
    return Check(
        "time zone", "warn", "SEATSYNC_TIMEZONE is not set", "Set it to your zone, e.g. America/New_York."
    )


def zone_check(settings: Settings, reader: ConnectWiseReader) -> Check:
    """Whether "today" begins here when it begins in ConnectWise: planned dates depend on it."""
    try:
        theirs = reader.server_info().time_zone
    except SeatSyncError as error:
        return from_error("time zone", error, "warn")
    ours = settings.timezone
    if ours is None:
        hint = f"; ConnectWise has {theirs}" if theirs else ""
        return Check(
            "time zone", "warn", f"SEATSYNC_TIMEZONE is not set{hint}", "Set it, e.g. America/New_York."
        )
    their_zone = zone_named(theirs) if theirs else None
    if their_zone is None:
        return Check(
            "time zone",
            "warn",
            f"{ours}; ConnectWise says {theirs or 'nothing'}",
            "Compare the two yourself: SeatSync does not know that name.",
        )
    if same_days(ZoneInfo(ours), their_zone, datetime.now(UTC).year):
        return Check("time zone", "ok", f"{ours}, the same as ConnectWise's ({theirs})")
    return Check(
        "time zone",
        "fail",
        f"{ours}, but ConnectWise has {theirs}",
        f"Set SEATSYNC_TIMEZONE to ConnectWise's zone, e.g. {their_zone.key}.",
    )


def clock_check(url: str) -> Check:
    """How far this machine's clock is from the server's. Any answer tells its time, also a refusal."""
    import httpx

    from seatsync_pipeline.settings import is_loopback

    try:
        local = is_loopback(httpx.URL(url).host)
        answer = httpx.head(url, timeout=_TIMEOUT, trust_env=not local)
        there = parsedate_to_datetime(answer.headers.get("Date", ""))
    except httpx.HTTPError as error:
        return Check(
            "clock", "warn", f"{url} did not answer ({type(error).__name__})", "See the checks below."
        )
    except ValueError:
        return Check("clock", "warn", f"{url} does not tell its time", "Check this machine's clock yourself.")
    seconds = round(abs((datetime.now(UTC) - there.astimezone(UTC)).total_seconds()))
    if seconds <= _SKEW_NOTED:
        return Check("clock", "ok", "agrees with ConnectWise's")
    state: State = "fail" if seconds > _SKEW_REFUSED else "warn"
    return Check("clock", state, f"{seconds} s off ConnectWise's", "Let the system set its time (NTP).")


def duo_checks(settings: Settings) -> Iterator[Check]:
    """Whether Duo accepts the keys and lists the subaccounts."""
    from seatsync_pipeline.settings import missing
    from seatsync_pipeline.sources.duo import list_subaccounts
    from seatsync_pipeline.sources.duo_api import DuoApi, Retries

    absent = missing(settings, "duo_api_host", "duo_ikey", "duo_skey")
    if len(absent) == 3:
        yield Check("duo", "warn", "not set up", f"To read Duo, set {', '.join(absent)}.")
        return
    try:
        api = DuoApi(
            settings, Retries(timeout=_TIMEOUT, attempts=2, attempts_when_limited=2, longest_wait=1.0)
        )
        found = list_subaccounts(api)
    except SeatSyncError as error:
        yield from_error("duo", error)
        return
    if found:
        yield Check("duo", "ok", f"{api.host} accepts the keys and lists {len(found)} subaccounts")
    else:
        yield Check(
            "duo", "warn", f"{api.host} lists no subaccount", "Check that the keys are the parent account's."
        )
