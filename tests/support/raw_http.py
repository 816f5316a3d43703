"""HTTP at the level of bytes: requests signed with code of the tests' own, parsed replies, and a server with a stub
dispatcher."""

from __future__ import annotations

import hmac
import os
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tsmem.clock import Clock, SystemClock
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import ActionResult, Dispatcher, Request
from tsmem.server.http.exchange import LogEntry
from tsmem.server.http.server import Server
from tsmem.server.http.settings import Settings
from tsmem.server.wire import schema

TIMEOUT_S = 60
"""Only a test that fails waits this long."""


@dataclass
class Stub(Dispatcher):
    """A dispatcher that calls `doing` for every request and then gives the same reply."""

    asked: list[tuple[str, bytes]] = field(default_factory=list)
    doing: Callable[[], object] = lambda: None
    body: bytes = b"the answer"
    rows: int = 3
    row_faults: list[RowFault | None] = field(default_factory=list)

    def parse(self, action: str, body: bytes) -> Request:
        """Return a request whose table is its body."""
        return Request(action, body, body.decode("latin-1"))

    def answer(self, request: Request, draw_row_fault: Callable[[], RowFault | None] = lambda: None) -> ActionResult:
        self.asked.append((request.action, request.message))
        self.row_faults += [draw_row_fault() for _ in range(self.rows)]
        self.doing()
        return ActionResult(self.body, self.rows)


class PausedWork:
    """A `doing` for Stub that blocks until the test sets `go_on`."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.go_on.wait(TIMEOUT_S)


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> tuple[str, str]:
        error = schema.parse_message("Error", self.body)
        return error.code, error.message


@dataclass
class RunningServer:
    """A running server, its stub dispatcher, and its log."""

    server: Server
    stub: Stub
    log: list[LogEntry]

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.server.endpoint)
        return str(parts.hostname), int(parts.port or 0)

    def connect(self, source: str = "") -> socket.socket:
        return socket.create_connection(self.address, TIMEOUT_S, (source, 0) if source else None)

    def asking(self, action: str = "GetRow") -> socket.socket:
        """Send a request and return the connection, without waiting for the reply."""
        client = self.connect()
        client.sendall(request(action=action))
        return client

    def await_closed(self) -> None:
        """Wait until the server accepts no more connections."""
        with suppress(ConnectionRefusedError, ConnectionResetError):
            while True:
                self.connect().close()

    def await_begun(self) -> None:
        """Wait until the server has read a part of a request."""
        while not any(connection._buffer for connection in list(self.server._connections)):
            os.sched_yield()

    def raw(self, data: bytes) -> bytes:
        """Send bytes and shut down the sending side. Return everything received until the server closes the
        connection."""
        with self.connect() as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return read_all(client)

    def ask(self, data: bytes) -> Reply:
        return parse_reply(self.raw(data))


@contextmanager
def running(stub: Stub | None = None, *, clock: Clock | None = None, **settings: Any) -> Iterator[RunningServer]:
    behind, log = stub or Stub(), list[LogEntry]()
    server = Server(behind, Settings(**settings), clock or SystemClock(), log.append)
    try:
        server.listen()
        server.start()
        yield RunningServer(server, behind, log)
    finally:
        server.stop()


def ots_headers(body: bytes = b"", **changed: str | None) -> dict[str, str]:
    """Return the headers of an unsigned request, some replaced. Underscores in names stand for hyphens; None removes
    a header."""
    headers = {
        "x-ots-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "x-ots-apiversion": "2015-12-31",
        "x-ots-accesskeyid": "some-id",
        "x-ots-instancename": "some-instance",
        "x-ots-contentmd5": b64encode(md5(body).digest()).decode(),
    }
    given = {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in {**headers, **given}.items() if value is not None}


def signed(headers: Mapping[str, str], secret: str = "tsmem", path: str = "/GetRow") -> dict[str, str]:
    lines = sorted(f"{name}:{value}" for name, value in headers.items())
    text = "\n".join([path, "POST", "", *lines, ""])
    return {**headers, "x-ots-signature": b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()}


def request(body: bytes = b"", *, secret: str = "tsmem", action: str = "GetRow", **changed: str | None) -> bytes:
    return post(signed(ots_headers(body, **changed), secret, f"/{action}"), body, f"/{action}")


def post(headers: Mapping[str, str], body: bytes = b"", path: str = "/GetRow") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def read_reply(client: socket.socket) -> Reply:
    """Read one reply from a connection that can stay open."""
    data = bytearray()
    length = None
    while length is None or len(data) < length:
        chunk = client.recv(65536)
        assert chunk, "closed before the answer was whole"
        data += chunk
        if length is None and (end := data.find(b"\r\n\r\n") + 4) >= 4:
            length = end + int(parse_reply(bytes(data[:end])).headers["content-length"])
    return parse_reply(bytes(data))


def send_until_closed(client: socket.socket, data: bytes) -> bool:
    """Send the bytes every millisecond until the server closes the connection. Return False if it does not do so
    within TIMEOUT_S."""
    due, pause = time.monotonic() + TIMEOUT_S, threading.Event()
    try:
        while time.monotonic() < due:
            client.sendall(data)
            pause.wait(0.001)
    except OSError:
        return True
    return False


def parse_reply(data: bytes) -> Reply:
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    assert status.startswith("HTTP/1.1 "), data
    return Reply(int(status.split()[1]), {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}, body)
