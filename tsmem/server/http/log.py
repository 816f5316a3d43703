"""The log entry of a request. The server writes no log itself: it passes each entry to its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class LogEntry:
    time_us: int = 0  # the time at which the request had arrived
    request_id: str = ""
    action: str = ""  # as the client named it, unchecked; "" if the request could not be parsed
    table: str = ""  # the tables that it names, joined by commas, unchecked
    rows: int = 0  # rows written or returned
    status: int = 0  # HTTP status of the response; 0 if the client got no whole response
    code: str = ""  # the service's code, if the response is an error
    milliseconds: float = 0.0  # time from the last byte of the request to the first of the response
    request_bytes: int = 0
    response_bytes: int = 0
    fault: str = ""  # the kind of the injected fault, if any
    is_verified: bool = True  # False if the client signs with a secret that the server does not know
    failure: BaseException | None = None  # the error, if the server is to blame for it


OnRequest = Callable[[LogEntry], None]


def utc_text(time_us: int) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
