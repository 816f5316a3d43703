"""Servers below HTTP: each connection is given to a handler that answers as a broken or foreign server does."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.server_in_process import profile_of
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.errors import Unavailable
from tsmem.profiles import Profile
from tsmem.rows import Put, TableRef

PATIENCE_S = 20.0
"""The timeout where something else ends the call, so that a slow machine is not what ends it."""
PUT = Put(TableRef("t", ("k",)), ("a",), {"x": 1})
Handler = Callable[[socket.socket, threading.Event], None]


def batch_read_request(stream: socket.socket) -> None:
    """Read a whole request, or as much as anything else sends at first: closing before that would be a reset, which
    can overtake the answer."""
    received = stream.recv(65536)
    while received.startswith(b"POST") and not is_whole(received):
        if not (more := stream.recv(65536)):
            return
        received += more


def is_whole(request: bytes) -> bool:
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
                batch_read_request(stream)
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
    return profile_of(endpoint)._replace(timeout_s=timeout_s)


def failure(endpoint: str, timeout_s: float = PATIENCE_S) -> tuple[Unavailable, float]:
    """Return the error of a put without retries, and its seconds. It costs a request if it was sent."""
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
    over.wait(90)


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
