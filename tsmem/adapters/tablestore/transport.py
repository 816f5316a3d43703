"""Send the SDK's requests over urllib3, in place of the SDK's own connection pool.

`client.py` puts an HttpAttempt into CURRENT_ATTEMPT and calls the SDK. The SDK encodes and signs the request and calls
`Transport.send_receive`, which sends it, returns the reply, and records in the attempt how far it came.

urllib3 pools the connections, speaks HTTP and checks certificates. This module adds:

- A deadline for the whole attempt. urllib3's timeout is for a single read, so a server that sends one byte a second
  never exceeds it. A host name is looked up in a thread of its own, because a look-up has no timeout and can only be
  abandoned.
- A limit on the size of a reply, and errors for replies of servers that are not TableStore.
- `HttpAttempt.is_sent`, which decides whether a failed write may have been carried out.

Source: tablestore 6.4.8, connection.py, for the arguments and result of `send_receive`, and for the certificates that
the SDK trusts; urllib3 2.8, util/timeout.py and util/connection.py, for the meaning of a timeout.
"""

from __future__ import annotations

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
"""A reply of BatchGetRow with 100 rows, each with a value of 2 MB, has 200 MB."""
USE_HTTPS = "begin the endpoint with https://"
CHECK_HOST = "check the endpoint in the profile; it looks like https://INSTANCE.REGION.ots.aliyuncs.com"
_TOO_LONG = "is longer than any TableStore reply"
_MAX_REQUEST_ID_CHARS = 64
_MAX_HEADER_CHARS = 4096
_MIN_ATTEMPT_S = 1.0


def attempt_timeout_s(left_s: float) -> float:
    """Return half of the time that is left for all attempts, so that another one is possible, but at least a second if
    that much is left."""
    return max(left_s / 2, min(left_s, _MIN_ATTEMPT_S))


@dataclass
class HttpAttempt:
    operation: str
    timeout_s: float
    """Duration of the attempt if `tsmem.clock.deadline` sets none."""
    deadline_s: float = 0.0
    """End of the attempt by time.monotonic, set when the request is about to be sent."""
    announce: Callable[[Any], None] | None = None
    """Called with the start of a range's next page, in the SDK's form, before the rows are decoded."""
    signatures: tuple[str, ...] = ()  # of the request; no message may show them
    is_sent: bool = False  # True once the service may have received a part of the request
    status: int | None = None
    request_id: str | None = None
    clock_skew_s: float | None = None  # seconds by which the service's clock is ahead of this machine's
    received_bytes: int = 0
    is_decoded: bool = False  # True once the signature of the reply was checked and the reply was decoded
    rows: int | None = None  # number of rows in the request or reply, for the log; None for operations on tables
    cost: Cost = field(default_factory=Cost)
    """Capacity units and rows scanned. The request itself is not counted here."""

    def left_s(self) -> float:
        """Raises TimeoutError if the deadline has passed."""
        if (left := self.deadline_s - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        return left


CURRENT_ATTEMPT: ContextVar[HttpAttempt] = ContextVar("CURRENT_ATTEMPT")
"""The attempt of this thread. `client.py` sets it before each call of the SDK."""


def foreign_server_error(status: int, host: str, hint: str = CHECK_HOST) -> TsmemError:
    if status == 413:  # from a gateway in front of the service
        return from_service("OTSRequestBodyTooLarge", f"the request is too large for {host}")
    message = f"{host} does not reply like TableStore (HTTP {status})"
    return Unavailable(message, ambiguous=status < 300, hint=hint, hopeless_after_s=0)


def is_final(status: int) -> bool:
    """Return True if another attempt would get the same HTTP status."""
    return status in (501, 505, 511) or (status < 500 and status not in (408, 429))


def safe_request_id(text: object) -> str | None:
    """Return a request id as it can be shown to the user. Any server can have made it up."""
    plain = without_secrets(str(text or "")[:_MAX_HEADER_CHARS])[:_MAX_REQUEST_ID_CHARS]
    return "".join(char for char in plain if " " < char <= "~") or None


def clock_skew_s(date: str, sent_s: float, received_s: float) -> float | None:
    """Return the seconds by which the service's clock is ahead; None for a date in an unknown format. `sent_s` and
    `received_s` are this machine's times, in seconds since 1970."""
    try:
        replied = datetime.strptime(date, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return replied.timestamp() - (sent_s + received_s) / 2


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    # Keep urllib3 from logging problems of our requests: our errors report them.
    logging.getLogger(_name).addFilter(lambda _record: CURRENT_ATTEMPT.get(None) is None)


class Transport:
    """Sends requests to one endpoint, from any number of threads."""

    def __init__(self, endpoint: str, ca_file: str | None = None, ca_folders: str | None = None) -> None:
        """Trust the certificate authorities in `ca_file`, by default those of certifi, and in `ca_folders`. Raises
        OSError if `ca_file` cannot be read or has no certificates."""
        url = parse_url(endpoint)
        self.host = url.netloc or endpoint
        self._endpoint = endpoint
        # This timeout has no effect, because `_TimedSocket` sets another one before each send and read.
        self._options: dict[str, Any] = {"maxsize": MAX_IDLE_CONNECTIONS, "retries": False, "timeout": 60.0}
        if url.scheme == "https":
            context = self._options["ssl_context"] = create_urllib3_context()
            context.load_verify_locations(ca_file or certifi.where(), ca_folders)
            context.sslsocket_class = _TimedTlsSocket
        self._tls_probe = None if url.scheme == "https" else ((url.host or "").strip("[]"), url.port or 80)
        """Host and port of an http:// endpoint that might speak only TLS. None once it has replied or was probed."""
        self._process = getpid()
        self._pool = self._make_pool()

    def _make_pool(self) -> HTTPConnectionPool:
        pool = connection_from_url(self._endpoint, **self._options)
        pool.ConnectionCls = _SecureConnection if "ssl_context" in self._options else _Connection
        return pool

    def send_receive(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str | None, Any, bytes]:
        """The SDK calls this method. Raises TsmemError, TimeoutError and the errors of urllib3."""
        attempt = CURRENT_ATTEMPT.get()
        left_s = time_left_s()
        timeout_s = attempt.timeout_s if left_s is None else attempt_timeout_s(left_s)
        if timeout_s <= 0:
            raise Unavailable(f"no time was left to send a request to {self.host}")
        attempt.deadline_s = time.monotonic() + timeout_s
        attempt.signatures = tuple(text for name, text in headers.items() if name.startswith("x-ots-signature"))
        if self._process != getpid():  # this is a forked child, which must not use its parent's connections
            self._process, self._pool = getpid(), self._make_pool()
        sent_s = time.time()
        try:
            reply = self._pool.urlopen(
                "POST", url, body=body, headers=headers, redirect=False, assert_same_host=False,
                preload_content=False, decode_content=False,
            )  # fmt: skip
        except ProtocolError as error:
            address, self._tls_probe = self._tls_probe, None
            if address is not None and not attempt.received_bytes and _speaks_tls(address, min(1.0, attempt.left_s())):
                raise Unavailable(f"{self.host} accepts only TLS", hint=USE_HTTPS, hopeless_after_s=0) from error
            raise
        self._tls_probe = None
        try:
            attempt.status = reply.status
            attempt.request_id = safe_request_id(reply.headers.get("x-ots-requestid"))
            if (date := reply.headers.get("x-ots-date")) is not None:
                attempt.clock_skew_s = clock_skew_s(date, sent_s, time.time())
            _check_headers(reply, self.host, CHECK_HOST if "ssl_context" in self._options else USE_HTTPS)
            content = reply.read(decode_content=False)
        except BaseException:
            reply.close()
            raise
        return reply.status, reply.reason, dict(reply.headers), content

    def close(self) -> None:
        self._pool.close()


def _speaks_tls(address: tuple[str, int], timeout_s: float) -> bool:
    try:
        ssl.get_server_certificate(address, timeout=timeout_s)
    except (OSError, ValueError):
        return False
    return True


def _check_headers(reply: BaseHTTPResponse, host: str, hint_for_400: str) -> None:
    length = reply.headers.get("content-length")
    is_html = reply.headers.get("content-type", "").lower().startswith("text/html")
    if reply.headers.get("x-ots-requestid") is None and (is_html or reply.version == 10) and is_final(reply.status):
        # This is a captive portal, a proxy or a web server. TableStore uses HTTP/1.1 and its own headers.
        raise foreign_server_error(reply.status, host, hint_for_400 if reply.status == 400 else CHECK_HOST)
    if length is None and not getattr(reply, "chunked", False) and reply.status not in (204, 304):
        # http.client does not notice when the connection breaks within the headers, and returns those it has.
        raise ProtocolError("the reply has no length")
    if reply.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unreadable_error("is compressed, although that was not requested")
    if length is not None and length.isdecimal() and (len(length) > 18 or int(length) > MAX_REPLY_BYTES):
        raise _unreadable_error(_TOO_LONG)


def _unreadable_error(problem: str) -> Unavailable:
    hint = "check the endpoint in the profile"
    return Unavailable(f"the reply {problem}", ambiguous=True, hint=hint, hopeless_after_s=0)


def _look_up(host: str, port: int, timeout_s: float) -> list[Any]:
    addresses: Future[list[Any]] = Future()

    def look_up() -> None:
        try:
            addresses.set_result([each[4] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except UnicodeError:  # a part of the host name is empty or too long
            addresses.set_exception(socket.gaierror(socket.EAI_NONAME, "not a host name"))
        except Exception as error:
            addresses.set_exception(error)

    try:
        threading.Thread(target=look_up, name="tsmem look-up", daemon=True).start()
    except RuntimeError:  # no thread can be started, so the timeout cannot be kept
        look_up()
    return addresses.result(timeout_s)


class _TimedSocket(socket.socket):
    """A socket whose sends and reads keep the deadline of the current attempt."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        attempt = CURRENT_ATTEMPT.get()
        attempt.is_sent = True
        view = memoryview(data).cast("B")
        while view:
            self.settimeout(attempt.left_s())
            view = view[self.send(view, flags) :]

    def recv_into(self, buffer: Any, *args: Any, **kwargs: Any) -> int:
        attempt = CURRENT_ATTEMPT.get()
        self.settimeout(attempt.left_s())
        count = super().recv_into(buffer, *args, **kwargs)
        attempt.received_bytes += count
        if attempt.received_bytes > MAX_REPLY_BYTES:
            raise _unreadable_error(_TOO_LONG)
        return count


class _TimedTlsSocket(_TimedSocket, ssl.SSLSocket):
    pass


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        """Connect to the first address that accepts, and share the time that is left evenly between the addresses.
        urllib3 calls this method and expects its own errors."""
        attempt = CURRENT_ATTEMPT.get()
        failure = OSError("no address")
        try:
            addresses = _look_up(self.host, self.port, attempt.left_s())
            for place, address in enumerate(addresses):
                try:
                    share_s = attempt.left_s() / (len(addresses) - place)
                    connected = create_connection(address[:2], share_s, socket_options=self.socket_options)
                    timed = _TimedSocket(fileno=connected.detach())
                    timed.settimeout(attempt.left_s())  # for the TLS handshake
                    return timed
                except OSError as error:
                    failure = error
            raise failure
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error


class _SecureConnection(_Connection, HTTPSConnection):
    pass
