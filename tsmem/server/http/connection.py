"""One client's connection: reads requests and sends responses, with a time limit on every wait.

No client can hold a thread forever: `Settings` limits each wait, even if bytes arrive slowly. When the server stops,
threads that wait for a request wake at once, and a request that has begun to arrive gets a little time to finish. The
read side of sockets stays open then: SDKs send the head and body of a request separately, so a body still on its way
would be lost.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from contextlib import suppress
from math import ceil

from tsmem.clock import Clock
from tsmem.errors import from_service
from tsmem.server.http.messages import MAX_HEAD_BYTES, malformed
from tsmem.server.http.settings import Settings

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_NOTHING_YET = (bytearray(), bytearray(b"\r"))
_READ_BYTES = 64 * 1024


class StopEvent:
    """An event that a thread can poll beside a socket: its descriptor is readable once it is set."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self.is_set = False

    def fileno(self) -> int:
        return self._reader.fileno()

    def set(self) -> None:
        self.is_set = True
        self._writer.close()

    def wait(self, seconds: float) -> bool:
        """Wait until the event is set, for `seconds` at most. Return True if it is set."""
        if not self.is_set:
            poll = select.poll()
            poll.register(self._reader, select.POLLIN)
            poll.poll(ceil(seconds * 1000))
        return self.is_set

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


class Connection:
    """A client's socket, with the bytes that were received and not used yet."""

    thread: threading.Thread  # that serves it

    def __init__(
        self, sock: socket.socket, settings: Settings, clock: Clock, stop_event: StopEvent, address: str = ""
    ) -> None:
        self.stop_event = stop_event
        self.address = address
        self.is_refused = False  # each response is OTSServerBusy
        self.is_last = False  # it is closed after the next response
        self.is_open = True
        self._socket = sock
        self.settings = settings
        self._clock = clock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._poll.register(stop_event, select.POLLIN)
        self._buffer = bytearray()
        self._due_s = 0.0  # the request that is being read must have arrived by then
        self._is_hurried = False  # a stop has moved that time forward
        self._lock = threading.Lock()
        self.waiting_since_s: float | None = clock.monotonic_s()
        """When the wait for a complete request began; None while a request is answered. Any thread may read it."""
        self._is_given_up = False
        with suppress(OSError):  # the client has left already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_head(self) -> bytes | None:
        """Return the next request's head, without the empty line after it. Return None if the client leaves or is idle,
        or if the server stops before a request begins. Raises OSError, and the error to answer a bad request with."""
        if self.waiting_since_s is None:
            self.waiting_since_s = self._clock.monotonic_s()
        idle_until_s = self._clock.monotonic_s() + self.settings.idle_s
        while True:
            while self._buffer.startswith((b"\r\n", b"\n")):  # some clients end a body with an empty line
                del self._buffer[: self._buffer.index(b"\n") + 1]
            if self._buffer not in _NOTHING_YET:
                break
            if not self._receive(idle_until_s):
                return None
        self._due_s = self._clock.monotonic_s() + self.settings.request_s
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
            self._receive_rest()

    def read_body(self, length: int) -> bytes:
        """Return the next `length` bytes. Raises the service's errors, and OSError."""
        while len(self._buffer) < length:
            self._receive_rest()
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data

    def skip_body(self, length: int) -> None:
        while length:
            length -= len(self.read_body(min(length, _READ_BYTES)))

    def send(self, data: bytes) -> None:
        self._socket.settimeout(self.settings.request_s)
        self._socket.sendall(data)

    def linger(self) -> None:
        """End the sending side, and read on for a while: closed with unread bytes, the connection would be reset, and
        the client would never see why it is refused."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            due_s = self._clock.monotonic_s() + self.settings.linger_s
            while (left_s := due_s - self._clock.monotonic_s()) > 0:
                self._socket.settimeout(left_s)
                if not self._socket.recv(_READ_BYTES):
                    break

    def await_end(self, seconds: float) -> None:
        """Wait until the client leaves or the server stops, for `seconds` at most."""
        due_s = self._clock.monotonic_s() + seconds
        with suppress(OSError):
            while not self.stop_event.is_set and self._receive(due_s):
                self._buffer.clear()

    def is_gone(self) -> bool:
        """Return True if the client has closed its side. Bytes of its next request stay unread."""
        try:
            return self._is_readable(0) and not self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def begin_answer(self) -> None:
        """Mark the request as received. Raises ConnectionAbortedError if the connection was closed meanwhile."""
        with self._lock:
            if self._is_given_up:
                raise ConnectionAbortedError("closed to make room for another connection")
            self.waiting_since_s = None

    def give_up_place(self) -> bool:
        """Close the connection unless a request is being answered. Return True if it is closed."""
        with self._lock:
            self._is_given_up = self.waiting_since_s is not None
        if self._is_given_up:
            self.cut()
        return self._is_given_up

    def cut(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    def _is_readable(self, seconds: float) -> bool:
        """Wait for bytes, for `seconds` at most, or until the server stops."""
        return self._socket.fileno() in [number for number, _ in self._poll.poll(ceil(seconds * 1000))]

    def _receive(self, due_s: float) -> bool:
        """Receive bytes into the buffer. Return False if there are none: late, or the client or the server ends."""
        left_s = due_s - self._clock.monotonic_s()
        if left_s <= 0 or not self._is_readable(left_s):
            return False
        data = self._socket.recv(_READ_BYTES)
        self._buffer += data
        return bool(data)

    def _receive_rest(self) -> None:
        """Receive more of the request that is being read. Raises OTSRequestTimeout when it is late."""
        while True:
            if self.stop_event.is_set and not self._is_hurried:
                self._is_hurried = True
                self._poll.unregister(self.stop_event)  # it stays readable, so every later poll would return at once
                self._due_s = min(self._due_s, self._clock.monotonic_s() + self.settings.receive_s)
            left_s = self._due_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise from_service("OTSRequestTimeout", "Request timeout.")
            if self._is_readable(left_s):
                break
        data = self._socket.recv(_READ_BYTES)
        if not data and (self.stop_event.is_set or self._is_given_up):
            raise ConnectionAbortedError("cut off, or gone, while the server stops")
        if not data:
            raise malformed("it ends before it is complete")
        self._buffer += data
