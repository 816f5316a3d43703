"""A server that stops: which requests it still answers, and that it leaves no thread, socket or file open."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import raw_http as http


def request_with_expect(body: bytes = b"body") -> bytes:
    """Return a request whose client waits for 100 Continue before it sends the body."""
    return http.post({**http.signed(http.ots_headers(body)), "Expect": "100-continue"}, body)


@contextmanager
def stopping(here: http.RunningServer, *, wait: bool = True) -> Iterator[None]:
    """Begin to stop the server. When the block ends, it has stopped."""
    stop = threading.Thread(target=here.server.stop)
    stop.start()
    if wait:
        here.await_closed()
    yield
    stop.join(http.TIMEOUT_S)
    assert not stop.is_alive()


def test_a_stopping_server_answers_a_request_whose_body_follows_its_headers() -> None:
    """SDKs send the headers and the body separately."""
    with http.running() as here, here.connect() as client:
        client.sendall(request_with_expect().removesuffix(b"body"))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        with stopping(here):
            client.sendall(b"body")
            reply = http.read_reply(client)

    assert (200, "close") == (reply.status, reply.headers["connection"])
    assert [("GetRow", b"body")] == here.stub.asked


def test_a_stopping_server_answers_each_request_with_200_or_not_at_all() -> None:
    for _ in range(5):
        with http.running() as here:
            ready = threading.Barrier(5, timeout=http.TIMEOUT_S)
            seen: list[int] = []
            clients = [threading.Thread(target=_ask_until_the_end, args=(here, ready, seen)) for _ in range(4)]
            for client in clients:
                client.start()
            ready.wait()
            here.server.stop()
            for client in clients:
                client.join(http.TIMEOUT_S)
        assert {200} == set(seen)
        assert {200} == {entry.status for entry in here.log}


def _ask_until_the_end(here: http.RunningServer, ready: threading.Barrier, seen: list[int]) -> None:
    body = b"x" * 100
    whole = http.request(body)
    with here.connect() as client:
        for number in range(100_000):
            try:
                client.sendall(whole[: -len(body)])
                client.sendall(body)
                reply = http.read_reply(client)
            except (OSError, AssertionError):  # closed between two requests
                return
            seen.append(reply.status)
            if number == 0:
                ready.wait()


def test_a_stopping_server_does_not_log_a_request_whose_client_left_midway() -> None:
    with http.running() as here, here.connect() as client:
        client.sendall(request_with_expect().removesuffix(b"body"))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        with stopping(here):
            client.shutdown(socket.SHUT_WR)
            assert b"" == client.recv(1000)

    assert [] == here.log


@pytest.mark.parametrize(
    "begin",
    [lambda: b"P", lambda: b"POST /GetRow HTTP/1.1\r\n", lambda: request_with_expect().removesuffix(b"body")],
    ids=["a letter", "a line", "a head"],
)
def test_a_stop_times_out_a_request_that_never_becomes_complete(begin: Callable[[], bytes]) -> None:
    begun = begin()  # signed now, because the server refuses signatures older than 15 minutes
    with http.running(receive_s=0.05, linger_s=0.05, request_s=600, stop_s=600) as here, here.connect() as client:
        client.sendall(begun)
        if b"100-continue" in begun:
            assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        else:
            here.await_begun()
        with stopping(here):
            reply = http.parse_reply(http.read_all(client))

    assert (408, "OTSRequestTimeout") == (reply.status, reply.error[0])


def test_a_stop_times_out_a_request_that_trickles() -> None:
    with http.running(receive_s=0.05, linger_s=0.05, request_s=600, stop_s=600) as here, here.connect() as client:
        client.sendall(b"P")
        here.await_begun()
        with stopping(here):
            assert http.send_until_closed(client, b"P")


def test_a_stop_waits_for_a_request_that_is_being_answered() -> None:
    work = http.PausedWork()
    with http.running(http.Stub(doing=work), receive_s=0) as here, here.asking() as client:
        assert work.begun.wait(http.TIMEOUT_S)
        with stopping(here):
            work.go_on.set()
            assert 200 == http.read_reply(client).status


def test_a_stop_ends_the_wait_for_injected_latency() -> None:
    begun = threading.Event()
    with http.running(http.Stub(doing=begun.set), latency_ms=600_000, stop_s=600) as here, here.asking() as client:
        assert begun.wait(http.TIMEOUT_S)
        with stopping(here):
            reply = http.read_reply(client)

    assert (200, "close") == (reply.status, reply.headers["connection"])


def test_a_stop_closes_idle_connections() -> None:
    with http.running(stop_s=600) as here, here.connect() as fresh, here.connect() as used, here.connect() as trailing:
        for client, data in ((used, http.request()), (trailing, http.request() + b"\r\n")):
            client.sendall(data)
            assert 200 == http.read_reply(client).status
        with stopping(here):
            assert [b"", b"", b""] == [client.recv(1) for client in (fresh, used, trailing)]

    assert 2 == len(here.log)


def test_a_stopped_server_leaves_no_thread_and_no_open_file() -> None:
    threads, descriptors = set(threading.enumerate()), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with http.running() as here:
            for client in [here.asking() for _ in range(10)]:
                client.close()
            here.server.stop()
            here.server.stop()  # a second stop does nothing
            assert threads == set(threading.enumerate())
    assert descriptors == len(list(Path("/proc/self/fd").iterdir()))


def test_a_request_that_outlasts_the_stop_is_cut_off_and_later_frees_its_sockets() -> None:
    work = http.PausedWork()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with http.running(http.Stub(doing=work), stop_s=0.01) as here, here.asking() as client:
        assert work.begun.wait(http.TIMEOUT_S)
        here.server.stop()
        assert b"" == client.recv(1)
        (left,) = [each for each in threading.enumerate() if each.name == "tsmem-connection"]
        work.go_on.set()
        left.join(http.TIMEOUT_S)
    assert descriptors == len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def max_open_files(most: int) -> Iterator[None]:
    """Limit the number of files that this process can have open while the block runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_connection_limit_leaves_192_file_descriptors_free() -> None:
    with max_open_files(128 + 64 + 2), http.running(evict_after_s=1000) as here:
        clients = [here.connect() for _ in range(3)]
        statuses = []
        for client in clients:
            client.sendall(http.request())
            statuses.append(http.read_reply(client).status)
            if statuses[-1] == 503:
                break
        for client in clients:
            client.close()

    assert [200, 200, 503] == statuses


def test_without_free_descriptors_the_server_pauses_before_it_accepts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []
    real_accept = socket.socket.accept

    def accept(listener: socket.socket) -> tuple[socket.socket, object]:
        attempts.append(listener)
        return real_accept(listener)

    monkeypatch.setattr(socket.socket, "accept", accept)
    with http.running() as here, socket.socket() as client:
        client.settimeout(http.TIMEOUT_S)
        with max_open_files(3):
            client.connect(here.address)
            client.sendall(http.request())
            threading.Event().wait(0.3)
        assert 200 == http.read_reply(client).status
    assert 2 <= len(attempts) < 1000  # without a pause there are more than 10,000


def test_without_free_descriptors_a_server_stops_at_once() -> None:
    with http.running() as here, socket.socket() as client, max_open_files(3):
        client.connect(here.address)
        with stopping(here, wait=False):
            pass


def test_connections_with_descriptors_above_1023_are_served(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= hard < 1200:
        pytest.skip("this machine opens fewer files")
    with max_open_files(1200):
        held = [(tmp_path / "file").open("w") for _ in range(1024)]
        with http.running() as here, here.asking() as client:
            assert client.fileno() > 1023
            assert 200 == http.read_reply(client).status
            with stopping(here):
                assert b"" == client.recv(1)
        for each in held:
            each.close()
