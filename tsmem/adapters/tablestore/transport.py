"""Send the SDK's requests over urllib3, in place of the SDK's own connection pool.

The SDK calls `Transport.send_receive`, which notes in the HttpAttempt of `client.py` what becomes of the request.
urllib3 pools the connections, speaks HTTP and checks certificates. What it lacks is here:

- A deadline over the whole request. A timeout of urllib3 holds for one read, so a server that sends a byte a second
  never meets it. Here each connect, handshake, send and read may take what is left of the attempt. A name is looked up
  in a thread that is abandoned after that time: nothing else ends a look-up.
- A limit on the bytes of a reply, and a refusal of replies that are not TableStore's.
- `HttpAttempt.sent`, which decides whether a write may have been done.

Source: tablestore 6.4.8, connection.py, for what `send_receive` takes and returns and how certificates are checked;
urllib3 2.8, util/timeout.py and util/connection.py, for what a timeout means.
"""

from __future__ import annotations

import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import getpid
from typing import Any

import certifi
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, connection_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError
from urllib3.util import create_urllib3_context, parse_url
from urllib3.util.connection import create_connection

from tsmem.adapters.redaction import without_secrets
from tsmem.clock import time_left_s
from tsmem.errors import TsmemError, Unavailable, from_service
from tsmem.port import Cost

MAX_IDLE_CONNECTIONS = 64
MAX_REPLY_BYTES = 320 * 1024 * 1024
"""Bytes of the largest reply: 100 rows of BatchGetRow with a value of 2 MB each are 200 MB."""
USE_HTTPS = "begin the endpoint with https://"
CHECK_HOST = "check the endpoint in the profile: https://INSTANCE.REGION.ots.aliyuncs.com"
_TOO_LONG = "is longer than any TableStore reply"
_MAX_REQUEST_ID = 64
_MAX_HEADER = 4096
_MIN_ATTEMPT_S = 1.0
_READ_BUFFER_BYTES = 65536


def attempt_s(left_s: float) -> float:
    """Return how many seconds one attempt may take of what is left for all attempts: half of it, so that a lost packet
    leaves time for another attempt, but at least a second, so that the last attempts can succeed."""
    return max(left_s / 2, min(left_s, _MIN_ATTEMPT_S))


@dataclass
class HttpAttempt:
    """One attempt of one request, and what is known of it."""

    operation: str
    timeout_s: float  # how long the attempt may take if nobody set a deadline
    ends_s: float = 0.0  # by time.monotonic; the time to encode the request does not count
    announce: Callable[[Any], None] | None = None
    """Called with the start of a range's next page, in the SDK's form, before the rows are decoded."""
    signatures: tuple[str, ...] = ()  # of the request; no message may show them
    sent: bool = False  # True once the service may have received a part of the request
    status: int | None = None
    request_id: str | None = None
    skew_s: float | None = None  # by which the service's clock is ahead of this machine's
    received_bytes: int = 0
    decoded: bool = False  # True once the reply had a valid signature and was decoded
    rows: int | None = None  # of the request or reply, for the log; None for operations without rows
    cost: Cost = field(default_factory=Cost)  # capacity units and rows, without the request itself

    def left_s(self) -> float:
        """Return the seconds until the end. Raises TimeoutError when it has passed."""
        if (left := self.ends_s - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        return left


CURRENT_ATTEMPT: ContextVar[HttpAttempt] = ContextVar("CURRENT_ATTEMPT")
"""The attempt under way in this thread, set round each call of the SDK."""


def foreign_server(status: int, host: str, hint: str = CHECK_HOST) -> TsmemError:
    """Return the error for the final reply of another kind of server, which did nothing and never will."""
    if status == 413:  # a gateway's means what the service's would
        return from_service("OTSRequestBodyTooLarge", f"the request is too large for {host}")
    message = f"{host} does not reply like TableStore (HTTP {status})"
    return Unavailable(message, ambiguous=status < 300, hint=hint, hopeless_after_s=0)


def is_final(status: int) -> bool:
    """Return True unless a gateway's status says that another attempt may succeed."""
    return status in (501, 505, 511) or (status < 500 and status not in (408, 429))


def shown_id(text: object) -> str | None:
    """Return a request id, which any server may have made up, as short and plain as TableStore's are."""
    plain = without_secrets(str(text or "")[:_MAX_HEADER])[:_MAX_REQUEST_ID]
    return "".join(char for char in plain if " " < char <= "~") or None


def clock_skew_s(date: str, sent_s: float, received_s: float) -> float | None:
    """Return the seconds by which the service's clock is ahead; None for a date in an unknown format. The reply was
    dated between the two times of this machine, which are seconds since 1970."""
    try:
        then = datetime.strptime(date, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return then.timestamp() - (sent_s + received_s) / 2


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    # urllib3 does not log our requests: they end in errors that say what happened.
    logging.getLogger(_name).addFilter(lambda _record: CURRENT_ATTEMPT.get(None) is None)


class Transport:
    """Sends requests to one endpoint, from any number of threads."""

    def __init__(self, endpoint: str, ca_file: str | None = None, ca_folders: str | None = None) -> None:
        """Trust the authorities of `ca_file`, or certifi's, and those of `ca_folders`.

        Raises OSError for a file without certificates."""
        url = parse_url(endpoint)
        self.host = url.netloc or endpoint
        self._endpoint = endpoint
        # The timeout is what urllib3 sets on the socket now and then; `_TimedSocket` sets the real one.
        self._options: dict[str, Any] = {"maxsize": MAX_IDLE_CONNECTIONS, "retries": False, "timeout": 60.0}
        if url.scheme == "https":
            context = self._options["ssl_context"] = create_urllib3_context()
            context.load_verify_locations(ca_file or certifi.where(), ca_folders)
        self._tls_probe = None if url.scheme == "https" else ((url.host or "").strip("[]"), url.port or 80)
        """The address of an http:// endpoint, until it has replied, or was asked whether it speaks TLS."""
        self._process = getpid()
        self._pool = self._make_pool()

    def _make_pool(self) -> HTTPConnectionPool:
        pool = connection_from_url(self._endpoint, **self._options)
        pool.ConnectionCls = _SecureConnection if "ssl_context" in self._options else _Connection
        return pool

    def send_receive(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str | None, Any, bytes]:
        """Return the status, reason, headers and body of the reply, as the SDK's own pool does.

        Raises TsmemError, TimeoutError and the errors of urllib3."""
        attempt = CURRENT_ATTEMPT.get()
        left_s = time_left_s()
        allowed_s = attempt.timeout_s if left_s is None else attempt_s(left_s)
        if allowed_s <= 0:
            raise Unavailable(f"no time was left to send a request to {self.host}")
        attempt.ends_s = time.monotonic() + allowed_s
        attempt.signatures = tuple(text for name, text in headers.items() if name.startswith("x-ots-signature"))
        if self._process != getpid():  # parent and child must not use the same connections
            self._process, self._pool = getpid(), self._make_pool()
        sent_s = time.time()
        try:
            reply = self._pool.urlopen(
                "POST", url, body=body, headers=headers, redirect=False, assert_same_host=False,
                preload_content=False, decode_content=False,
            )  # fmt: skip
        except ProtocolError as error:
            probe, self._tls_probe = self._tls_probe, None
            if probe is not None and not attempt.received_bytes and _speaks_tls(probe, min(1.0, attempt.left_s())):
                raise Unavailable(f"{self.host} accepts only TLS", hint=USE_HTTPS, hopeless_after_s=0) from error
            raise
        self._tls_probe = None
        try:
            attempt.status = reply.status
            attempt.request_id = shown_id(reply.headers.get("x-ots-requestid"))
            if (date := reply.headers.get("x-ots-date")) is not None:
                attempt.skew_s = clock_skew_s(date, sent_s, time.time())
            _check_head(reply, self.host, CHECK_HOST if "ssl_context" in self._options else USE_HTTPS)
            content = reply.read(decode_content=False)
        except BaseException:
            reply.close()
            raise
        return reply.status, reply.reason, dict(reply.headers), content

    def close(self) -> None:
        self._pool.close()


def _speaks_tls(address: tuple[str, int], timeout_s: float) -> bool:
    """Return True if a server that closed the connection of a plain request speaks TLS."""
    try:
        ssl.get_server_certificate(address, timeout=timeout_s)
    except (OSError, ValueError):
        return False
    return True


def _check_head(reply: BaseHTTPResponse, host: str, hint_400: str) -> None:
    """Raise if the body must not be read: it is another server's, has no known end, is compressed or too large.
    `hint_400` is for a web server's status 400."""
    length = reply.headers.get("content-length")
    is_html = reply.headers.get("content-type", "").lower().startswith("text/html")
    if reply.headers.get("x-ots-requestid") is None and (is_html or reply.version == 10) and is_final(reply.status):
        # A captive portal, a proxy or a web server. TableStore replies in HTTP/1.1, with its own headers.
        raise foreign_server(reply.status, host, hint_400 if reply.status == 400 else CHECK_HOST)
    if length is None and not getattr(reply, "chunked", False) and reply.status not in (204, 304):
        # The standard library takes a head that was cut off for a whole one, and what follows for an empty body:
        # a status alone, which does not say whose reply it is.
        raise ProtocolError("the reply has no length")
    if reply.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unfit("is compressed, although that was not requested")
    if length is not None and length.isdecimal() and (len(length) > 18 or int(length) > MAX_REPLY_BYTES):
        raise _unfit(_TOO_LONG)


def _unfit(why: str) -> Unavailable:
    """Return the error for a reply that is not read to its end. The next reply would be no better."""
    hint = "check the endpoint in the profile"
    return Unavailable(f"the reply {why}", ambiguous=True, hint=hint, hopeless_after_s=0)


def _look_up(host: str, port: int, timeout_s: float) -> list[Any]:
    """Return the addresses of a host. Raises OSError (socket.gaierror, or TimeoutError)."""
    found: Future[list[Any]] = Future()

    def look_up() -> None:
        try:
            found.set_result([each[4] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except UnicodeError:  # a label that is empty or too long
            found.set_exception(socket.gaierror(socket.EAI_NONAME, "not a host name"))
        except Exception as error:
            found.set_exception(error)

    try:
        threading.Thread(target=look_up, name="tsmem look-up", daemon=True).start()
    except RuntimeError:  # no thread can be started, so the look-up takes as long as it takes
        look_up()
    return found.result(timeout_s)


class _Connection(HTTPConnection):
    """A connection whose every step ends with the attempt under way."""

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that accepts; each address gets its share of the time that is left.

        Raises urllib3's own errors, with the reason as their cause."""
        attempt = CURRENT_ATTEMPT.get()
        failure = OSError("no address")
        try:
            addresses = _look_up(self.host, self.port, attempt.left_s())
            for place, address in enumerate(addresses):
                try:
                    share_s = attempt.left_s() / (len(addresses) - place)
                    made = create_connection(address[:2], share_s, socket_options=self.socket_options)
                    made.settimeout(attempt.left_s())  # for the TLS handshake
                    return made
                except OSError as error:
                    failure = error
            raise failure
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    def connect(self) -> None:
        super().connect()
        self.sock = _TimedSocket(self.sock)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _TimedSocket:
    """A socket whose every send and read ends with the attempt under way."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def sendall(self, data: bytes) -> None:
        attempt = CURRENT_ATTEMPT.get()
        attempt.sent = True
        view = memoryview(data).cast("B")
        while view:
            self._inner.settimeout(attempt.left_s())
            view = view[self._inner.send(view) :]

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._inner), _READ_BUFFER_BYTES)


class _TimedReader(io.RawIOBase):
    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._raw = inner.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        attempt = CURRENT_ATTEMPT.get()
        self._inner.settimeout(attempt.left_s())
        count = self._raw.readinto(buffer)
        attempt.received_bytes += count or 0
        if attempt.received_bytes > MAX_REPLY_BYTES:
            raise _unfit(_TOO_LONG)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
