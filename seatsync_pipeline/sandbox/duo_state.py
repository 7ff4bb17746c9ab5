"""What the Duo stand-in knows: subaccounts, their users, keys and hosts, in Duo's own JSON shape.

What belongs here: building them from a sample month. What does not: answering (duo.py), signatures
(signature.py). Users are made from the month's counts, always the same ones for the same account, in an
order that mixes statuses over the pages.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from seatsync_pipeline.sandbox.month import SampleMonth, SubaccountRow

Record = dict[str, Any]
PARENT_HOST: Final = "localhost"
_GIVEN: Final = ("Ada", "Björn", "Chloé", "Dmitri", "Emeka", "Fatima", "Grace", "Hiro", "Inês", "Jürgen")
_FAMILY: Final = ("Almeida", "Brown", "Ćosić", "Dubois", "Eriksen", "Fernández", "García", "Huang")


@dataclass
class DuoState:
    """Live state. Change it as a test needs, under `lock` when requests may be under way.

    `errors` maps an account to the HTTP status with which all its calls are answered; `now` is Duo's clock.
    """

    subaccounts: dict[str, Record] = field(default_factory=dict)
    users: dict[str, list[Record]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    ikey: str = "DISANDBOX00000000000"
    skey: str = "sandboxsecretkeysandboxsecretkeysandbox1"
    parent_host: str = PARENT_HOST
    max_page: int = 300
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def snapshot(self) -> Record:
        """A copy of everything, as JSON values, without the keys."""
        with self.lock:
            copied = {
                "subaccounts": list(self.subaccounts.values()),
                "users": self.users,
                "errors": self.errors,
            }
            loaded: Record = json.loads(json.dumps(copied))
            return loaded


def state_of(month: SampleMonth, hosts: Sequence[str]) -> DuoState:
    """A fresh state; the subaccounts share the hosts in turn where there are fewer hosts than subaccounts."""
    state = DuoState()
    for number, row in enumerate(month.duo_subaccounts):
        state.subaccounts[row.account_id] = {
            "account_id": row.account_id,
            "api_hostname": hosts[number % len(hosts)],
            "name": row.name,
        }
        state.users[row.account_id] = _users(row)
        if row.error is not None:
            state.errors[row.account_id] = row.error
    return state


def make_user(account_id: str, number: int, *, enrolled: bool = True, status: str = "active") -> Record:
    """One user in the shape of Duo's user object; the same arguments always give the same user."""
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number // len(_GIVEN) % len(_FAMILY)]
    username = f"user{number:05d}"
    phone = {"phone_id": _identifier("DP", f"{account_id}/{number}"), "type": "mobile", "activated": True}
    return {
        "user_id": _identifier("DU", f"{account_id}/{number}"),
        "username": username,
        "alias1": None,
        "alias2": None,
        "alias3": None,
        "alias4": None,
        "aliases": {},
        "created": 1_700_000_000 + number,
        "email": f"{username}@example.com",
        "firstname": given,
        "lastname": family,
        "realname": f"{given} {family}",
        "is_enrolled": enrolled,
        "status": status,
        "last_directory_sync": None,
        "last_login": 1_795_000_000 if enrolled else None,
        "notes": "",
        "groups": [],
        "phones": [phone] if enrolled else [],
        "tokens": [],
        "desktoptokens": [],
        "u2ftokens": [],
        "webauthncredentials": [],
    }


def _users(row: SubaccountRow) -> list[Record]:
    counts = {
        (True, "active"): row.enrolled_active,
        (True, "bypass"): row.enrolled_bypass,
        (True, "disabled"): row.enrolled_disabled,
        (True, "locked out"): row.enrolled_locked_out,
        (True, "pending deletion"): row.enrolled_pending_deletion,
        (False, "active"): row.not_enrolled_active,
        (False, "disabled"): row.not_enrolled_disabled,
        (False, "pending deletion"): row.not_enrolled_pending_deletion,
    }
    kinds = [kind for kind, amount in counts.items() for _ in range(amount)]
    made = [
        make_user(row.account_id, number, enrolled=enrolled, status=status)
        for number, (enrolled, status) in enumerate(kinds)
    ]
    return sorted(made, key=lambda user: str(user["user_id"]))


def _identifier(prefix: str, seed: str) -> str:
    """A 20-character id such as Duo's, made from the seed."""
    return (prefix + hashlib.sha256(seed.encode()).hexdigest().upper())[:20]
