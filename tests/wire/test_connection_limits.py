"""How many clients a server has at once: some are served, some are told to come again, the rest are not let in."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

import pytest

from tests.wire.raw_http import TIMEOUT_S, Running, Stub, read_all, read_reply, request, running
from tsmem.server.http import server


def asked(client: socket.socket) -> bytes:
    """All that a client is answered, which may be nothing."""
    with suppress(ConnectionError):
        client.sendall(request())
        return read_all(client)
    return b""


def test_answers_that_nobody_reads_are_bounded_for_all_clients_together() -> None:
    """Who asks for more meanwhile is told that the server is busy, and is answered when the others are done."""
    large = b"x" * 30_000_000
    with running(Stub(body=large), max_held_bytes=50_000_000) as here:
        with here.connect() as slow:
            slow.sendall(request())
            assert b"H" == slow.recv(1)
            reply = here.ask(request())
            assert (503, ("OTSServerBusy", "Server is busy.")) == (reply.status, reply.error)
            here.stub.body = b"small"
            assert 200 == here.ask(request()).status
            here.stub.body = large
        statuses = [503]
        while statuses[-1] == 503:
            statuses.append(here.ask(request()).status)

    assert 200 == statuses[-1]


def test_connections_beyond_those_that_are_told_so_are_closed_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """No number of clients takes more threads than that."""
    monkeypatch.setattr(server, "_REFUSED_CONNECTIONS", 2)
    monkeypatch.setattr(server, "_REFUSED_S", 20.0)
    with running(max_connections=1, yield_after_s=1000, linger_s=0) as here, here.connect() as served:
        served.sendall(request())
        assert 200 == read_reply(served).status
        with here.connect() as told, here.connect() as waiting, here.connect() as beyond:
            assert b"" == asked(beyond)
            assert asked(told).startswith(b"HTTP/1.1 503 ")
            assert asked(waiting).startswith(b"HTTP/1.1 503 ")
        served.sendall(request())
        assert 200 == read_reply(served).status

    assert [200, 503, 503, 200] == [entry.status for entry in here.log]


def served(client: socket.socket) -> bool:
    """True if a client is answered, and may ask again."""
    with suppress(ConnectionError):
        client.sendall(request())
        return read_reply(client).status == 200
    return False


def test_an_idle_connection_keeps_its_place_for_a_while() -> None:
    """A client that has just connected is about to send its request."""
    with running(max_connections=1, yield_after_s=1000) as here, here.connect() as idle, here.connect() as other:
        assert asked(other).startswith(b"HTTP/1.1 503 ")
        assert served(idle)


def test_the_connection_that_waits_longest_for_a_request_gives_up_its_place() -> None:
    """It never asked, or has asked before, or has begun to ask: it is closed without a word."""
    with (
        running(max_connections=3, yield_after_s=0) as here,
        here.connect() as fresh,
        here.connect() as used,
        here.connect() as begun,
    ):
        assert served(used)
        begun.sendall(b"POST /GetRow")
        here.await_begun()
        while any(each.connection.waiting_since_s is None for each in list(here.server._clients)):
            os.sched_yield()
        with here.connect() as first, here.connect() as second, here.connect() as third:
            assert [True, True, True] == [served(each) for each in (first, second, third)]
            assert [b"", b"", b""] == [read_all(each) for each in (fresh, used, begun)]

    assert [200, 200, 200, 200] == [entry.status for entry in here.log]


def test_a_connection_whose_request_is_answered_keeps_its_place() -> None:
    """A request in hand is never given up for a new connection."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)

    with running(Stub(doing=work), max_connections=1, yield_after_s=0) as here, here.connect() as busy:
        busy.sendall(request())
        assert begun.wait(TIMEOUT_S)
        with here.connect() as other:
            assert asked(other).startswith(b"HTTP/1.1 503 ")
        go_on.set()
        assert 200 == read_reply(busy).status


def connect_from(here: Running, address: str) -> socket.socket:
    """A connection from an address of this machine's own, where it has several."""
    host, port = here.server.endpoint.removeprefix("http://").split(":")
    try:
        return socket.create_connection((host, int(port)), TIMEOUT_S, (address, 0))
    except OSError:
        pytest.skip(f"this machine has no address {address}")


def test_one_address_does_not_take_the_places_of_all() -> None:
    """Another address is served although one has used up its own places."""
    with (
        running(max_peer_connections=1, yield_after_s=1000) as here,
        here.connect() as one,
        here.connect() as two,
        connect_from(here, "127.0.0.2") as other,
    ):
        assert asked(two).startswith(b"HTTP/1.1 503 ")
        assert [True, True] == [served(one), served(other)]


def test_an_address_with_all_its_places_taken_gives_up_one_of_its_own() -> None:
    """The connections of other addresses stay."""
    with (
        running(max_peer_connections=1, yield_after_s=0) as here,
        connect_from(here, "127.0.0.2") as other,
        here.connect() as one,
        here.connect() as two,
    ):
        assert [True, True] == [served(two), served(other)]
        assert b"" == read_all(one)
