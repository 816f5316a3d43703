"""One request and its response.

Whatever happens, the client gets one of the service's responses or a closed connection, and each request that arrived
whole or is answered leaves one log entry. Nothing internal reaches a client. The body of an unauthenticated request is
discarded, and faults apply only to authenticated ones.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from tsmem import interruption
from tsmem.clock import Clock
from tsmem.errors import SERVICE_CODES, Throttled, TsmemError, Unavailable, from_service
from tsmem.server.dispatch import Dispatcher, Request, error_body
from tsmem.server.http import messages
from tsmem.server.http.auth import Identity, authenticate, check_digest
from tsmem.server.http.connection import Connection
from tsmem.server.http.faults import Fault
from tsmem.server.http.log import LogEntry, OnRequest, utc_text
from tsmem.server.http.messages import Head
from tsmem.server.http.settings import Settings

_SEARCHES = ("Search", "ParallelScan")
_TURN_S = 0.05
_SMALL_BYTES = 1024 * 1024
_BUSY = ("OTSServerBusy", "Server is busy.")


class ResponseBudget:
    """Limits the bytes of large responses that are being sent, over all connections. Any thread may call it.

    Twenty clients that asked for 60 MB each and read none of it took 1 GB (measured). Small responses do not count, so
    that the response to a write that was carried out is never withdrawn."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._lock = threading.Lock()

    @contextmanager
    def reserve(self, size: int) -> Iterator[bool]:
        """Reserve room for a response while the block runs. Yield False if there is none."""
        if size <= _SMALL_BYTES:
            yield True
            return
        with self._lock:
            reserved = size if size <= self._left else 0
            self._left -= reserved
        try:
            yield reserved > 0
        finally:
            with self._lock:
                self._left += reserved


class ServerContext:
    """The parts that all exchanges of a server share."""

    def __init__(self, dispatcher: Dispatcher, settings: Settings, clock: Clock, on_request: OnRequest | None) -> None:
        self.dispatcher = dispatcher
        self.settings = settings
        self.clock = clock
        self.on_request = on_request
        self.response_budget = ResponseBudget(settings.max_held_bytes)
        self.searches = threading.Semaphore(settings.max_searches)
        error_body(*_BUSY)  # loads protobuf now: the first error takes a third of a second


class HttpExchange:
    """One request on a connection, and its response."""

    def __init__(self, context: ServerContext, connection: Connection) -> None:
        self._context = context
        self._connection = connection
        self._status = 200
        self._entry = LogEntry(request_id=str(uuid.uuid4()))
        self._identity: Identity | None = None
        self._read_s: float | None = None  # the time at which the request was read
        self._is_whole = False  # its body was received, too
        self._is_abandoned = False  # the client left while its request was carried out

    def run(self) -> bool:
        """Answer the next request. Return True if another may follow. Raises OSError when the client is gone."""
        try:
            data = self._connection.read_head()
            if data is None:
                return False
            self._read_s = self._context.clock.monotonic_s()
            if self._connection.is_refused:
                raise from_service(*_BUSY)
            head = messages.parse_head(data)
            self._connection.is_last |= not head.keep_alive
            self._entry.action, self._entry.request_bytes = head.action, head.length
            messages.check_request(head)
            return self._answer(head)
        except OSError:
            raise
        except Exception as error:  # a refusal, or a bug
            self._connection.is_last |= not self._is_whole  # what follows may not be a request
            goes_on = self._send(self._failure(error))
            if not self._is_whole:
                self._connection.linger()
            return goes_on

    def _answer(self, head: Head) -> bool:
        """Read the body of a request and answer it. Return True if another request may follow."""
        connection, settings = self._connection, self._context.settings
        try:
            self._identity = authenticate(head, settings.credentials, settings.instance, self._context.clock)
        except TsmemError:
            if not head.expects_continue:
                connection.skip_body(head.length)
                self._is_whole = True
            raise
        self._entry.is_verified = self._identity.is_verified
        if head.expects_continue and head.length:
            connection.send(messages.CONTINUE)
        data = connection.read_body(head.length)
        self._is_whole = True
        connection.begin_answer()
        self._read_s = self._context.clock.monotonic_s()
        check_digest(head, data)
        request = self._context.dispatcher.read(head.action, messages.decompress_body(head, data))
        self._entry.table = request.tables
        fault = settings.faults.strike(head.action)
        self._entry.fault = "" if fault is None else fault.kind
        body = self._carry_out(request) if fault is None or fault.done else b""
        if body is None:
            self._record(0, 0)
            return False
        if fault is None:
            return self._send(body)
        if fault.error is not None:
            raise from_service(*fault.error)
        self._send_part(body, fault)
        return False

    def _carry_out(self, request: Request) -> bytes | None:
        """Return the body of the response to a request; None if the client has left."""
        try:
            with self._turn(request.action), interruption.ending_by(self._check_work):
                row_fault = self._context.settings.faults.row_fault(request.action, self._entry)
                result = self._context.dispatcher.answer(request, row_fault)
            self._entry.rows = result.rows
            return result.body
        except Exception as error:  # a bug, too: the log has it, and the client learns no more than that
            return None if self._is_abandoned and isinstance(error, TsmemError) else self._failure(error)

    def _check_work(self) -> None:
        """Raise OTSTimeout if the time is up, or the client has left. Only reads are ended so."""
        self._is_abandoned = self._connection.is_gone()
        if self._is_abandoned or self._worked_s() >= self._context.settings.work_s:
            raise from_service("OTSTimeout", "Operation timeout.")

    def _worked_s(self) -> float:
        return 0 if self._read_s is None else self._context.clock.monotonic_s() - self._read_s

    @contextmanager
    def _turn(self, action: str) -> Iterator[None]:
        """Let only a few searches run at once, which leaves processors and the store's connections to others."""
        if action not in _SEARCHES:
            yield
            return
        while not self._context.searches.acquire(timeout=_TURN_S):
            self._check_work()
        try:
            yield
        finally:
            self._context.searches.release()

    def _failure(self, error: Exception) -> bytes:
        """Return the body that says why a request failed. An error without a code of the service may speak of this
        machine, and goes to the log."""
        code, message = "OTSInternalServerError", "Internal server error."
        self._entry.failure = error
        if isinstance(error, TsmemError) and error.service_code in SERVICE_CODES:
            code, message, self._entry.failure = error.service_code, error.message, None
        elif isinstance(error, Throttled) or (isinstance(error, Unavailable) and not error.ambiguous):
            code, message = _BUSY
        self._entry.code, self._status = code, SERVICE_CODES[code].http_status
        return error_body(code, message)

    def _send(self, body: bytes) -> bool:
        """Send a response, or OTSServerBusy if there is no room for it. Return True if another request may follow."""
        context, connection = self._context, self._connection
        with context.response_budget.reserve(len(body)) as fits:
            if not fits:
                body = self._failure(from_service(*_BUSY))
                self._entry.rows = 0
            if self._identity is not None and context.settings.latency_ms:
                connection.stop_event.wait(context.settings.latency_ms / 1000)
            connection.is_last |= connection.stop_event.is_set
            data = self._head(body, len(body)) + body
            self._record(self._status, len(data))  # before it is sent: a client finds its request in the log
            connection.send(data)
        return not connection.is_last

    def _send_part(self, body: bytes, fault: Fault) -> None:
        """Send a part of a response, or nothing, as a fault says."""
        settings = self._context.settings
        self._entry.code, self._entry.failure = "", None
        part = b""
        if fault.kind == "drop":
            # The head promises a byte more than there is, so that no client takes the response for whole.
            head = self._head(body, len(body) + 1)
            part = (head + body)[: fault.cut(len(head), len(body))]
            self._connection.stop_event.wait(settings.latency_ms / 1000)
        self._record(0, len(part))
        if part:
            self._connection.send(part)
        if fault.kind == "hang":
            self._connection.await_end(settings.hang_s)

    def _head(self, body: bytes, length: int) -> bytes:
        headers = {
            "x-ots-contentmd5": messages.content_md5(body),
            "x-ots-contenttype": "protocol buffer",
            "x-ots-date": utc_text(self._context.clock.now_us()),
            "x-ots-requestid": self._entry.request_id,
        }
        signature = None if self._identity is None else self._identity.authorization(headers)
        return messages.response_head(self._status, length, headers, signature, close=self._connection.is_last)

    def _record(self, status: int, response_bytes: int) -> None:
        entry = self._entry
        worked_s = self._worked_s()
        entry.time_us = self._context.clock.now_us() - int(worked_s * 1e6)
        entry.milliseconds = worked_s * 1000
        entry.status = status
        entry.response_bytes = response_bytes
        if self._context.on_request is not None:
            self._context.on_request(entry)
