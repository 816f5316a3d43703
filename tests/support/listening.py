"""Broken servers: each connection is given to a handler that replies with raw bytes, or not at all."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tsmem.rows import Put, TableRef

PUT = Put(TableRef("t", ("k",)), ("a",), {"x": 1})
Handler = Callable[[socket.socket, threading.Event], None]


def read_request(stream: socket.socket) -> None:
    """Read a whole HTTP request, or the first bytes of anything else. A connection that is closed with unread bytes
    is reset, and the reset can overtake the reply."""
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
    """Start a server that calls the handler for each connection, in a thread each; with TLS if there is a context."""
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


def never_reply(connection: socket.socket, over: threading.Event) -> None:
    over.wait(90)


def trickle_body(connection: socket.socket, over: threading.Event) -> None:
    """Send complete headers, then a body that never ends, one byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b"x")
