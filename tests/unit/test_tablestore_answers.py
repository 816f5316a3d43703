"""Answers that are no answers of TableStore's: without end, huge, compressed, or given by another kind of server."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.unit.test_tablestore_transport import PATIENCE_S, PUT, Handler, failure, listening, profile
from tsmem.adapters.tablestore import transport as sdk_transport
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.errors import LimitExceeded


def answering(answer: bytes) -> Handler:
    """Gives one answer to each request."""
    return lambda connection, _: connection.sendall(answer)


def endless(connection: socket.socket, over: threading.Event) -> None:
    """Chunks without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def endless_trailer(connection: socket.socket, over: threading.Event) -> None:
    """A whole body, then lines without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
    while not over.is_set():
        connection.sendall(b"x: y\r\n" * 10_000)


def endless_head(connection: socket.socket, over: threading.Event) -> None:
    """Interim answers without end, which a client passes over."""
    while not over.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000)


@pytest.mark.parametrize("handler", [endless, endless_trailer, endless_head])
def test_an_answer_without_end_is_not_kept(handler: Handler) -> None:
    """What is longer than any answer is given up where that is known, and not asked for again."""
    with listening(handler) as endpoint:
        error, _ = failure(endpoint)

    assert "longer than any of TableStore's" in error.message
    assert (True, 0) == (error.ambiguous, error.hopeless_after_s)


def test_a_head_without_end_is_given_up() -> None:
    """More headers than any answer has are a broken answer."""

    def headers(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.is_set():
            connection.sendall(b"x: y\r\n" * 10_000)

    with listening(headers) as endpoint:
        error, seconds = failure(endpoint)

    assert error.ambiguous
    assert seconds < PATIENCE_S


@pytest.mark.parametrize("length", [b"999999999999", b"9" * 5000])
def test_an_answer_that_says_it_is_huge_is_not_read(length: bytes) -> None:
    """A content-length over the bound is refused before a byte of the body is there."""
    with listening(answering(b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n")) as endpoint:
        error, seconds = failure(endpoint)

    assert "longer than any of TableStore's" in error.message
    assert (True, 0) == (error.ambiguous, error.hopeless_after_s)
    assert seconds < PATIENCE_S


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br"])
def test_nothing_is_decompressed(encoding: bytes) -> None:
    """A compressed answer, which nobody asked for, is refused as it is."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: " + encoding + b"\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00"
    with listening(answering(answer)) as endpoint:
        error, _ = failure(endpoint)

    assert "compressed" in error.message
    assert 0 == error.hopeless_after_s


def test_a_lack_of_memory_is_said_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """MemoryError is no broken answer."""

    def too_much(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(sdk_transport, "_check_head", too_much)
    with listening(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")) as endpoint:
        error, _ = failure(endpoint)

    assert "not enough memory" in error.message
    assert (True, 0) == (error.ambiguous, error.hopeless_after_s)


@pytest.mark.parametrize("status", [301, 302, 304, 307, 400, 401, 403, 404, 405, 407])
@pytest.mark.parametrize("body", [b"", b"<html>no</html>"])
def test_a_stranger_is_known_at_once(status: int, body: bytes) -> None:
    """A redirection or a refusal that TableStore does not give is told with its status, and not tried again."""
    head = b"HTTP/1.1 %d No\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    with listening(answering(head + body)) as endpoint:
        error, _ = failure(endpoint)

    host = endpoint.removeprefix("http://")
    assert f"{host} does not answer as TableStore does (HTTP {status})" == error.message
    assert (False, 0) == (error.ambiguous, error.hopeless_after_s)
    assert "check the endpoint" in (error.hint or "")


def test_a_page_with_a_status_that_ends_nothing_is_a_stranger() -> None:
    """A 101 that nobody asked for, with a web page."""
    head = b"HTTP/1.1 101 Switching\r\ncontent-type: text/html\r\ncontent-length: 1\r\n\r\nx"
    with listening(answering(head)) as endpoint:
        error, _ = failure(endpoint)

    assert error.message.endswith(" does not answer as TableStore does (HTTP 101)")
    assert 0 == error.hopeless_after_s


def test_a_gateway_that_refuses_a_large_request_is_known() -> None:
    """A 413 without a code of TableStore's is the limit that the service's would be: the batch can be cut."""
    page = b"HTTP/1.1 413 Large\r\ncontent-length: 6\r\n\r\n<html>"
    with listening(answering(page)) as endpoint, pytest.raises(LimitExceeded) as caught:
        TablestoreClient(profile(endpoint)).write_row(PUT)

    assert "OTSRequestBodyTooLarge" == caught.value.service_code


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateway_that_fails_is_asked_again(status: int) -> None:
    """A page with a status from 500 on may stand before a write that was done, and may be gone the next time."""
    page = b"HTTP/1.1 %d Bad\r\ncontent-length: 6\r\n\r\n<html>" % status
    with listening(answering(page)) as endpoint:
        error, _ = failure(endpoint)

    assert (True, None) == (error.ambiguous, error.hopeless_after_s)


def test_the_wrong_scheme_is_known_at_once() -> None:
    """TLS behind http:// is said, as far as the other side says it; no TLS behind https:// too."""
    with listening(answering(b"\x15\x03\x01\x00\x02\x02\x16")) as endpoint:
        error, _ = failure(endpoint)
    assert ("speaks TLS alone" in error.message, error.hopeless_after_s) == (True, 0)

    with listening(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as endpoint:
        error, _ = failure(endpoint.replace("http:", "https:"))
    assert ("does not speak TLS" in error.message, error.hopeless_after_s) == (True, 0)


def test_a_request_id_of_a_stranger_is_cut() -> None:
    """A request id is shown as plain text of a length that one has."""
    head = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nx-ots-requestid: \x1b[31m" + b"A" * 60000 + b"\r\n\r\n"
    with listening(answering(head)) as endpoint:
        error, _ = failure(endpoint)

    assert error.request_id is not None
    assert len(error.request_id) <= 64
    assert error.request_id.isprintable()
