"""The writing ConnectWise client: three calls, each sent once.

What belongs here: changing an addition's quantity, setting its cancelled date, adding an addition. What does
not: deciding to (`push`), and reading (`client.py`). Nothing else can be written with it: there is no general
write method, no PUT and no DELETE.

A call ends in one of three ways. It returns: ConnectWise took it. It raises `WriteRefused` or
`CredentialsRefused`: ConnectWise did not take it. It raises `AnswerLost`: nobody can tell, and the caller has to
look before anything else is done. A refusal for too many requests (429) is waited out and sent again, because
it provably was not taken.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Self

import httpx

from seatsync_pipeline import exact_json
from seatsync_pipeline.connectwise import faults
from seatsync_pipeline.connectwise.access import credentials_from
from seatsync_pipeline.connectwise.client import ConnectWiseReader
from seatsync_pipeline.connectwise.transport import open_client
from seatsync_pipeline.errors import AnswerLost, CredentialsRefused, TransientVendorError, WriteRefused
from seatsync_pipeline.settings import Settings

TIMEOUT_SECONDS = 30.0
_ATTEMPTS_WHEN_PACED = 4
_LONGEST_PAUSE = 120.0


def writer_from(
    settings: Settings, reader: ConnectWiseReader, *, timeout: float = TIMEOUT_SECONDS
) -> ConnectWiseWriter:
    """A writer to the ConnectWise that the settings name, which shares the reader's pace and path.

    `timeout`: seconds after which an answer counts as lost.
    """
    _, credentials = credentials_from(settings)
    return ConnectWiseWriter(reader, credentials.headers(), timeout=timeout)


class ConnectWiseWriter:
    """Writes additions of one ConnectWise. Use it as a context manager."""

    def __init__(
        self, reader: ConnectWiseReader, headers: dict[str, str], *, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self._reader = reader
        self._http = open_client(
            reader.server,
            tls=reader.trust,
            timeout=timeout,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": "seatsync",
                **headers,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def set_quantity(self, agreement_id: int, addition_id: int, quantity: Decimal) -> None:
        """PATCH `quantity` of one addition."""
        self._patch(agreement_id, addition_id, "quantity", quantity)

    def set_cancelled_date(self, agreement_id: int, addition_id: int, day: date) -> None:
        """PATCH `cancelledDate` of one addition: its last billed day."""
        self._patch(agreement_id, addition_id, "cancelledDate", calendar_text(day))

    def add(self, agreement_id: int, body: dict[str, Any]) -> int | None:
        """POST a new addition; its id, or None where ConnectWise took it and did not say under which."""
        answer = self._send("POST", f"/finance/agreements/{agreement_id}/additions", body)
        made = answer.get("id") if isinstance(answer, dict) else None
        return made if isinstance(made, int) and not isinstance(made, bool) else None

    def _patch(self, agreement_id: int, addition_id: int, field: str, value: Any) -> None:
        path = f"/finance/agreements/{agreement_id}/additions/{addition_id}"
        self._send("PATCH", path, [{"op": "replace", "path": field, "value": value}])

    def _send(self, method: str, path: str, body: Any) -> Any:
        tried = f"sending {method} {path}"
        for attempt in range(1, _ATTEMPTS_WHEN_PACED + 1):
            response = self._send_once(method, path, body, tried)
            if response.status_code != 429:
                break
            pause = faults.retry_after(response)
            if attempt == _ATTEMPTS_WHEN_PACED or (pause or 0) > _LONGEST_PAUSE:
                break
            # 0, or a moment that is past, may come from a server that still refuses.
            self._reader.pause(2.0**attempt if pause is None else max(pause, 0.5 * 2**attempt))
        return self._judge(response, tried, path)

    def _send_once(self, method: str, path: str, body: Any, tried: str) -> httpx.Response:
        url = self._reader.address(path)
        self._reader.take_turn()
        try:
            return self._http.request(method, url, content=exact_json.dumps(body).encode())
        except httpx.HTTPError as error:
            raise AnswerLost(
                tried,
                f"the answer was lost ({type(error).__name__})",
                "SeatSync looks whether the write was taken before anything else is done.",
            ) from None

    def _judge(self, response: httpx.Response, tried: str, path: str) -> Any:
        status = response.status_code
        if response.is_success:
            try:
                return exact_json.loads_foreign(response.content)
            except ValueError:
                raise AnswerLost(
                    tried,
                    f"the server answered {status} with a body that is not JSON",
                    "SeatSync looks whether the write was taken before anything else is done.",
                ) from None
        error = faults.response_error(response, tried, path, self._reader.redact)
        if isinstance(error, CredentialsRefused):
            found = error.found
            raise CredentialsRefused(
                tried,
                found,
                "Give the API member's role Finance > Agreements: Add All, Edit All, Inquire All (no Delete). The same "
                "selection then carries on with the rows that are left; this one has failed, and needs a new preview.",
                status=status,
            )
        if isinstance(error, TransientVendorError) and status != 429:
            raise AnswerLost(tried, error.found, "SeatSync looks whether the write was taken.")
        said = self._reader.redact(faults.message(response))
        remedy = error.remedy
        if status == 400:  # it checks the whole stored record again, with fields that nobody sent
            remedy = "Correct in ConnectWise what it names, then approve the row of a new preview."
        raise WriteRefused(tried, error.found, remedy, status=status, said=said)


def calendar_text(day: date) -> str:
    """A calendar date as ConnectWise carries it: midnight UTC, without a shift."""
    return f"{day.isoformat()}T00:00:00Z"
