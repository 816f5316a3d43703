"""One client's connection, with a time limit on every wait: no client can hold a thread forever, even if it sends one
byte at a time.

When the server stops, threads that wait for a request wake up at once. A request that has begun to arrive gets up to
`receive_s` more seconds: SDKs send the head and the body separately, so the body may still be on its way.
"""

from __future__ import annotations

import re
import select
import socket
import threading
import weakref
from contextlib import suppress
from math import ceil

from tsmem.clock import Clock
from tsmem.errors import from_service
from tsmem.server.http.messages import MAX_HEAD_BYTES, malformed
from tsmem.server.http.settings import Settings

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_READ_BYTES = 64 * 1024


class StopEvent:
    """An event that can be polled together with a socket: its descriptor is readable once the event is set."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self.is_set = False
        for end in (self._reader, self._writer):
            weakref.finalize(self, end.close)  # not earlier: a thread that outlasts the stop may still poll it

    def fileno(self) -> int:
        return self._reader.fileno()

    def set(self) -> None:
        self.is_set = True
        self._writer.close()

    def wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.poll(ceil(seconds * 1000))


class Connection:
    thread: threading.Thread  # the thread that serves this connection

    def __init__(
        self, sock: socket.socket, settings: Settings, clock: Clock, stop_event: StopEvent, address: str = ""
    ) -> None:
        self.stop_event = stop_event
        self.address = address
        self.is_refused = False  # True if the server has too many connections: the response is OTSServerBusy
        self.is_closing = False  # True if the connection is closed after the next response
        self.is_open = True
        self._socket = sock
        self.settings = settings
        self._clock = clock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._poll.register(stop_event, select.POLLIN)
        self._buffer = bytearray()
        self._request_due_s = 0.0  # the time by which the whole of the current request must have arrived
        self._has_stop_deadline = False  # True once a stop has limited that time
        self._lock = threading.Lock()
        self.awaiting_request_since_s: float | None = clock.monotonic_s()
        """The time since which no authenticated request has arrived; None while one is answered. Other threads
        read it."""
        self._is_evicted = False
        with suppress(OSError):  # the client may have left already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_head(self) -> bytes | None:
        """Return the head of the next request, without the empty line after it; None if no request begins before the
        client leaves, `idle_s` is over or the server stops. Raises OSError, and the service's errors for a head that is
        malformed, late or cut."""
        if self.awaiting_request_since_s is None:
            self.awaiting_request_since_s = self._clock.monotonic_s()
        idle_until_s = self._clock.monotonic_s() + self.settings.idle_s
        while True:
            while self._buffer.startswith((b"\r\n", b"\n")):  # some clients send an empty line after a body
                del self._buffer[: self._buffer.index(b"\n") + 1]
            if self._buffer and self._buffer != b"\r":
                break
            if not self._receive(idle_until_s):
                return None
        self._request_due_s = self._clock.monotonic_s() + self.settings.request_s
        searched = 0
        while True:
            end = _HEAD_END.search(self._buffer, searched)
            if end is not None and end.start() <= MAX_HEAD_BYTES:
                data = bytes(self._buffer[: end.start()])
                del self._buffer[: end.end()]
                return data
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise malformed(f"its head is longer than {MAX_HEAD_BYTES} bytes")
            if not self._buffer[:1].isalpha():
                raise malformed("it does not begin with a method")
            searched = max(0, len(self._buffer) - 3)
            self._receive_more()

    def read_body(self, length: int) -> bytes:
        """Return the next `length` bytes. Raises OSError, and the service's errors for a body that is late or cut."""
        while len(self._buffer) < length:
            self._receive_more()
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data

    def discard_body(self, length: int) -> None:
        while length:
            length -= len(self.read_body(min(length, _READ_BYTES)))

    def send(self, data: bytes) -> None:
        self._socket.settimeout(self.settings.request_s)
        self._socket.sendall(data)

    def linger(self) -> None:
        """Discard what the client still sends, for up to `linger_s` seconds. Closing a socket with unread bytes would
        reset the connection, and the client might never see the response."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            due_s = self._clock.monotonic_s() + self.settings.linger_s
            while (left_s := due_s - self._clock.monotonic_s()) > 0:
                self._socket.settimeout(left_s)
                if not self._socket.recv(_READ_BYTES):
                    break

    def wait_until_closed(self, seconds: float) -> None:
        due_s = self._clock.monotonic_s() + seconds
        with suppress(OSError):
            while not self.stop_event.is_set and self._receive(due_s):
                self._buffer.clear()

    def has_client_left(self) -> bool:
        try:
            return self._is_readable(0) and not self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def begin_answer(self) -> None:
        """Protect the connection from eviction. Raises ConnectionAbortedError if it was evicted already."""
        with self._lock:
            if self._is_evicted:
                raise ConnectionAbortedError("closed to make room for another connection")
            self.awaiting_request_since_s = None

    def evict_if_awaiting_request(self) -> bool:
        """Shut the connection down, unless a request is being answered. Return True if it is shut down."""
        with self._lock:
            self._is_evicted = self.awaiting_request_since_s is not None
        if self._is_evicted:
            self.is_open = False
            self.shut_down()
        return self._is_evicted

    def shut_down(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()
        self.is_open = False

    def _is_readable(self, seconds: float) -> bool:
        """Wait for bytes or the stop of the server. Return True if there are bytes, or if the client has left."""
        return self._socket.fileno() in [number for number, _ in self._poll.poll(ceil(seconds * 1000))]

    def _receive(self, due_s: float) -> bool:
        """Receive bytes. Return False if none arrive in time, the client leaves or the server stops."""
        left_s = due_s - self._clock.monotonic_s()
        if left_s <= 0 or not self._is_readable(left_s):
            return False
        data = self._socket.recv(_READ_BYTES)
        self._buffer += data
        return bool(data)

    def _receive_more(self) -> None:
        """Receive more bytes of the current request. Raises OSError, and the service's errors if they are late or the
        client sends no more."""
        while True:
            if self.stop_event.is_set and not self._has_stop_deadline:
                self._has_stop_deadline = True
                self._poll.unregister(self.stop_event)  # it stays readable, so every later poll would return at once
                stop_due_s = self._clock.monotonic_s() + self.settings.receive_s
                self._request_due_s = min(self._request_due_s, stop_due_s)
            left_s = self._request_due_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise from_service("OTSRequestTimeout", "Request timeout.")
            if self._is_readable(left_s):
                break
        data = self._socket.recv(_READ_BYTES)
        if not data and (self.stop_event.is_set or self._is_evicted):
            raise ConnectionAbortedError("shut down, or left by the client, before a whole request arrived")
        if not data:
            raise malformed("it ends before it is complete")
        self._buffer += data
