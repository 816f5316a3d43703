"""Translate exceptions of the SDK, urllib3 and sockets into the errors of tsmem.errors.

The error depends on how far the attempt came:

- If nothing was sent, an exception of the SDK means that the input is wrong. An exception of the network means that
  nothing was done.
- If the service replied with an error, its code says what happened.
- Otherwise a write may have been carried out: the error is `ambiguous`.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any

from urllib3 import exceptions as urllib3

from tsmem.adapters.redaction import without_secrets
from tsmem.adapters.tablestore.sdk import WrongReply, ots
from tsmem.adapters.tablestore.transport import (
    CHECK_HOST,
    USE_HTTPS,
    HttpAttempt,
    foreign_server_error,
    is_final,
    safe_request_id,
)
from tsmem.errors import (
    SERVICE_CODES,
    AlreadyExists,
    Denied,
    InvalidInput,
    InvalidReply,
    TableNotFound,
    Throttled,
    TsmemError,
    Unavailable,
    from_service,
)

MAX_MESSAGE_CHARS = 4000
_STARTUP_S = 3.0
"""Seconds during which it is worth trying again if a host cannot be found or does not listen: it may be starting."""
_CHECK_ENDPOINT = "check the endpoint and the instance in the profile, and the network"
_ENCODING_ERRORS = (ots.OTSClientError, ValueError, TypeError, OverflowError, RecursionError, struct.error)
_BROKEN = "the connection to {host} broke before the reply was complete"
_NO_TLS = "cannot make a secure connection to {host}: it does not speak TLS"
_USE_HTTP = "an endpoint without TLS begins with http://"

_NETWORK: tuple[tuple[type | tuple[type, ...], str, str, str | None, float | None], ...] = (
    (ssl.SSLError, "WRONG_VERSION_NUMBER", _NO_TLS, _USE_HTTP, 0),
    (ssl.SSLError, "HTTP_REQUEST", _NO_TLS, _USE_HTTP, 0),
    (BadStatusLine, "\x15\x03", "{host} accepts only TLS", USE_HTTPS, 0),
    (RemoteDisconnected, "", _BROKEN, None, None),
    (BadStatusLine, "", "{host} does not speak HTTP", CHECK_HOST, _STARTUP_S),
    (socket.gaierror, "", "cannot find the host {host}", CHECK_HOST, _STARTUP_S),
    (ConnectionRefusedError, "", "{host} refuses connections", _CHECK_ENDPOINT, _STARTUP_S),
    (urllib3.SSLError, "", "cannot make a secure connection to {host}", _CHECK_ENDPOINT, _STARTUP_S),
    (urllib3.NewConnectionError, "", "{host} cannot be reached", _CHECK_ENDPOINT, None),
    (urllib3.ConnectTimeoutError, "", "{host} cannot be reached: timed out while connecting", _CHECK_ENDPOINT, None),
    ((urllib3.TimeoutError, TimeoutError), "", "{host} did not answer in time", None, None),
    (urllib3.LocationValueError, "", "{host} is not a valid address", CHECK_HOST, 0),
    ((urllib3.HTTPError, urllib3.ProxySchemeUnsupported, OSError), "", _BROKEN, None, None),
    (MemoryError, "", "not enough memory for the reply of {host}", None, 0),
)
"""The class of a network exception, words that its text must contain, and the message, hint and `hopeless_after_s` of
our error. The first entry that fits the exception or one of its causes is used."""

_CERTIFICATE_HINTS = {
    (9, 10): "renew the certificate, or set the clock of this machine",
    (2, 18, 19, 20, 21): (
        "to trust a private authority, name the file of its certificates as ca_file in the profile, or in SSL_CERT_FILE"
    ),
    (62, 64): "check the endpoint in the profile: the certificate is for another host",
}
"""Hints for a certificate that is not trusted, by OpenSSL's error codes (X509_V_ERR_* in x509_vfy.h)."""

_DISTRUSTED_REPLIES = (
    (
        "more than 15 minutes",
        "the clock of this machine differs from that of {host} by more than 15 minutes",
        "set the clock; requests and replies are signed with the time",
    ),
    (
        "Invalid signature in response",
        "the signature of {host}'s reply does not match access_key_secret",
        "check access_key_secret; for `tsmem serve` without --access-key-id, it must be 'tsmem'",
    ),
    (
        "Invalid access key id in response",
        "the reply of {host} is signed for another access key",
        "check the endpoint in the profile; it may be that of another server",
    ),
)
"""Words of the SDK's message about a reply that it does not trust (protocol.py), and our message and hint."""

_MISSING = re.compile(r"^\s*(?:table|search index|index)\s*\[[^]]*\] (?:does not|doesn't) exist", re.IGNORECASE)
_EXISTING = re.compile(r"already exists?\b", re.IGNORECASE)
"""Patterns for messages about missing and existing search indexes, which all have the code OTSParameterInvalid."""

_HINTS = (
    ("OTSAuthFailed", "x-ots-date", "the clock of this machine differs from the service's: set it"),
    ("OTSAuthFailed", "instance", "check the instance in the profile, and that the endpoint is in its region"),
    ("OTSAuthFailed", "", "check the access key, the instance and the region in the profile"),
    ("OTSNoPermissionAccess", "", "the RAM user of the access key lacks a permission; see: tsmem help permissions"),
    ("OTSQuotaExhausted", "", "delete what is not needed, or ask for a larger quota"),
    ("OTSParameterInvalid", "field: ", "the search index lacks this field: create an index that has it"),
)
"""The service's code, words that its message must contain, and the hint. The first entry that fits is used."""


def translate(failure: Exception, attempt: HttpAttempt, host: str) -> TsmemError | None:
    """Return our error for an exception; None for a bug: nothing was sent, and neither the SDK nor the network raises
    such an exception. The caller must have passed the secrets to `hide`, which keeps them out of the message."""
    if isinstance(failure, TsmemError):
        return failure
    if isinstance(failure, WrongReply):
        return _invalid_reply(without_secrets(str(failure)), attempt, host)
    if isinstance(failure, ots.OTSError):
        failure.message = without_secrets(str(failure.message))[:MAX_MESSAGE_CHARS]  # tracebacks show it
        status = attempt.status or getattr(failure, "http_status", None) or 0
        is_tablestore = attempt.request_id is not None or (isinstance(failure, ots.OTSServiceError) and failure.code)
        # A status below 300 does not prove that the server is another one: if the connection breaks after the status
        # line, http.client takes the reply for complete and without headers.
        if not is_tablestore and status >= 300 and is_final(status):
            return foreign_server_error(status, host)
    if isinstance(failure, ots.OTSServiceError):
        request_id = safe_request_id(failure.request_id) or attempt.request_id
        return service_error(str(failure.code), failure.message, request_id, status=failure.http_status)
    if (network_error := _network_error(failure, attempt, host)) is not None:
        return network_error
    if isinstance(failure, ots.OTSClientError):
        for words, message, hint in _DISTRUSTED_REPLIES:
            if words in str(failure):
                message = f"{message.format(host=host)}; {_outcome(attempt)}"
                return Denied(message, ambiguous=not _is_read(attempt), hint=hint, request_id=attempt.request_id)
    if not attempt.is_sent:
        if not isinstance(failure, _ENCODING_ERRORS):
            return None
        return InvalidInput(f"the request cannot be sent: {without_secrets(str(failure))[:MAX_MESSAGE_CHARS]}")
    if attempt.is_decoded:
        return _invalid_reply(f"a reply that cannot be read ({type(failure).__name__})", attempt, host)
    reason = str(failure) if isinstance(failure, ots.OTSClientError) else type(failure).__name__
    message = f"cannot read the reply of {host}: {without_secrets(reason)[:MAX_MESSAGE_CHARS]}"
    after_s = _STARTUP_S if is_final(attempt.status or 0) else None
    request_id = attempt.request_id
    return Unavailable(message, ambiguous=True, hint=CHECK_HOST, request_id=request_id, hopeless_after_s=after_s)


def _invalid_reply(what: str, attempt: HttpAttempt, host: str) -> InvalidReply:
    message = f"{host} answered with {what}; {_outcome(attempt)}"
    ambiguous, request_id = not _is_read(attempt), attempt.request_id
    return InvalidReply(message, ambiguous=ambiguous, hint=CHECK_HOST, request_id=request_id, hopeless_after_s=0)


def _is_read(attempt: HttpAttempt) -> bool:
    return attempt.operation.startswith(("BatchGet", "Describe", "Get", "List", "Search"))


def _outcome(attempt: HttpAttempt) -> str:
    return "the reply was not used" if _is_read(attempt) else "the request may have been carried out"


def _network_error(failure: Exception, attempt: HttpAttempt, host: str) -> Unavailable | None:
    causes = _causes(failure)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            code = getattr(cause, "verify_code", 0)
            reason = str(getattr(cause, "verify_message", "") or cause.reason or "").rstrip(".")
            hint = next((hint for codes, hint in _CERTIFICATE_HINTS.items() if code in codes), _CHECK_ENDPOINT)
            message = f"the certificate of {host} is not trusted: {reason}"
            return Unavailable(message, hint=hint, hopeless_after_s=0)
    for kinds, words, message, advice, after_s in _NETWORK:
        if any(isinstance(cause, kinds) and (not words or words in str(cause)) for cause in causes):
            # A server that accepts only TLS cannot have understood the request.
            ambiguous = attempt.is_sent and advice != USE_HTTPS
            return Unavailable(message.format(host=host), ambiguous=ambiguous, hint=advice, hopeless_after_s=after_s)
    return None


def service_error(code: str, message: str, request_id: str | None = None, *, status: int | None = None) -> TsmemError:
    """`status` is the HTTP status of the reply; None for the outcome of a single row in a batch."""
    code, message = (without_secrets(text)[:MAX_MESSAGE_CHARS] for text in (code, message))
    message = message or f"the service answered {code or status}"
    kind: type[TsmemError] | None = None
    if code == "OTSParameterInvalid" and _MISSING.match(message):
        kind = TableNotFound
    elif code == "OTSParameterInvalid" and _EXISTING.search(message):
        kind = AlreadyExists
    elif code not in SERVICE_CODES and status is not None:  # perhaps from a gateway: only the status has a meaning
        if status >= 500:
            return Unavailable(message, ambiguous=True, request_id=request_id, service_code=code)
        message += f" ({code})" if code else ""
        kind = {401: Denied, 403: Denied, 429: Throttled}.get(status, TsmemError)
    if kind is not None:
        return kind(message, request_id=request_id, service_code=code)
    error = from_service(code, message, request_id=request_id)
    error.hint = next((hint for its_code, words, hint in _HINTS if its_code == code and words in message), None)
    return error


def _causes(failure: BaseException) -> list[BaseException]:
    """Return an exception and its causes. urllib3 keeps a cause in `__cause__`, in `reason` or among the arguments."""
    found: list[BaseException] = []
    unseen: list[Any] = [failure]
    while unseen and len(found) < 20:
        current = unseen.pop()
        if isinstance(current, BaseException) and current not in found:
            found.append(current)
            unseen += [*current.args, getattr(current, "reason", None), current.__cause__]
    return found
