"""The exceptions of tsmem, and the table that maps TableStore's error codes to them.

A message is written for people and contains no secret; `hint` is a next step, if one is known.

    TsmemError                 something failed that has no class of its own
    ├── InvalidInput           the request itself is wrong; nothing was done
    │   ├── LimitExceeded      over one of TableStore's limits
    │   └── ProfileError       the profile file, or the choice of a profile, is wrong
    ├── NotFound               no such session or message
    │   └── TableNotFound      no such table or index
    ├── Conflict               the stored data conflicts with the request
    │   ├── AlreadyExists      it exists already
    │   ├── ConditionFailed    a condition on the row did not hold
    │   ├── Ambiguous          more than one row has this id
    │   └── SchemaMismatch     a table differs from what the profile describes
    ├── Denied                 credentials or permission
    ├── Unavailable            no connection, a timeout or a failed service; if `ambiguous`, the write may be done
    │   ├── Throttled          refused for now; nothing was done
    │   └── InvalidReply       a reply that breaks the protocol; never retried
    ├── StorageFailure         a local file: disk full, read-only or damaged; `ambiguous` as above
    └── PartialFailure         some rows of a bulk request failed; `failures` names them
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class TsmemError(Exception):
    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        request_id: str | None = None,
        service_code: str | None = None,
        ambiguous: bool = False,
        hopeless_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.request_id = request_id
        self.service_code = service_code
        self.ambiguous = ambiguous
        """True if the request may have been carried out although it failed."""
        self.hopeless_after_s = hopeless_after_s
        """Seconds after which retrying is useless: 0 if it always is, None if it never is."""

    def __str__(self) -> str:
        return self.message

    @property
    def code(self) -> str:
        """The name of the error in JSON output. Scripts match on it, so it never changes."""
        return type(self).__name__


class InvalidInput(TsmemError): ...


class LimitExceeded(InvalidInput): ...


class ProfileError(InvalidInput): ...


class NotFound(TsmemError): ...


class TableNotFound(NotFound): ...


class Conflict(TsmemError): ...


class AlreadyExists(Conflict): ...


class ConditionFailed(Conflict): ...


class Ambiguous(Conflict): ...


class SchemaMismatch(Conflict): ...


class Denied(TsmemError): ...


class Unavailable(TsmemError): ...


class Throttled(Unavailable): ...


class InvalidReply(Unavailable): ...


class StorageFailure(TsmemError): ...


class RowFailure(NamedTuple):
    key: tuple[object, ...]
    error: TsmemError


class PartialFailure(TsmemError):
    def __init__(
        self, message: str, *, done: int, failures: Sequence[RowFailure] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.done = done
        self.failures = tuple(failures)


class ServiceCode(NamedTuple):
    error: type[TsmemError]
    http_status: int
    ambiguous: bool = False


SERVICE_CODES: dict[str, ServiceCode] = {
    "OTSParameterInvalid": ServiceCode(InvalidInput, 400),
    "OTSInvalidPK": ServiceCode(InvalidInput, 400),
    "OTSOutOfRowSizeLimit": ServiceCode(LimitExceeded, 400),
    "OTSOutOfColumnCountLimit": ServiceCode(LimitExceeded, 400),
    "OTSMetaNotMatch": ServiceCode(TableNotFound, 400),
    "OTSDataOutOfRange": ServiceCode(InvalidInput, 400),
    "OTSSessionExpired": ServiceCode(Conflict, 400),
    "OTSSessionNotExist": ServiceCode(Conflict, 404),
    "OTSForbiddenUpdateCapacityUnit": ServiceCode(Denied, 400),
    "OTSAuthFailed": ServiceCode(Denied, 403),
    "OTSNoPermissionAccess": ServiceCode(Denied, 403),
    "OTSConditionCheckFail": ServiceCode(ConditionFailed, 403),
    "OTSQuotaExhausted": ServiceCode(TsmemError, 403),
    "OTSCapacityUnitExhausted": ServiceCode(Throttled, 403),
    "OTSNotEnoughCapacityUnit": ServiceCode(Throttled, 403),
    "OTSTooFrequentReservedThroughputAdjustment": ServiceCode(Throttled, 403),
    "OTSObjectNotExist": ServiceCode(TableNotFound, 404),
    "OTSTableNotReady": ServiceCode(Throttled, 404),
    "OTSMethodNotAllowed": ServiceCode(InvalidInput, 405),
    "OTSRequestTimeout": ServiceCode(Unavailable, 408, ambiguous=True),
    "OTSObjectAlreadyExist": ServiceCode(AlreadyExists, 409),
    "OTSRowOperationConflict": ServiceCode(Throttled, 409),
    "OTSRequestBodyTooLarge": ServiceCode(LimitExceeded, 413),
    "OTSFlowControl": ServiceCode(Throttled, 429),
    "OTSInternalServerError": ServiceCode(Unavailable, 500, ambiguous=True),
    "OTSServerBusy": ServiceCode(Throttled, 503),
    "OTSPartitionUnavailable": ServiceCode(Throttled, 503),
    "OTSTimeout": ServiceCode(Unavailable, 503, ambiguous=True),
    "OTSServerUnavailable": ServiceCode(Unavailable, 503, ambiguous=True),
}
"""Source: the "Error codes" page of TableStore's developer reference, and the SDKs' test suites."""


def from_service(code: str, message: str, *, request_id: str | None = None) -> TsmemError:
    meaning = SERVICE_CODES.get(code, ServiceCode(TsmemError, 500))
    error = meaning.error
    if code == "OTSQuotaExhausted" and "Too frequent" in message:
        error = Throttled
    return error(message, ambiguous=meaning.ambiguous, request_id=request_id, service_code=code)


def invalid(message: str) -> InvalidInput:
    return InvalidInput(message, service_code="OTSParameterInvalid")
