"""How many clients a server has at once: some are served, some are told to come again, the rest are not let in."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from tests.wire.raw_http import Stub, read_all, read_reply, request, running
from tsmem.server import server


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
    monkeypatch.setattr(server, "_REFUSING", 2)
    monkeypatch.setattr(server, "_REFUSING_S", 20.0)
    with running(max_connections=1, linger_s=0) as here, here.connect() as served:
        served.sendall(request())
        assert 200 == read_reply(served).status
        with here.connect() as told, here.connect() as waiting, here.connect() as beyond:
            assert b"" == asked(beyond)
            assert asked(told).startswith(b"HTTP/1.1 503 ")
            assert asked(waiting).startswith(b"HTTP/1.1 503 ")
        served.sendall(request())
        assert 200 == read_reply(served).status

    assert [200, 503, 503, 200] == [entry.status for entry in here.log]
