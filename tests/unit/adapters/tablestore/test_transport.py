"""The HTTP transport: deadlines, broken connections and foreign replies. The error messages are in
tests/cli/errors/cloud.py."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from urllib3.connection import HTTPConnection

from tests.support.listening import PUT, Handler, listening, never_reply, trickle_body
from tests.support.server_in_process import profile_of, serving
from tsmem.adapters import open_client
from tsmem.adapters.tablestore import transport as sdk_transport
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.adapters.tablestore.transport import attempt_timeout_s, clock_skew_s, safe_request_id
from tsmem.clock import SystemClock
from tsmem.errors import TsmemError, Unavailable
from tsmem.port import Cost
from tsmem.profiles import Profile
from tsmem.retry import RetryingClient, RetryPolicy

TIMEOUT_S = 0.4
PATIENCE_S = 20.0
"""A timeout that is long enough even on a slow machine, for calls that end for another reason."""
SLACK_S = 30.0
"""Tolerance for a busy machine. A call that ignores its timeout would take 90 seconds."""


@contextmanager
def unresponsive_address() -> Iterator[tuple[str, int]]:
    """Yield an address that accepts no connection: its queue is full, and the kernel drops further attempts."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()


def profile(endpoint: str, timeout_s: float = PATIENCE_S) -> Profile:
    return profile_of(endpoint)._replace(timeout_s=timeout_s)


def failed_put(endpoint: str, timeout_s: float = PATIENCE_S) -> tuple[Unavailable, float]:
    """Return the error of a put without retries, and its duration in seconds. Check that it counts as a request only
    if it may have been sent."""
    client = TablestoreClient(profile(endpoint, timeout_s))
    started = time.monotonic()
    try:
        with pytest.raises(Unavailable) as caught:
            client.write_row(PUT)
        assert caught.value.ambiguous <= client.meter.total.requests <= 1
    finally:
        client.close()
    return caught.value, time.monotonic() - started


def trickle_header(connection: socket.socket, over: threading.Event) -> None:
    """Send a header that never ends, one byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-header: ")
    while not over.wait(0.05):
        connection.sendall(b"x")


@pytest.mark.parametrize("handler", [never_reply, trickle_header, trickle_body])
def test_a_reply_that_does_not_end_takes_no_longer_than_the_timeout(handler: Handler) -> None:
    with listening(handler) as endpoint:
        error, seconds = failed_put(endpoint, TIMEOUT_S)

    assert error.ambiguous
    assert "did not answer in time" in error.message
    assert TIMEOUT_S <= seconds < TIMEOUT_S + SLACK_S


def test_a_connection_that_is_never_made_takes_no_longer_than_the_timeout() -> None:
    with unresponsive_address() as (_, port):
        error, seconds = failed_put(f"http://127.0.0.1:{port}", TIMEOUT_S)

    assert not error.ambiguous
    assert "timed out while connecting" in error.message
    assert seconds < TIMEOUT_S + SLACK_S


def test_a_name_lookup_that_hangs_takes_no_longer_than_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(90) and [])
    error, seconds = failed_put("https://slow.example", TIMEOUT_S)
    over.set()

    assert not error.ambiguous
    assert seconds < TIMEOUT_S + SLACK_S


PAGE = b"content-length: 6\r\n\r\n<html>"


@pytest.mark.parametrize(
    ("answer", "message", "hopeless_after_s"),
    [
        (b"", "127.0.0.1:", None),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "127.0.0.1:", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", "127.0.0.1:", None),
        (b"SSH-2.0-x\r\n", "127.0.0.1:", 3),
        (b"HTTP/1.1 200 OK\r\n" + PAGE, "cannot read the reply", 3),
        (b"HTTP/1.1 500 Bad\r\n" + PAGE, "reason: Bad", None),
        (b"HTTP/1.1 503 Bad\r\n" + PAGE, "reason: Bad", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n", "longer than any TableStore reply", 0),
    ],
)
def test_a_write_with_a_foreign_reply_is_ambiguous(answer: bytes, message: str, hopeless_after_s: float | None) -> None:
    with listening(lambda connection, _: connection.sendall(answer)) as endpoint:
        error, seconds = failed_put(endpoint)

    assert (True, hopeless_after_s) == (error.ambiguous, error.hopeless_after_s)
    assert message in error.message
    assert seconds < PATIENCE_S


def test_a_connection_that_breaks_while_the_request_is_sent_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sdk_transport._Connection._new_conn

    def with_small_buffer(connection: sdk_transport._Connection) -> socket.socket:
        made = connect(connection)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return made

    monkeypatch.setattr(sdk_transport._Connection, "_new_conn", with_small_buffer)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client = TablestoreClient(profile(f"http://127.0.0.1:{server.getsockname()[1]}"))

        def reset() -> None:
            connection, _ = server.accept()
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        resetting = threading.Thread(target=reset)
        resetting.start()
        with pytest.raises(Unavailable) as caught:
            client.write_row(PUT._replace(columns={"x": "x" * 500_000}))  # larger than the socket buffers of both sides
        resetting.join()
        client.close()

    assert caught.value.ambiguous


def test_the_first_dead_address_leaves_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of forty addresses accepts no connection, and so gets a fortieth of the time."""
    with unresponsive_address() as dead, serving(None) as served:
        addresses = [dead, *[("127.0.0.1", int(served.endpoint.rpartition(":")[2]))] * 39]
        monkeypatch.setattr(sdk_transport, "_look_up", lambda *_: addresses)
        client = TablestoreClient(profile(served.endpoint))
        assert [] == client.list_tables()
        client.close()


def test_all_attempts_together_take_no_longer_than_the_timeout() -> None:
    clock = SystemClock()
    with listening(never_reply) as endpoint:
        client = TablestoreClient(profile(endpoint))
        retrying = RetryingClient(client, clock, RetryPolicy(1.6, first_pause_s=0.01))
        started = time.monotonic()
        with pytest.raises(
            Unavailable, match=r"\(tried 2 times in .* s\); the request may have been carried out$"
        ) as caught:
            retrying.write_row(PUT)
        seconds = time.monotonic() - started
        retrying.close()

    assert caught.value.ambiguous
    assert 2 == client.meter.total.requests
    assert seconds < 1.6 + SLACK_S


@pytest.mark.parametrize(("left_s", "allowed_s"), [(30, 15), (4, 2), (1.5, 1), (0.7, 0.7), (0, 0)])
def test_one_attempt_gets_half_of_the_time_left_and_at_least_a_second(left_s: float, allowed_s: float) -> None:
    assert allowed_s == attempt_timeout_s(left_s)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[HTTPConnection]:
    """The connections that the test has opened."""
    made: list[HTTPConnection] = []
    connect = sdk_transport._Connection._new_conn

    def counted(connection: sdk_transport._Connection) -> socket.socket:
        made.append(connection)
        return connect(connection)

    monkeypatch.setattr(sdk_transport._Connection, "_new_conn", counted)
    return made


def test_calls_one_after_another_share_a_connection(connections: list[HTTPConnection]) -> None:
    with serving(None) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        for _ in range(3):
            assert [] == client.list_tables()
        client.close()

    assert 1 == len(connections)


def test_refused_connections_are_not_counted_as_requests() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = open_client(profile(endpoint, TIMEOUT_S), SystemClock())
    with pytest.raises(Unavailable, match=r"refuses connections .tried") as caught:
        client.write_row(PUT)

    assert not caught.value.ambiguous
    assert Cost() == client.meter.total


def test_a_closed_client_sends_nothing() -> None:
    with serving(None) as served:
        client = open_client(profile_of(served.endpoint), SystemClock())
        client.list_tables()
        client.close()
        for call in (client.list_tables, lambda: client.write_row(PUT), lambda: client.write_rows([PUT])):
            with pytest.raises(TsmemError, match=r"^the store is closed$"):  # and is not retried
                call()

        assert ["ListTable"] == served.actions()


def test_a_forked_process_makes_connections_of_its_own(
    connections: list[HTTPConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(None) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        client.list_tables()
        parents = client._transport._pool
        process = os.getpid() + 1
        monkeypatch.setattr(sdk_transport, "getpid", lambda: process)
        client.list_tables()
        client.list_tables()
        client.close()
        parents.close()

    assert 2 == len(connections)


def endless_trailer(connection: socket.socket, over: threading.Event) -> None:
    """Send a complete chunked body, then an endless trailer."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
    while not over.is_set():
        connection.sendall(b"x: y\r\n" * 10_000)


def endless_head(connection: socket.socket, over: threading.Event) -> None:
    """Send endless interim replies (status 100), which a client skips."""
    while not over.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000)


@pytest.mark.parametrize("handler", [endless_trailer, endless_head])
def test_an_endless_reply_is_abandoned_and_not_retried(monkeypatch: pytest.MonkeyPatch, handler: Handler) -> None:
    monkeypatch.setattr(sdk_transport, "MAX_REPLY_BYTES", 4 * 2**20)
    with listening(handler) as endpoint:
        error, _ = failed_put(endpoint)

    assert "longer than any TableStore reply" in error.message
    assert (True, 0) == (error.ambiguous, error.hopeless_after_s)


def test_a_request_id_is_shortened_and_printable() -> None:
    shown = safe_request_id("\x1b[31m" + "A" * 60000)

    assert shown is not None
    assert len(shown) <= 64
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "skew_s"),
    [
        ("1970-01-01T00:01:41.000Z", 0.0),
        ("1970-01-01T00:01:51.500000Z", 10.5),
        ("1970-01-01T00:00:00.000Z", -101.0),
        ("1970-01-01T00:01:41Z", None),
        ("soon", None),
        ("", None),
        ("9" * 10_000, None),
    ],
)
def test_clock_skew_is_measured_at_the_middle_of_the_exchange(text: str, skew_s: float | None) -> None:
    assert skew_s == clock_skew_s(text, 100.0, 102.0)
