"""How a server stops: who is answered, who is let go, and that nobody is told that his request was wrong."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.wire.raw_http import (
    Running,
    Stub,
    ots_headers,
    post,
    read_all,
    read_reply,
    request,
    running,
    signed,
    taken_apart,
)
from tsmem.server.http.connection import StopEvent

SOON_S = 5
"""Far less than what a stop would wait for otherwise."""


def expecting(body: bytes = b"body") -> bytes:
    """A request's head, after which the client is told to go on, and its body."""
    return post({**signed(ots_headers(body)), "Expect": "100-continue"}, body)


@contextmanager
def stopping(here: Running) -> Iterator[None]:
    """While the server is being stopped; at the end it has stopped."""
    stop = threading.Thread(target=here.server.stop)
    stop.start()
    here.await_closed()
    yield
    stop.join(SOON_S)
    assert not stop.is_alive()


def test_a_body_that_follows_its_head_is_read_while_the_server_stops() -> None:
    """SDKs send the two apart: the request is served, and told that it is the last."""
    with running() as here, here.connect() as client:
        client.sendall(expecting().removesuffix(b"body"))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        with stopping(here):
            client.sendall(b"body")
            reply = read_reply(client)

    assert (200, "close") == (reply.status, reply.headers["connection"])
    assert [("GetRow", b"body")] == here.stub.asked


def test_no_request_is_called_wrong_by_a_stop() -> None:
    """Clients that send heads and bodies apart, at all moments of a stop: each is answered with 200, or not at all."""
    for _ in range(20):
        with running() as here:
            ready = threading.Barrier(9, timeout=20)
            seen: list[int] = []
            clients = [threading.Thread(target=_ask_until_the_end, args=(here, ready, seen)) for _ in range(8)]
            for client in clients:
                client.start()
            ready.wait()
            here.server.stop()
            for client in clients:
                client.join(20)
        assert {200} == set(seen)
        assert {200} == {entry.status for entry in here.log}


def _ask_until_the_end(here: Running, ready: threading.Barrier, seen: list[int]) -> None:
    body = b"x" * 100
    whole = request(body)
    with here.connect() as client:
        for number in range(100_000):
            try:
                client.sendall(whole[: -len(body)])
                client.sendall(body)
                reply = read_reply(client)
            except (OSError, AssertionError):  # closed between two requests
                return
            seen.append(reply.status)
            if number == 0:
                ready.wait()


def test_a_client_that_goes_away_in_the_middle_while_the_server_stops_is_no_entry() -> None:
    """Neither an answer nor a line in the log: it is nobody's mistake."""
    with running() as here, here.connect() as client:
        client.sendall(expecting().removesuffix(b"body"))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        with stopping(here):
            client.shutdown(socket.SHUT_WR)
            assert b"" == client.recv(1000)

    assert [] == here.log


@pytest.mark.parametrize(
    "begin",
    [lambda: b"P", lambda: b"POST /GetRow HTTP/1.1\r\n", lambda: expecting().removesuffix(b"body")],
    ids=["a letter", "a line", "a head"],
)
def test_a_request_that_does_not_come_holds_no_stop(begin: Callable[[], bytes]) -> None:
    """Whoever began one and sends no more is told that his time is up, long before a stop gives answers up."""
    begun = begin()  # signed now: a signature is refused when it is a quarter of an hour old
    with running(receive_s=0.05, request_s=600, stop_s=600) as here, here.connect() as client:
        client.sendall(begun)
        if b"100-continue" in begun:
            assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        else:
            here.await_begun()
        with stopping(here):
            reply = taken_apart(read_all(client))

    assert (408, "OTSRequestTimeout") == (reply.status, reply.error[0])


def test_a_request_that_trickles_holds_no_stop() -> None:
    """A byte now and then does not prolong what a stop leaves it."""
    with running(receive_s=0.05, linger_s=0.05, request_s=600, stop_s=600) as here, here.connect() as client:
        client.sendall(b"P")
        here.await_begun()
        with stopping(here):
            assert trickled(client, b"P") < SOON_S


def test_a_request_that_is_being_answered_has_longer() -> None:
    """What a stop leaves those that are still being received is not the bound of those in hand."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(20)

    with running(Stub(doing=work), receive_s=0) as here, here.connect() as client:
        client.sendall(request())
        assert begun.wait(20)
        with stopping(here):
            go_on.set()
            assert 200 == read_reply(client).status


def test_a_request_that_does_not_arrive_in_time_is_cut_without_a_word() -> None:
    """Its client has as long as a stop waits at most."""
    with running(stop_s=0.05) as here, here.connect() as client:
        client.sendall(expecting().removesuffix(b"body"))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        here.server.stop()
        assert b"" == client.recv(1000)

    assert [] == here.log


def test_a_stop_ends_the_latency() -> None:
    """The answer is sent at once, and is the last."""
    begun = threading.Event()
    with running(Stub(doing=begun.set), latency_ms=60_000) as here, here.connect() as client:
        client.sendall(request())
        assert begun.wait(20)
        with stopping(here):
            reply = read_reply(client)

    assert (200, "close") == (reply.status, reply.headers["connection"])


def test_an_idle_connection_does_not_hold_a_stop() -> None:
    """Whether it asked nothing yet, asked before, or sent an empty line behind its request."""
    with running() as here, here.connect() as fresh, here.connect() as used, here.connect() as trailing:
        for client, data in ((used, request()), (trailing, request() + b"\r\n")):
            client.sendall(data)
            assert 200 == read_reply(client).status
        with stopping(here):
            assert [b"", b"", b""] == [client.recv(1) for client in (fresh, used, trailing)]

    assert 2 == len(here.log)


@pytest.mark.parametrize("ending", [b"\r\n", b"\n", b"\r", b"\r\n\r\n\n"])
def test_lines_behind_a_request_begin_no_other(ending: bytes) -> None:
    """The connection is idle: it is closed without a word when its time is up, and when the client goes, unlogged."""
    with running(idle_s=0.05, request_s=20) as here:
        with here.connect() as client:
            client.sendall(request() + ending)
            assert 200 == read_reply(client).status
            assert b"" == client.recv(1)
        assert 200 == here.ask(request() + ending).status
        with here.connect() as client:
            client.sendall(ending)
            assert b"" == client.recv(1)

    assert [200, 200] == [entry.status for entry in here.log]


def test_empty_lines_do_not_prolong_a_connection() -> None:
    """One time for all of them, however they trickle."""
    with running(idle_s=0.2) as here, here.connect() as client:
        assert trickled(client, b"\r\n") < SOON_S
    assert [] == here.log


def test_what_a_refused_client_has_still_to_say_has_an_end() -> None:
    """A byte now and then does not prolong it."""
    with running(linger_s=0.2) as here, here.connect() as client:
        client.sendall(b"\0")
        assert 400 == read_reply(client).status
        assert trickled(client, b"x") < SOON_S


def trickled(client: socket.socket, data: bytes) -> float:
    """Send this every millisecond until the other side is gone; how long that took, in seconds."""
    begun, never = time.monotonic(), threading.Event()
    try:
        while (seconds := time.monotonic() - begun) < SOON_S:
            client.sendall(data)
            never.wait(0.001)
    except OSError:
        seconds = time.monotonic() - begun
    return seconds


def test_nothing_is_left_however_often_it_stops() -> None:
    """No thread and no descriptor at the very moment when `stop` returns, also under load."""
    threads, descriptors = set(threading.enumerate()), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(30):
        with running() as here:
            clients = [here.connect() for _ in range(10)]
            for client in clients:
                client.sendall(request())
            for client in clients:
                client.close()
            here.server.stop()
            assert threads == set(threading.enumerate())
    assert descriptors == len(list(Path("/proc/self/fd").iterdir()))


def test_the_last_thread_lets_go_of_what_a_stop_could_not() -> None:
    """A request that outlasts the stop: its connection is gone at once, its thread and sockets when it ends."""
    begun, go_on = threading.Event(), threading.Event()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))

    def work() -> None:
        begun.set()
        assert go_on.wait(20)

    with running(Stub(doing=work), stop_s=0.01) as here, here.connect() as client:
        client.sendall(request())
        assert begun.wait(20)
        here.server.stop()
        assert b"" == client.recv(1)
        (left,) = [each for each in threading.enumerate() if each.name == "tsmem-connection"]
        go_on.set()
        left.join(20)
    assert descriptors == len(list(Path("/proc/self/fd").iterdir()))


def test_an_alarm_wakes_everyone_for_good() -> None:
    """Those who sleep, and those who would."""
    wake = StopEvent()
    assert not wake.wait(0.001)
    sleeper = threading.Thread(target=wake.wait, args=(60,))
    sleeper.start()
    wake.set()
    sleeper.join(SOON_S)
    assert not sleeper.is_alive()
    assert wake.wait(60)
    wake.close()
    assert wake.wait(60)


@contextmanager
def files(most: int) -> Iterator[None]:
    """While this process may open so many files only."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_leave_descriptors_for_the_rest() -> None:
    """Those beyond are told that the server is busy: 128 descriptors are the engine's, 64 for telling them."""
    with files(128 + 64 + 2), running(yield_after_s=1000) as here:
        clients = [here.connect() for _ in range(3)]
        statuses = []
        for client in clients:
            client.sendall(request())
            statuses.append(read_reply(client).status)
            if statuses[-1] == 503:
                break
        for client in clients:
            client.close()

    assert [200, 200, 503] == statuses


def test_a_process_without_descriptors_waits_for_one() -> None:
    """Nobody is let in, no processor is burnt, and whoever waits is answered as soon as there is one again."""
    with running() as here, socket.socket() as client:
        client.settimeout(20)
        host, port = here.server.endpoint.removeprefix("http://").split(":")
        with files(3):
            client.connect((host, int(port)))
            client.sendall(request())
            burnt = time.process_time()
            threading.Event().wait(0.3)
            burnt = time.process_time() - burnt
        assert 200 == read_reply(client).status
    assert burnt < 0.15


def test_a_process_without_descriptors_stops_at_once() -> None:
    """Waiting for one does not hold it."""
    with running() as here, socket.socket() as client:
        host, port = here.server.endpoint.removeprefix("http://").split(":")
        with files(3):
            client.connect((host, int(port)))
            begun = time.monotonic()
            here.server.stop()
            assert time.monotonic() - begun < SOON_S


def test_more_connections_than_select_can_name(tmp_path: Path) -> None:
    """Descriptors past 1,023 are served, and woken."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= hard < 1200:
        pytest.skip("this machine opens fewer files")
    with files(1200):
        held = [(tmp_path / "file").open("w") for _ in range(1024)]
        with running() as here, here.connect() as client:
            assert client.fileno() > 1023
            client.sendall(request())
            assert 200 == read_reply(client).status
            with stopping(here):
                assert b"" == client.recv(1)
        for each in held:
            each.close()
