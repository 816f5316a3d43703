"""What becomes of a request, as HTTP carries it: a status and a protobuf body.

Its one rule: an error that has one of the service's codes is told as it is. One that has none gets the code of its
class; and where its sentence may speak of this machine, the service's own sentence stands for it.
"""

from __future__ import annotations

from typing import NamedTuple

from tsmem.errors import (
    SERVICE_CODES,
    AlreadyExists,
    ConditionFailed,
    InvalidInput,
    TableNotFound,
    Throttled,
    TsmemError,
    Unavailable,
)
from tsmem.server.actions.context import ActionResult
from tsmem.server.dispatch import error_body

_TOLD: tuple[tuple[type[TsmemError], str], ...] = (
    (InvalidInput, "OTSParameterInvalid"),
    (TableNotFound, "OTSObjectNotExist"),
    (AlreadyExists, "OTSObjectAlreadyExist"),
    (ConditionFailed, "OTSConditionCheckFail"),
)
"""Errors without a code whose message is about the request."""
_INTERNAL = ("OTSInternalServerError", "Internal server error.")


class HttpResponse(NamedTuple):
    """An answer, before its headers."""

    status: int
    """HTTP's; 0 when there is no answer."""
    body: bytes
    code: str = ""
    """The service's, of an error."""
    table: str = ""
    rows: int = 0
    failure: BaseException | None = None
    """What went wrong here, and not with the request."""


UNANSWERED = HttpResponse(0, b"")
"""No answer is sent."""


def done(answer: ActionResult) -> HttpResponse:
    """A request that succeeded."""
    return HttpResponse(200, answer.body, table=answer.table, rows=answer.rows)


def stated(code: str, message: str, failure: BaseException | None = None) -> HttpResponse:
    """An error of the service's."""
    return HttpResponse(SERVICE_CODES[code].http_status, error_body(code, message), code, failure=failure)


def busy() -> HttpResponse:
    """Refused for now."""
    return stated("OTSServerBusy", "Server is busy.")


def failure_response(error: TsmemError) -> HttpResponse:
    """A request that failed."""
    if error.service_code in SERVICE_CODES:
        return stated(error.service_code, error.message)
    for kind, code in _TOLD:
        if isinstance(error, kind):
            return stated(code, error.message)
    if isinstance(error, Throttled) or (isinstance(error, Unavailable) and not error.ambiguous):
        return busy()._replace(failure=error)
    return stated(*_INTERNAL, failure=error)


def crash_response(error: Exception) -> HttpResponse:
    """A bug of this server's."""
    return stated(*_INTERNAL, failure=error)
