"""HTTP by hand: requests as bytes, signed by code of the tests' own, and answers taken apart."""

from __future__ import annotations

import hmac
import os
import socket
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
from tsmem.server.dispatch import ActionResult, Dispatcher
from tsmem.server.http.log import LogEntry
from tsmem.server.http.server import Server
from tsmem.server.http.settings import Settings
from tsmem.server.wire import schema

TIMEOUT_S = 20


@dataclass
class Stub(Dispatcher):
    """Stands behind the HTTP and answers whatever is asked, or does what it is told to do."""

    asked: list[tuple[str, bytes]] = field(default_factory=list)
    doing: Callable[[], object] = lambda: None
    body: bytes = b"the answer"
    rows: int = 3
    row_faults: list[RowFault | None] = field(default_factory=list)

    def answer(self, action: str, body: bytes, row_fault: Callable[[], RowFault | None] = lambda: None) -> ActionResult:
        """The same body to all, and a row fault drawn for each row."""
        self.asked.append((action, body))
        self.row_faults += [row_fault() for _ in range(self.rows)]
        self.doing()
        return ActionResult(self.body, "memory", self.rows)

    def tables(self, action: str, body: bytes) -> str:
        """What the body says, to be told from the answer's."""
        return body.decode("latin-1")


class Reply(NamedTuple):
    """An answer taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> tuple[str, str]:
        """Code and message of the protobuf error in the body."""
        error = schema.parse_message("Error", self.body)
        return error.code, error.message


@dataclass
class Running:
    """A server, what stands behind it, and its log."""

    server: Server
    stub: Stub
    log: list[LogEntry]

    def connect(self) -> socket.socket:
        """A connection to it."""
        parts = urlsplit(self.server.endpoint)
        assert parts.hostname is not None
        assert parts.port is not None
        return socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_S)

    def await_closed(self) -> None:
        """Until nobody is let in any more."""
        with suppress(ConnectionRefusedError, ConnectionResetError):
            while True:
                self.connect().close()

    def await_begun(self) -> None:
        """Until a part of a request has been read."""
        while not any(client.connection._buffer for client in list(self.server._clients)):
            os.sched_yield()

    def raw(self, data: bytes) -> bytes:
        """What it answers to these bytes until it closes; nothing more is sent."""
        with self.connect() as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return read_all(client)

    def ask(self, data: bytes) -> Reply:
        """Its answer to one request."""
        return taken_apart(self.raw(data))


@contextmanager
def running(stub: Stub | None = None, *, clock: Clock | None = None, **settings: Any) -> Iterator[Running]:
    """A server in front of a stub."""
    behind, log = stub or Stub(), list[LogEntry]()
    with Server(behind, Settings(**settings), clock or SystemClock(), log.append) as server:
        yield Running(server, behind, log)


def now() -> str:
    """The present as the header x-ots-date has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def ots_headers(body: bytes = b"", **changed: str | None) -> dict[str, str]:
    """The headers of a request, without a signature. Names are given with underscores; None leaves one out."""
    headers = {
        "x-ots-date": now(),
        "x-ots-apiversion": "2015-12-31",
        "x-ots-accesskeyid": "some-id",
        "x-ots-instancename": "some-instance",
        "x-ots-contentmd5": b64encode(md5(body).digest()).decode(),
    }
    given = {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in {**headers, **given}.items() if value is not None}


def signed(headers: Mapping[str, str], secret: str = "tsmem", path: str = "/GetRow") -> dict[str, str]:
    """The headers with a V2 signature over them."""
    lines = sorted(f"{name}:{value}" for name, value in headers.items())
    text = "\n".join([path, "POST", "", *lines, ""])
    return {**headers, "x-ots-signature": b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()}


def request(body: bytes = b"", *, secret: str = "tsmem", action: str = "GetRow", **changed: str | None) -> bytes:
    """A whole request, rightly signed."""
    return post(signed(ots_headers(body, **changed), secret, f"/{action}"), body, f"/{action}")


def post(headers: Mapping[str, str], body: bytes = b"", path: str = "/GetRow") -> bytes:
    """A whole request."""
    lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(client: socket.socket) -> bytes:
    """Everything until the other side closes."""
    data = b""
    while chunk := client.recv(65536):
        data += chunk
    return data


def read_reply(client: socket.socket) -> Reply:
    """One answer, on a connection that may go on."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = client.recv(65536)
        assert chunk, "closed before the answer was whole"
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(taken_apart(head + b"\r\n\r\n").headers["content-length"])
    while len(body) < length:
        chunk = client.recv(65536)
        assert chunk, "closed before the answer was whole"
        body += chunk
    return taken_apart(head + b"\r\n\r\n" + body)


def taken_apart(data: bytes) -> Reply:
    """An answer's parts."""
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    assert status.startswith("HTTP/1.1 "), data
    return Reply(int(status.split()[1]), {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}, body)
