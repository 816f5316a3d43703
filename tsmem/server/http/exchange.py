"""One request and its response.

The client gets one of the service's responses or a closed connection, and no detail of a failure inside the server.
Each request that arrives whole or gets a response leaves one log entry, which goes to the caller of the server. Only
authenticated requests meet faults.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from tsmem import interruption
from tsmem.clock import Clock
from tsmem.errors import SERVICE_CODES, Throttled, TsmemError, Unavailable, from_service
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import Dispatcher, Request, error_body
from tsmem.server.http import messages
from tsmem.server.http.auth import Identity, authenticate, check_digest
from tsmem.server.http.connection import Connection
from tsmem.server.http.faults import PARTIAL, Fault
from tsmem.server.http.messages import Head
from tsmem.server.http.settings import Settings

_SEARCHES = ("Search", "ParallelScan")
_SLOT_POLL_S = 0.05
_SMALL_BYTES = 1024 * 1024
_BUSY = ("OTSServerBusy", "Server is busy.")


@dataclass
class LogEntry:
    time_us: int = 0  # the time at which the request had arrived
    request_id: str = ""
    action: str = ""  # as the client named it, unchecked; "" if the request could not be parsed
    table: str = ""  # the tables that it names, joined by commas, unchecked
    rows: int = 0  # rows written or returned
    status: int = 0  # HTTP status of the response; 0 if the client got no whole response
    code: str = ""  # the service's code, if the response is an error
    milliseconds: float = 0.0  # time from the last byte of the request to the first of the response
    request_bytes: int = 0
    response_bytes: int = 0
    fault: str = ""  # the kind of the injected fault, if any
    is_verified: bool = True  # False if the client signs with a secret that the server does not know
    failure: BaseException | None = None  # the error, if the server is to blame for it


OnRequest = Callable[[LogEntry], None]


class ServerContext:
    """The parts that all exchanges of a server share. Any thread may call it."""

    def __init__(self, dispatcher: Dispatcher, settings: Settings, clock: Clock, on_request: OnRequest) -> None:
        self.dispatcher = dispatcher
        self.settings = settings
        self.clock = clock
        self.on_request = on_request
        self.search_slots = threading.Semaphore(settings.max_searches)
        self._free_bytes = settings.max_sending_bytes
        self._lock = threading.Lock()
        error_body(*_BUSY)  # loads protobuf now: it would delay the first request by a third of a second

    @contextmanager
    def sending(self, size: int) -> Iterator[bool]:
        """Reserve room for a response during the block. Yield False if all large responses that are being sent leave
        too little: twenty clients that asked for 60 MB each and read none of it took 1 GB (measured). Small responses
        do not count, so that a write that was carried out gets its response."""
        counted = size if size > _SMALL_BYTES else 0
        with self._lock:
            fits = counted <= self._free_bytes
            reserved = counted if fits else 0
            self._free_bytes -= reserved
        try:
            yield fits
        finally:
            with self._lock:
                self._free_bytes += reserved


class HttpExchange:
    def __init__(self, context: ServerContext, connection: Connection) -> None:
        self._context = context
        self._connection = connection
        self._status = 200
        self._entry = LogEntry(request_id=str(uuid.uuid4()))
        self._identity: Identity | None = None
        self._received_s: float | None = None  # the time at which the head, and after that the body, was complete
        self._is_body_received = False
        self._has_client_left = False  # True if the client left while its request was carried out

    def run(self) -> bool:
        """Answer the next request. Return True if another may follow. Raises OSError if the client has left."""
        try:
            data = self._connection.read_head()
            if data is None:
                return False
            self._received_s = self._context.clock.monotonic_s()
            if self._connection.is_refused:
                raise from_service(*_BUSY)
            head = messages.parse_head(data)
            self._connection.is_closing |= not head.keep_alive
            self._entry.action, self._entry.request_bytes = head.action, head.length
            messages.check_request(head)
            return self._answer(head)
        except OSError:
            raise
        except Exception as error:  # a refusal, or a bug
            if self._is_body_received:
                return self._send(self._error_response(error))
            self._connection.is_closing = True  # the next bytes may be the body of this request, not another request
            self._send(self._error_response(error))
            self._connection.linger()
            return False

    def _answer(self, head: Head) -> bool:
        connection, settings = self._connection, self._context.settings
        try:
            self._identity = authenticate(head, settings.credentials, settings.instance, self._context.clock)
        except TsmemError:
            if not head.expects_continue:
                connection.discard_body(head.length)
                self._is_body_received = True
            raise
        self._entry.is_verified = self._identity.is_verified
        if head.expects_continue and head.length:
            connection.send(messages.CONTINUE)
        data = connection.read_body(head.length)
        self._is_body_received = True
        connection.begin_answer()
        self._received_s = self._context.clock.monotonic_s()
        check_digest(head, data)
        request = self._context.dispatcher.parse(head.action, messages.decompress_body(head, data))
        self._entry.table = request.tables
        fault = settings.faults.draw_fault(head.action)
        self._entry.fault = "" if fault is None else fault.kind
        body = self._execute(request) if fault is None or fault.is_carried_out else b""
        if body is None:
            self._log(0, 0)
            return False
        if fault is None:
            return self._send(body)
        if fault.error is not None:
            raise from_service(*fault.error)
        self._send_faulty(body, fault)
        return False

    def _execute(self, request: Request) -> bytes | None:
        """Return the body of the response; None if the work was interrupted because the client has left."""
        try:
            slot = self._search_slot() if request.action in _SEARCHES else nullcontext()
            with slot, interruption.interrupted_by(self._check_time):
                result = self._context.dispatcher.answer(request, self._draw_row_fault)
            self._entry.rows = result.rows
            return result.body
        except Exception as error:  # also a bug, which the log shows and the client does not see
            return None if self._has_client_left and isinstance(error, TsmemError) else self._error_response(error)

    def _draw_row_fault(self) -> RowFault | None:
        fault = self._context.settings.faults.draw_row_fault(self._entry.action)
        if fault is not None:
            self._entry.fault = self._entry.fault or PARTIAL
        return fault

    def _check_time(self) -> None:
        """Raise OTSTimeout if the time is up or the client has left. It interrupts reads, and never a write."""
        self._has_client_left = self._connection.has_client_left()
        if self._has_client_left or self._elapsed_s() >= self._context.settings.work_s:
            raise from_service("OTSTimeout", "Operation timeout.")

    def _elapsed_s(self) -> float:
        return 0 if self._received_s is None else self._context.clock.monotonic_s() - self._received_s

    @contextmanager
    def _search_slot(self) -> Iterator[None]:
        """Wait for one of a few slots, which leave processors and connections to the store for other requests."""
        while not self._context.search_slots.acquire(timeout=_SLOT_POLL_S):
            self._check_time()
        try:
            yield
        finally:
            self._context.search_slots.release()

    def _error_response(self, error: Exception) -> bytes:
        """An error without a code of the service may say something about this machine, so only the log gets it, and the
        client gets a general message."""
        code, message = "OTSInternalServerError", "Internal server error."
        self._entry.failure = error
        if isinstance(error, TsmemError) and error.service_code in SERVICE_CODES:
            code, message, self._entry.failure = error.service_code, error.message, None
        elif isinstance(error, Throttled) or (isinstance(error, Unavailable) and not error.ambiguous):
            code, message = _BUSY
        self._entry.code, self._status = code, SERVICE_CODES[code].http_status
        return error_body(code, message)

    def _send(self, body: bytes) -> bool:
        """Return True if another request may follow."""
        context, connection = self._context, self._connection
        with context.sending(len(body)) as fits:
            if not fits:
                body = self._error_response(from_service(*_BUSY))
                self._entry.rows = 0
            if self._identity is not None and context.settings.latency_ms:
                connection.stop_event.wait(context.settings.latency_ms / 1000)
            connection.is_closing |= connection.stop_event.is_set
            data = self._response_head(body, len(body)) + body
            self._log(self._status, len(data))  # before the response is sent: a client can then find it in the log
            connection.send(data)
        return not connection.is_closing

    def _send_faulty(self, body: bytes, fault: Fault) -> None:
        settings = self._context.settings
        self._entry.code, self._entry.failure = "", None
        part = b""
        if fault.kind == "drop":
            # The head announces one byte too many, so that no client takes the response for complete.
            head = self._response_head(body, len(body) + 1)
            part = (head + body)[: fault.sent_bytes(len(head), len(body))]
            self._connection.stop_event.wait(settings.latency_ms / 1000)
        self._log(0, len(part))
        if part:
            self._connection.send(part)
        if fault.kind == "hang":
            self._connection.wait_until_closed(settings.hang_s)

    def _response_head(self, body: bytes, length: int) -> bytes:
        headers = {
            "x-ots-contentmd5": messages.content_md5(body),
            "x-ots-contenttype": "protocol buffer",
            "x-ots-date": utc_text(self._context.clock.now_us()),
            "x-ots-requestid": self._entry.request_id,
        }
        if self._identity is not None:
            headers["Authorization"] = self._identity.authorization(headers)
        return messages.response_head(self._status, length, headers, close=self._connection.is_closing)

    def _log(self, status: int, response_bytes: int) -> None:
        entry = self._entry
        elapsed_s = self._elapsed_s()
        entry.time_us = self._context.clock.now_us() - int(elapsed_s * 1e6)
        entry.milliseconds = elapsed_s * 1000
        entry.status = status
        entry.response_bytes = response_bytes
        self._context.on_request(entry)


def utc_text(time_us: int) -> str:
    seconds, microseconds = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{microseconds:06}Z"
