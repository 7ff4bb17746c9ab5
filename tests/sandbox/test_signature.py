"""Duo signatures: the published test vectors, and what is refused."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seatsync_pipeline.sandbox.messages import Request
from seatsync_pipeline.sandbox.signature import SignatureRefused, Signed, sign_v2, sign_v5, verify

# Duo's documentation example; these are no live keys.
IKEY = "DIWJ8X6AEYOR5OMC6TQ1"
SKEY = "Zh5eGmUq9zpfQnyUIu5OL9iWoMMv5ZNmk3zLJ4Ep"
HOST = "api-XXXXXXXX.duosecurity.com"
DATE = "Tue, 21 Aug 2012 17:29:18 -0000"
THEN = datetime(2012, 8, 21, 17, 29, 18, tzinfo=UTC)
LIST = Signed(DATE, "post", HOST, "/accounts/v1/account/list")
WITH_FORM = replace(LIST, parameters=(("username", "root"), ("realname", "First Last")))
USERS = Signed(
    DATE,
    "GET",
    HOST,
    "/admin/v1/users",
    (("limit", "300"), ("offset", "0"), ("account_id", "DA9VZOC5X63I2W72NRP9")),
)


def test_published_vectors() -> None:
    assert sign_v2(SKEY, WITH_FORM, "sha1") == "2d97d6166319781b5a3a07af39d366f491234edc"
    assert sign_v2(SKEY, WITH_FORM, "sha512") == (
        "1bffb8924348f7db7da9e7d7d749ded93aafd02d8e904960da7b96c575102201"
        "85a64a2827ee8f24ac5d30802a9ee97e59de44b304b18242f0d596d15a8122af"
    )
    assert sign_v5(SKEY, LIST, b"{}") == (
        "54ce2eaf7fa8bfb045c46e96a844a9a17e6b5a733fe302b2c4397f4a7ce250e3"
        "98f1f61fee257ec66f669e200061612448ea612ce2ed61890ff54dae7cb9ae84"
    )
    assert sign_v5(SKEY, USERS, b"") == (
        "2b99bd159028d3b37654625f823decd7b3ccb5e666613c33e8a2deb2af8b03d9"
        "8c89b0aa70ca25e738ac6c2a83cf164500e946571cc424433d7c1ea914a8f6b2"
    )


def request(signature: str, ikey: str = IKEY, **headers: str) -> Request:
    token = base64.b64encode(f"{ikey}:{signature}".encode()).decode()
    sent = {"host": f"{HOST}:8443", "date": DATE, "authorization": f"Basic {token}"} | headers
    return Request("GET", USERS.path, USERS.parameters, sent, b"")


@pytest.mark.parametrize(
    "signature", [sign_v5(SKEY, USERS, b""), sign_v2(SKEY, USERS, "sha512"), sign_v2(SKEY, USERS, "sha1")]
)
@pytest.mark.parametrize("skew", [timedelta(0), timedelta(seconds=299), timedelta(seconds=-299)])
def test_good_signatures_pass(signature: str, skew: timedelta) -> None:
    verify(request(signature), IKEY, SKEY, THEN + skew)


def test_the_forms_of_a_post() -> None:
    good = request("")
    form = replace(good, method="POST", path=LIST.path, query=(), body=b"username=root&realname=First+Last")
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    for digest in ("sha1", "sha512"):
        token = base64.b64encode(f"{IKEY}:{sign_v2(SKEY, WITH_FORM, digest)}".encode()).decode()
        verify(
            replace(form, headers={**good.headers, **headers, "authorization": f"Basic {token}"}),
            IKEY,
            SKEY,
            THEN,
        )
    token = base64.b64encode(f"{IKEY}:{sign_v5(SKEY, LIST, b'{}', {'X-Duo-A': 'b'})}".encode()).decode()
    headers = {"content-type": "application/json", "x-duo-a": "b", "authorization": f"Basic {token}"}
    posted = replace(form, body=b"{}", headers={**good.headers, **headers})
    verify(posted, IKEY, SKEY, THEN)
    with pytest.raises(SignatureRefused, match="40103"):
        verify(replace(posted, body=b"{ }"), IKEY, SKEY, THEN)


GOOD = sign_v5(SKEY, USERS, b"")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (request(GOOD, authorization=""), 40101),
        (request(GOOD, authorization="Basic !"), 40101),
        (request(GOOD, ikey="DIOTHER0000000000000"), 40102),
        (request(GOOD.upper()), 40103),
        (request(GOOD, host="localhost"), 40103),
        (request(GOOD, date="Tue, 21 Aug 2012 17:29:18 GMT"), 40103),
        (replace(request(GOOD), path="/admin/v1/info/summary"), 40103),
        (replace(request(GOOD), query=(*USERS.parameters, ("x", ""))), 40103),
        (request(GOOD, date=""), 40104),
        (request(GOOD, date="yesterday"), 40105),
        (request(GOOD, date="Tue, 21 Aug 2012 17:24:17 -0000"), 40105),
    ],
)
def test_bad_signatures_are_refused(bad: Request, code: int) -> None:
    with pytest.raises(SignatureRefused) as refused:
        verify(bad, IKEY, SKEY, THEN)
    assert refused.value.code == code
