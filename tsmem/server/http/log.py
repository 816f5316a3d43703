"""The log entry of a request. The server writes no log itself: it passes each entry to its caller's `on_request`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class LogEntry:
    """One request that was answered, or that was cut off by a fault."""

    time_us: int = 0  # at which it was read
    request_id: str = ""
    action: str = ""  # as the client named it, unchecked; "" if the request could not be parsed
    table: str = ""  # those that it names, joined by commas, unchecked
    rows: int = 0
    status: int = 0  # of HTTP; 0 if no response was sent
    code: str = ""  # of the service's error
    milliseconds: float = 0.0  # from the last byte read to the response sent
    request_bytes: int = 0
    response_bytes: int = 0
    fault: str = ""
    is_verified: bool = True
    """True if the client signs with a secret that the server knows. The Python and Java SDKs reject other responses."""
    failure: BaseException | None = None  # the error, if it is the server's and not the request's


OnRequest = Callable[[LogEntry], None]


def utc_text(time_us: int) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
