"""Translation of errors: every error of the SDK and of HTTP becomes one of tsmem's, without secrets."""

from __future__ import annotations

import http.client
import inspect
import socket
import ssl

import pytest
import urllib3.exceptions

from tsmem.adapters.redaction import hide
from tsmem.adapters.tablestore.errors import service_error, translate
from tsmem.adapters.tablestore.sdk import ots
from tsmem.adapters.tablestore.transport import HttpAttempt
from tsmem.errors import (
    SERVICE_CODES,
    AlreadyExists,
    Denied,
    InvalidInput,
    TableNotFound,
    Throttled,
    TsmemError,
    Unavailable,
)

SECRETS = ("access-key-id-1", "access-key-secret", "security-token")
SIGNATURE = "c2lnbmF0dXJl"


def exchange(*, sent: bool) -> HttpAttempt:
    made = HttpAttempt("PutRow", 1)
    made.is_sent = sent
    made.signatures = (SIGNATURE,)
    return made


def translated(failure: Exception, *, sent: bool) -> TsmemError | None:
    hide((SIGNATURE, *SECRETS))
    return translate(failure, exchange(sent=sent), "host")


@pytest.mark.parametrize(("operation", "is_ambiguous"), [("BatchWriteRow", True), ("GetRange", False)])
def test_a_write_whose_reply_is_not_trusted_may_have_been_carried_out(operation: str, is_ambiguous: bool) -> None:
    attempt = HttpAttempt(operation, 1)
    attempt.is_sent = True
    for words in ("Invalid signature in response.", "Invalid access key id in response.", "more than 15 minutes"):
        error = translate(ots.OTSClientError(words), attempt, "host")

        assert isinstance(error, Denied)
        assert (is_ambiguous, is_ambiguous) == (error.ambiguous, "may have been carried out" in error.message)


FOREIGN = [
    kind
    for module in (urllib3.exceptions, ots.error)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize(
    "kind", [*FOREIGN, http.client.HTTPException, ssl.SSLError, OSError, socket.gaierror, MemoryError]
)
@pytest.mark.parametrize("sent", [False, True])
def test_every_sdk_error_is_translated(kind: type[Exception], sent: bool) -> None:
    failure = kind.__new__(kind)
    for name, value in (("message", "m"), ("code", "OTSServerBusy"), ("http_status", 503), ("request_id", "r")):
        setattr(failure, name, value)
    if kind in (ots.error.OTSError, http.client.HTTPException) and not sent:
        return  # never raised: a base class, and an error that comes only after something was sent
    error = translated(failure, sent=sent)

    assert isinstance(error, TsmemError)
    assert str(error)
    if issubclass(kind, urllib3.exceptions.ProtocolError) and isinstance(error, Unavailable):
        assert sent is error.ambiguous


@pytest.mark.parametrize("failure", [ValueError("v"), TypeError("t"), ots.OTSClientError("c"), RecursionError("r")])
def test_what_the_sdk_cannot_encode_is_invalid_input(failure: Exception) -> None:
    assert type(translated(failure, sent=False)) is InvalidInput
    after = translated(failure, sent=True)
    assert isinstance(after, Unavailable)
    assert after.ambiguous


def test_an_unexpected_error_before_sending_is_not_translated() -> None:
    assert translated(AttributeError("ours"), sent=False) is None


@pytest.mark.parametrize("code", SERVICE_CODES)
def test_a_service_error_keeps_its_text_code_and_request_id(code: str) -> None:
    error = translated(ots.OTSServiceError(SERVICE_CODES[code].http_status, code, "The text.", "r-1"), sent=True)

    assert isinstance(error, SERVICE_CODES[code].error)
    assert ("The text.", code, "r-1") == (error.message, error.service_code, error.request_id)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("table [x] does not exist", TableNotFound),
        ("search index [x] does not exist", TableNotFound),
        ("index [x] already exists", AlreadyExists),
        ("field: search_content does not exist", InvalidInput),
        ("[avg agg] field: Col_Unknown does not exist", InvalidInput),
        ("The limit must be greater than 0.", InvalidInput),
    ],
)
def test_parameter_invalid_is_told_apart_by_its_text(text: str, kind: type[TsmemError]) -> None:
    """OTSParameterInvalid can also mean a missing or an existing table or index. A missing field is invalid input."""
    assert type(service_error("OTSParameterInvalid", text)) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Unavailable), (502, Unavailable), (429, Throttled), (403, Denied), (418, TsmemError)]
)
def test_an_unknown_code_is_translated_by_its_status(status: int, kind: type[TsmemError]) -> None:
    error = service_error("OTSNew", "", status=status)

    assert type(error) is kind
    assert "OTSNew" in error.message
    assert (kind is Unavailable) is (isinstance(error, Unavailable) and error.ambiguous)


@pytest.mark.parametrize("sent", [False, True])
def test_no_translated_error_contains_a_secret_or_a_signature(sent: bool) -> None:
    text = f"not good: {SECRETS} {SIGNATURE}"
    for failure in (ots.OTSServiceError(403, "OTSAuthFailed", text, "r"), ots.OTSClientError(text), ValueError(text)):
        error = translated(failure, sent=sent)
        said = f"{error!r}{vars(error)}{failure if isinstance(failure, ots.OTSError) else None}"

        assert [] == [secret for secret in (*SECRETS, SIGNATURE) if secret in said]
