"""Translate what the SDK, urllib3 and sockets raise into our errors.

`TablestoreClient` calls `translate` for every failure of a request. Before anything was sent, the SDK's refusals are
wrong input, and the network's errors mean that nothing was done. After that, a reply of the service says what happened;
after any other failure a write may have been done. An error that another attempt cannot avoid has `hopeless_after_s`.
A test holds that NETWORK covers every exception class of urllib3 and of the SDK.
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
from tsmem.adapters.tablestore.reply_checks import WrongReply
from tsmem.adapters.tablestore.sdk import ots
from tsmem.adapters.tablestore.transport import CHECK_HOST, USE_HTTPS, HttpAttempt, foreign_server, is_final, shown_id
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

MAX_MESSAGE = 4000  # characters of a message that another side wrote
_STARTING_S = 3.0  # seconds that an unknown host, or one that does not listen, may need to start
_CHECK_ENDPOINT = "check the endpoint and the instance in the profile, and the network"

_READS = ("BatchGet", "Describe", "Get", "List", "Search")  # beginnings of the names of operations
_REFUSED_INPUT = (ots.OTSClientError, ValueError, TypeError, OverflowError, RecursionError, struct.error)
"""Raised by the SDK and protobuf for a request that they cannot encode."""
_MAYBE_DONE = "the request may have been carried out"
_BROKEN = "the connection to {host} broke before the reply was complete"
_NO_TLS = "cannot make a secure connection to {host}: it does not speak TLS"
_USE_HTTP = "an endpoint without TLS begins with http://"

NETWORK: tuple[tuple[type[BaseException], str, str, str | None, float | None], ...] = (
    (ssl.SSLError, "WRONG_VERSION_NUMBER", _NO_TLS, _USE_HTTP, 0),
    (ssl.SSLError, "HTTP_REQUEST", _NO_TLS, _USE_HTTP, 0),
    (BadStatusLine, "\x15\x03", "{host} accepts only TLS", USE_HTTPS, 0),
    (RemoteDisconnected, "", _BROKEN, None, None),
    (BadStatusLine, "", "{host} does not speak HTTP", CHECK_HOST, _STARTING_S),
    (socket.gaierror, "", "cannot find the host {host}", CHECK_HOST, _STARTING_S),
    (ConnectionRefusedError, "", "{host} refuses connections", _CHECK_ENDPOINT, _STARTING_S),
    (urllib3.SSLError, "", "cannot make a secure connection to {host}", _CHECK_ENDPOINT, _STARTING_S),
    (urllib3.NewConnectionError, "", "{host} cannot be reached", _CHECK_ENDPOINT, None),
    (urllib3.ConnectTimeoutError, "", "{host} cannot be reached: timed out while connecting", _CHECK_ENDPOINT, None),
    (urllib3.TimeoutError, "", "{host} did not answer in time", None, None),
    (TimeoutError, "", "{host} did not answer in time", None, None),
    (urllib3.LocationValueError, "", "{host} is not a valid address", CHECK_HOST, 0),
    (urllib3.HTTPError, "", _BROKEN, None, None),
    (urllib3.ProxySchemeUnsupported, "", "cannot connect to {host}", None, None),
    (OSError, "", _BROKEN, None, None),
    (MemoryError, "", "not enough memory for the reply of {host}", None, 0),
)
"""Network errors, with words of their text, message, hint, and the seconds after which another attempt is hopeless. The
first that fits what was raised or one of its causes counts."""

_TRUST = (
    "to trust a private authority, name the file of its certificates as ca_file in the profile, or in SSL_CERT_FILE"
)
_CERTIFICATE_HINTS = {
    (9, 10): "renew the certificate, or set the clock of this machine",
    (2, 18, 19, 20, 21): _TRUST,
    (62, 64): "check the endpoint in the profile: the certificate is for another host",
}
"""Hints by the reasons of OpenSSL: X509_V_ERR_* of x509_vfy.h."""

_UNTRUSTED = (
    (
        "more than 15 minutes",
        "the clock of this machine differs from that of {host} by more than 15 minutes",
        "set the clock; requests and replies are signed with the time",
    ),
    (
        "Invalid signature in response",
        f"wrong secret: the reply of {{host}} has a different signature; {_MAYBE_DONE}",
        "check access_key_secret; tsmem serve without a key takes the secret 'tsmem'",
    ),
    (
        "Invalid access key id in response",
        f"wrong access key: the reply of {{host}} is for another one; {_MAYBE_DONE}",
        "check the endpoint in the profile",
    ),
)
"""Words of the SDK's error for a reply that it does not trust (protocol.py), with message and hint."""

_MISSING = re.compile(r"^\s*(?:table|search index|index)\s*\[[^]]*\] (?:does not|doesn't) exist", re.IGNORECASE)
_EXISTING = re.compile(r"already exists?\b", re.IGNORECASE)
"""Messages of search index calls, which all have the code OTSParameterInvalid."""

_HINTS = (
    ("OTSAuthFailed", "x-ots-date", "the clock of this machine differs from the service's: set it"),
    ("OTSAuthFailed", "instance", "check the instance in the profile, and that the endpoint is in its region"),
    ("OTSAuthFailed", "", "check the access key, the instance and the region in the profile"),
    ("OTSNoPermissionAccess", "", "the access key lacks a permission for this: see the policies of its user"),
    ("OTSQuotaExhausted", "", "delete what is not needed, or ask for a larger quota"),
    ("OTSParameterInvalid", "field: ", "the search index lacks this field: create an index that has it"),
)
"""Service codes, with words of the message and the hint."""


def translate(failure: Exception, attempt: HttpAttempt, host: str) -> TsmemError | None:
    """Return our error for a failure; None for one that neither the SDK nor the network raises, which is a bug. The
    caller has hidden the secrets."""
    if isinstance(failure, TsmemError):
        return failure
    if isinstance(failure, WrongReply):
        return _invalid_reply(without_secrets(str(failure)), attempt, host)
    if isinstance(failure, ots.OTSError):
        failure.message = without_secrets(str(failure.message))[:MAX_MESSAGE]  # a traceback shows it
        status = attempt.status or getattr(failure, "http_status", None) or 0
        is_known = attempt.request_id is not None or (isinstance(failure, ots.OTSServiceError) and failure.code)
        if not is_known and status >= 300 and is_final(status):  # a head that was cut off reads as a 200
            return foreign_server(status, host)
    if isinstance(failure, ots.OTSServiceError):
        request_id = shown_id(failure.request_id) or attempt.request_id
        return service_error(str(failure.code)[:MAX_MESSAGE], failure.message, request_id, status=failure.http_status)
    if (lost := _network_error(failure, attempt, host)) is not None:
        return lost
    if isinstance(failure, ots.OTSClientError):
        for words, sentence, hint in _UNTRUSTED:
            if words in str(failure):
                return Denied(sentence.format(host=host), hint=hint, request_id=attempt.request_id)
    if not attempt.sent:
        if not isinstance(failure, _REFUSED_INPUT):
            return None
        return InvalidInput(f"the request cannot be sent: {without_secrets(str(failure))[:MAX_MESSAGE]}")
    if attempt.decoded:
        return _invalid_reply(f"a reply that cannot be read ({type(failure).__name__})", attempt, host)
    reason = str(failure) if isinstance(failure, ots.OTSClientError) else type(failure).__name__
    message = f"cannot read the reply of {host}: {without_secrets(reason)[:MAX_MESSAGE]}"
    after_s = _STARTING_S if is_final(attempt.status or 0) else None
    request_id = attempt.request_id
    return Unavailable(message, ambiguous=True, hint=CHECK_HOST, request_id=request_id, hopeless_after_s=after_s)


def _invalid_reply(rule: str, attempt: HttpAttempt, host: str) -> InvalidReply:
    reads = attempt.operation.startswith(_READS)
    message = f"{host} answered with {rule}; {'the reply was not used' if reads else _MAYBE_DONE}"
    request_id = attempt.request_id
    return InvalidReply(message, ambiguous=not reads, hint=CHECK_HOST, request_id=request_id, hopeless_after_s=0)


def _network_error(failure: Exception, attempt: HttpAttempt, host: str) -> Unavailable | None:
    causes = _causes(failure)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            code = getattr(cause, "verify_code", 0)
            reason = str(getattr(cause, "verify_message", "") or cause.reason or "").rstrip(".")
            hint = next((hint for codes, hint in _CERTIFICATE_HINTS.items() if code in codes), _CHECK_ENDPOINT)
            message = f"the certificate of {host} is not trusted: {reason}"
            return Unavailable(message, hint=hint, hopeless_after_s=0)
    for kind, words, sentence, advice, after_s in NETWORK:
        if any(isinstance(cause, kind) and (not words or words in str(cause)) for cause in causes):
            # A server that accepts only TLS cannot have understood the request.
            ambiguous = attempt.sent and advice != USE_HTTPS
            return Unavailable(sentence.format(host=host), ambiguous=ambiguous, hint=advice, hopeless_after_s=after_s)
    return None


def service_error(code: str, message: str, request_id: str | None = None, *, status: int | None = None) -> TsmemError:
    """Return the error for a reply of the service, or for one row of a batch, which has no HTTP status."""
    code, message = without_secrets(code), without_secrets(message)[:MAX_MESSAGE]
    message = message or f"the service answered {code or status}"
    kind: type[TsmemError] | None = None
    if code == "OTSParameterInvalid" and _MISSING.match(message):
        kind = TableNotFound
    elif code == "OTSParameterInvalid" and _EXISTING.search(message):
        kind = AlreadyExists
    elif code not in SERVICE_CODES and status is not None:  # perhaps of a gateway: the status says what it is
        if status >= 500:
            return Unavailable(message, ambiguous=True, request_id=request_id, service_code=code)
        kind = {401: Denied, 403: Denied, 429: Throttled}.get(status, TsmemError)
    if kind is not None:
        return kind(message, request_id=request_id, service_code=code)
    error = from_service(code, message, request_id=request_id)
    error.hint = next((hint for of, words, hint in _HINTS if of == code and words in message), None)
    return error


def _causes(failure: BaseException) -> list[BaseException]:
    """Return a failure and its causes. urllib3 keeps them as the cause, the reason or an argument."""
    found: list[BaseException] = []
    waiting: list[Any] = [failure]
    while waiting and len(found) < 20:
        current = waiting.pop()
        if isinstance(current, BaseException) and current not in found:
            found.append(current)
            waiting += [*current.args, getattr(current, "reason", None), current.__cause__]
    return found
