"""The transport: whatever the other side does, a call ends in time, as one of our errors, and says what is known."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import certifi
import pytest
from urllib3.connection import HTTPConnection

from tests.clocks import ManualClock
from tests.serving import profile_of, serving
from tsmem.adapters import open_client
from tsmem.adapters.tablestore import transport as sdk_transport
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.adapters.tablestore.transport import attempt_s
from tsmem.clock import SystemClock
from tsmem.errors import ProfileError, TsmemError, Unavailable
from tsmem.port import Cost
from tsmem.profiles import Profile
from tsmem.retry import Deadline, RetryingClient, RetryPolicy
from tsmem.rows import Put, TableRef
from tsmem.server.http.faults import Faults, parse_fault

TIMEOUT_S = 0.4
SLACK_S = 4.0
"""For a slow machine; what does not end with its timeout goes on for ten seconds and more."""
PATIENCE_S = 20.0
"""The timeout where something else ends the call, so that a slow machine is not what ends it."""
PUT = Put(TableRef("t", ("k",)), ("a",), {"x": 1})

Handler = Callable[[socket.socket, threading.Event], None]


def read_request(stream: socket.socket) -> None:
    """Read a whole request, or as much as anything else sends at first: closing before that would be a reset, which
    can overtake the answer."""
    received = stream.recv(65536)
    while received.startswith(b"POST") and not is_whole(received):
        if not (more := stream.recv(65536)):
            return
        received += more


def is_whole(request: bytes) -> bool:
    """Whether a request has its head, and as much of a body as that says."""
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


@contextmanager
def listening(handler: Handler, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server whose every connection is given to a handler, in a thread of its own; over TLS with a context."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        try:
            with connection if context is None else context.wrap_socket(connection, server_side=True) as stream:
                read_request(stream)
                handler(stream, over)
                stream.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=handle, args=(connection,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for thread in (accepting, *threads):
            thread.join()


@contextmanager
def swallowing() -> Iterator[tuple[str, int]]:
    """An address whose queue is full: the kernel drops what comes next."""
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
    """A profile of a certain patience."""
    return profile_of(endpoint)._replace(timeout_s=timeout_s)


def failure(endpoint: str, timeout_s: float = PATIENCE_S) -> tuple[Unavailable, float]:
    """What a put raises there without retries, and after how many seconds. It costs a request if it was sent."""
    client = TablestoreClient(profile(endpoint, timeout_s))
    started = time.monotonic()
    try:
        with pytest.raises(Unavailable) as caught:
            client.write_row(PUT)
        assert caught.value.ambiguous <= client.meter.total.requests <= 1
    finally:
        client.close()
    return caught.value, time.monotonic() - started


def silent(connection: socket.socket, over: threading.Event) -> None:
    """Takes the request and says nothing."""
    over.wait(10)


def trickling(connection: socket.socket, over: threading.Event) -> None:
    """A byte of a header now and then, which never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-header: ")
    while not over.wait(0.05):
        connection.sendall(b"x")


def trickling_body(connection: socket.socket, over: threading.Event) -> None:
    """Whole headers, then a byte of the body now and then."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b"x")


@pytest.mark.parametrize("handler", [silent, trickling, trickling_body])
def test_an_answer_that_does_not_end_ends_in_time(handler: Handler) -> None:
    """A server that accepts and never answers, or sends a byte at a time, costs no more than the timeout."""
    with listening(handler) as endpoint:
        error, seconds = failure(endpoint, TIMEOUT_S)

    assert error.ambiguous
    assert "did not answer in time" in error.message
    assert TIMEOUT_S <= seconds < TIMEOUT_S + SLACK_S


def test_an_address_that_swallows_connections_ends_in_time() -> None:
    """A connection that is never made ends with the timeout, and certainly nothing was done."""
    with swallowing() as (_, port):
        error, seconds = failure(f"http://127.0.0.1:{port}", TIMEOUT_S)

    assert not error.ambiguous
    assert "no connection in time" in error.message
    assert seconds < TIMEOUT_S + SLACK_S


def test_a_refused_connection_was_not_done() -> None:
    """A port where nobody listens is Unavailable, not ambiguous, with a hint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error, _ = failure(f"http://127.0.0.1:{port}")

    assert (f"127.0.0.1:{port} refuses connections", False) == (error.message, error.ambiguous)
    assert "endpoint" in (error.hint or "")


def test_an_unknown_host_was_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that no name server knows is Unavailable and says which."""

    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error, _ = failure("https://no-such-instance.example")

    assert ("the host no-such-instance.example is not known", False) == (error.message, error.ambiguous)


def test_a_look_up_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer holds a call no longer than its timeout."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(10) and [])
    error, seconds = failure("https://slow.example", TIMEOUT_S)
    over.set()

    assert not error.ambiguous
    assert seconds < TIMEOUT_S + SLACK_S


def test_a_server_that_speaks_no_tls_was_not_asked() -> None:
    """A TLS handshake that fails is Unavailable, not ambiguous: no request was sent."""
    with listening(lambda connection, _: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as endpoint:
        error, _ = failure(endpoint.replace("http:", "https:"))

    assert not error.ambiguous
    assert "no secure connection" in error.message


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
@pytest.mark.parametrize("trusted", [False, True])
def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool) -> None:
    """A server is asked over TLS when a known authority vouches for it, in time too; another one is not asked."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        ["openssl", *made.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    if trusted:
        monkeypatch.setattr(certifi, "where", lambda: str(certificate))

    with listening(trickling_body, context) as endpoint:
        url = endpoint.replace("http://127.0.0.1", "https://localhost")
        error, _ = failure(url, 2.0 if trusted else PATIENCE_S)

    text = "did not answer in time" if trusted else "the certificate of localhost"
    assert text in error.message
    assert (None if trusted else 0) == error.hopeless_after_s
    assert trusted is error.ambiguous


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", b"SSH-2.0-x\r\n"],
)
def test_a_connection_that_breaks_is_ambiguous(answer: bytes) -> None:
    """When the connection is gone before the answer is whole, nobody knows whether the write was done."""
    with listening(lambda connection, _: connection.sendall(answer)) as endpoint:
        error, _ = failure(endpoint)

    assert error.ambiguous
    assert "127.0.0.1" in error.message


def test_a_request_that_breaks_while_it_is_sent_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service may have seen enough of it to do it."""
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
            client.write_row(PUT._replace(columns={"x": "x" * 500_000}))  # more than the buffers of both sides hold
        resetting.join()
        client.close()

    assert caught.value.ambiguous


def test_an_address_that_does_not_answer_leaves_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of forty addresses of a host the first swallows connections, and gets a fortieth of the time."""
    with swallowing() as dead, serving(None) as served:
        addresses = [dead, *[("127.0.0.1", int(served.endpoint.rpartition(":")[2]))] * 39]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]
        monkeypatch.setattr(sdk_transport, "_look_up", lambda *_: found)
        client = TablestoreClient(profile(served.endpoint))
        assert [] == client.list_tables()
        client.close()


def test_an_answer_that_is_not_the_services_is_ambiguous() -> None:
    """A page of some gateway's in place of an answer may stand before a write that was done."""
    page = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>"
    with listening(lambda connection, _: connection.sendall(page)) as endpoint:
        error, _ = failure(endpoint)

    assert error.ambiguous
    assert "cannot be understood" in error.message


def test_all_attempts_together_end_in_time() -> None:
    """With retries the whole call ends with the profile's timeout, says how long was tried, and counts each attempt."""
    clock = SystemClock()
    deadline = Deadline(clock)
    with listening(silent) as endpoint:
        client = TablestoreClient(profile(endpoint), deadline)
        retrying = RetryingClient(client, clock, RetryPolicy(1.6, first_pause_s=0.01), deadline=deadline)
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"\(tried \d+ times in 1\.\d+ s\); it may have been done$") as caught:
            retrying.write_row(PUT)
        seconds = time.monotonic() - started
        retrying.close()

    assert caught.value.ambiguous
    assert 2 == client.meter.total.requests
    assert seconds < 1.6 + SLACK_S


@pytest.mark.parametrize(("left_s", "allowed_s"), [(30, 15), (4, 2), (1.5, 1), (0.7, 0.7), (0, 0)])
def test_one_attempt_leaves_time_for_another(left_s: float, allowed_s: float) -> None:
    """An attempt takes half of what is left, a second at least, and never more than is left."""
    assert allowed_s == attempt_s(left_s)


def test_connections_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls one after another share a connection."""
    made: list[HTTPConnection] = []
    connect = sdk_transport._Connection._new_conn

    def counted(connection: sdk_transport._Connection) -> socket.socket:
        made.append(connection)
        return connect(connection)

    monkeypatch.setattr(sdk_transport._Connection, "_new_conn", counted)
    with serving(None) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        for _ in range(3):
            assert [] == client.list_tables()
        client.close()
        client.close()

    assert 1 == len(made)


def test_sixteen_threads_share_a_client() -> None:
    """Many threads call one client at once, each with an answer of its own."""
    with serving(None, latency_ms=20) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        found: list[list[str]] = []
        threads = [threading.Thread(target=lambda: found.append(client.list_tables())) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()

    assert [[]] * 16 == found
    assert 16 == client.meter.total.requests


def test_an_endpoint_that_is_none_is_the_profiles_error() -> None:
    """What the SDK says of an endpoint is an error of the profile."""
    with pytest.raises(ProfileError):
        TablestoreClient(profile_of("http://127.0.0.1:1")._replace(endpoint="ftp://x"))


def test_attempts_that_never_left_cost_nothing() -> None:
    """A connection that is refused is no request, however often it was tried."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = open_client(profile(endpoint, TIMEOUT_S), SystemClock())
    with pytest.raises(Unavailable, match=r"refuses connections .tried"):
        client.write_row(PUT)

    assert Cost() == client.meter.total


def test_a_closed_client_fails_at_once() -> None:
    """After close nothing is sent, nothing is waited for, and the error is the local client's."""
    with serving(None) as served:
        client = open_client(profile_of(served.endpoint), SystemClock())
        client.list_tables()
        client.close()
        for call in (client.list_tables, lambda: client.write_row(PUT), lambda: client.write_rows([PUT])):
            with pytest.raises(TsmemError, match=r"^the store is closed$") as caught:
                call()
            assert type(caught.value) is TsmemError

        assert ["ListTable"] == served.actions()


def test_a_thread_that_waits_to_try_again_finds_the_client_closed() -> None:
    """Closing ends retries where they wake up."""
    clock = ManualClock()
    with serving(None, faults=Faults([parse_fault("throttle:1")])) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        retrying = RetryingClient(client, clock)
        sleep = clock.sleep

        def closing(seconds: float) -> None:
            sleep(seconds)
            client.close()

        clock.sleep = closing  # type: ignore[method-assign]
        with pytest.raises(TsmemError, match=r"^the store is closed$"):
            retrying.list_tables()

        assert 1 == len(served.log)


def test_a_forked_process_makes_connections_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a parent left idle is not used by its child."""
    made: list[HTTPConnection] = []
    connect = sdk_transport._Connection._new_conn

    def counted(connection: sdk_transport._Connection) -> socket.socket:
        made.append(connection)
        return connect(connection)

    monkeypatch.setattr(sdk_transport._Connection, "_new_conn", counted)
    with serving(None) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        client.list_tables()
        parents = client._session._transport._pool
        process = os.getpid() + 1
        monkeypatch.setattr(sdk_transport, "getpid", lambda: process)
        client.list_tables()
        client.list_tables()
        client.close()
        parents.close()

    assert 2 == len(made)


@pytest.mark.parametrize(
    ("variable", "value", "setting"),
    [
        ("TABLESTORE_ACCESS_KEY_ID", "hunter2:secret", "access_key_id"),
        ("TABLESTORE_ACCESS_KEY_ID", "hunter2-ключ", "access_key_id"),
        ("TABLESTORE_SECURITY_TOKEN", "hunter2 é", "security_token"),
    ],
)
def test_what_no_header_carries_is_the_profiles_error(variable: str, value: str, setting: str) -> None:
    """A credential that no request can carry names its setting, never its value."""
    with pytest.raises(ProfileError) as caught:
        TablestoreClient(profile_of("http://127.0.0.1:1", **{variable: value}))

    assert f"'{setting}'" in caught.value.message
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_making_up_a_request_is_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that took all of its time to be encoded is not sent, and no connection is blamed."""
    left = [30.0, 0.0]
    with serving(None) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        monkeypatch.setattr(client._session, "_allowed_s", lambda: left.pop(0))
        with pytest.raises(Unavailable, match="no time left to send") as caught:
            client.write_row(PUT)
        client.close()

        assert (False, []) == (caught.value.ambiguous, served.log)
        assert Cost() == client.meter.total
