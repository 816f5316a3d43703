"""From what the SDK, urllib3 and sockets raise to ours: one table, which a test proves complete.

Its one rule: whether a write may have been done is decided by whether anything was sent, not by what was raised. Before
that, what the SDK refuses is wrong input, and what the network refuses was certainly not done. After that, an answer of
the service says what became of it; anything else may have been done.

Messages are the service's own where it gave one, without anything that proves who asks, and no longer than a person
reads. What will not change by asking again (a certificate, a page in place of an answer) says so.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Sequence
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any

from urllib3 import exceptions as urllib3

from tsmem.adapters.redaction import without_secrets
from tsmem.adapters.tablestore.reply_checks import WrongReply
from tsmem.adapters.tablestore.sdk import ots
from tsmem.adapters.tablestore.transport import USE_HTTPS, ForeignAnswer, HttpAttempt, is_final, shown_id
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

MAX_MESSAGE = 4000
"""Characters of what another side said."""
_NOBODY_THERE_S = 3.0
"""How long a host that is not known, or not listening, is asked again: it may just be starting."""
_CHECK_ENDPOINT = "check the endpoint and the instance of the profile, and the network"
_CHECK_HOST = "check the endpoint of the profile: https://INSTANCE.REGION.ots.aliyuncs.com"

READS = frozenset(
    (
        "ListTable", "DescribeTable", "ListSearchIndex", "DescribeSearchIndex",
        "GetRow", "BatchGetRow", "GetRange", "Search",
    )
)  # fmt: skip
"""Operations that change nothing."""

_REFUSED_INPUT = (ots.OTSClientError, ValueError, TypeError, OverflowError, RecursionError, struct.error)
"""What the SDK and protobuf raise for a request that they cannot encode."""

NETWORK: tuple[tuple[type[BaseException], str, str | None, float | None], ...] = (
    (socket.gaierror, "the host {host} is not known", _CHECK_HOST, _NOBODY_THERE_S),
    (ConnectionRefusedError, "{host} refuses connections", _CHECK_ENDPOINT, _NOBODY_THERE_S),
    (ssl.SSLCertVerificationError, "the certificate of {host} is not trusted", _CHECK_ENDPOINT, 0),
    (urllib3.SSLError, "no secure connection to {host} can be made", _CHECK_ENDPOINT, _NOBODY_THERE_S),
    (urllib3.NewConnectionError, "{host} cannot be reached", _CHECK_ENDPOINT, None),
    (urllib3.ConnectTimeoutError, "{host} cannot be reached: no connection in time", _CHECK_ENDPOINT, None),
    (urllib3.TimeoutError, "{host} did not answer in time", None, None),
    (TimeoutError, "{host} did not answer in time", None, None),
    (urllib3.LocationValueError, "{host} is no address", _CHECK_HOST, 0),
    (urllib3.HTTPError, "the connection to {host} broke before its answer was complete", None, None),
    (urllib3.ProxySchemeUnsupported, "the connection to {host} cannot be made", None, None),
    (OSError, "the connection to {host} broke before its answer was complete", None, None),
    (MemoryError, "there is not enough memory for the answer of {host}", None, 0),
)
"""What the network may raise, or carry as the cause of it, what to say and hint, and after how many seconds it is
hopeless (None: never): the first that fits."""

_OTHER_SCHEME: tuple[tuple[type[BaseException], str, str, str], ...] = (
    (
        ssl.SSLError,
        "WRONG_VERSION_NUMBER",
        "no secure connection to {host} can be made: it does not speak TLS",
        "an endpoint without TLS begins with http://",
    ),
    (
        ssl.SSLError,
        "HTTP_REQUEST",
        "no secure connection to {host} can be made: it does not speak TLS",
        "an endpoint without TLS begins with http://",
    ),
    (BadStatusLine, "\x15\x03", "{host} speaks TLS alone", USE_HTTPS),
)
"""What it looks like when the endpoint begins with the wrong one of http and https."""

_MISSING = re.compile(r"^\s*(?:table|search index|index)\s*\[[^]]*\] (?:does not|doesn't) exist", re.IGNORECASE)
_EXISTING = re.compile(r"already exists?\b", re.IGNORECASE)
"""What search index calls say under the one code OTSParameterInvalid. "field: x does not exist" is another thing."""

_HINTS = (
    ("OTSAuthFailed", "x-ots-date", "the clock of this machine differs from the service's: set it"),
    ("OTSAuthFailed", "instance", "check the instance of the profile, and that the endpoint is of its region"),
    ("OTSAuthFailed", "", "check the access key, the instance and the region of the profile"),
    ("OTSNoPermissionAccess", "", "the access key lacks a permission for this: see the policies of its user"),
    ("OTSQuotaExhausted", "", "delete what is not needed, or ask for a larger quota"),
    ("OTSParameterInvalid", "field: ", "the search index lacks this field: make an index that has it"),
)


_UNTRUSTED = (
    (
        "more than 15 minutes",
        "the clock of this machine differs from that of {host} by more than 15 minutes",
        "set the clock; requests and answers are signed with their time",
    ),
    (
        "Invalid signature in response",
        "the answer of {host} is not signed with the secret of this profile; what was asked may have been done",
        "check access_key_secret; tsmem serve without a key takes the secret 'tsmem'",
    ),
    (
        "Invalid access key id in response",
        "the answer of {host} is for another access key; what was asked may have been done",
        "check the endpoint of the profile",
    ),
)
"""What the SDK says of an answer that it does not believe (protocol.py). Asking again would not help."""


def translate(failure: Exception, exchange: HttpAttempt, host: str, secrets: Sequence[str]) -> TsmemError | None:
    """The error of ours that a failure is; None for what is none of the SDK's or the network's: a bug."""
    hidden = (*secrets, *exchange.signatures)
    if isinstance(failure, TsmemError):
        return failure
    if isinstance(failure, WrongReply):
        return _invalid_reply(without_secrets(str(failure), hidden), exchange, host)
    if isinstance(failure, ots.OTSError):
        failure.message = without_secrets(str(failure.message), hidden)[:MAX_MESSAGE]  # a traceback shows it
    if (stranger := _stranger(failure, exchange, host)) is not None:
        return stranger
    if isinstance(failure, ots.OTSServiceError):
        return service_error(
            str(failure.code)[:MAX_MESSAGE], failure.message, shown_id(failure.request_id) or exchange.request_id,
            status=failure.http_status,
        )  # fmt: skip
    if (lost := _network_error(failure, exchange, host)) is not None:
        return lost
    for words, sentence, hint in _UNTRUSTED:
        if words in str(failure) and isinstance(failure, ots.OTSClientError):
            return Denied(sentence.format(host=host), hint=hint, request_id=exchange.request_id)
    if not exchange.sent:
        if not isinstance(failure, _REFUSED_INPUT):
            return None
        text = without_secrets(str(failure), hidden)[:MAX_MESSAGE]
        return InvalidInput(f"the request cannot be sent: {text}")
    if exchange.decoded:
        return _invalid_reply(f"what cannot be understood ({type(failure).__name__})", exchange, host)
    return Unavailable(
        f"the answer of {host} cannot be understood: {without_secrets(_reason(failure), hidden)[:MAX_MESSAGE]}",
        ambiguous=True,
        hint=_CHECK_HOST,
        request_id=exchange.request_id,
        hopeless_after_s=_NOBODY_THERE_S if is_final(exchange.status or 0) else None,
    )


def _invalid_reply(rule: str, exchange: HttpAttempt, host: str) -> InvalidReply:
    """An answer that breaks a rule. Of a read nothing was used; of a write it is not known what was done."""
    reads = exchange.operation in READS
    end = "nothing of the answer was used" if reads else "what was asked may have been done"
    return InvalidReply(
        f"{host} answered with {rule}; {end}",
        ambiguous=not reads,
        hint=_CHECK_HOST,
        request_id=exchange.request_id,
        hopeless_after_s=0,
    )


def _stranger(failure: Exception, exchange: HttpAttempt, host: str) -> TsmemError | None:
    """What answers with a redirection or a refusal that TableStore's answers do not look like: another kind of server,
    which did nothing and will not. A gateway's 413 is what the service's would be, and its 408 and 429 may pass."""
    if not isinstance(failure, (ots.OTSError, ForeignAnswer)):
        return None
    status = exchange.status or getattr(failure, "http_status", None) or 0
    known = exchange.request_id is not None or (isinstance(failure, ots.OTSServiceError) and failure.code)
    lowest = (
        100 if isinstance(failure, ForeignAnswer) else 300
    )  # a head that was cut off reads as a 200 without headers
    if known or status < lowest or not is_final(status):
        return None
    if status == 413:
        return from_service("OTSRequestBodyTooLarge", f"the request is too large for {host}")
    return Unavailable(
        f"{host} does not answer as TableStore does (HTTP {status})",
        ambiguous=status < 300,
        hint=_CHECK_HOST,
        hopeless_after_s=0,
    )


def _network_error(failure: Exception, exchange: HttpAttempt, host: str) -> Unavailable | None:
    causes = _causes(failure)
    for kind, words, sentence, hint in _OTHER_SCHEME:
        if any(isinstance(cause, kind) and words in str(cause) for cause in causes):
            return Unavailable(sentence.format(host=host), hint=hint, hopeless_after_s=0)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate_error(cause, host)
        if isinstance(cause, BadStatusLine) and not isinstance(cause, RemoteDisconnected):
            return Unavailable(
                f"{host} does not speak HTTP",
                ambiguous=exchange.sent,
                hint=_CHECK_HOST,
                hopeless_after_s=_NOBODY_THERE_S,
            )
    for kind, sentence, advice, after_s in NETWORK:
        if any(isinstance(cause, kind) for cause in causes):
            return Unavailable(
                sentence.format(host=host), ambiguous=exchange.sent, hint=advice, hopeless_after_s=after_s
            )
    return None


_CERTIFICATE_HINTS = {
    (9, 10): "renew the certificate, or set the clock of this machine",
    (
        2,
        18,
        19,
        20,
        21,
    ): "trust a private authority with ca_file in the profile, or SSL_CERT_FILE: a file of its certificates",
    (62, 64): "check the endpoint of the profile: the certificate is another host's",
}
"""By OpenSSL's numbers: X509_V_ERR_* of x509_vfy.h."""


def _certificate_error(cause: ssl.SSLCertVerificationError, host: str) -> Unavailable:
    """Say OpenSSL's reason."""
    code = getattr(cause, "verify_code", 0)
    reason = str(getattr(cause, "verify_message", "") or cause.reason or "").rstrip(".")
    hint = next((hint for codes, hint in _CERTIFICATE_HINTS.items() if code in codes), _CHECK_ENDPOINT)
    return Unavailable(f"the certificate of {host} is not trusted: {reason}", hint=hint, hopeless_after_s=0)


def service_error(code: str, message: str, request_id: str | None = None, *, status: int | None = None) -> TsmemError:
    """The error that the service's answer, or its answer for one row of a batch, stands for."""
    code, message = without_secrets(code), without_secrets(message)[:MAX_MESSAGE]
    message = message or f"the service answered {code or status}"
    if code == "OTSParameterInvalid" and _MISSING.match(message):
        return TableNotFound(message, request_id=request_id, service_code=code)
    if code == "OTSParameterInvalid" and _EXISTING.search(message):
        return AlreadyExists(message, request_id=request_id, service_code=code)
    if code not in SERVICE_CODES and status is not None:
        return _unknown(code, message, request_id, status)
    error = from_service(code, message, request_id=request_id)
    error.hint = next((hint for of, word, hint in _HINTS if of == code and word in message), None)
    return error


def _unknown(code: str, message: str, request_id: str | None, status: int) -> TsmemError:
    """A code that is not in our table is known by its HTTP status: a gateway in between may have answered."""
    if status >= 500:
        return Unavailable(message, ambiguous=True, request_id=request_id, service_code=code)
    kinds: dict[int, type[TsmemError]] = {401: Denied, 403: Denied, 429: Throttled}
    return kinds.get(status, TsmemError)(message, request_id=request_id, service_code=code)


def _causes(failure: BaseException) -> list[BaseException]:
    """A failure and what it came from: urllib3 keeps that as the cause, the reason or an argument."""
    found: list[BaseException] = []
    waiting: list[Any] = [failure]
    while waiting and len(found) < 20:
        current = waiting.pop()
        if isinstance(current, BaseException) and current not in found:
            found.append(current)
            waiting += [*current.args, getattr(current, "reason", None), current.__cause__]
    return found


def _reason(failure: Exception) -> str:
    return str(failure) if isinstance(failure, ots.OTSClientError) else type(failure).__name__
