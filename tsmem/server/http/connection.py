"""One client's connection: bytes in and out, each with an end to the waiting.

Its one rule: no client holds a thread for ever. A connection waits so long for its next request; a request has so long
to arrive whole, however it trickles; an answer has so long to be taken. What is refused is read to some extent, because
a connection that is closed on unread bytes is reset, and the client never sees why.

A server that stops wakes whoever waits without a request in hand, and whoever waits for the rest of one: that has a
little while yet. It does not shut sockets for reading: SDKs send a request's head and body apart, and the body would be
lost.
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
from tsmem.server.http.stop_event import StopEvent

_END = re.compile(rb"\r?\n\r?\n")
_NOTHING_YET = (bytearray(), bytearray(b"\r"))
_READ_BYTES = 64 * 1024
_LINGER_BYTES = 64 * 1024 * 1024


class Connection:
    """A connected socket."""

    def __init__(self, sock: socket.socket, settings: Settings, clock: Clock, wake: StopEvent) -> None:
        self._socket = sock
        self._settings = settings
        self._clock = clock
        self.wake = wake
        """What it waits for beside its client."""
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._readable.register(wake, select.POLLIN)
        self._buffer = bytearray()
        self._due_s = 0.0
        """When the request that is being read must be there."""
        self._hurried = False
        """Whether a stop has set that time."""
        self._lock = threading.Lock()
        """Held while a request is taken in hand, or the connection gives up its place."""
        self._waits_since_s: float | None = clock.monotonic_s()
        """Since when it has no whole request; None while one is answered."""
        self._gave_up = False
        """Whether it gave up its place."""
        with suppress(OSError):  # gone already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def head(self) -> bytes | None:
        """The next request's head, without the empty line behind it. None when there is none: the client went away,
        or was idle for too long, or the server stops. Raises what is wrong with it, and OSError."""
        if self._waits_since_s is None:
            self._waits_since_s = self._clock.monotonic_s()
        if not self._await_request():
            return None
        self._due_s = self._clock.monotonic_s() + self._settings.request_s
        searched = 0
        while True:
            end = _END.search(self._buffer, searched)
            if end is not None and end.start() <= MAX_HEAD_BYTES:
                data = bytes(self._buffer[: end.start()])
                del self._buffer[: end.end()]
                return data
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise malformed(f"its head is longer than {MAX_HEAD_BYTES} bytes")
            if not self._buffer[:1].isalpha():
                raise malformed("it does not begin with a method")
            searched = max(0, len(self._buffer) - 3)
            self._read_more()

    def body(self, length: int) -> bytes:
        """So many bytes. Raises what is wrong with them, and OSError."""
        while len(self._buffer) < length:
            self._read_more()
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data

    def skip(self, length: int) -> None:
        """Read so many bytes and keep none."""
        while length > len(self._buffer):
            length -= len(self._buffer)
            self._buffer.clear()
            self._read_more()
        del self._buffer[:length]

    def send(self, data: bytes) -> None:
        """All of it. Raises OSError."""
        self._socket.settimeout(self._settings.request_s)
        self._socket.sendall(data)

    def linger(self) -> None:
        """Say that no more comes, and read on for a while what the client has still to say."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            due_s, left = self._clock.monotonic_s() + self._settings.linger_s, _LINGER_BYTES
            while left > 0 and (left_s := due_s - self._clock.monotonic_s()) > 0:
                self._socket.settimeout(left_s)
                data = self._socket.recv(_READ_BYTES)
                left -= len(data) if data else left

    def await_end(self, seconds: float) -> None:
        """Wait until the client goes away, or for so long; or until the server stops."""
        due_s = self._clock.monotonic_s() + seconds
        with suppress(OSError):
            while not self.wake.is_set and self._await_more(due_s - self._clock.monotonic_s()):
                self._buffer.clear()

    def pause(self, seconds: float) -> None:
        """Wait for so long, or until the server stops."""
        self.wake.wait(seconds)

    def is_gone(self) -> bool:
        """True if the client has closed its side. What it has sent beyond its request is left for later."""
        try:
            ready = [number for number, _ in self._readable.poll(0)]
            return self._socket.fileno() in ready and not self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    @property
    def waits_since_s(self) -> float | None:
        """Since when the connection has no whole request; None while one is answered. Any thread may read this."""
        return self._waits_since_s

    def take_in_hand(self) -> None:
        """A request is there and is answered now. Raises ConnectionAbortedError if the connection gave up its place."""
        with self._lock:
            if self._gave_up:
                raise ConnectionAbortedError("another connection has its place")
            self._waits_since_s = None

    def give_up(self) -> bool:
        """Close the connection, unless a request is answered; true if it is closed. Any thread may call this."""
        with self._lock:
            self._gave_up = self._waits_since_s is not None
        if self._gave_up:
            self.cut()
        return self._gave_up

    def cut(self) -> None:
        """End the connection now. Any thread may call this."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def stopping(self) -> bool:
        """Whether no further request is wanted."""
        return self.wake.is_set

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _await_request(self) -> bool:
        """Whether a request begins in time. Lines before it are no part of one: some clients end a body with one."""
        due_s = self._clock.monotonic_s() + self._settings.idle_s
        while True:
            while self._buffer.startswith((b"\r\n", b"\n")):
                del self._buffer[: 2 if self._buffer.startswith(b"\r") else 1]
            if self._buffer not in _NOTHING_YET:
                return True
            if not self._await_more(due_s - self._clock.monotonic_s()):
                return False

    def _await_more(self, seconds: float) -> bool:
        """Whether bytes came before the time was up or the server stopped; those that are there already count."""
        ready = self._readable.poll(ceil(seconds * 1000)) if seconds > 0 else []
        if self._socket.fileno() not in (number for number, _ in ready):
            return False
        data = self._socket.recv(_READ_BYTES)
        self._buffer += data
        return bool(data)

    def _await_rest(self) -> bool:
        """Whether bytes came before the request was due. A stop, when it comes, sets an earlier time."""
        while True:
            if self.wake.is_set and not self._hurried:
                self._hurried = True
                self._readable.unregister(self.wake)  # it stays readable, and nobody waits for it again
                self._due_s = min(self._due_s, self._clock.monotonic_s() + self._settings.receive_s)
            left_s = self._due_s - self._clock.monotonic_s()
            if left_s <= 0:
                return False
            ready = [number for number, _ in self._readable.poll(ceil(left_s * 1000))]
            if self._socket.fileno() in ready:
                return True

    def _read_more(self) -> None:
        if not self._await_rest():
            raise from_service("OTSRequestTimeout", "Request timeout.")
        data = self._socket.recv(_READ_BYTES)
        if not data and (self.wake.is_set or self._gave_up):
            raise ConnectionAbortedError("cut off, or gone, while the server stops")
        if not data:
            raise malformed("it ends before it is whole")
        self._buffer += data
