"""HTTP for the SDK: it stands in for the SDK's own connection pool, so that every request ends in time and once.

Its one rule: no attempt waits for the other side beyond its `HttpAttempt.ends_s`, or keeps more than MAX_ANSWER_BYTES
of what it says. A timeout of urllib3's is one for each read, which a server that sends a byte a second never meets, and
one for each address; here every single connect, handshake, send and read gets what is left of the attempt, and every
byte that is read is counted. What is computed about an answer comes on top of the time, and is bounded by its size.
Names are looked up in a thread that is left behind when it takes too long, because nothing else can end a look-up.
urllib3 repeats nothing: tsmem.retry does. Nothing is decompressed: TableStore compresses only what it is asked to.

How much of an operation's time one attempt may take is `attempt_s`: half of what is left, so that a lost packet or a
connection that died silently leaves time for another attempt, but a second at least, so that the last ones can succeed.

Source: tablestore 6.4.8, connection.py, for what `send_receive` takes and gives, and how certificates are checked.
"""

from __future__ import annotations

import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from os import getpid
from typing import Any, NamedTuple

import certifi
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError
from urllib3.util import create_urllib3_context, parse_url

from tsmem.adapters.redaction import without_secrets
from tsmem.adapters.tablestore.tls_probe import speaks_tls
from tsmem.errors import Unavailable
from tsmem.port import Cost

MAX_IDLE_CONNECTIONS = 64
"""Kept open for another request; more threads than these open connections of their own."""
MAX_ANSWER_BYTES = 320 * 1024 * 1024
"""Of one answer, head and framing included: 100 rows of BatchGetRow with a value of 2 MB each are 200 MB."""
_PIECE_BYTES = 256 * 1024
_MAX_REQUEST_ID = 64
_MAX_HEADER = 4096
_MIN_ATTEMPT_S = 1.0
_CLOSED_BEFORE_PROBE = 3
"""A connection may be lost once; the probe is a request of its own to the other side."""
USE_HTTPS = "begin the endpoint with https://"


def attempt_s(left_s: float) -> float:
    """Seconds that one attempt may take of what is left for all of them."""
    return max(left_s / 2, min(left_s, _MIN_ATTEMPT_S))


class ServiceDate(NamedTuple):
    """What the other side said of the time, and when: it was some time in between."""

    text: str
    asked_s: float
    answered_s: float
    """By this machine's clock, seconds since 1970."""

    def skew_s(self) -> float | None:
        """Seconds by which the other side's clock is ahead; None where what it said is no time."""
        try:
            date = datetime.strptime(self.text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        except ValueError:
            return None
        return date.timestamp() - (self.asked_s + self.answered_s) / 2


class HttpAttempt:
    """What is known of one attempt of one request."""

    def __init__(self, ends_s: float, allowed_s: Callable[[], float] | None = None) -> None:
        """`allowed_s` says, once the request is made up, how long it may take from then on."""
        self._allowed_s = allowed_s
        self.ends_s = ends_s
        """When it must have ended, by time.monotonic."""
        self.announce: Callable[[Any], None] | None = None
        """Hears where the next page of a range starts, in the SDK's words, before its rows are decoded."""
        self.sent = False
        """Whether the service may have seen something of it."""
        self.status: int | None = None
        """Of HTTP, as far as it was answered."""
        self.request_id: str | None = None
        """As far as it was answered."""
        self.dated: ServiceDate | None = None
        """As far as it was answered."""
        self.received_bytes = 0
        self.max_bytes = MAX_ANSWER_BYTES
        """Of the answer; never more than MAX_ANSWER_BYTES."""
        self.decoded = False
        """Whether it was answered, with a signature that holds, in bytes that the SDK can read."""
        self.operation = ""
        """What was asked, in the service's words."""
        self.signatures: tuple[str, ...] = ()
        """What was sent to prove who asks, and must not be shown."""
        self.rows: int | None = None
        """For the log; None where rows are not what it is about."""
        self.cost = Cost()
        """For the meter, the request itself aside."""

    def begin(self) -> None:
        """The request is made up, which may take its time, and the waiting begins. Raises Unavailable when it is too
        late for that."""
        if self._allowed_s is not None:
            if (allowed_s := self._allowed_s()) <= 0:
                raise Unavailable("there was no time left to send the request")
            self.ends_s = time.monotonic() + allowed_s

    def left_s(self) -> float:
        """Seconds that are left. Raises TimeoutError when none are."""
        if (left := self.ends_s - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        return left

    def count(self, received_bytes: int) -> None:
        """So many bytes more were read. Raises Unavailable for more than any answer has."""
        self.received_bytes += received_bytes
        if self.received_bytes > min(self.max_bytes, MAX_ANSWER_BYTES):
            raise _unfit("is longer than any of TableStore's")


def _unfit(why: str) -> Unavailable:
    """Of an answer that is not read to its end; the next one would be no better."""
    return Unavailable(
        f"the answer {why}", ambiguous=True, hint="check the endpoint of the profile", hopeless_after_s=0
    )


class ForeignAnswer(Exception):
    """Raised for an answer that is none of TableStore's; carries the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")


def is_final(status: int) -> bool:
    """True unless a status of a gateway's says that asking again may help."""
    return status in (501, 505, 511) or (status < 500 and status not in (408, 429))


def shown_id(text: object) -> str | None:
    """A request id, which a stranger may have made up, as short and plain as one of the service's."""
    plain = without_secrets(str(text or "")[:_MAX_HEADER])[:_MAX_REQUEST_ID]
    kept = "".join(char for char in plain if " " < char <= "~")
    return kept or None


CURRENT_ATTEMPT: ContextVar[HttpAttempt] = ContextVar("CURRENT_ATTEMPT")
"""The attempt under way in this thread: set round each call of the SDK."""


def _is_anothers(record: logging.LogRecord) -> bool:
    """Whether a line of urllib3's log is not about a request of ours: ours end in errors that say what happened."""
    return CURRENT_ATTEMPT.get(None) is None


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_is_anothers)


class Transport:
    """Sends requests to one endpoint, from any number of threads."""

    def __init__(self, endpoint: str, ca_file: str | None = None, ca_folders: str | None = None) -> None:
        """Without `ca_file` the authorities are certifi's. Raises OSError for one that holds no certificates."""
        self._url = parse_url(endpoint)
        self.host = self._url.netloc or endpoint
        self._context: ssl.SSLContext | None = None
        if self._url.scheme == "https":
            self._context = create_urllib3_context()
            self._context.load_verify_locations(ca_file or certifi.where(), ca_folders)
        self._answered = False
        """True once anything was answered, or it is known that the other side does not wait for TLS."""
        self._closed_on_us = 0
        """How many connections were closed without a byte of an answer."""
        self._process = getpid()
        self._pool = self._make_pool()

    def _make_pool(self) -> HTTPConnectionPool:
        # The timeout is what urllib3 sets on the socket now and then; the connections below set the real one.
        options: dict[str, Any] = {"maxsize": MAX_IDLE_CONNECTIONS, "retries": False, "timeout": 60.0}
        if self._context is not None:
            return _SecurePool(self._url.host or "", self._url.port, ssl_context=self._context, **options)
        return _Pool(self._url.host or "", self._url.port, **options)

    def _own_pool(self) -> HTTPConnectionPool:
        """The connections of this process: after a fork, parent and child must not speak on the same ones."""
        if self._process != getpid():
            self._pool = self._make_pool()
            self._process = getpid()
        return self._pool

    def send_receive(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str | None, Any, bytes]:
        """The status, reason, headers and body of the answer, as the SDK's own pool gives them."""
        exchange = CURRENT_ATTEMPT.get()
        exchange.begin()
        exchange.signatures = tuple(text for name, text in headers.items() if name.startswith("x-ots-signature"))
        asked_s = time.time()
        try:
            answer = self._own_pool().urlopen(
                "POST", url, body=body, headers=headers, redirect=False, assert_same_host=False,
                preload_content=False, decode_content=False,
            )  # fmt: skip
        except ProtocolError as error:
            if not exchange.received_bytes:
                self._closed_on_us += 1
                if self._closed_on_us == _CLOSED_BEFORE_PROBE:
                    self._refuse_tls(exchange, error)
            raise
        if answer.status == 400 and answer.headers.get("x-ots-requestid") is None:
            self._refuse_tls(exchange)
        self._answered = True
        try:
            exchange.status = answer.status
            exchange.request_id = shown_id(answer.headers.get("x-ots-requestid"))
            if (date := answer.headers.get("x-ots-date")) is not None:
                exchange.dated = ServiceDate(date, asked_s, time.time())
            _check_head(answer, min(exchange.max_bytes, MAX_ANSWER_BYTES))
            content = b"".join(answer.stream(_PIECE_BYTES, decode_content=False))
        except BaseException:
            answer.close()
            raise
        return answer.status, answer.reason, dict(answer.headers), content

    def _refuse_tls(self, exchange: HttpAttempt, error: ProtocolError | None = None) -> None:
        """Raise Unavailable if TLS is spoken where http:// was used.

        Servers of TLS close such a connection, or answer 400."""
        if self._context is not None or self._answered:
            return
        self._answered = True
        host, left_s = self._url.host or "", exchange.ends_s - time.monotonic()
        with suppress(OSError):
            addresses = _look_up(host, self._url.port or 80, left_s)
            if not speaks_tls(host, addresses[0], left_s):
                return
            raise Unavailable(f"{self.host} speaks TLS alone", hint=USE_HTTPS, hopeless_after_s=0) from error

    def close(self) -> None:
        """Close idle connections."""
        self._own_pool().close()


def _check_head(answer: BaseHTTPResponse, max_bytes: int) -> None:
    """Raises for a body that cannot be told to be whole, is compressed, or is larger than any answer."""
    length = answer.headers.get("content-length")
    is_html = answer.headers.get("content-type", "").lower().startswith("text/html")
    if answer.headers.get("x-ots-requestid") is None and (is_html or answer.version == 10) and is_final(answer.status):
        # A captive portal, a proxy or a web server. TableStore answers in HTTP/1.1, with its own headers.
        raise ForeignAnswer(answer.status)
    if length is None and not getattr(answer, "chunked", False) and answer.status not in (204, 304):
        # The standard library takes a head that was cut off for a whole one, and what follows for an empty body:
        # a status alone, which says nothing of who gave it.
        raise ProtocolError("the answer does not say how long it is")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unfit("is compressed, which nobody asked for")
    if length is not None and length.isdecimal() and (len(length) > 18 or int(length) > max_bytes):
        raise _unfit("is longer than any of TableStore's")


def _connect(connection: HTTPConnection) -> socket.socket:
    """A socket to the first address that answers; each gets its share of the time that is left.

    Raises urllib3's own errors, whose cause says what happened."""
    exchange = CURRENT_ATTEMPT.get()
    failure: OSError | None = None
    try:
        addresses = _look_up(connection.host, connection.port, exchange.left_s())
        for place, (family, kind, protocol, _, address) in enumerate(addresses):
            made = socket.socket(family, kind, protocol)
            try:
                for option in connection.socket_options or ():
                    made.setsockopt(*option)
                made.settimeout(exchange.left_s() / (len(addresses) - place))
                made.connect(address)
                made.settimeout(exchange.left_s())  # for the TLS handshake
            except OSError as error:
                made.close()
                failure = error
            else:
                return made
        raise failure or OSError("no address")
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "timed out") from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error


def _look_up(host: str, port: int, timeout_s: float) -> list[tuple[Any, ...]]:
    """The addresses of a host. Raises OSError (socket.gaierror, or TimeoutError)."""
    found: list[list[tuple[Any, ...]]] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            found.append(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except OSError as error:
            failed.append(error)
        except UnicodeError:  # a label that is empty or too long
            failed.append(socket.gaierror(socket.EAI_NONAME, "not a host name"))

    thread = threading.Thread(target=look_up, name="tsmem look-up", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread can be started: the answer is waited for, however long that takes
        look_up()
    else:
        thread.join(timeout_s)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError("timed out")
    return found[0]


class _TimedSocket:
    """A socket whose every send and read ends with the attempt under way; for the rest it is the socket itself."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def sendall(self, data: bytes) -> None:
        """As a socket's."""
        exchange = CURRENT_ATTEMPT.get()
        exchange.sent = True
        view = memoryview(data).cast("B")
        while view:
            self._inner.settimeout(exchange.left_s())
            view = view[self._inner.send(view) :]

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """As a socket's, for reading bytes."""
        return io.BufferedReader(_TimedReader(self._inner), 65536)


class _TimedReader(io.RawIOBase):
    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._raw = inner.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        exchange = CURRENT_ATTEMPT.get()
        self._inner.settimeout(exchange.left_s())
        count = self._raw.readinto(buffer)
        exchange.count(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        super().connect()
        self.sock = _TimedSocket(self.sock)


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        super().connect()
        self.sock = _TimedSocket(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
