"""How ConnectWise's faults are brought about: what a case does to the sandbox before its scan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from seatsync_pipeline.sandbox.http import HttpServer
from seatsync_pipeline.sandbox.messages import Request, Response
from tests.reliability.place import Place

ONE = "*/1003/additions"


def strike(kind: str, path: str = ONE, **options: Any) -> Callable[[Place], None]:
    """Switch one of the sandbox's faults on; for ever, unless told otherwise."""

    def arrange(place: Place) -> None:
        place.connectwise.faults.add(kind, path=path, **{"times": None, **options})

    return arrange


def respond(change: Callable[[Request, Response], Response], path: str = ONE) -> Callable[[Place], None]:
    return strike("respond", path, respond=change)


def put(**values: Any) -> Callable[[Any], Any]:
    """Change these fields of addition 5003 in a list."""
    return lambda rows: [{**row, **values} if row["id"] == 5003 else row for row in rows]


def upgrade(place: Place) -> None:
    def upgrade(rows: Any) -> Any:
        place.connectwise.state.codebase = "v2027_1/"
        return rows

    place.connectwise.faults.add("rewrite", path="*/additions", after=5, change=upgrade)


def shift(place: Place) -> None:
    """Without forward-only paging, a record of the first page is gone when the second is asked for."""
    place.connectwise.state.forward_only.clear()
    rows: list[Any] = []

    def answer(request: Request, whole: Response) -> Response:
        page = request.parameter("page")
        if page == "1":
            rows[:] = rows or json.loads(whole.body)
            del rows[3]
            return replace(whole, body=json.dumps(rows[:20]).encode(), headers={"Link": _next(2)})
        part = rows[20:] if page == "2" else rows[:20]
        link = {} if page == "2" else {"Link": _next(2)}
        return replace(whole, body=json.dumps(part).encode(), headers={"Link": "", **link})

    place.connectwise.faults.add("respond", path="*/finance/agreements", times=None, respond=answer)


def _next(page: int, host: str = "elsewhere.example") -> str:
    return f'<https://{host}/x?pageSize=20&page={page}>; rel="next"'


def mix_up(place: Place) -> None:
    with place.connectwise.state.lock:
        additions = place.connectwise.state.additions.values()
        of_another = [one for one in additions if one["agreementId"] in {1004, 1005}][
            :4
        ]  # as many as 1003 has
    place.connectwise.faults.add("answer", path=ONE, times=None, value=of_another)


@contextmanager
def never_asked() -> Iterator[HttpServer]:
    """A server that must not be asked for anything."""
    asked: list[Request] = []

    def note(request: Request) -> Response:
        asked.append(request)
        return Response(200, b"[]")

    server = HttpServer(note).start()
    try:
        yield server
    finally:
        server.stop()
    assert not asked, f"another host was asked, with {sorted(asked[0].headers)}"


def link_elsewhere(place: Place) -> None:
    server = place.until_the_end(never_asked())

    def answer(request: Request, whole: Response) -> Response:
        rows = json.loads(whole.body)
        if request.parameter("pageId"):
            return replace(whole, headers={"Link": ""})
        link = f'<http://127.0.0.1:{server.port}/x?pageSize=1000&pageId=1020>; title="a, b"; rel=next'
        return replace(whole, body=json.dumps(rows[:20]).encode(), headers={"Link": link})

    place.connectwise.faults.add("respond", path="*/finance/agreements", times=None, respond=answer)


def redirect_elsewhere(place: Place) -> None:
    server = place.until_the_end(never_asked())

    def answer(request: Request, _: Response) -> Response:
        return Response(307, headers={"Location": f"http://127.0.0.1:{server.port}{request.path}"})

    place.connectwise.faults.add("respond", path=ONE, times=None, respond=answer)


def nobody_listens(place: Place) -> None:
    with never_asked() as server:
        port = server.port
    place.set(CONNECTWISE_URL=f"http://127.0.0.1:{port}")


def raw_quantity(raw: bytes) -> Callable[[Request, Response], Response]:
    """A quantity as bytes, where Python's own writer could not say it."""
    return lambda _, whole: replace(
        whole, body=whole.body.replace(b'"quantity":', b'"quantity":' + raw + b',"q":', 1)
    )
