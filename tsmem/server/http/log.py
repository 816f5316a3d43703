"""What is known of a request once it was answered, for whoever keeps a log. The server itself writes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The first and the last microsecond of the years 1 to 9999."""


class LogEntry(NamedTuple):
    """One request."""

    time_us: int
    """When it was read."""
    request_id: str
    """As the answer carries it."""
    action: str = ""
    """As the client named it; empty for what was no request. Hostile text."""
    table: str = ""
    """Its tables, joined by commas. Hostile text."""
    rows: int = 0
    """Rows that were written, or are in the answer."""
    status: int = 0
    """HTTP's; 0 when no answer was sent."""
    code: str = ""
    """The service's code of the error; empty when all went well."""
    milliseconds: float = 0.0
    """From its last byte read to its answer sent."""
    request_bytes: int = 0
    """The body's."""
    response_bytes: int = 0
    """Of what was sent, headers included."""
    fault: str = ""
    """The kind of fault that struck it."""
    believed: bool = True
    """Whether the answer is signed with the client's secret. Python and Java take no other."""
    failure: BaseException | None = None
    """What went wrong in this server, and not with the request."""


def utc_text(time_us: int) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SS.ffffffZ`; one that the calendar does not reach, as its first or last."""
    moment = _EPOCH + timedelta(microseconds=max(_FIRST_US, min(time_us, _LAST_US)))
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
