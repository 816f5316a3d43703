"""Send the SDK's requests over urllib3, in place of the SDK's own connection pool.

The SDK calls `Transport.send_receive`. Before that, `http_session.py` has put an HttpAttempt into CURRENT_ATTEMPT. It
says how long the request may take, and the transport notes in it what became of the request.

urllib3 pools the connections, speaks HTTP and checks certificates. What it lacks is here:

- A deadline over the whole request. A timeout of urllib3 holds for one read, so a server that sends a byte a second
  never meets it, and for one address of the host. Here each connect, handshake, send and read may take what is left
  of the attempt. A name is looked up in a thread that is abandoned after that time: nothing else ends a look-up.
- A limit on the bytes of a reply, its head and framing included.
- `HttpAttempt.sent`, which decides whether a write may have been done.
- Replies that are not TableStore's: of a web server or a gateway, compressed, cut off in the head, or of a server that
  waits for TLS at an http:// endpoint.
- Connections of its own for a forked process.

urllib3 does not retry, which is the task of tsmem.retry, nor follow redirects or decompress. Proxies are not used.

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
from dataclasses import dataclass
from datetime import UTC, datetime
from os import getpid
from typing import Any

import certifi
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError
from urllib3.util import create_urllib3_context, parse_url

from tsmem.adapters.redaction import without_secrets
from tsmem.errors import Unavailable
from tsmem.port import Cost

MAX_IDLE_CONNECTIONS = 64
"""Idle connections that are kept; more threads than these open connections of their own."""
MAX_REPLY_BYTES = 320 * 1024 * 1024
"""Bytes of the largest reply: 100 rows of BatchGetRow with a value of 2 MB each are 200 MB."""
USE_HTTPS = "begin the endpoint with https://"

NO_COST = Cost()
_MAX_REQUEST_ID = 64
_MAX_HEADER = 4096
_MIN_ATTEMPT_S = 1.0
_MAX_PROBE_S = 1.0
_READ_BUFFER_BYTES = 65536


def attempt_s(left_s: float) -> float:
    """Return how many seconds one attempt may take of what is left for all attempts.

    Half of it, so that a lost packet or a connection that died silently leaves time for another attempt; but at least a
    second, so that the last attempts can succeed."""
    return max(left_s / 2, min(left_s, _MIN_ATTEMPT_S))


@dataclass
class HttpAttempt:
    """One attempt of one request, and what is known of it."""

    operation: str
    allowed_s: Callable[[], float]
    """Returns how many seconds the attempt may take from now on."""
    ends_s: float = 0.0
    """End of the attempt, by time.monotonic. The time to encode the request does not count."""
    announce: Callable[[Any], None] | None = None
    """Called with the start of a range's next page, in the SDK's form, before the rows are decoded."""
    signatures: tuple[str, ...] = ()
    """Signatures of the request, which no message may show."""
    sent: bool = False
    """True once the service may have received a part of the request."""
    status: int | None = None
    request_id: str | None = None
    skew_s: float | None = None
    """Seconds by which the service's clock is ahead of this machine's."""
    received_bytes: int = 0
    decoded: bool = False
    """True once the reply had a valid signature and was decoded."""
    rows: int | None = None
    """Rows of the request or reply, for the log; None for operations without rows."""
    cost: Cost = NO_COST
    """Capacity units and rows, without the request itself."""

    def left_s(self) -> float:
        """Return the seconds until the end. Raises TimeoutError after it."""
        if (left := self.ends_s - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        return left


CURRENT_ATTEMPT: ContextVar[HttpAttempt] = ContextVar("CURRENT_ATTEMPT")
"""The attempt under way in this thread, set round each call of the SDK."""


class ForeignReply(Exception):
    """A reply that is not TableStore's."""


def is_final(status: int) -> bool:
    """Return True unless a gateway's status says that another attempt may succeed."""
    return status in (501, 505, 511) or (status < 500 and status not in (408, 429))


def shown_id(text: object) -> str | None:
    """Return a request id, which any server may have made up, as short and plain as TableStore's are."""
    plain = without_secrets(str(text or "")[:_MAX_HEADER])[:_MAX_REQUEST_ID]
    return "".join(char for char in plain if " " < char <= "~") or None


def clock_skew_s(date: str, sent_s: float, received_s: float) -> float | None:
    """Return the seconds by which the service's clock is ahead, from a reply's x-ots-date; None for an unknown format.

    The reply was dated between the two times of this machine, which are seconds since 1970."""
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
        self._url = parse_url(endpoint)
        self.host = self._url.netloc or endpoint
        self._context: ssl.SSLContext | None = None
        if self._url.scheme == "https":
            self._context = create_urllib3_context()
            self._context.load_verify_locations(ca_file or certifi.where(), ca_folders)
        self._may_speak_tls = self._context is None
        """True until the server at an http:// endpoint has replied, or was asked whether it speaks TLS."""
        self._process = getpid()
        self._pool = self._make_pool()

    def _make_pool(self) -> HTTPConnectionPool:
        # The timeout is what urllib3 sets on the socket now and then; `_TimedSocket` sets the real one.
        options: dict[str, Any] = {"maxsize": MAX_IDLE_CONNECTIONS, "retries": False, "timeout": 60.0}
        if self._context is not None:
            return _SecurePool(self._url.host or "", self._url.port, ssl_context=self._context, **options)
        return _Pool(self._url.host or "", self._url.port, **options)

    def send_receive(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str | None, Any, bytes]:
        """Return the status, reason, headers and body of the reply, as the SDK's own pool does.

        Raises Unavailable, ForeignReply, TimeoutError and the errors of urllib3."""
        attempt = CURRENT_ATTEMPT.get()
        if (allowed_s := attempt.allowed_s()) <= 0:
            raise Unavailable("there was no time left to send the request")
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
            if not attempt.received_bytes:
                self._refuse_tls(attempt, error)
            raise
        if reply.status == 400 and reply.headers.get("x-ots-requestid") is None:
            self._refuse_tls(attempt)
        self._may_speak_tls = False
        try:
            attempt.status = reply.status
            attempt.request_id = shown_id(reply.headers.get("x-ots-requestid"))
            if (date := reply.headers.get("x-ots-date")) is not None:
                attempt.skew_s = clock_skew_s(date, sent_s, time.time())
            _check_head(reply)
            content = reply.read(decode_content=False)
        except BaseException:
            reply.close()
            raise
        return reply.status, reply.reason, dict(reply.headers), content

    def _refuse_tls(self, attempt: HttpAttempt, error: ProtocolError | None = None) -> None:
        """Raise Unavailable if the server at an http:// endpoint speaks TLS. Such servers close the connection of a
        plain request, or reply 400."""
        if not self._may_speak_tls:
            return
        self._may_speak_tls = False
        address = (self._url.host or "").strip("[]"), self._url.port or 80
        try:
            ssl.get_server_certificate(address, timeout=min(attempt.left_s(), _MAX_PROBE_S))
        except ssl.SSLError as refusal:
            if "ALERT" not in (refusal.reason or ""):
                return
        except (OSError, ValueError):
            return
        raise Unavailable(f"{self.host} speaks TLS alone", hint=USE_HTTPS, hopeless_after_s=0) from error

    def close(self) -> None:
        self._pool.close()


def _check_head(reply: BaseHTTPResponse) -> None:
    """Raise if the body must not be read: it is another server's, has no known end, is compressed or too large."""
    length = reply.headers.get("content-length")
    is_html = reply.headers.get("content-type", "").lower().startswith("text/html")
    if reply.headers.get("x-ots-requestid") is None and (is_html or reply.version == 10) and is_final(reply.status):
        # A captive portal, a proxy or a web server. TableStore replies in HTTP/1.1, with its own headers.
        raise ForeignReply(f"HTTP {reply.status}")
    if length is None and not getattr(reply, "chunked", False) and reply.status not in (204, 304):
        # The standard library takes a head that was cut off for a whole one, and what follows for an empty body:
        # a status alone, which does not say whose reply it is.
        raise ProtocolError("the answer does not say how long it is")
    if reply.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unfit("is compressed, which nobody asked for")
    if length is not None and length.isdecimal() and (len(length) > 18 or int(length) > MAX_REPLY_BYTES):
        raise _unfit(_TOO_LONG)


_TOO_LONG = "is longer than any of TableStore's"


def _unfit(why: str) -> Unavailable:
    """Return the error for a reply that is not read to its end. The next reply would be no better."""
    return Unavailable(
        f"the answer {why}", ambiguous=True, hint="check the endpoint of the profile", hopeless_after_s=0
    )


def _look_up(host: str, port: int, timeout_s: float) -> list[tuple[Any, ...]]:
    """Return the addresses of a host. Raises OSError (socket.gaierror, or TimeoutError)."""
    found: Future[list[tuple[Any, ...]]] = Future()

    def look_up() -> None:
        try:
            found.set_result([*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
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
            for place, (family, kind, protocol, _, address) in enumerate(addresses):
                made = socket.socket(family, kind, protocol)
                try:
                    for option in self.socket_options or ():
                        made.setsockopt(*option)
                    made.settimeout(attempt.left_s() / (len(addresses) - place))
                    made.connect(address)
                    made.settimeout(attempt.left_s())  # for the TLS handshake
                    return made
                except OSError as error:
                    made.close()
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


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


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
    """Reads a reply, and counts its bytes."""

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
