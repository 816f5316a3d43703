"""Limits on clients: how many connect at once, how long a request takes, and how many replies they leave unread."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import pytest

from tests.support import raw_http as http
from tests.support.waiting import wait_until
from tsmem.server.http import server


def reply_bytes(client: socket.socket) -> bytes:
    """Send a request. Return everything that the server sends, possibly nothing."""
    with suppress(ConnectionError):
        client.sendall(http.request())
        return http.read_all(client)
    return b""


def is_served(client: socket.socket) -> bool:
    """Return True if a request is answered with 200 and the connection stays open."""
    with suppress(ConnectionError):
        client.sendall(http.request())
        return http.read_reply(client).status == 200
    return False


def test_a_connection_over_the_limit_gets_503_and_one_that_ends_makes_room() -> None:
    with http.running(max_connections=1, evict_after_s=1000) as here:
        with here.connect() as first, here.connect() as second:
            reply = http.parse_reply(reply_bytes(second))
            assert (503, ("OTSServerBusy", "Server is busy.")) == (reply.status, reply.error)
            assert is_served(first)
        wait_until(lambda: here.ask(http.request()).status == 200)


def test_unread_replies_of_all_clients_together_are_bounded() -> None:
    large = b"x" * 12_000_000
    with http.running(http.Stub(body=large), max_sending_bytes=20_000_000) as here:
        with here.asking() as slow:
            assert b"H" == slow.recv(1)
            reply = here.ask(http.request())
            assert (503, ("OTSServerBusy", "Server is busy.")) == (reply.status, reply.error)
            assert 0 == here.log[-1].rows
            here.stub.body = b"small"
            assert 200 == here.ask(http.request()).status
            here.stub.body = large
        wait_until(lambda: here.ask(http.request()).status == 200)


def test_connections_far_over_the_limit_are_closed_without_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_REFUSED_CONNECTIONS", 2)
    monkeypatch.setattr(server, "_REFUSED_S", 20.0)
    with http.running(max_connections=1, evict_after_s=1000, linger_s=0) as here, here.connect() as first:
        assert is_served(first)
        with here.connect() as told, here.connect() as waiting, here.connect() as beyond:
            assert b"" == reply_bytes(beyond)
            assert reply_bytes(told).startswith(b"HTTP/1.1 503 ")
            assert reply_bytes(waiting).startswith(b"HTTP/1.1 503 ")
        assert is_served(first)

    assert [200, 503, 503, 200] == [entry.status for entry in here.log]


def test_the_longest_idle_connection_is_closed_for_a_new_one() -> None:
    """The idle connection has sent nothing, or has had a reply before, or has sent a part of a request."""
    with (
        http.running(max_connections=3, evict_after_s=0) as here,
        here.connect() as fresh,
        here.connect() as used,
        here.connect() as begun,
    ):
        assert is_served(used)
        begun.sendall(b"POST /GetRow")
        here.await_begun()
        while any(each.awaiting_request_since_s is None for each in list(here.server._connections)):
            os.sched_yield()
        with here.connect() as first, here.connect() as second, here.connect() as third:
            assert [True, True, True] == [is_served(each) for each in (first, second, third)]
            assert [b"", b"", b""] == [http.read_all(each) for each in (fresh, used, begun)]

    assert [200, 200, 200, 200] == [entry.status for entry in here.log]


def test_a_busy_connection_is_not_closed_for_a_new_one() -> None:
    work = http.PausedWork()
    with http.running(http.Stub(doing=work), max_connections=1, evict_after_s=0) as here, here.asking() as busy:
        assert work.begun.wait(http.TIMEOUT_S)
        with here.connect() as other:
            assert reply_bytes(other).startswith(b"HTTP/1.1 503 ")
        work.go_on.set()
        assert 200 == http.read_reply(busy).status


def connect_from(here: http.RunningServer, address: str) -> socket.socket:
    try:
        return here.connect(address)
    except OSError:
        pytest.skip(f"this machine has no address {address}")


def test_one_address_cannot_take_all_connections() -> None:
    with (
        http.running(max_peer_connections=1, evict_after_s=1000) as here,
        here.connect() as one,
        here.connect() as two,
        connect_from(here, "127.0.0.2") as other,
    ):
        assert reply_bytes(two).startswith(b"HTTP/1.1 503 ")
        assert [True, True] == [is_served(one), is_served(other)]


def test_a_new_connection_of_an_address_at_its_limit_closes_an_idle_one_of_that_address() -> None:
    with (
        http.running(max_peer_connections=1, evict_after_s=0) as here,
        connect_from(here, "127.0.0.2") as other,
        here.connect() as one,
        here.connect() as two,
    ):
        assert [True, True] == [is_served(two), is_served(other)]
        assert b"" == http.read_all(one)


# Timeouts


@pytest.mark.parametrize("part", [1, 30, -1])
def test_a_request_that_does_not_arrive_in_time_gets_408(part: int) -> None:
    with http.running(request_s=0.05) as here, here.connect() as client:
        client.sendall(http.request(b"0123456789")[:part])
        reply = http.parse_reply(http.read_all(client))

    assert (408, ("OTSRequestTimeout", "Request timeout.")) == (reply.status, reply.error)
    assert "close" == reply.headers["connection"]


@pytest.mark.parametrize("ending", [b"", b"\r\n", b"\n", b"\r", b"\r\n\r\n\n"])
def test_an_idle_connection_is_closed_even_after_empty_lines(ending: bytes) -> None:
    with http.running(idle_s=0.3, request_s=1000) as here:
        with here.connect() as client:
            client.sendall(http.request() + ending)
            assert 200 == http.read_reply(client).status
            assert b"" == client.recv(1)
        assert 200 == here.ask(http.request() + ending).status
        with here.connect() as client:
            client.sendall(ending)
            assert b"" == client.recv(1)

    assert [200, 200] == [entry.status for entry in here.log]


def test_a_stream_of_empty_lines_or_of_bytes_after_an_error_keeps_no_connection_open() -> None:
    with http.running(idle_s=0.2, linger_s=0.2) as here:
        with here.connect() as client:
            assert http.send_until_closed(client, b"\r\n")
        assert [] == here.log
        with here.connect() as client:
            client.sendall(b"\0")
            assert 400 == http.read_reply(client).status
            assert http.send_until_closed(client, b"x")
