"""Duo: every subaccount of the MSP's parent account, and how many of its users are billed.

What belongs here: the pull from account list to snapshot. What does not: HTTP and retries (`duo_api.py`),
what a refusal means (`duo_errors.py`), paging and counting users (`duo_users.py`).

A subaccount that cannot be read is `failed` with its reason and the others still count; a pull that nothing
can be said about (no account list, credentials refused everywhere) raises and leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from seatsync_pipeline.errors import CredentialsRefused, IncompleteAnswer, PermanentVendorError, VendorError
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.settings import CountBasis, Settings
from seatsync_pipeline.sources.base import Account, Finding, Observation, SourceSnapshot, State
from seatsync_pipeline.sources.duo_api import DuoApi, Retries
from seatsync_pipeline.sources.duo_counts import UserCounts
from seatsync_pipeline.sources.duo_users import count_users

LICENSE = "Duo MFA"
ACCOUNT_LIST = "/accounts/v1/account/list"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Subaccount:
    """One entry of Duo's account list. `name` is trimmed and may be blank; `host` is as Duo wrote it."""

    account_id: str
    name: str
    host: str


Reading = UserCounts | VendorError


def pull(
    settings: Settings,
    *,
    progress: Progress | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    retries: Retries = Retries(),  # noqa: B008  # frozen
) -> SourceSnapshot:
    """Read every subaccount's users and count them by `DUO_COUNT_BASIS`.

    One observation of the license `Duo MFA` for each subaccount, in Duo's order. Its evidence is `basis`,
    `enrolled` (without those pending deletion), `total` (with them) and `by_status`; the account's details
    are `host`, `users` and `unknown_statuses`. `progress` is called with ("subaccounts", done, all).

    Findings (both make the snapshot incomplete): `empty account list`; `failed accounts`, when more than
    SEATSYNC_MAX_FAILED_ACCOUNTS_PERCENT could not be read. Raises ConfigurationError for missing settings;
    VendorError when the account list cannot be read; CredentialsRefused also when every subaccount answers 401.
    """
    api = DuoApi(settings, retries)
    basis = settings.duo_count_basis
    subaccounts = list_subaccounts(api)
    readings = _read_all(api, subaccounts, settings.duo_concurrency, progress or _silent)
    pairs = list(zip(subaccounts, readings, strict=True))
    observations = tuple(_observation(account, reading, basis) for account, reading in pairs)
    return SourceSnapshot(
        source="duo",
        taken_at=now(),
        accounts=tuple(_account(account, reading) for account, reading in pairs),
        observations=observations,
        digest=_digest(observations),
        findings=_findings(observations, settings.max_failed_accounts_percent),
        details={
            "host": api.host,
            "basis": basis,
            "requests": api.requests,
            **_totals(readings),
        },
    )


def list_subaccounts(api: DuoApi) -> list[Subaccount]:
    """Duo's list of child accounts; it is not paged, and the parent itself is not in it.

    An entry that is there twice, word for word, is one account. Raises PermanentVendorError when it is not a list
    of accounts or tells two things of one, IncompleteAnswer when Duo says that there are more: with a list that
    cannot be understood, an absent account proves nothing.
    """
    tried = "reading Duo's account list"
    entries, metadata = api.read(api.parent(), "POST", ACCOUNT_LIST, {}, tried=tried, about="account list")
    if not isinstance(entries, list):
        raise _bad_list(tried, "it is not a list")
    _check_whole(tried, len(entries), metadata)
    seen: dict[str, Subaccount] = {}
    for number, entry in enumerate(entries, start=1):
        account = _subaccount(tried, number, entry)
        if seen.setdefault(account.account_id, account) != account:
            raise _bad_list(tried, f"it names the account {account.account_id!r} twice, with different data")
    return list(seen.values())


def _check_whole(tried: str, entries: int, metadata: dict[str, Any]) -> None:
    """Duo does not page this list today; a page of it must not pass for the whole."""
    following, total = metadata.get("next_offset"), metadata.get("total_objects")
    if following is not None or (total is not None and str(total) != str(entries)):
        raise IncompleteAnswer(
            tried,
            f"{entries} accounts were sent, and Duo says that there are {'more' if following else str(total)[:15]}",
            "Report this: nothing was stored, since an account that is not listed would look as if it were gone.",
        )


def _subaccount(tried: str, number: int, entry: object) -> Subaccount:
    if not isinstance(entry, dict):
        raise _bad_list(tried, f"its entry {number} is not an account")
    account_id, name, host = entry.get("account_id"), entry.get("name"), entry.get("api_hostname")
    if not isinstance(account_id, str) or not account_id.strip() or not account_id.isprintable():
        raise _bad_list(tried, f"its entry {number} has no account_id")
    for field, value in (("name", name), ("api_hostname", host)):
        if value is not None and not isinstance(value, str):
            raise _bad_list(tried, f"the {field} of the account {account_id!r} is not a text")
    return Subaccount(account_id.strip(), _trimmed(name or ""), (host or "").strip())


def _bad_list(tried: str, found: str) -> PermanentVendorError:
    return PermanentVendorError(
        tried, found, "Check that DUO_API_HOST is Duo itself; if it is, report this to Duo.", status=200
    )


def _trimmed(name: str) -> str:
    """Free text of any script, without what cannot be stored (half of a surrogate pair)."""
    return name.encode("utf-8", "replace").decode().strip()


def _read_all(api: DuoApi, subaccounts: list[Subaccount], at_once: int, progress: Progress) -> list[Reading]:
    """Count the users of every subaccount, or say why that failed; the result is in their order."""
    readings: dict[str, Reading] = {}
    for account in subaccounts:
        obstacle = _obstacle(api, account)
        if obstacle is not None:
            readings[account.account_id] = obstacle
    asked = [account for account in subaccounts if account.account_id not in readings]
    barred = len(readings)
    answers = _ask(api, asked, at_once, lambda done: progress("subaccounts", barred + done, len(subaccounts)))
    _refuse_common_401(answers)
    readings |= {account.account_id: answer for account, answer in zip(asked, answers, strict=True)}
    return [readings[account.account_id] for account in subaccounts]


def _obstacle(api: DuoApi, account: Subaccount) -> PermanentVendorError | None:
    """What keeps a subaccount from being asked at all."""
    tried = "reading a subaccount"
    if not any(c.isprintable() and not c.isspace() for c in account.name):
        return PermanentVendorError(tried, "blank name", "Give the subaccount a name in Duo.")
    if not account.host:
        return PermanentVendorError(tried, "Duo lists no API host for it", "Report this to Duo.")
    try:
        api.check_host(account.host)
    except PermanentVendorError as error:
        return error
    return None


def _ask(
    api: DuoApi, accounts: list[Subaccount], at_once: int, progress: Callable[[int], None]
) -> list[Reading]:
    """Read the subaccounts side by side; the result is in their order."""
    pool = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="duo")
    try:
        futures = [pool.submit(_read, api, account) for account in accounts]
        progress(0)
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            progress(done)
        return [future.result() for future in futures]
    finally:
        # On the good road everything is done; on a break (Ctrl-C, a bug) no thread may sleep on.
        api.stop()
        pool.shutdown(cancel_futures=True)


def _read(api: DuoApi, account: Subaccount) -> Reading:
    try:
        return count_users(api, account.account_id, account.host, account.name)
    except VendorError as error:
        return error


def _refuse_common_401(answers: list[Reading]) -> None:
    """One subaccount that answers 401 is unreadable; when every one does, the keys or the clock are wrong."""
    refused = [a for a in answers if isinstance(a, CredentialsRefused) and a.status == 401]
    if refused and len(refused) == len(answers):
        first = refused[0]
        raise CredentialsRefused(
            "reading the users of Duo's subaccounts",
            f"every one of the {len(refused)} asked refused; {first.found}",
            first.remedy,
            status=401,
        )


def _observation(account: Subaccount, reading: Reading, basis: CountBasis) -> Observation:
    if isinstance(reading, VendorError):
        return Observation(
            account.account_id,
            account.name,
            LICENSE,
            None,
            State.FAILED,
            reason=_sentence(reading),
            evidence={"basis": basis},
        )
    return Observation(
        account.account_id,
        account.name,
        LICENSE,
        reading.seats(basis),
        State.COUNTED,
        evidence={"basis": basis, **_users(reading)},
    )


def _account(account: Subaccount, reading: Reading) -> Account:
    details: dict[str, Any] = {"host": account.host.encode("utf-8", "replace").decode()}
    if isinstance(reading, UserCounts):
        details["users"] = {**_users(reading), "pending_deletion": reading.pending_deletion}
        details["unknown_statuses"] = reading.unknown_statuses()
    return Account(account.account_id, account.name, details=details)


def _users(counts: UserCounts) -> dict[str, Any]:
    return {"enrolled": counts.enrolled, "total": counts.total, "by_status": counts.by_status()}


def _sentence(error: VendorError) -> str:
    """What stopped the reading and what to do, as one sentence."""
    return f"{error.found.rstrip('.')}: {error.remedy[0].lower()}{error.remedy[1:]}"


def _findings(observations: tuple[Observation, ...], most_failed: Decimal) -> tuple[Finding, ...]:
    if not observations:
        return (
            Finding(
                "empty account list",
                "0 subaccounts",
                "1 or more",
                "Duo listed no subaccount at all. Check that the keys belong to the parent account.",
            ),
        )
    failed, of = sum(o.state is State.FAILED for o in observations), len(observations)
    if failed * 100 <= most_failed * of:
        return ()
    return (
        Finding(
            "failed accounts",
            f"{failed} of {of} ({100 * failed / of:.1f} %)",
            f"{plain(most_failed)} %",
            f"{failed} of {of} subaccounts could not be read; their reasons stand with them.",
        ),
    )


def _totals(readings: list[Reading]) -> dict[str, Any]:
    counts = [reading for reading in readings if isinstance(reading, UserCounts)]
    return {
        "accounts": len(readings),
        "failed": len(readings) - len(counts),
        "enrolled": sum(count.enrolled for count in counts),
        "users": sum(count.total for count in counts),
        "unknown_statuses": sorted({s for count in counts for s in count.unknown_statuses()}),
    }


def _digest(observations: tuple[Observation, ...]) -> str:
    """The same for the same content, in whatever order Duo listed the subaccounts."""
    content = sorted(
        [o.account_key, o.account_name, o.license, str(o.seats), o.state.value, o.reason, o.evidence]
        for o in observations
    )
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _silent(what: str, done: int, of: int) -> None:
    """Progress that nobody looks at."""
